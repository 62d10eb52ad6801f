/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_TRANSPORT_SUITE_H
#define OSR_TESTS_TRANSPORT_SUITE_H

#include <check.h>

#include "dist/transport.h"

/* The contract of dist/transport.h as tests that every transport passes. A transport's test program
 * defines one osri_transport_maker and runs osri_transport_suite(&maker). */

#define OSRI_SUITE_NODES 3

/* A rule of admission of one node. The suite changes `refuse_key` before anybody dials; the maker's
 * transports ask osri_suite_admit with the node's rule as context. */
typedef struct osri_suite_rule {
    const uint8_t *refuse_key; /* this one is not admitted; NULL: everybody is */
} osri_suite_rule;

osri_transport_admit osri_suite_admit; /* context: osri_suite_rule */

typedef struct osri_transport_maker {
    const char *name;     /* of the suite, e.g. "zmq" */
    const char *endpoint; /* to listen at, e.g. "tcp://127.0.0.1:9100-9199", "sim://" */
    const char *nowhere;  /* nobody listens there, e.g. "tcp://127.0.0.1:1" */

    /* Before each test: makes the world (a network, keys of OSRI_SUITE_NODES nodes). After it: ends
     * it. */
    void (*setup)(void);
    void (*teardown)(void);

    /* The CURVE public key of a node, 0..OSRI_SUITE_NODES-1. */
    const uint8_t *(*key)(int node);

    /* A new transport of that node; asks osri_suite_admit(rule, key, address). Checks its own
     * errors. */
    osri_transport *(*make)(int node, osri_suite_rule *rule);

    /* Lets time pass until something can have happened, and returns the next event of the transport
     * or false: a real one polls with a timeout of some ms; a simulated one polls with 0 and
     * advances its clock when it is empty. */
    bool (*pump)(osri_transport *transport, osri_transport_event *ret_event);

    /* Whether wake() from another thread can be tried while poll() waits. */
    bool threads;
} osri_transport_maker;

/* The suite, one test case; the caller gives it to a runner. One maker a program. */
Suite *osri_transport_suite(const osri_transport_maker *maker);

#endif
