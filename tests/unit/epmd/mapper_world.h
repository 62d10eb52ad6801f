/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_MAPPER_WORLD_H
#define OSR_TESTS_MAPPER_WORLD_H

#include <stdint.h>
#include <sys/types.h>

#include "epmd/client.h"

/* A world for tests of the real mapper: directories, a secret and a port of its own, and the daemon
 * as an OS process. world_make and world_end go around a test case, in the process that forks the
 * tests; world_enter begins a test. */

void world_make(void);
void world_end(void);
void world_enter(void);

extern uint16_t world_port;
extern char world_runtime[128];
extern char world_home[128];
extern uint8_t world_secret[32];
extern osri_epmd_options world_options; /* identity a@h1, the world's port */
extern char world_text[512];            /* of the last error */

/* A member of the world's cluster. */
osri_identity world_member(const char *name);
osri_identity world_identity(const uint8_t secret[32], const char *name, uint32_t roles,
                             int64_t age_s);

/* Starts the daemon in the foreground and waits for READY; it dies with the test. */
pid_t world_start(void);

/* Runs it with more arguments (NULL ends them) to its end; what it wrote, both outputs, goes to
 * ret_output. */
int world_run(const char *const *arguments, char *ret_output, size_t bytes);

/* Ends it by a signal and returns its wait status. */
int world_stop(pid_t mapper, int signal_number);

/* An open connection to the local socket. */
int world_connect(void);

/* Registers and expects success. */
osri_epmd_lease *world_register(const osri_identity *identity, const char *endpoint);

/* Turns the lease until it is in this state; fails after 10 s. */
void world_turn_until(osri_epmd_lease *lease, osri_epmd_lease_state state);

/* Waits until a lookup gives this; fails after 10 s. */
void world_lookup_until(const char *name, osr_err expected);

#endif
