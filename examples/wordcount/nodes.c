/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "nodes.h"

#include <signal.h>
#include <unistd.h>

#include "client.h"
#include "job.h"

/* A coordinator is a supervisor with the job server, to which place.c adds the workers. One that
 * does a single job has one more child, which is a client of the job server like any other. */

#define GATHER_MS 60000

/* ---- a job of its own -------------------------------------------------------------------- */

/* Of the one coordinator that an OS process may be. */
static const client_options *once_options;
static osr_err once_result = OSR_EFAILED;

typedef struct runner {
    bool running;
} runner;

OSR_ON_INIT(runner, job_options)
{
    state->running = true;
    osr_continue(self);
    return OSR_OK;
}

/* At the end it ends the program as a person would, so that the nodes part in good order. */
OSR_ON_CONTINUE(runner)
{
    client_options options = *once_options;
    options.coordinator = osr_str_of(osr_self_node_name(self));
    wait_options wait = {.coordinator = options.coordinator, .timeout_ms = GATHER_MS};
    (void)client_wait(self, &wait);
    once_result = client_run(self, &options);
    state->running = false;
    (void)kill(getpid(), SIGTERM);
    return OSR_STOP;
}

OSR_SERVER(runner, OSR_INIT(job_options), OSR_CONTINUE);

/* ---- nodes ------------------------------------------------------------------------------- */

int node_worker(int argc, char **argv)
{
    return osr_main(argc, argv, OSR_APP_WITH("worker", .children = NULL));
}

int node_coordinator(int argc, char **argv, uint32_t workers, const client_options *once)
{
    const job_options options = {.expected = workers};
    const osr_child job_child = {
        .size = sizeof(osr_child), .server = job_server, .name = JOB_NAME, .argument = &options};
    if (once == NULL) {
        return osr_main(
            argc, argv,
            OSR_APP_WITH("coordinator", .intensity = 3, .children = OSR_CHILDREN(job_child)));
    }
    once_options = once;
    int status =
        osr_main(argc, argv,
                 OSR_APP_WITH("coordinator", .intensity = 3,
                              .children = OSR_CHILDREN(
                                  job_child, OSR_CHILD(runner, .restart = OSR_TEMPORARY))));
    return status != OSR_STATUS_OK || once_result == OSR_OK ? status : OSR_STATUS_FAILED;
}
