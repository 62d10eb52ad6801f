# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# What still comes by the connection of a session that has ended is delivered.
s/^    if (session == NULL || session->dead) {$/    if (session != NULL \&\& session->dead) {\n        take_late(session, event);\n    }\n&/
/^void osri_session_event(/i\
static void take_late(osri_session *session, const osri_transport_event *event)\
{\
    const uint8_t *cursor = event->frame + OSRI_WIRE_HEADER_BYTES;\
    const uint8_t *end = event->frame + event->frame_bytes;\
    osri_wire_part part;\
\
    if (event->kind == OSRI_CONN_CLOSED) {\
        (void)osri_map_remove_u64(\&session->net->conns, session->conn);\
        session->conn = 0;\
    } else if (event->kind == OSRI_CONN_FRAME \&\& session->peer.node != 0 \&\&\
               event->frame[24] == OSRI_WIRE_DATA) {\
        while (cursor < end \&\& osri_wire_part_read(\&cursor, end, \&part) == OSR_OK \&\& !part.fragment) {\
            osri_route_record(session, part.bytes, part.bytes_count);\
        }\
    }\
}\

s/^            drop_conn(session, action->linger_ms);$/            if (session->peer.node == 0) {\n                drop_conn(session, action->linger_ms);\n            }/
s/^        if (session->dead) {$/        if (session->dead \&\& session->conn == 0) {/
s/^#include "dist\/net\/state.h"$/&\n#include "dist\/link\/wire.h"/
