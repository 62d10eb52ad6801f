/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/node.h"

/* Why a process ends, as it keeps it until it has. Where there is no memory for a copy of what it
 * or the runtime says, or that is more than a message may hold, a bare code (and error number) is
 * kept: these lie ready, so that no end is ever taken for a normal one. */

typedef struct bare_reason {
    osri_envelope envelope;
    osr_reason reason;
} bare_reason;

_Static_assert(offsetof(bare_reason, reason) == sizeof(osri_envelope), "a body follows");

#define BARE(reason_code, reason_error)                                                            \
    {                                                                                              \
        .envelope = {.kind = OSRI_SIGNAL_EXIT,                                                     \
                     .size = sizeof(osr_reason),                                                   \
                     .type = &osr_reason_osr_type},                                                \
        .reason = {                                                                                \
            .code = (reason_code),                                                                 \
            .error = (reason_error)                                                                \
        }                                                                                          \
    }

/* Of each code; nobody writes there. */
static bare_reason of_code[] = {
    [OSR_REASON_NORMAL] = BARE(OSR_REASON_NORMAL, 0),
    [OSR_REASON_SHUTDOWN] = BARE(OSR_REASON_SHUTDOWN, 0),
    [OSR_REASON_KILL] = BARE(OSR_REASON_KILL, 0),
    [OSR_REASON_KILLED] = BARE(OSR_REASON_KILLED, 0),
    [OSR_REASON_NOPROC] = BARE(OSR_REASON_NOPROC, 0),
    [OSR_REASON_NOCONNECTION] = BARE(OSR_REASON_NOCONNECTION, 0),
    [OSR_REASON_ERROR] = BARE(OSR_REASON_ERROR, 0),
    [OSR_REASON_CRASH] = BARE(OSR_REASON_CRASH, 0),
    [OSR_REASON_OS_SIGNAL] = BARE(OSR_REASON_OS_SIGNAL, 0),
    [OSR_REASON_OS_EXIT] = BARE(OSR_REASON_OS_EXIT, 0),
    [OSR_REASON_ABANDONED] = BARE(OSR_REASON_ABANDONED, 0),
    [OSR_REASON_CUSTOM] = BARE(OSR_REASON_CUSTOM, 0),
};

/* Of OSR_REASON_ERROR with each error. */
static bare_reason of_error[] = {
#define X(name, value, text) [value] = BARE(OSR_REASON_ERROR, value),
    OSR_ERR_MAP(X)
#undef X
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static osri_envelope *bare(const osr_reason *reason)
{
    if (reason->code == OSR_REASON_ERROR && reason->error > 0 &&
        (size_t)reason->error < COUNT(of_error)) {
        return &of_error[reason->error].envelope;
    }
    bool is_known = reason->code < COUNT(of_code);
    return &of_code[is_known ? reason->code : OSR_REASON_CUSTOM].envelope;
}

static bool is_bare(const osri_envelope *reason)
{
    uintptr_t at = (uintptr_t)reason;
    return (at >= (uintptr_t)of_code && at < (uintptr_t)(of_code + COUNT(of_code))) ||
           (at >= (uintptr_t)of_error && at < (uintptr_t)(of_error + COUNT(of_error)));
}

void osri_process_set_reason(osr_self *process, const osr_reason *reason)
{
    if (process->reason != NULL) {
        return;
    }
    osri_envelope *envelope;
    if (osri_signal_new(OSRI_SIGNAL_EXIT, OSR_PID_NONE, 0, &osr_reason_osr_type, reason,
                        &envelope) != OSR_OK) {
        envelope = bare(reason);
    }
    process->reason = envelope;
}

void osri_process_set_killed(osr_self *process)
{
    if (is_bare(process->reason)) {
        process->reason = &of_code[OSR_REASON_KILLED].envelope;
    } else {
        ((osr_reason *)osri_envelope_body_to_fill(process->reason))->code = OSR_REASON_KILLED;
    }
}

void osri_process_drop_reason(osr_self *process)
{
    if (is_bare(process->reason)) {
        process->reason = NULL;
    }
    osri_envelope_free(&process->reason);
}

const osr_reason *osri_reason_of_signal(const osri_envelope *signal)
{
    static const osr_reason normal = {.code = OSR_REASON_NORMAL};
    return signal == NULL || signal->type == NULL ? &normal : osri_envelope_body(signal);
}

const osr_reason *osri_process_reason(const osr_self *process)
{
    return osri_reason_of_signal(process->reason);
}
