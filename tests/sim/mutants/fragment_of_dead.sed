# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# When a link ends, what has arrived of a record in fragments is delivered.
/^    osri_link_action \*action = osri_actions_push(actions, OSRI_LINK_DOWN);$/c\
    osri_link_action *action;\
    osri_link_block *record;\
    osri_map_entry at;\
    size_t cursor = 0;\
\
    if (link->was_up \&\& osri_actions_have_room(actions) \&\&\
        osri_map_next(\&link->inbox.streams, \&cursor, \&at)) {\
        uint64_t stream;\
        memcpy(\&stream, at.key, sizeof(stream));\
        record = osri_map_remove_u64(\&link->inbox.streams, stream);\
        memset(record->bytes + record->used, 0, record->capacity - record->used);\
        osri_link_block_push(\&actions->blocks, record);\
        action = osri_actions_push(actions, OSRI_LINK_DELIVER);\
        action->bytes = record->bytes;\
        action->bytes_count = record->capacity;\
    }\
    action = osri_actions_push(actions, OSRI_LINK_DOWN);
