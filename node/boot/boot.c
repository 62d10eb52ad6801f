/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/core/once.h"
#include "node/boot/flags.h"
#include "node/shell/service.h"

/* osr_main(): a program that is a node. Signals that end it are taken by a thread of their own, which tells the
 * application to shut down; the main thread waits for its end. */

#define STOP_MS 10000
#define START_MS 30000
#define DESCRIPTORS_MIN 256
#define VERSION "0.1.0"

typedef struct boot {
    osri_flags flags;
    osr_node *node;
    osr_pid application;
    sigset_t stop_signals;
    int orders; /* owner: the signal thread */
} boot;

static void complain(const char *program, const char *text)
{
    (void)fprintf(stderr, "%s: %s\n", program, text);
}

static int status_of(osr_err err)
{
    switch (err) {
    case OSR_EPERM:
    case OSR_EIO:
    case OSR_ETYPE:
        return OSR_STATUS_CONFIG;
    case OSR_EINVAL:
        return OSR_STATUS_USAGE;
    case OSR_EADDRESS:
    case OSR_ETAKEN:
    case OSR_ENOTFOUND:
    case OSR_ETIMEDOUT:
    case OSR_ENOCONNECTION:
        return OSR_STATUS_UNAVAILABLE;
    default:
        return OSR_STATUS_FAILED;
    }
}

/* ---- flags ----------------------------------------------------------------------------- */

static bool is_loopback(const char *listen)
{
    return listen == NULL || strncmp(listen, "tcp://127.", 10) == 0 ||
           strncmp(listen, "tcp://localhost", 15) == 0 || strncmp(listen, "tcp://[::1]", 11) == 0;
}

static osr_err parse(int argc, char **argv, const char *program, osri_flags *ret_flags)
{
    char text[256];
    char host[HOST_NAME_MAX + 1] = "localhost";
    osr_err err = osri_flags_parse(argc, argv, program, host, ret_flags, text, sizeof(text));
    if (err == OSR_OK && !is_loopback(ret_flags->listen) && gethostname(host, sizeof(host)) == 0) {
        host[strcspn(host, ".")] = '\0';
        err = osri_flags_parse(argc, argv, program, host, ret_flags, text, sizeof(text));
    }
    if (err != OSR_OK) {
        complain(program, text);
    }
    return err;
}

/* ---- the program's side of the operating system ---------------------------------------- */

static void set_up_process(boot *b)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&b->stop_signals);
    (void)sigaddset(&b->stop_signals, SIGTERM);
    (void)sigaddset(&b->stop_signals, SIGINT);
    (void)sigaddset(&b->stop_signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &b->stop_signals, NULL);
    osri_fault_install();
    osri_fault_thread_begin();
}

static void check_limits(const char *program)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < DESCRIPTORS_MIN) {
        (void)fprintf(stderr,
                      "%s: only %llu files may be open; each peer needs 3: type ulimit -n 1024 first\n",
                      program, (unsigned long long)limit.rlim_cur);
    }
}

static void *take_signals(void *argument)
{
    boot *b = argument;
    for (;;) {
        int number;
        if (sigwait(&b->stop_signals, &number) != 0) {
            continue;
        }
        osr_reason reason = osr_reason_of(b->orders == 0 ? OSR_REASON_SHUTDOWN : OSR_REASON_KILL);
        b->orders += 1;
        (void)osr_node_exit(b->node, b->application, &reason);
    }
    return NULL;
}

static void say_ready(const boot *b)
{
    const char *endpoint = osr_dist_endpoint(b->node);
    (void)fprintf(stderr, "%s: up%s%s, OS process %ld\n", b->flags.name,
                  endpoint[0] != '\0' ? " at " : "", endpoint, (long)getpid());
    if (b->flags.ready_fd >= 0) {
        char line[512];
        int length = snprintf(line, sizeof(line), "READY %s %s\n", b->flags.name, endpoint);
        ssize_t written = write(b->flags.ready_fd, line, (size_t)length);
        (void)written;
        (void)close(b->flags.ready_fd);
    }
}

/* ---- the node -------------------------------------------------------------------------- */

static int node_open(boot *b, const char *program)
{
    const osri_flags *f = &b->flags;
    osr_err err = osr_node_new(
        OSR_NODE(.name = f->name, .schedulers = f->schedulers, .log_level = f->log_level), &b->node);
    if (err == OSR_OK) {
        err = osr_node_start(b->node);
    }
    if (err != OSR_OK) {
        complain(program, osr_err_text(err));
        return status_of(err);
    }
    char text[512] = "";
    err = osr_dist_start(b->node,
                         OSR_DIST(.listen = f->listen, .cluster = f->cluster, .secret = f->secret,
                                  .labels = f->labels, .label_count = f->label_count,
                                  .joins = f->joins, .join_count = f->join_count,
                                  .tick_ms = f->tick_ms, .mapper_port = f->mapper_port,
                                  .mapper_idle_exit_s = f->mapper_idle_exit_s,
                                  .no_mapper = f->no_mapper, .hidden = f->hidden),
                         text, sizeof(text));
    if (err == OSR_OK) {
        err = osri_shell_start(b->node);
        (void)snprintf(text, sizeof(text), "the shell service does not start: %s", osr_err_text(err));
    }
    if (err != OSR_OK) {
        complain(program, text[0] != '\0' ? text : osr_err_text(err));
        return status_of(err);
    }
    return OSR_STATUS_OK;
}

static int run(boot *b, const char *program, const osr_app *app)
{
    osr_err err = osr_node_start_app(b->node, app, START_MS, &b->application);
    if (err != OSR_OK) {
        (void)fprintf(stderr, "%s: the application %s does not start: %s\n", program, app->name,
                      osr_err_text(err));
        return OSR_STATUS_FAILED;
    }
    pthread_t signals;
    if (pthread_create(&signals, NULL, take_signals, b) != 0) {
        complain(program, "no thread for signals");
        return OSR_STATUS_FAILED;
    }
    say_ready(b);
    osr_ended ended = {0};
    err = osr_node_wait(b->node, b->application, OSR_FOREVER, &ended);
    (void)pthread_cancel(signals); /* it waits in sigwait */
    (void)pthread_join(signals, NULL);
    if (err == OSR_OK && (ended.code == OSR_REASON_NORMAL || b->orders != 0)) {
        return OSR_STATUS_OK;
    }
    (void)fprintf(stderr, "%s: the application %s ended: %s\n", program, app->name, ended.text);
    return OSR_STATUS_FAILED;
}

int osr_main(int argc, char **argv, const osr_app *app)
{
    const char *program = app->name;
    boot b = {0};
    if (parse(argc, argv, program, &b.flags) != OSR_OK) {
        return OSR_STATUS_USAGE;
    }
    if (b.flags.help) {
        (void)printf("usage: %s [FLAG]...\n%s", program, osri_flags_help());
        return OSR_STATUS_OK;
    }
    if (b.flags.version) {
        (void)printf("%s: osier %s\n", program, VERSION);
        return OSR_STATUS_OK;
    }
    set_up_process(&b);
    check_limits(program);
    int status = node_open(&b, program);
    if (status == OSR_STATUS_OK) {
        status = run(&b, program, app);
    }
    if (b.node != NULL) {
        osr_node_stop(b.node, STOP_MS);
        osr_node_free(&b.node);
    }
    osri_fault_thread_end();
    return status;
}

/* ---- clients --------------------------------------------------------------------------- */

static osr_err client_start(const osr_client_options *options, osr_node *node, char *ret_text,
                            size_t text_bytes)
{
    osr_err err = osr_node_start(node);
    if (err != OSR_OK) {
        (void)snprintf(ret_text, text_bytes, "%s", osr_err_text(err));
        return err;
    }
    return osr_dist_start(node,
                          OSR_DIST(.listen = "", .cluster = options->cluster,
                                   .secret = options->secret, .mapper_port = options->mapper_port,
                                   .hidden = true),
                          ret_text, text_bytes);
}

int osr_client_open(const osr_client_options *options, osr_node **ret_node, char *ret_text,
                    size_t text_bytes)
{
    char name[129];
    (void)snprintf(name, sizeof(name), "%s-%ld@localhost",
                   options->what != NULL ? options->what : "client", (long)getpid());
    (void)signal(SIGPIPE, SIG_IGN);
    osr_node *node;
    osr_err err = osr_node_new(
        OSR_NODE(.name = name, .schedulers = 1, .log_level = options->log_level), &node);
    if (err != OSR_OK) {
        (void)snprintf(ret_text, text_bytes, "%s", osr_err_text(err));
        return status_of(err);
    }
    err = client_start(options, node, ret_text, text_bytes);
    if (err != OSR_OK) {
        osr_node_stop(node, 0);
        osr_node_free(&node);
        return status_of(err);
    }
    *ret_node = node;
    return OSR_STATUS_OK;
}
