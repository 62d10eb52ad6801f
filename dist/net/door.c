/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/door.h"

#include <string.h>

/* See door.h. Any key may try, in production too: its certificate decides in the handshake, because
 * a key whose certificate was revoked may have got another one, which only the handshake shows. */

void osri_door_init(osri_door *door, const osr_env *env, const osri_log *log)
{
    memset(door, 0, sizeof(*door));
    door->env = env;
    door->log = log;
    osri_admission_init(&door->admission);
}

void osri_door_fini(osri_door *door)
{
    osri_admission_fini(&door->admission);
}

bool osri_door_admit(osri_door *door, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    uint64_t now_ns = door->env->now_ns(door->env->context);
    char more[OSRI_GATE_MORE_BYTES];

    if (osri_admission_try(&door->admission, address, now_ns)) {
        return true;
    }
    if (osri_gates_pass(&door->refusals, address, 0, now_ns, more)) {
        osri_log_write(door->log, OSR_LOG_WARNING,
                       "net: %s: key %02x%02x%02x refused: too many handshakes a second%s", address,
                       key[0], key[1], key[2], more);
    }
    return false;
}

void osri_door_stranger(osri_door *door, const char *address, uint64_t ms,
                        osri_zmq_stranger_end end)
{
    uint64_t now_ns = door->env->now_ns(door->env->context);
    const char *who = address[0] == '\0' ? "somebody" : address;
    osr_log_level level = end == OSRI_ZMQ_STRANGER_OTHER_KEY ? OSR_LOG_WARNING : OSR_LOG_INFO;
    unsigned long long s = ms / 1000, tenths = ms % 1000 / 100;
    char more[OSRI_GATE_MORE_BYTES];

    if (level > door->log->level || !osri_gates_pass(&door->strangers, who, end, now_ns, more)) {
        return;
    }
    switch (end) {
    case OSRI_ZMQ_STRANGER_OTHER_KEY:
        osri_log_write(door->log, level,
                       "net: %s: CURVE hello cannot be opened (peer uses another server key)%s",
                       who, more);
        break;
    case OSRI_ZMQ_STRANGER_TIMED_OUT:
        osri_log_write(door->log, level, "net: %s: handshake timed out after %llu.%llu s%s", who, s,
                       tenths, more);
        break;
    case OSRI_ZMQ_STRANGER_LEFT:
        osri_log_write(door->log, level,
                       "net: %s: ended after %llu.%llu s, before its handshake was done%s", who, s,
                       tenths, more);
        break;
    }
}
