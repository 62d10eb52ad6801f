/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PID_H
#define OSR_PID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* Names of processes and of requests: values of 16 bytes, compared as wholes, the same on every
 * node (DESIGN.md D13). Nothing here is a suspension point, and nothing allocates. Threads: any. */

OSR_BEGIN_DECLS

/* A process: the node's id, its slot in that node's table, and which tenant of the slot it is. */
typedef struct osr_pid {
    uint64_t node;
    uint32_t slot, generation;
} osr_pid;

/* A request, monitor or timer: the node that made it, and its number there. */
typedef struct osr_ref {
    uint64_t node;
    uint64_t number;
} osr_ref;

#ifdef __cplusplus
#define OSR_PID_NONE (osr_pid{0, 0, 0})
#define OSR_REF_NONE (osr_ref{0, 0})
#else
#define OSR_PID_NONE ((osr_pid){0, 0, 0})
#define OSR_REF_NONE ((osr_ref){0, 0})
#endif

#define OSR_PID_TEXT_BYTES 41 /* the longest printed pid with its NUL */
#define OSR_REF_TEXT_BYTES 44

/* Whether it names no process at all. */
static inline bool osr_pid_is_none(osr_pid pid)
{
    return pid.node == 0 && pid.slot == 0 && pid.generation == 0;
}

static inline bool osr_pid_equal(osr_pid a, osr_pid b)
{
    return a.node == b.node && a.slot == b.slot && a.generation == b.generation;
}

static inline bool osr_ref_is_none(osr_ref ref)
{
    return ref.node == 0 && ref.number == 0;
}

static inline bool osr_ref_equal(osr_ref a, osr_ref b)
{
    return a.node == b.node && a.number == b.number;
}

/* Writes "<3f9a12bc00112233.17.2>": node in 16 hexadecimal digits, slot, generation. Stable: it may
 * be kept, and pasted into the shell. */
OSR_API void osr_pid_print(osr_pid pid, char ret_text[OSR_PID_TEXT_BYTES]);

/* Reads what osr_pid_print() wrote, and nothing else: the whole text must be a pid.
 * Errors: OSR_EINVAL. */
OSR_API OSR_MUST_CHECK osr_err osr_pid_parse(const char *text, osr_pid *ret_pid);

/* Writes "#Ref<3f9a12bc00112233.4711>": node in 16 hexadecimal digits, number. */
OSR_API void osr_ref_print(osr_ref ref, char ret_text[OSR_REF_TEXT_BYTES]);

/* Reads what osr_ref_print() wrote, and nothing else. Errors: OSR_EINVAL. */
OSR_API OSR_MUST_CHECK osr_err osr_ref_parse(const char *text, osr_ref *ret_ref);

OSR_END_DECLS
#endif
