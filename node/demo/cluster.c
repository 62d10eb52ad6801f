/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/demo/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Start and end of the members, under a lock: of two commands at once one waits. The state file
 * has a line "NAME PID START" for each member. */

#define START_MS 20000
#define LOCK_MS 30000
#define POLL_MS 20

static const char *const names[OSRI_DEMO_MEMBERS] = {"coordinator@localhost", "worker1@localhost",
                                                     "worker2@localhost", "worker3@localhost"};

const char *osri_demo_name(size_t member)
{
    return names[member];
}

static void wait_a_moment(void)
{
    (void)poll(NULL, 0, POLL_MS);
}

static bool fail(char *ret_text, const char *path)
{
    (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES,
                   "%.500s: %s; set OSIER_RUNTIME_DIR to a directory of your own", path,
                   strerror(errno));
    return false;
}

/* ---- the directory ----------------------------------------------------------------------- */

static bool path_of(const osri_demo_cluster *cluster, const char *name, char ret_path[PATH_MAX])
{
    return snprintf(ret_path, PATH_MAX, "%s/%s", cluster->directory, name) < PATH_MAX;
}

/* A directory of ours that nobody else may look into. */
static bool make_private(const char *path, char *ret_text)
{
    struct stat status;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fail(ret_text, path);
    }
    if (lstat(path, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 077) != 0) {
        errno = EPERM;
        return fail(ret_text, path);
    }
    return true;
}

/* Where the mapper's socket is, too: $OSIER_RUNTIME_DIR, else $XDG_RUNTIME_DIR/osier, else
 * /tmp/osier-UID. */
static bool find_directory(osri_demo_cluster *cluster, char *ret_text)
{
    const char *own = getenv("OSIER_RUNTIME_DIR");
    const char *session = getenv("XDG_RUNTIME_DIR");
    char base[sizeof(cluster->directory) - sizeof("/demo")];
    int length;
    if (own != NULL && own[0] != '\0') {
        length = snprintf(base, sizeof(base), "%s", own);
    } else if (session != NULL && session[0] != '\0') {
        length = snprintf(base, sizeof(base), "%s/osier", session);
    } else {
        length = snprintf(base, sizeof(base), "/tmp/osier-%u", (unsigned)geteuid());
    }
    if (length < 0 || (size_t)length >= sizeof(base)) {
        errno = ENAMETOOLONG;
        return fail(ret_text, "the runtime directory");
    }
    (void)snprintf(cluster->directory, sizeof(cluster->directory), "%s/demo", base);
    return make_private(base, ret_text) && make_private(cluster->directory, ret_text);
}

static int lock(const osri_demo_cluster *cluster, char *ret_text)
{
    char path[PATH_MAX];
    uint64_t deadline_ms = osri_demo_now_ms() + LOCK_MS;
    int fd = path_of(cluster, "lock", path) ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || osri_demo_now_ms() > deadline_ms) {
            (void)close(fd);
            fd = -1;
        }
        wait_a_moment();
    }
    if (fd < 0) {
        (void)fail(ret_text, path);
    }
    return fd;
}

/* ---- the state --------------------------------------------------------------------------- */

static void read_state(osri_demo_cluster *cluster)
{
    char path[PATH_MAX];
    char name[128];
    long pid;
    uint64_t start_time;
    FILE *in = path_of(cluster, "state", path) ? fopen(path, "re") : NULL;
    while (in != NULL && fscanf(in, "%127s %ld %" SCNu64, name, &pid, &start_time) == 3) {
        for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
            osri_demo_process found = {(pid_t)pid, start_time};
            if (strcmp(name, names[i]) == 0 && osri_demo_is_running(&found)) {
                cluster->members[i] = found;
            }
        }
    }
    if (in != NULL) {
        (void)fclose(in);
    }
}

/* Written whenever there is one more to end, before anything else can fail. */
static bool write_state(const osri_demo_cluster *cluster, char *ret_text)
{
    char path[PATH_MAX];
    char aside[PATH_MAX];
    if (!path_of(cluster, "state", path) || !path_of(cluster, "state.tmp", aside)) {
        errno = ENAMETOOLONG;
        return fail(ret_text, cluster->directory);
    }
    FILE *out = fopen(aside, "we");
    if (out == NULL) {
        return fail(ret_text, aside);
    }
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        if (cluster->members[i].pid != 0) {
            (void)fprintf(out, "%s %ld %" PRIu64 "\n", names[i], (long)cluster->members[i].pid,
                          cluster->members[i].start_time);
        }
    }
    bool written = ferror(out) == 0;
    written = fclose(out) == 0 && written && rename(aside, path) == 0;
    return written || fail(ret_text, path);
}

bool osri_demo_load(osri_demo_cluster *cluster, char *ret_text)
{
    memset(cluster->members, 0, sizeof(cluster->members));
    if (!find_directory(cluster, ret_text)) {
        return false;
    }
    read_state(cluster);
    return true;
}

size_t osri_demo_running(const osri_demo_cluster *cluster)
{
    size_t running = 0;
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        running += osri_demo_is_running(&cluster->members[i]);
    }
    return running;
}

/* ---- starting ---------------------------------------------------------------------------- */

/* What a node that did not come up said last. */
static void quote_log(const osri_demo_cluster *cluster, const char *name, const char *what,
                      char *ret_text)
{
    char path[PATH_MAX];
    char line[512];
    char last[512] = "it gave no reason";
    FILE *in = path_of(cluster, name, path) ? fopen(path, "re") : NULL;
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0') {
            (void)snprintf(last, sizeof(last), "%s", line);
        }
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES, "%s %s: %s", name, what, last);
}

/* Waits for the line that the node writes to its descriptor 3 when it is up. */
static bool wait_ready(const osri_demo_cluster *cluster, size_t member, int ready_fd,
                       uint64_t deadline_ms, char *ret_text)
{
    struct pollfd look[2] = {{.fd = ready_fd, .events = POLLIN},
                             {.fd = cluster->stop_fd, .events = POLLIN}};
    char line[64];
    uint64_t now = osri_demo_now_ms();
    int ready = poll(look, 2, deadline_ms > now ? (int)(deadline_ms - now) : 0);
    if (ready > 0 && look[1].revents != 0) {
        (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES, "interrupted");
        return false;
    }
    if (ready > 0 && read(ready_fd, line, sizeof(line)) > 0) {
        return true;
    }
    quote_log(cluster, names[member], ready > 0 ? "did not start" : "did not start in time",
              ret_text);
    return false;
}

static bool spawn_member(osri_demo_cluster *cluster, size_t member, int ready_fd, char *ret_text)
{
    const char *coordinator[] = {"coordinator", "--name",     names[member], "--mapper-idle-exit",
                                 "1",           "--ready-fd", "3",           NULL};
    const char *worker[] = {"worker", "--name",     names[member], "--mapper-idle-exit",
                            "1",      "--ready-fd", "3",           "--label",
                            "worker", "--join",     names[0],      NULL};
    char log[PATH_MAX];
    const osri_demo_spawn what = {.arguments = member == 0 ? coordinator : worker,
                                  .log = log,
                                  .ready_fd = ready_fd,
                                  .tied = cluster->tied};
    return path_of(cluster, names[member], log) &&
           osri_demo_spawn_process(&what, &cluster->members[member], ret_text) &&
           write_state(cluster, ret_text);
}

/* Both ends above what a child opens for itself. */
static bool make_pipe(int ret_ends[2], char *ret_text)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return fail(ret_text, "a pipe");
    }
    for (int i = 0; i < 2; i++) {
        ret_ends[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 10);
        (void)close(ends[i]);
    }
    return true;
}

/* Starts members [first, end) that do not run, and then waits for all of them. */
static bool start_members(osri_demo_cluster *cluster, size_t first, size_t end,
                          uint64_t deadline_ms, char *ret_text)
{
    int ready[OSRI_DEMO_MEMBERS] = {-1, -1, -1, -1};
    bool fine = true;
    for (size_t i = first; i < end && fine; i++) {
        int ends[2];
        if (osri_demo_is_running(&cluster->members[i])) {
            continue;
        }
        fine = make_pipe(ends, ret_text);
        if (fine) {
            fine = spawn_member(cluster, i, ends[1], ret_text);
            (void)close(ends[1]);
            ready[i] = ends[0];
        }
    }
    for (size_t i = first; i < end; i++) {
        if (ready[i] >= 0) {
            fine = fine && wait_ready(cluster, i, ready[i], deadline_ms, ret_text);
            (void)close(ready[i]);
        }
    }
    return fine;
}

/* Until the workers have registered with the coordinator. */
static bool wait_workers(const osri_demo_cluster *cluster, char *ret_text)
{
    static const char *const arguments[] = {"wait", NULL};
    char log[PATH_MAX];
    osri_demo_process child;
    const osri_demo_spawn what = {.arguments = arguments, .log = log, .ready_fd = -1, .tied = true};
    if (!path_of(cluster, "wait", log) || !osri_demo_spawn_process(&what, &child, ret_text)) {
        return false;
    }
    int status = osri_demo_wait(&child, cluster->stop_fd);
    if (status < 0) {
        (void)kill(child.pid, SIGKILL);
        (void)osri_demo_wait(&child, -1);
        (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES, "interrupted");
    } else if (status != 0) {
        quote_log(cluster, "wait", "for the workers failed", ret_text);
    }
    return status == 0;
}

/* ---- ending ------------------------------------------------------------------------------ */

static void signal_members(const osri_demo_cluster *cluster, const bool chosen[OSRI_DEMO_MEMBERS],
                           int number)
{
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        if (chosen[i] && osri_demo_is_running(&cluster->members[i])) {
            (void)kill(cluster->members[i].pid, number);
        }
    }
}

static bool is_any_running(const osri_demo_cluster *cluster, const bool chosen[OSRI_DEMO_MEMBERS])
{
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        if (chosen[i] && osri_demo_is_running(&cluster->members[i])) {
            return true;
        }
    }
    return false;
}

static void wait_gone(const osri_demo_cluster *cluster, const bool chosen[OSRI_DEMO_MEMBERS],
                      uint32_t timeout_ms)
{
    uint64_t deadline_ms = osri_demo_now_ms() + timeout_ms;
    while (is_any_running(cluster, chosen) && osri_demo_now_ms() < deadline_ms) {
        wait_a_moment();
    }
}

static void stop_chosen(osri_demo_cluster *cluster, const bool chosen[OSRI_DEMO_MEMBERS],
                        uint32_t grace_ms)
{
    char text[OSRI_DEMO_TEXT_BYTES];
    signal_members(cluster, chosen, SIGTERM);
    wait_gone(cluster, chosen, grace_ms);
    signal_members(cluster, chosen, SIGKILL);
    wait_gone(cluster, chosen, 1000);
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        if (chosen[i]) {
            cluster->members[i] = (osri_demo_process){0, 0};
        }
    }
    (void)write_state(cluster, text);
}

void osri_demo_stop(osri_demo_cluster *cluster, uint32_t grace_ms)
{
    static const bool all[OSRI_DEMO_MEMBERS] = {true, true, true, true};
    char text[OSRI_DEMO_TEXT_BYTES];
    int lock_fd = lock(cluster, text);
    stop_chosen(cluster, all, grace_ms);
    if (lock_fd >= 0) {
        (void)close(lock_fd);
    }
}

bool osri_demo_start(osri_demo_cluster *cluster, char *ret_text)
{
    uint64_t deadline_ms = osri_demo_now_ms() + START_MS;
    bool mine[OSRI_DEMO_MEMBERS];
    int lock_fd = lock(cluster, ret_text);
    if (lock_fd < 0) {
        return false;
    }
    read_state(cluster); /* somebody may have been quicker */
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        mine[i] = !osri_demo_is_running(&cluster->members[i]);
    }
    bool fine = start_members(cluster, 0, 1, deadline_ms, ret_text) &&
                start_members(cluster, 1, OSRI_DEMO_MEMBERS, deadline_ms, ret_text) &&
                wait_workers(cluster, ret_text);
    if (!fine) {
        stop_chosen(cluster, mine, 2000);
    }
    (void)close(lock_fd);
    return fine;
}
