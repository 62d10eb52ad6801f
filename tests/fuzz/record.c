/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: dist_net lib_process lib_message lib_core */

/* Records of a peer: what is read is within the input and within its bounds; a signal that is
 * opened has its sender at the peer and the body of its kind, and written again it is read as the
 * same; all memory comes back. */

#include <stdlib.h>
#include <string.h>

#include "dist/net/record.h"
#include "lib/core/heap.h"

#define PEER UINT64_C(55)
#define NOW_NS UINT64_C(1000000)

OSR_MESSAGE(fuzz_parcel, 0x1200, (1, u32, number), (2, pid, from), (3, list(pid), others),
            (4, str, text), (5, bin, data));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool fact)
{
    if (!fact) {
        abort();
    }
}

static void count_pid(void *context, osr_pid pid)
{
    size_t *count = context;

    (void)pid;
    (*count)++;
}

/* Each file has descriptors of its own. */
static bool is_type(const osri_envelope *signal, const osr_type *type)
{
    return signal->type != NULL && strcmp(signal->type->name, type->name) == 0;
}

static void check_body(const osri_envelope *signal)
{
    switch ((osri_signal_kind)signal->kind) {
    case OSRI_SIGNAL_EXIT:
    case OSRI_SIGNAL_LINK_EXIT:
    case OSRI_SIGNAL_DOWN:
        require(is_type(signal, &osr_reason_osr_type));
        break;
    case OSRI_SIGNAL_MONITOR:
        require(is_type(signal, &osri_monitored_osr_type));
        break;
    case OSRI_SIGNAL_SPAWN:
        require(is_type(signal, &osri_spawn_request_osr_type));
        break;
    case OSRI_SIGNAL_LEADER:
        require(is_type(signal, &osri_leader_osr_type));
        break;
    case OSRI_SIGNAL_SPAWN_REPLY:
        require(is_type(signal, &osri_spawn_result_osr_type));
        break;
    case OSRI_SIGNAL_MESSAGE:
    case OSRI_SIGNAL_REPLY:
        require(signal->type != NULL);
        break;
    default:
        require(signal->type == NULL);
        break;
    }
}

static void check_again(const osri_types *types, const osri_record *record,
                        const osri_envelope *signal)
{
    osri_route route = {.pid = osri_record_pid(1, record->to),
                        .name = record->is_named ? record->name : NULL};
    osri_buffer buffer = {0};
    osri_envelope *again = NULL;
    osri_record second;
    size_t pids = 0;
    osr_err err = osri_record_write_signal(&buffer, signal, &route, NOW_NS);

    require(err == OSR_OK || err == OSR_EINVAL); /* defaults may make it too large */
    if (err == OSR_OK) {
        require(osri_record_read(buffer.at, buffer.size, &second) == OSR_OK);
        require(second.kind == record->kind && second.from == record->from &&
                second.to == record->to && second.ref == record->ref &&
                second.deadline_ms == record->deadline_ms &&
                strcmp(second.name, record->name) == 0);
        require(osri_record_open(&second, types, PEER, NOW_NS, &again) == OSR_OK);
        require(again->type == signal->type);
        osri_envelope_free(&again);
        osri_record_each_pid(buffer.at, buffer.size, count_pid, &pids);
        require(pids <= buffer.size);
    }
    osri_buffer_fini(&buffer);
}

static void check_record(const osri_types *types, const uint8_t *data, size_t size)
{
    osri_record record;
    osri_envelope *signal = NULL;
    uint32_t id;

    if (osri_record_read(data, size, &record) != OSR_OK) {
        return;
    }
    require(memchr(record.name, '\0', sizeof(record.name)) != NULL);
    if (record.kind >= OSRI_RECORD_TYPE) {
        return;
    }
    require(record.body >= data && record.body_bytes == (size_t)(data + size - record.body));
    (void)!osri_record_body_type(&record, &id);
    if (osri_record_open(&record, types, PEER, NOW_NS, &signal) == OSR_OK) {
        require(osr_pid_is_none(signal->from) || signal->from.node == PEER);
        check_body(signal);
        check_again(types, &record, signal);
        osri_envelope_free(&signal);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t blocks = osri_heap_live_blocks();
    osri_types types;

    require(osri_types_init(&types) == OSR_OK);
    require(osri_types_add(&types, &fuzz_parcel_osr_type, NULL) == OSR_OK);
    check_record(&types, data, size);
    osri_types_fini(&types);
    require(osri_heap_live_blocks() == blocks);
    return 0;
}
