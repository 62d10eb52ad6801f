/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_REASON_H
#define OSR_REASON_H

#include "osier/message.h"

OSR_BEGIN_DECLS

/* Why a process ended: a value that travels in exit and down signals (DESIGN.md D15).
 * The codes travel: append, never reuse. Rules of Erlang/OTP: normal, shutdown, kill, killed,
 * noproc and noconnection mean what they mean there. */
typedef enum osr_reason_code {
    OSR_REASON_NORMAL = 0,
    OSR_REASON_SHUTDOWN = 1,
    OSR_REASON_KILL = 2,         /* as a signal's reason from osr_send_exit(): cannot be trapped */
    OSR_REASON_KILLED = 3,       /* what the others see of a process that was killed */
    OSR_REASON_NOPROC = 4,       /* there was no such process */
    OSR_REASON_NOCONNECTION = 5, /* the node is out of reach; the process may be alive */
    OSR_REASON_ERROR = 6,        /* returned an error: see .error */
    OSR_REASON_CRASH = 7,        /* osr_exit() or a failed OSR_CHECK: see .text; .payload is the
                                    backtrace, see below */
    OSR_REASON_OS_SIGNAL = 8,    /* its OS process was ended by signal .os_status */
    OSR_REASON_OS_EXIT = 9,      /* its OS process ended with status .os_status */
    OSR_REASON_ABANDONED = 10,   /* did not return within exit_ms of being told to exit */
    OSR_REASON_CUSTOM = 11,      /* the user's: see .text and .payload */
} osr_reason_code;

/* A crash that comes without a payload gets the frames of the process as text: innermost first, one
 * a line, at most 24, "counter+0x1a2b": the file that the code is in and the place in it, which
 * addr2line -e prints as a line of the source, and a name where the file tells one. None where
 * memory is short, or less than 12 KiB of the stack are left. A fault (a bad pointer, a stack
 * overflow) is no reason: it ends the OS process, with a flight record (osier/trace.h) and the
 * system's core file. Osier starts no OS processes for processes (OSR_OS_PROCESS is refused), so it
 * makes no reasons OS_SIGNAL and OS_EXIT itself, and knows of no core file to name in one. */
OSR_STRUCT(osr_reason, (1, u32, code), (2, i32, error), (3, i32, os_status), (4, str, text),
           (5, bin, payload));

/* A reason of a bare code. */
static inline osr_reason osr_reason_of(osr_reason_code code)
{
    osr_reason reason = {(uint32_t)code, 0, 0, {NULL, 0}, NULL};
    return reason;
}

/* The reason of a process that returned err: normal for OSR_OK. */
static inline osr_reason osr_reason_error(osr_err err)
{
    osr_reason reason = osr_reason_of(err == OSR_OK ? OSR_REASON_NORMAL : OSR_REASON_ERROR);
    reason.error = (int32_t)err;
    return reason;
}

/* A crash with a text; the text is borrowed until the reason has been used. */
static inline osr_reason osr_reason_crash(const char *text)
{
    osr_reason reason = osr_reason_of(OSR_REASON_CRASH);
    reason.text = osr_str_of(text);
    return reason;
}

/* A reason of the user's own; the text is borrowed until the reason has been used. */
static inline osr_reason osr_reason_custom(const char *text)
{
    osr_reason reason = osr_reason_crash(text);
    reason.code = (uint32_t)OSR_REASON_CUSTOM;
    return reason;
}

/* Normal or shutdown: what a transient child may end with without being restarted. */
static inline bool osr_reason_is_orderly(const osr_reason *reason)
{
    return reason->code == OSR_REASON_NORMAL || reason->code == OSR_REASON_SHUTDOWN;
}

/* Writes a reason as a person reads it, e.g. "normal", "error: timed out", "crash: no such table",
 * NUL-terminated and cut to fit. Threads: any. Not a suspension point. */
OSR_API void osr_reason_print(const osr_reason *reason, char *ret_text, size_t bytes);

OSR_END_DECLS
#endif
