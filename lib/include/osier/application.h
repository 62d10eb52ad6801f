/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_APPLICATION_H
#define OSR_APPLICATION_H

#include "osier/supervisor.h"

OSR_BEGIN_DECLS

/* What a program runs: a supervisor, registered under the application's name, and its children. */
typedef struct osr_app {
    size_t size; /* set by OSR_APP() */
    const char *name;
    osr_supervisor supervisor;
} osr_app;

/* OSR_APP("counter", OSR_CHILD(counter, .name = "counter"), …): a const osr_app *, as osr_main()
 * takes it. Inside a function it lives as long as the block. */
#define OSR_APP(name_, ...)                                                                        \
    (&(const osr_app){.size = sizeof(osr_app),                                                     \
                      .name = (name_),                                                             \
                      .supervisor = {.size = sizeof(osr_supervisor),                               \
                                     .name = (name_),                                              \
                                     .children = OSR_CHILDREN(__VA_ARGS__)}})

/* The same with options of the supervisor: OSR_APP_WITH("counter", .intensity = 5, .children =
 * OSR_CHILDREN(…)). */
#define OSR_APP_WITH(name_, ...)                                                                   \
    (&(const osr_app){                                                                             \
        .size = sizeof(osr_app),                                                                   \
        .name = (name_),                                                                           \
        .supervisor = {.size = sizeof(osr_supervisor), .name = (name_), __VA_ARGS__}})

/* Starts the application's supervisor, and so its children, from outside the node. The application
 * is lent until that process has ended. osr_node_stop() ends it.
 * Waits at most timeout_ms until the children have started: blocks its thread.
 * Errors: as osr_node_start_server().
 * Threads: any outside the node. Not a suspension point. */
OSR_API OSR_MUST_CHECK osr_err osr_node_start_app(osr_node *node, const osr_app *app,
                                                  uint32_t timeout_ms, osr_pid *ret_pid);

OSR_END_DECLS
#endif
