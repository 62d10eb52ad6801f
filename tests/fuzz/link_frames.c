/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: dist_link dist_identity lib_core */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dist/link/handshake.h"
#include "dist/link/link.h"
#include "dist/link/wire.h"
#include "lib/core/assert.h"
#include "lib/core/heap.h"

/* The link against a peer that sends what it likes. The input is a program: each step is one byte
 * that says what happens, two bytes of length (big-endian) and that many bytes of data:
 *
 *   0  a frame of exactly these bytes
 *   1  a data frame: right tag, seq and count; the payload is the data
 *   2  the same, but the data is flags, seq and acknowledged (as differences, one byte each), then
 *      the payload
 *   3  the handshake frame that is due, the data laid over its end
 *   4  our own SEND of as many bytes as the length says, for sender data[0]
 *   5  FLUSH      6  time passes, length * 10 ms      7  CLOSE, down = data[0]
 *   8  the transport refuses frames from now on, or takes them again
 *
 * Checked: one DOWN, nothing after it; nothing delivered that was not received; all memory comes
 * back. */

typedef struct fuzz_peer {
    osri_link *link;
    osri_link_actions *actions;
    bool dialed;
    uint64_t now_ns;
    uint64_t seq;
    uint64_t payload_received; /* by us, from the link */
    bool refuses;
    int ups, downs;
    uint64_t bytes_in, bytes_out;
    uint8_t nonce[16];
    uint8_t session[16];
} fuzz_peer;

static const uint8_t peer_key[OSRI_KEY_BYTES] = {1};
static osri_identity self;
static uint8_t frame[OSRI_FRAME_BYTES_MAX];
static uint8_t record[65536];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static osri_refusal check(void *context, const osri_signed_certificate *certificate,
                          const uint8_t proven_key[OSRI_KEY_BYTES],
                          osri_certificate *ret_certificate, char ret_text[OSRI_LINK_TEXT_BYTES])
{
    (void)context;
    ret_text[0] = '\0';
    if (certificate->body_bytes % 7 == 6) {
        return OSRI_REFUSAL_AUTHORITY;
    }
    *ret_certificate = (osri_certificate){.cluster = "dev", .name = "peer@host"};
    memcpy(ret_certificate->key, proven_key, OSRI_KEY_BYTES);
    return OSRI_REFUSAL_NONE;
}

static void note_frame(fuzz_peer *peer, const uint8_t *bytes, size_t bytes_count)
{
    osri_handshake handshake;
    osri_wire_header header;

    if (peer->ups == 0 && osri_handshake_decode(bytes, bytes_count, 1, 1, &handshake) == OSR_OK) {
        memcpy(peer->nonce, handshake.nonce, sizeof(peer->nonce));
        if (handshake.kind == OSRI_HANDSHAKE_WELCOME) {
            memcpy(peer->session, handshake.session, sizeof(peer->session));
        }
    } else if (osri_wire_header_read(bytes, bytes_count, &header) == OSR_OK &&
               header.kind == OSRI_WIRE_DATA) {
        peer->payload_received += bytes_count - OSRI_WIRE_HEADER_BYTES;
    }
}

static void execute(fuzz_peer *peer, const osri_link_action *action)
{
    OSR_ASSERT(peer->downs == 0 || action->kind == OSRI_LINK_CLOSE_TRANSPORT);
    switch (action->kind) {
    case OSRI_LINK_SEND_FRAME:
        if (!peer->refuses ||
            osri_link_take_back(peer->link, action->bytes, action->bytes_count) != OSR_OK) {
            note_frame(peer, action->bytes, action->bytes_count);
        }
        break;
    case OSRI_LINK_DELIVER:
        OSR_ASSERT(peer->ups == 1 && action->bytes_count > 0);
        peer->bytes_out += action->bytes_count;
        OSR_ASSERT(peer->bytes_out <= peer->bytes_in);
        record[0] ^= action->bytes[0] ^ action->bytes[action->bytes_count - 1];
        break;
    case OSRI_LINK_UP:
        peer->ups++;
        break;
    case OSRI_LINK_DOWN:
        peer->downs++;
        OSR_ASSERT(action->text != NULL && action->was_up == (peer->ups == 1));
        break;
    case OSRI_LINK_CLOSE_TRANSPORT:
        break;
    }
}

static void step(fuzz_peer *peer, osri_link_event event)
{
    osr_err err;

    event.now_ns = peer->now_ns;
    err = osri_link_step(peer->link, &event, peer->actions);
    OSR_ASSERT(err == OSR_OK || osri_link_actions_count(peer->actions) == 0);
    OSR_ASSERT(peer->downs == 0 || err == OSR_ECLOSED);
    for (size_t i = 0; i < osri_link_actions_count(peer->actions); i++) {
        execute(peer, osri_link_actions_at(peer->actions, i));
    }
    OSR_ASSERT(peer->ups <= 1 && peer->downs <= 1);
    OSR_ASSERT((peer->downs == 1) == osri_link_is_down(peer->link));
}

/* The frame is a block of its own: a sanitizer sees reads beyond its end. */
static void send_frame(fuzz_peer *peer, const uint8_t *bytes, size_t bytes_count)
{
    uint8_t *copy = malloc(bytes_count + 1);

    OSR_ASSERT(copy != NULL);
    memcpy(copy, bytes, bytes_count);
    peer->bytes_in += bytes_count;
    step(peer,
         (osri_link_event){.kind = OSRI_LINK_FRAME, .bytes = copy, .bytes_count = bytes_count});
    free(copy);
}

static void send_data(fuzz_peer *peer, const uint8_t *changes, const uint8_t *payload,
                      size_t payload_bytes)
{
    osri_wire_header header = {.tag = osri_wire_u64(peer->session),
                               .seq = ++peer->seq + changes[1],
                               .acknowledged = peer->payload_received + changes[2],
                               .kind = (uint8_t)(OSRI_WIRE_DATA + (changes[0] >> 7)),
                               .flags = changes[0] & 0x7f};

    if (payload_bytes > sizeof(frame) - OSRI_WIRE_HEADER_BYTES) {
        payload_bytes = sizeof(frame) - OSRI_WIRE_HEADER_BYTES;
    }
    osri_wire_header_write(frame, &header);
    memcpy(frame + OSRI_WIRE_HEADER_BYTES, payload, payload_bytes);
    send_frame(peer, frame, OSRI_WIRE_HEADER_BYTES + payload_bytes);
}

static void send_handshake(fuzz_peer *peer, const uint8_t *data, size_t size)
{
    osri_handshake handshake = {.version_min = 1,
                                .version_max = 1,
                                .cluster = "dev",
                                .creation = 2,
                                .window_bytes = 65536,
                                .frame_bytes_max = 65536,
                                .tick_ms = 10000};
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];
    size_t length;

    memcpy(handshake.nonce, peer->nonce, sizeof(handshake.nonce));
    handshake.kind = peer->dialed                        ? OSRI_HANDSHAKE_WELCOME
                     : osri_wire_u64(peer->session) == 0 ? OSRI_HANDSHAKE_HELLO
                                                         : OSRI_HANDSHAKE_READY;
    if (peer->dialed) {
        memset(peer->session, 's', sizeof(peer->session));
    }
    memcpy(handshake.session, peer->session, sizeof(handshake.session));
    length = osri_handshake_encode(&handshake, bytes);
    size = size < length ? size : length;
    memcpy(bytes + length - size, data, size);
    send_frame(peer, bytes, length);
}

static void run_step(fuzz_peer *peer, uint8_t what, const uint8_t *data, size_t size, size_t number)
{
    static const uint8_t none[3];

    switch (what % 9) {
    case 0:
        send_frame(peer, data, size);
        break;
    case 1:
        send_data(peer, none, data, size);
        break;
    case 2:
        if (size >= 3) {
            send_data(peer, data, data + 3, size - 3);
        }
        break;
    case 3:
        send_handshake(peer, data, size);
        break;
    case 4:
        step(peer, (osri_link_event){.kind = OSRI_LINK_SEND,
                                     .sender = size > 0 ? data[0] % 4 : 0,
                                     .bytes = record,
                                     .bytes_count = number});
        break;
    case 5:
        step(peer, (osri_link_event){.kind = OSRI_LINK_FLUSH});
        break;
    case 6:
        peer->now_ns += number * UINT64_C(10000000);
        step(peer, (osri_link_event){.kind = OSRI_LINK_TIME});
        break;
    case 7:
        step(peer, (osri_link_event){.kind = OSRI_LINK_CLOSE,
                                     .down = size > 0 ? (osri_down)(data[0] % 12) : 0});
        break;
    default:
        peer->refuses = !peer->refuses;
        if (!peer->refuses) {
            step(peer, (osri_link_event){.kind = OSRI_LINK_WRITABLE});
        }
        break;
    }
}

static void run_program(fuzz_peer *peer, const uint8_t *data, size_t size)
{
    int steps = 0;

    while (size >= 3 && steps++ < 200) {
        size_t number = (size_t)data[1] << 8 | data[2];
        size_t length = number < size - 3 ? number : size - 3;

        run_step(peer, data[0], data + 3, length, number);
        data += 3 + length;
        size -= 3 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_peer peer = {0};
    uint64_t blocks = osri_heap_live_blocks();
    osri_link_config config = {.self = &self, .hooks = {.check = check}};

    if (size == 0) {
        return 0;
    }
    memcpy(self.certificate.cluster, "dev", 4);
    memcpy(self.certificate.name, "self@host", 10);
    memset(config.random, 'r', sizeof(config.random));
    peer.dialed = (data[0] & 1) != 0;
    OSR_ASSERT(osri_link_actions_new(&peer.actions) == OSR_OK);
    OSR_ASSERT(osri_link_new(&config, peer.dialed, 0, &peer.link) == OSR_OK);
    step(&peer, (osri_link_event){.kind = peer.dialed ? OSRI_LINK_OPENED : OSRI_LINK_ACCEPTED,
                                  .peer_key = peer_key});
    run_program(&peer, data + 1, size - 1);
    if (peer.downs == 0) {
        step(&peer, (osri_link_event){.kind = OSRI_LINK_CLOSED});
        OSR_ASSERT(peer.downs == 1);
    }
    osri_link_actions_free(&peer.actions);
    osri_link_free(&peer.link);
    OSR_ASSERT(osri_heap_live_blocks() == blocks);
    return 0;
}

/* ---- a mutator that knows what a program is ------------------------------------------------- */

/* libFuzzer's own changes of bytes tear the lengths of all later steps apart; these keep steps
 * whole: one is added that is nearly legal, taken out, doubled, moved, or changed within itself. */

#define STEPS_MAX 200
#define MADE_BYTES_MAX 256

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

typedef struct fuzz_program {
    uint8_t *data;
    size_t size, max_size;
    size_t at[STEPS_MAX + 1]; /* where each step begins; the last: where they end */
    uint32_t steps;
    uint64_t random;
} fuzz_program;

static uint32_t draw(fuzz_program *program, uint32_t below)
{
    program->random ^= program->random << 13;
    program->random ^= program->random >> 7;
    program->random ^= program->random << 17;
    return (uint32_t)(program->random >> 33) % below;
}

static void find_steps(fuzz_program *program)
{
    size_t at = 1;

    program->steps = 0;
    while (program->steps < STEPS_MAX && program->size >= at + 3) {
        size_t number = (size_t)program->data[at + 1] << 8 | program->data[at + 2];
        size_t rest = program->size - at - 3;
        program->at[program->steps++] = at;
        at += 3 + (number < rest ? number : rest);
    }
    program->at[program->steps] = at;
}

static void insert(fuzz_program *program, size_t at, const uint8_t *bytes, size_t count)
{
    if (program->size + count > program->max_size) {
        return;
    }
    memmove(program->data + at + count, program->data + at, program->size - at);
    memcpy(program->data + at, bytes, count);
    program->size += count;
}

static void take_out(fuzz_program *program, size_t at, size_t count)
{
    memmove(program->data + at, program->data + at + count, program->size - at - count);
    program->size -= count;
}

/* Records, whole or in pieces, of few streams, so that pieces find their beginnings. */
static size_t make_parts(fuzz_program *program, uint8_t *ret_bytes)
{
    size_t used = 0;

    for (uint32_t i = 1 + draw(program, 4); i > 0; i--) {
        osri_wire_part part = {.fragment = draw(program, 2) != 0,
                               .first = draw(program, 2) != 0,
                               .last = draw(program, 3) == 0,
                               .stream = draw(program, 3),
                               .total = draw(program, 8) == 0 ? draw(program, UINT32_MAX)
                                                              : draw(program, 64),
                               .bytes_count = draw(program, 32)};
        used += osri_wire_head_write(ret_bytes + used, &part);
        for (uint32_t b = 0; b < part.bytes_count; b++) {
            ret_bytes[used++] = (uint8_t)draw(program, 256);
        }
    }
    return used;
}

static size_t make_step(fuzz_program *program, uint8_t ret_step[MADE_BYTES_MAX])
{
    static const uint8_t kinds[] = {1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8};
    uint8_t kind = kinds[draw(program, sizeof(kinds))];
    uint8_t *data = ret_step + 3;
    size_t count = 0;

    if (kind == 2) {
        data[count++] =
            (uint8_t)(draw(program, 4) == 0 ? 0x80 | draw(program, 4) : draw(program, 2));
        data[count++] = (uint8_t)(draw(program, 8) == 0 ? draw(program, 256) : 0);
        data[count++] = (uint8_t)(draw(program, 4) == 0 ? draw(program, 256) : 0);
    }
    if (kind == 1 || kind == 2) {
        count += make_parts(program, data + count);
    } else if (kind == 4 || kind == 7) {
        count = kind == 7 ? 1 : 1 + draw(program, 32);
        memset(data, (int)draw(program, 256), count);
    }
    ret_step[0] = kind;
    ret_step[1] = 0;
    ret_step[2] = (uint8_t)(kind == 6 ? 0 : count);
    return 3 + count;
}

/* The bytes of a step's data, or its kind; its length stays. */
static void change_within(fuzz_program *program, uint32_t step)
{
    size_t from = program->at[step], to = program->at[step + 1];

    if (to - from > 3 && draw(program, 8) != 0) {
        uint8_t *byte = program->data + from + 3 + draw(program, (uint32_t)(to - from - 3));
        *byte = draw(program, 2) == 0 ? (uint8_t)draw(program, 256)
                                      : (uint8_t)(*byte ^ 1u << draw(program, 8));
    } else {
        program->data[from] = (uint8_t)draw(program, 9);
    }
}

/* A copy of a step, anywhere. */
static void copy_step(fuzz_program *program, uint32_t step, size_t to)
{
    static uint8_t copy[65536 + 3];
    size_t count = program->at[step + 1] - program->at[step];

    if (count <= sizeof(copy)) {
        memcpy(copy, program->data + program->at[step], count);
        insert(program, to, copy, count);
    }
}

static void change(fuzz_program *program)
{
    uint8_t made[MADE_BYTES_MAX];
    uint32_t step, other;

    find_steps(program);
    other = draw(program, program->steps + 1);
    if (program->steps == 0 || draw(program, 3) == 0) {
        insert(program, program->at[other], made, make_step(program, made));
        return;
    }
    step = draw(program, program->steps);
    switch (draw(program, 4)) {
    case 0:
        take_out(program, program->at[step], program->at[step + 1] - program->at[step]);
        break;
    case 1:
        copy_step(program, step, program->at[other]);
        break;
    default:
        change_within(program, step);
        break;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    fuzz_program program = {.data = data,
                            .size = size,
                            .max_size = max_size,
                            .random = seed * UINT64_C(2654435761) + 1};

    if (program.size == 0 && max_size > 0) {
        data[0] = (uint8_t)(seed & 1);
        program.size = 1;
    }
    for (uint32_t i = 1 + draw(&program, 4); i > 0 && program.size > 0; i--) {
        change(&program);
    }
    return program.size;
}
