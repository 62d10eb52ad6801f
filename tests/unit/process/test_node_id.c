/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sodium.h>

#include "lib/process/signal.h"
#include "tests/unit/process/process_kit.h"

/* A node's number depends on its name and its creation, and is the same everywhere. */
START_TEST(node_id_is_computed)
{
    uint8_t data[12] = {'a', '@', 'h', '1', 0, 0, 0, 0, 0, 0, 0, 5};
    uint8_t hash[32];
    uint64_t id = 0;

    crypto_generichash(hash, sizeof(hash), data, sizeof(data), NULL, 0);
    for (int i = 0; i < 8; i++) {
        id = id << 8 | hash[i];
    }
    ck_assert_uint_eq(osri_node_id("a@h1", 5), id);
    ck_assert_uint_ne(osri_node_id("a@h1", 6), id);
    ck_assert_uint_ne(osri_node_id("a@h2", 5), id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node_id");
    TCase *tcase = tcase_create("node_id");
    tcase_add_test(tcase, node_id_is_computed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
