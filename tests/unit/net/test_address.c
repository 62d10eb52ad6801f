/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdlib.h>

#include "dist/net/address.h"

static const char *mapper_host(const char *endpoint)
{
    static char host[OSRI_HOST_BYTES];
    osri_address_mapper_host(endpoint, host);
    return host;
}

static const char *public_address(const char *endpoint, const char *name)
{
    static char address[OSRI_ENDPOINT_BYTES];
    osri_address_public(endpoint, name, address);
    return address;
}

/* A node on loopback needs no mapper that others reach; one on another address needs it there. */
START_TEST(the_mapper_listens_where_the_node_does)
{
    ck_assert_str_eq(mapper_host("tcp://127.0.0.1:9100"), "");
    ck_assert_str_eq(mapper_host("tcp://[::1]:9100"), "");
    ck_assert_str_eq(mapper_host("tcp://0.0.0.0:9100"), "0.0.0.0");
    ck_assert_str_eq(mapper_host("tcp://198.18.0.3:9100"), "198.18.0.3");
}
END_TEST

/* Nobody can dial "every address": the host of the node's name stands for it. */
START_TEST(a_wildcard_is_registered_as_the_hosts_name)
{
    ck_assert_str_eq(public_address("tcp://0.0.0.0:9100", "worker1@h1"), "tcp://h1:9100");
    ck_assert_str_eq(public_address("tcp://[::]:9101", "worker1@h1"), "tcp://h1:9101");
    ck_assert_str_eq(public_address("tcp://198.18.0.3:9100", "a@h1"), "tcp://198.18.0.3:9100");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tcase = tcase_create("address");
    tcase_add_test(tcase, the_mapper_listens_where_the_node_does);
    tcase_add_test(tcase, a_wildcard_is_registered_as_the_hosts_name);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
