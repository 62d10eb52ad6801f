/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_RUN_SEED_H
#define OSR_TESTS_SIM_RUN_SEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct seed_result {
    uint64_t hash;     /* of everything that happened */
    uintptr_t address; /* of the cluster: two runs in different places differ */
    char broken[256];  /* the promise, or what the seed lacked; "": none */
} seed_result;

/* One whole cluster, from its start to its end, checked; counts what it covered. trace: prints log
 * lines and all events to standard error. */
void run_seed(uint64_t seed, bool trace, seed_result *ret_result);

#endif
