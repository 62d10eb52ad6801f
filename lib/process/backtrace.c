/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/backtrace.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

#include "lib/core/heap.h"
#include "lib/process/process.h"

/* The unwinder goes by the tables of the code, from here to the first frame of the process's stack,
 * where there are none or they say that nothing called it (fiber_*.S, makecontext()). It needs some
 * kilobytes of the stack, more the first time: the dynamic linker looks for it. */

#define STACK_BYTES_NEEDED 12288
#define TEXT_BYTES 4096

typedef struct frames {
    uintptr_t at[OSRI_BACKTRACE_FRAMES];
    uint32_t count;
    bool has_begun; /* the first frame is osri_backtrace()'s */
} frames;

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *argument)
{
    frames *all = argument;
    uintptr_t ip = (uintptr_t)_Unwind_GetIP(context);
    if (ip == 0 || all->count == OSRI_BACKTRACE_FRAMES) {
        return _URC_END_OF_STACK;
    }
    if (all->has_begun) {
        all->at[all->count++] = ip - 1; /* in the call, not behind it */
    }
    all->has_begun = true;
    return _URC_NO_REASON;
}

static size_t print_frame(uintptr_t at, char *ret_text, size_t bytes)
{
    Dl_info where = {.dli_fname = NULL};
    if (dladdr((void *)at, &where) == 0 || where.dli_fname == NULL) {
        return (size_t)snprintf(ret_text, bytes, "0x%jx\n", (uintmax_t)at);
    }
    const char *slash = strrchr(where.dli_fname, '/');
    return (size_t)snprintf(
        ret_text, bytes, "%s+0x%jx%s%s\n", slash != NULL ? slash + 1 : where.dli_fname,
        (uintmax_t)(at - (uintptr_t)where.dli_fbase), where.dli_sname != NULL ? " " : "",
        where.dli_sname != NULL ? where.dli_sname : "");
}

static bool has_room(const osr_self *self)
{
    uintptr_t low = (uintptr_t)self->stack->low;
    uintptr_t at = (uintptr_t)__builtin_frame_address(0);
    return at - low < self->stack->bytes && at - low >= STACK_BYTES_NEEDED;
}

__attribute__((noinline)) osr_bin *osri_backtrace(const osr_self *self)
{
    osr_bin *bin = NULL;
    frames all = {.count = 0};
    char *text = has_room(self) ? osri_heap_alloc(TEXT_BYTES) : NULL;
    if (text == NULL) {
        return NULL;
    }
    (void)_Unwind_Backtrace(add_frame, &all);
    size_t length = 0;
    for (uint32_t i = 0; i < all.count; i++) {
        size_t more = print_frame(all.at[i], text + length, TEXT_BYTES - length);
        if (more >= TEXT_BYTES - length) {
            break; /* whole lines only */
        }
        length += more;
    }
    (void)!osr_bin_new(text, length, &bin);
    osri_heap_free(text, TEXT_BYTES);
    return bin;
}
