/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/membership/contact.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Contacts as people type them. */

static const struct good {
    const char *text, *name, *host;
    uint16_t port;
    bool is_many;
} goods[] = {
    {"store@alpha", "store@alpha", "", 0, false},
    {"store@alpha:9100", "store@alpha", "alpha", 9100, false},
    {"store@192.0.2.1:1", "store@192.0.2.1", "192.0.2.1", 1, false},
    {"store@alpha=10.1.2.3:65535", "store@alpha", "10.1.2.3", 65535, false},
    {"store@alpha=[2001:db8::1]:9100", "store@alpha", "[2001:db8::1]", 9100, false},
    {"store@alpha=seed.example:9100", "store@alpha", "seed.example", 9100, false},
    {"store@*=seeds.example:9100", "store", "seeds.example", 9100, true},
    {"seeds.example", "", "seeds.example", 0, true},
    {"192.0.2.7", "", "192.0.2.7", 0, true},
};

/* Each form is understood. */
START_TEST(a_good_one)
{
    osri_contact contact;

    ck_assert_int_eq(osri_contact_parse(goods[_i].text, &contact), OSR_OK);
    ck_assert_str_eq(contact.name, goods[_i].name);
    ck_assert_str_eq(contact.host, goods[_i].host);
    ck_assert_uint_eq(contact.port, goods[_i].port);
    ck_assert_int_eq(contact.is_many, goods[_i].is_many);
}
END_TEST

static const char *const bads[] = {
    "",
    "@",
    "store@",
    "@alpha",
    "store@alpha:",
    "store@a:0",
    "a@b:65536",
    "a@b:9x",
    "a@b:-1",
    "a@b=c",
    "a@b=:9100",
    "a@*:9100",
    "*@*=seeds:9100",
    "a@*=:9100",
    "seeds:9100",
    "a@b=c d:1",
    "a b",
    "a@b@c",
    "a@b=[::1]",
    "a@b=[x]:1",
    "@*=seeds:1",
    "a/b",
    "a@b=tcp://c:9100",
    "tcp://c:9100",
};

/* Everything else is refused. */
START_TEST(a_bad_one)
{
    osri_contact contact;

    ck_assert_msg(osri_contact_parse(bads[_i], &contact) == OSR_EINVAL, "%s", bads[_i]);
}
END_TEST

/* One that is many becomes one at each address, named after it. */
START_TEST(many_become_one_at_an_address)
{
    osri_contact many, one;
    char endpoint[OSRI_ENDPOINT_BYTES];

    ck_assert_int_eq(osri_contact_parse("store@*=seeds:9100", &many), OSR_OK);
    ck_assert_int_eq(osri_contact_at(&many, "192.0.2.1", &one), OSR_OK);
    ck_assert_str_eq(one.name, "store@192.0.2.1");
    ck_assert(!one.is_many);
    ck_assert_int_eq(osri_contact_endpoint(&one, endpoint), OSR_OK);
    ck_assert_str_eq(endpoint, "tcp://192.0.2.1:9100");
    ck_assert_int_eq(osri_contact_at(&many, "2001:db8::1", &one), OSR_EINVAL); /* no such name */
    many.name[0] = '\0';
    ck_assert_int_eq(osri_contact_at(&many, "2001:db8::1", &one), OSR_OK);
    ck_assert_str_eq(one.host, "[2001:db8::1]");
}
END_TEST

/* What is too long for its place is refused, not cut. */
START_TEST(a_long_one_is_refused)
{
    char text[400];
    osri_contact contact;

    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(osri_contact_parse(text, &contact), OSR_EINVAL);
    text[3] = '@';
    ck_assert_int_eq(osri_contact_parse(text, &contact), OSR_EINVAL);
    memcpy(text + 300, ":9100", 6);
    ck_assert_int_eq(osri_contact_parse(text, &contact), OSR_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("contact");
    TCase *tests = tcase_create("contact");
    tcase_add_loop_test(tests, a_good_one, 0, (int)(sizeof(goods) / sizeof(goods[0])));
    tcase_add_loop_test(tests, a_bad_one, 0, (int)(sizeof(bads) / sizeof(bads[0])));
    tcase_add_test(tests, many_become_one_at_an_address);
    tcase_add_test(tests, a_long_one_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
