/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_STARVED_KIT_H
#define OSR_TESTS_STARVED_KIT_H

#include "tests/unit/process/process_kit.h"

/* Memory that cannot be had: a scenario runs on a stepped node, from the node's making to its end,
 * with the n-th allocation failing, for n = 1, 2, ... until it is not reached any more; then with
 * all from the n-th on failing. Whatever fails, nothing crashes, hangs, leaks or is lost from the
 * count. STARVED_AT=n runs that one only. */

typedef struct starved_scenario {
    const char *name;
    node_fixture_body *body; /* does not look at what fails, and leaves nothing behind */
} starved_scenario;

/* Runs all; returns what main() does. */
int starved_run(const char *name, const starved_scenario *scenarios, size_t count);

#endif
