/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* What the benchmarks share. */

void bench_report(const bench_case *the_case, uint64_t n, uint64_t ns, const char *more)
{
    double seconds = (double)ns / 1e9;
    double rate = ns == 0 ? 0.0 : (double)n / seconds;
    printf("case=%s n=%" PRIu64 " seconds=%.6f rate=%.0f%s\n", the_case->name, n, seconds, rate,
           more);
}

osr_err bench_expect(osr_self *self, const char *what, int64_t got, int64_t wanted)
{
    if (got == wanted) {
        return OSR_OK;
    }
    char text[128];
    (void)snprintf(text, sizeof(text), "%s: %" PRId64 " instead of %" PRId64, what, got, wanted);
    osr_reason reason = osr_reason_custom(text);
    return osr_fail(self, &reason);
}

const void *bench_receive(osr_self *self, const osr_type *type)
{
    osr_message message;
    OSR_CHECK(self, osr_receive(self, OSR_FOREVER, &message) == OSR_OK);
    OSR_CHECK(self, message.type->id == type->id);
    return message.body;
}

int64_t bench_resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%*s %ld", &pages) != 1) {
            pages = 0;
        }
        (void)fclose(file);
    }
    return (int64_t)pages * (int64_t)sysconf(_SC_PAGESIZE);
}
