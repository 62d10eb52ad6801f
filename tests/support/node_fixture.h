/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_NODE_FIXTURE_H
#define OSR_TESTS_NODE_FIXTURE_H

#include "osier/node.h"
#include "osier/process.h"

/* One real node for a test, and a test's body that runs as a process on it.
 *
 *     static osr_err greets(osr_self *self) { OSR_CHECK(self, …); return OSR_OK; }
 *     START_TEST(a_greeter_greets) { node_fixture_run(greets); } END_TEST
 *
 * with node_fixture_threaded or _stepped, and node_fixture_end, as the checked fixture. A body
 * fails the test by returning an error or by a failed OSR_CHECK; the test says its reason. */

typedef osr_err node_fixture_body(osr_self *self);

/* A node with two scheduler threads, on the real clock. */
void node_fixture_threaded(void);

/* A node that is stepped by node_fixture_run(), on a clock that jumps to the next thing to do, with
 * random bytes that are the same in every run. */
void node_fixture_stepped(void);

/* The same for a node of this name; else it is test@host. */
void node_fixture_stepped_as(const char *name);

/* Stops and frees the node, and fails the test if a message was lost from the count (sent =
 * received + dropped) or memory of the node is left. */
void node_fixture_end(void);

/* The same, but says what is wrong instead of failing the test, or NULL. For the test of the
 * fixture itself. */
const char *node_fixture_stop(void);

osr_node *node_fixture_node(void);

/* One more node, stepped with the first on the same clock; a stepped fixture has up to 8. */
osr_node *node_fixture_add(const char *name);

/* A node of options that the test needs; neither started nor stepped by the fixture. One at a time.
 * End it by node_fixture_own_end(), which stops it and fails the test as node_fixture_end() does;
 * beside a node of the fixture, whose memory it cannot tell apart, memory is left to that one. */
osr_node *node_fixture_own(const osr_node_options *options);
void node_fixture_own_end(osr_node **node, uint32_t timeout_ms);

/* Runs body as a process that is linked to nobody, until it has ended; fails the test with its
 * reason, or after 20 s (of the node's clock). */
void node_fixture_run(node_fixture_body *body);

/* The same for as long as the test may take (tcase_set_timeout): for bodies that do so much that
 * the time they need is the machine's. */
void node_fixture_run_long(node_fixture_body *body);

#endif
