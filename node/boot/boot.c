/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/behaviour/behaviour.h"
#include "lib/core/once.h"
#include "node/boot/flags.h"
#include "node/boot/status.h"
#include "node/shell/service.h"
#include "node/shell/version.h"
#include "osier/trace.h"

/* osr_main(): a program that is a node.
 *
 * Signals that end it are taken by a thread of their own, from before the node starts. The first
 * one tells the application to shut down; one that comes before there is an application does so as
 * soon as it is there. The second kills the application, or ends the program where there is none;
 * and SIGALRM ends the program when the node, which waits for every handler to return, takes too
 * long to stop. The main thread waits for the application's end.
 *
 * Order: node, shell service, distribution, application: whoever can reach the node finds its
 * shell. */

#define STOP_MS 10000
#define STOP_S_MAX 15  /* then the program ends whatever still runs */
#define STOP_S_HASTY 3 /* the same after a second signal */
#define START_MS 30000
#define DESCRIPTORS_MIN 256
#define TEXT_BYTES 1024

typedef struct boot {
    osri_flags flags;
    const osr_app *app;
    const char *program;
    osr_node *node;
    sigset_t stop_signals;
    pthread_t signals;
    pthread_mutex_t mutex;
    osr_pid application; /* guarded_by: mutex; none: not yet, or no longer */
    int orders;          /* guarded_by: mutex; how often it has been told to end */
    bool over;           /* guarded_by: mutex; the node is gone, the signal thread may end */
    bool hasty;          /* more than once before the application had ended */
} boot;

static void complain(const boot *b, const char *text)
{
    (void)fprintf(stderr, "%s: %s\n", b->program, text);
}

/* ---- flags ----------------------------------------------------------------------------- */

static bool is_loopback(const char *listen)
{
    return listen == NULL || strncmp(listen, "tcp://127.", 10) == 0 ||
           strncmp(listen, "tcp://localhost:", 16) == 0 || strncmp(listen, "tcp://[::1]:", 12) == 0;
}

static osr_err parse(boot *b, int argc, char **argv)
{
    char text[TEXT_BYTES];
    char host[HOST_NAME_MAX + 1] = "localhost";
    osr_err err = osri_flags_parse(argc, argv, b->app->name, host, &b->flags, text, sizeof(text));
    if (err == OSR_OK && !is_loopback(b->flags.listen) && gethostname(host, sizeof(host)) == 0) {
        host[sizeof(host) - 1] = '\0';
        err = osri_flags_parse(argc, argv, b->app->name, host, &b->flags, text, sizeof(text));
    }
    if (err != OSR_OK) {
        complain(b, text);
    }
    return err;
}

/* ---- the program's side of the operating system ---------------------------------------- */

static void check_limits(const boot *b)
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
                      "%s: only %llu files may be open, and each peer needs 3; type ulimit -n 1024 "
                      "before you start it\n",
                      b->program, (unsigned long long)limit.rlim_cur);
    }
}

static void pass_order_locked(const boot *b)
{
    osr_reason reason = osr_reason_of(b->orders == 1 ? OSR_REASON_SHUTDOWN : OSR_REASON_KILL);
    (void)osr_node_exit(b->node, b->application, &reason);
}

static void *take_signals(void *argument)
{
    boot *b = argument;
    for (;;) {
        int number;
        if (sigwait(&b->stop_signals, &number) != 0) {
            continue;
        }
        if (number == SIGALRM) {
            complain(b, "a handler does not return: the program ends without it");
            _exit(OSR_STATUS_FAILED);
        }
        (void)pthread_mutex_lock(&b->mutex);
        if (b->over) {
            (void)pthread_mutex_unlock(&b->mutex);
            return NULL;
        }
        b->orders += 1;
        if (!osr_pid_is_none(b->application)) {
            pass_order_locked(b);
        } else if (b->orders > 1) {
            complain(b, "another signal has ended it before its processes were done");
            _exit(OSR_STATUS_FAILED);
        }
        (void)alarm(b->orders > 1 ? STOP_S_HASTY : 0);
        (void)pthread_mutex_unlock(&b->mutex);
    }
}

static bool set_up_process(boot *b)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* ulimit -f: a write fails, the program goes on */
    (void)sigemptyset(&b->stop_signals);
    (void)sigaddset(&b->stop_signals, SIGTERM);
    (void)sigaddset(&b->stop_signals, SIGINT);
    (void)sigaddset(&b->stop_signals, SIGHUP);
    (void)sigaddset(&b->stop_signals, SIGALRM);
    (void)pthread_sigmask(SIG_BLOCK, &b->stop_signals, NULL);
    osr_catch_faults();
    osri_fault_thread_begin();
    check_limits(b);
    (void)pthread_mutex_init(&b->mutex, NULL);
    if (pthread_create(&b->signals, NULL, take_signals, b) != 0) {
        complain(b, "the operating system gives no thread; see ulimit -u");
        return false;
    }
    return true;
}

static void clean_up_process(boot *b)
{
    (void)pthread_mutex_lock(&b->mutex);
    b->over = true;
    (void)pthread_mutex_unlock(&b->mutex);
    (void)pthread_kill(b->signals, SIGTERM); /* out of sigwait */
    (void)pthread_join(b->signals, NULL);
    (void)pthread_mutex_destroy(&b->mutex);
    osri_fault_thread_end();
}

/* ---- the node -------------------------------------------------------------------------- */

static osr_err start_dist(boot *b, char *ret_text, size_t text_bytes)
{
    const osri_flags *f = &b->flags;
    return osr_dist_start(
        b->node,
        OSR_DIST(.listen = f->listen, .cluster = f->cluster, .secret = f->secret,
                 .authority = f->authority, .key = f->key, .certificate = f->certificate,
                 .revoked = f->revoked, .mapper_certificate = f->mapper_certificate,
                 .labels = f->labels, .label_count = f->label_count, .joins = f->joins,
                 .join_count = f->join_count, .tick_ms = f->tick_ms, .mapper_port = f->mapper_port,
                 .mapper_idle_exit_s = f->mapper_idle_exit_s, .no_mapper = f->no_mapper,
                 .hidden = f->hidden, .auto_connect = f->auto_connect,
                 .contact_certificates = f->contact_certificates,
                 .contact_certificate_count = f->contact_certificate_count, .policy = f->policy,
                 .audit = f->audit),
        ret_text, text_bytes);
}

static int start_node(boot *b)
{
    const osri_flags *f = &b->flags;
    osr_err err = osr_node_new(OSR_NODE(.name = f->name, .schedulers = f->schedulers,
                                        .log_level = f->log_level, .flight = f->flight),
                               &b->node);
    if (err == OSR_EINVAL) {
        (void)fprintf(stderr, "%s: \"%s\" is no name for a node; type --name NAME[@HOST]\n",
                      b->program, f->name);
        return OSR_STATUS_USAGE;
    }
    if (err == OSR_OK) {
        err = osr_node_start(b->node);
    }
    if (err == OSR_OK) {
        err = osri_shell_start(b->node);
    }
    if (err != OSR_OK) {
        (void)fprintf(stderr, "%s: the node does not start: %s\n", b->program, osr_err_text(err));
        return OSR_STATUS_FAILED;
    }
    char text[TEXT_BYTES] = "";
    err = start_dist(b, text, sizeof(text));
    if (err != OSR_OK) {
        complain(b, text[0] != '\0' ? text : osr_err_text(err));
    }
    return (int)osri_status_of_dist(err, f->secret);
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
        (void)written; /* nobody waits for it */
        (void)close(b->flags.ready_fd);
    }
}

/* The application's name stays free for one of its children. */
static osr_err start_application(boot *b, osr_pid *ret_pid)
{
    osri_spawn spawn = {.ops = &osri_supervisor_ops,
                        .configuration = &b->app->supervisor,
                        .options = OSR_SPAWN(.name = "osier.application", .label = b->app->name)};
    return osri_behaviour_start_outside(b->node, &spawn, START_MS, ret_pid);
}

/* From here on signals go to the application; returns how many came before. */
static int show_application(boot *b, osr_pid pid)
{
    (void)pthread_mutex_lock(&b->mutex);
    b->application = pid;
    int orders = b->orders;
    if (orders > 0) {
        pass_order_locked(b);
    }
    (void)pthread_mutex_unlock(&b->mutex);
    return orders;
}

static int wait_for_end(boot *b, osr_pid application)
{
    osr_ended ended = {0};
    osr_err err = osr_node_wait(b->node, application, OSR_FOREVER, &ended);
    (void)pthread_mutex_lock(&b->mutex);
    int orders = b->orders;
    b->application = OSR_PID_NONE;
    b->hasty = orders > 1;
    (void)pthread_mutex_unlock(&b->mutex);
    bool orderly =
        ended.code == OSR_REASON_NORMAL || (orders > 0 && ended.code == OSR_REASON_SHUTDOWN);
    if (err == OSR_OK && orderly) {
        return OSR_STATUS_OK;
    }
    if (orders > 1) {
        complain(b, "another signal has ended it before its processes were done");
        return OSR_STATUS_FAILED;
    }
    (void)fprintf(stderr, "%s: the application %s has ended: %s\n", b->program, b->app->name,
                  err == OSR_OK ? ended.text : osr_err_text(err));
    return OSR_STATUS_FAILED;
}

static int run(boot *b)
{
    osr_pid application;
    osr_err err = start_application(b, &application);
    if (err != OSR_OK) {
        (void)fprintf(stderr, "%s: the application %s does not start: %s\n", b->program,
                      b->app->name, osr_err_text(err));
        return OSR_STATUS_FAILED;
    }
    if (show_application(b, application) == 0) {
        say_ready(b);
    }
    return wait_for_end(b, application);
}

int osr_main(int argc, char **argv, const osr_app *app)
{
    boot b = {.app = app, .program = app->name};
    if (parse(&b, argc, argv) != OSR_OK) {
        return OSR_STATUS_USAGE;
    }
    if (b.flags.help) {
        (void)printf("usage: %s [FLAG]...\n%s", b.program, osri_flags_help());
        return OSR_STATUS_OK;
    }
    if (b.flags.version) {
        (void)printf("%s: osier %s\n", b.program, osri_version());
        return OSR_STATUS_OK;
    }
    if (!set_up_process(&b)) {
        return OSR_STATUS_FAILED;
    }
    int status = start_node(&b);
    if (status == OSR_STATUS_OK) {
        status = run(&b);
    }
    if (b.node != NULL) {
        (void)alarm(b.hasty ? STOP_S_HASTY : STOP_S_MAX);
        osr_node_stop(b.node, b.hasty ? 0 : STOP_MS);
        (void)alarm(0);
        osr_node_free(&b.node);
    }
    clean_up_process(&b);
    return status;
}
