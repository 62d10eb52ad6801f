/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "dist/link/state.h"

/* Data frames of a session, in and out.
 *
 * Invariants
 *   I1  seq_received is the number of the last frame taken; the next one has the number after it;
 *   I2  window.sent - window.acknowledged <= window.limit at the moment a frame is built;
 *   I3  while blocked, or once GOODBYE was sent, no frame is built. */

#define GOODBYE_TEXT_BYTES 200

void osri_flow_begin(osri_link *link, uint64_t now_ns)
{
    uint64_t ours = link->config.window_bytes_max;
    uint64_t theirs = link->peer.window_bytes;

    link->tag = osri_wire_u64(link->peer.session);
    link->receipt.window = ours;
    osri_window_init(&link->window, OSRI_LINK_WINDOW_BYTES_MIN, ours < theirs ? ours : theirs);
    osri_time_set_ticks(link);
    link->sent_ns = now_ns;
    link->received_ns = now_ns;
}

/* Numbers a frame that leaves now, and emits it. There is room for the action. */
static void emit(osri_link *link, uint8_t *frame, size_t frame_bytes, osri_wire_header header,
                 uint64_t now_ns, osri_link_actions *actions)
{
    osri_link_action *action = osri_actions_push(actions, OSRI_LINK_SEND_FRAME);

    header.tag = link->tag;
    header.seq = ++link->seq_sent;
    header.acknowledged = osri_receipt_tell(&link->receipt);
    osri_wire_header_write(frame, &header);
    action->bytes = frame;
    action->bytes_count = frame_bytes;
    link->sent_ns = now_ns;
    link->counters.frames_sent++;
    link->counters.bytes_sent += frame_bytes;
}

static void emit_empty(osri_link *link, uint64_t now_ns, osri_link_actions *actions)
{
    emit(link, actions->empty, sizeof(actions->empty), (osri_wire_header){.kind = OSRI_WIRE_DATA},
         now_ns, actions);
}

static void emit_block(osri_link *link, osri_link_block *block, uint64_t now_ns,
                       osri_link_actions *actions)
{
    osri_wire_header header = {.kind = OSRI_WIRE_DATA};

    if (osri_window_sent(&link->window, block->used - OSRI_WIRE_HEADER_BYTES, now_ns)) {
        header.flags |= OSRI_WIRE_ACK_NOW;
    }
    link->counters.records_sent += block->records;
    link->counters.fragments_sent += block->fragment ? 1 : 0;
    emit(link, block->bytes, block->used, header, now_ns, actions);
    osri_link_block_push(&actions->blocks, block);
}

bool osri_flow_may_emit(const osri_link *link)
{
    return (link->phase == OSRI_PHASE_UP || link->phase == OSRI_PHASE_LEAVING) && !link->blocked &&
           !link->goodbye_sent;
}

void osri_flow_pump(osri_link *link, uint64_t now_ns, osri_link_actions *actions)
{
    bool wants_room = false;
    osri_link_block *block;

    if (!osri_flow_may_emit(link)) {
        return;
    }
    while (osri_actions_have_room(actions) &&
           (block = osri_outbox_take(&link->outbox, osri_window_room(&link->window),
                                     &wants_room)) != NULL) {
        emit_block(link, block, now_ns, actions);
    }
    link->window.used_up = link->window.used_up || wants_room;
    if (osri_receipt_is_due(&link->receipt) && osri_actions_have_room(actions)) {
        emit_empty(link, now_ns, actions);
    }
    if (link->phase == OSRI_PHASE_LEAVING && osri_outbox_is_empty(&link->outbox)) {
        osri_flow_goodbye(link, OSRI_DOWN_GOODBYE, link->leaving_text, now_ns, actions);
    }
}

void osri_flow_tick(osri_link *link, uint64_t now_ns, osri_link_actions *actions)
{
    if (osri_flow_may_emit(link) && now_ns - link->sent_ns >= link->tick_send_ns) {
        osri_flow_pump(link, now_ns, actions);
    }
    if (osri_flow_may_emit(link) && now_ns - link->sent_ns >= link->tick_send_ns &&
        osri_actions_have_room(actions)) {
        emit_empty(link, now_ns, actions);
    }
}

void osri_flow_goodbye(osri_link *link, osri_down down, const char *text, uint64_t now_ns,
                       osri_link_actions *actions)
{
    uint8_t *frame = actions->goodbye;
    size_t text_bytes = text == NULL ? 0 : strnlen(text, GOODBYE_TEXT_BYTES);

    frame[OSRI_WIRE_HEADER_BYTES] = (uint8_t)down;
    if (text_bytes > 0) {
        memcpy(frame + OSRI_WIRE_HEADER_BYTES + 1, text, text_bytes);
    }
    emit(link, frame, OSRI_WIRE_HEADER_BYTES + 1 + text_bytes,
         (osri_wire_header){.kind = OSRI_WIRE_GOODBYE}, now_ns, actions);
    link->goodbye_sent = true;
}

void osri_flow_release(osri_link *link, osri_link_actions *actions)
{
    osri_link_block *frame;

    while (link->held.first != NULL && osri_actions_have_room(actions)) {
        osri_link_action *action = osri_actions_push(actions, OSRI_LINK_SEND_FRAME);

        frame = osri_link_block_pop(&link->held);
        action->bytes = frame->bytes;
        action->bytes_count = frame->used;
        osri_link_block_push(&actions->blocks, frame);
    }
    link->blocked = link->held.first != NULL;
}

static void deliver(osri_link *link, const uint8_t *bytes, size_t bytes_count,
                    osri_link_actions *actions)
{
    osri_link_action *action = osri_actions_push(actions, OSRI_LINK_DELIVER);

    action->bytes = bytes;
    action->bytes_count = bytes_count;
    link->counters.records_received++;
}

static osr_err take_part(osri_link *link, const osri_wire_part *part, const char **ret_text,
                         osri_link_actions *actions)
{
    osri_link_block *record = NULL;
    osr_err err;

    if (!osri_actions_have_room(actions)) {
        return OSR_ENOMEM;
    }
    if (!part->fragment) {
        deliver(link, part->bytes, part->bytes_count, actions);
        return OSR_OK;
    }
    link->counters.fragments_received++;
    err = osri_inbox_take(&link->inbox, part, &record, ret_text);
    if (err == OSR_OK && record != NULL) {
        osri_link_block_push(&actions->blocks, record);
        deliver(link, record->bytes, record->used, actions);
    }
    return err;
}

/* False: the link is down. */
static bool take_records(osri_link *link, const uint8_t *cursor, const uint8_t *end,
                         osri_link_actions *actions)
{
    const char *text = "a malformed record";
    osri_wire_part part;
    osr_err err = OSR_OK;

    while (err == OSR_OK && cursor < end) {
        err = osri_wire_part_read(&cursor, end, &part);
        if (err == OSR_OK) {
            err = take_part(link, &part, &text, actions);
        }
    }
    if (err == OSR_ENOMEM) {
        osri_link_finish(link,
                         &(osri_link_end){.down = OSRI_DOWN_NO_MEMORY,
                                          .text = "out of memory for what the peer has sent"},
                         actions);
    } else if (err != OSR_OK) {
        osri_link_violation(link, actions, "%s in frame %llu", text,
                            (unsigned long long)link->seq_received);
    }
    return err == OSR_OK;
}

static void take_goodbye(osri_link *link, const uint8_t *bytes, size_t bytes_count,
                         osri_link_actions *actions)
{
    char words[GOODBYE_TEXT_BYTES + 1] = "";
    char text[OSRI_NAME_BYTES + sizeof(words) + 32];
    osri_link_end end = {.down = OSRI_DOWN_CONNECTION_CLOSED, .by_peer = true, .text = text};
    uint8_t code = bytes_count > 0 ? bytes[0] : 0;

    for (size_t i = 1; i < bytes_count && i <= GOODBYE_TEXT_BYTES; i++) {
        words[i - 1] = bytes[i] < 0x20 || bytes[i] >= 0x7f ? '?' : (char)bytes[i];
    }
    if (code == OSRI_DOWN_GOODBYE || code == OSRI_DOWN_REVOKED ||
        code == OSRI_DOWN_PROTOCOL_ERROR || code == OSRI_DOWN_NO_MEMORY) {
        end.down = (osri_down)code;
    }
    (void)snprintf(text, sizeof(text), "%s said goodbye%s%s", link->peer.certificate.name,
                   words[0] == '\0' ? "" : ": ", words);
    osri_link_finish(link, &end, actions);
}

static void take_data(osri_link *link, const osri_wire_header *header, const osri_link_event *event,
                      osri_link_actions *actions)
{
    const uint8_t *payload = event->bytes + OSRI_WIRE_HEADER_BYTES;
    const uint8_t *end = event->bytes + event->bytes_count;

    if (!osri_receipt_take(&link->receipt, (size_t)(end - payload),
                           (header->flags & OSRI_WIRE_ACK_NOW) != 0)) {
        osri_link_violation(link, actions, "more in flight than the window allows");
        return;
    }
    if (take_records(link, payload, end, actions)) {
        osri_flow_pump(link, event->now_ns, actions);
    }
}

/* False: the link is down. */
static bool check_header(osri_link *link, const osri_wire_header *header, uint64_t now_ns,
                         osri_link_actions *actions)
{
    if (header->tag != link->tag) {
        osri_link_violation(link, actions, "a frame of another session");
    } else if (header->seq != link->seq_received + 1) {
        osri_link_violation(link, actions, "frame %llu where %llu was due",
                            (unsigned long long)header->seq,
                            (unsigned long long)(link->seq_received + 1));
    } else if (!osri_window_acknowledge(&link->window, header->acknowledged, now_ns)) {
        osri_link_violation(link, actions, "acknowledges %llu bytes of %llu",
                            (unsigned long long)header->acknowledged,
                            (unsigned long long)link->window.sent);
    } else if (header->kind != OSRI_WIRE_DATA && header->kind != OSRI_WIRE_GOODBYE) {
        osri_link_violation(link, actions, "a frame of unknown kind %u", header->kind);
    } else {
        return true;
    }
    return false;
}

void osri_flow_frame(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    osri_wire_header header;

    if (event->bytes_count > OSRI_LINK_FRAME_BYTES_MAX ||
        osri_wire_header_read(event->bytes, event->bytes_count, &header) != OSR_OK) {
        osri_link_violation(link, actions, "a frame of %zu bytes", event->bytes_count);
        return;
    }
    if (!check_header(link, &header, event->now_ns, actions)) {
        return;
    }
    link->seq_received = header.seq;
    link->received_ns = event->now_ns;
    link->rearmed = false;
    if (header.kind == OSRI_WIRE_GOODBYE) {
        take_goodbye(link, event->bytes + OSRI_WIRE_HEADER_BYTES,
                     event->bytes_count - OSRI_WIRE_HEADER_BYTES, actions);
        return;
    }
    take_data(link, &header, event, actions);
}
