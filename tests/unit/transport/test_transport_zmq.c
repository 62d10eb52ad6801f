/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "dist/zmq/transport.h"
#include "tests/support/transport_suite.h"
#include "zmq_world.h"

/* The ZeroMQ transport passes the suite of all transports. */

static osri_zmq_options options[OSRI_SUITE_NODES];

static void make_keys(void)
{
    for (int i = 0; i < OSRI_SUITE_NODES; i++) {
        memset(&options[i], 0, sizeof options[i]);
        options[i].tick_ms = 10000;
        crypto_box_keypair(options[i].key_public, options[i].key_secret);
    }
}

static void forget_keys(void)
{
    sodium_memzero(options, sizeof options);
}

/* The suite changes a rule in the test's thread, asks for the key of whom it dials then, and the
 * rule is read on the key-checking thread: this orders the two. */
static atomic_uint rules_published;

static bool admit(void *rule, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    (void)atomic_load_explicit(&rules_published, memory_order_acquire); /* pairs with key_of */
    return osri_suite_admit(rule, key, address);
}

static const uint8_t *key_of(int node)
{
    atomic_fetch_add_explicit(&rules_published, 1, memory_order_release); /* pairs with admit */
    return options[node].key_public;
}

static osri_transport *make(int node, osri_suite_rule *rule)
{
    osri_transport *transport = NULL;
    options[node].admit = admit;
    options[node].admit_context = rule;
    ck_assert_int_eq(osri_zmq_transport_new(&options[node], &transport), OSR_OK);
    return transport;
}

static bool pump(osri_transport *transport, osri_transport_event *ret_event)
{
    return transport->ops->poll(transport, UINT64_C(2000000), ret_event);
}

static osri_transport_maker maker = {
    .name = "zmq",
    .nowhere = "tcp://127.0.0.1:1",
    .setup = make_keys,
    .teardown = forget_keys,
    .key = key_of,
    .make = make,
    .pump = pump,
    .threads = true,
};

int main(void)
{
    maker.endpoint = own_ports();
    SRunner *runner = srunner_create(osri_transport_suite(&maker));
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
