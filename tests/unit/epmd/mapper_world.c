/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "mapper_world.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dist/identity/files.h"
#include "epmd/call.h"
#include "epmd/path.h"

#define LIMIT_MS 10000
#define ARGUMENTS_MAX 16

uint16_t world_port;
char world_runtime[128];
char world_home[128];
uint8_t world_secret[32];
osri_epmd_options world_options;
char world_text[512];

static char base[64];
static osri_identity self;

static int remove_entry(const char *name, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(name);
}

void world_make(void)
{
    strcpy(base, "/tmp/osier-epmd-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
}

void world_end(void)
{
    nftw(base, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool port_is_free(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_ANY);
    bool is_free = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_free;
}

void world_enter(void)
{
    char value[16];

    snprintf(world_runtime, sizeof(world_runtime), "%s/r%d", base, (int)getpid());
    snprintf(world_home, sizeof(world_home), "%s/h%d", base, (int)getpid());
    world_port = (uint16_t)(20000 + getpid() % 10000);
    while (!port_is_free(world_port)) {
        world_port++;
    }
    snprintf(value, sizeof(value), "%u", (unsigned)world_port);
    setenv("OSIER_RUNTIME_DIR", world_runtime, 1);
    setenv("OSIER_HOME", world_home, 1);
    setenv("OSIER_EPMD_PORT", value, 1);
    setenv("OSIER_EPMD_PROGRAM", OSIER_EPMD, 1);
    ck_assert_int_eq(osri_secret_load(NULL, world_secret, world_text, sizeof(world_text)), OSR_OK);
    self = world_member("a@h1");
    world_options = (osri_epmd_options){.identity = &self, .host = "h1", .idle_exit_s = 20};
}

osri_identity world_identity(const uint8_t secret[32], const char *name, uint32_t roles,
                             int64_t age_s)
{
    osri_identity_request request = {.secret = secret,
                                     .name = name,
                                     .roles = roles,
                                     .now_s = (uint64_t)(time(NULL) - age_s),
                                     .creation = 77};
    osri_identity made;

    ck_assert_int_eq(osri_identity_development(&request, &made), OSR_OK);
    return made;
}

osri_identity world_member(const char *name)
{
    return world_identity(world_secret, name, 0, 0);
}

/* The child is a copy of a test without threads: fork is safe, and lets it die with us. */
static pid_t launch(const char *const *arguments, int output)
{
    char *list[ARGUMENTS_MAX + 2] = {(char *)(uintptr_t) "osier-epmd"};

    for (int i = 0; arguments[i] != NULL && i < ARGUMENTS_MAX; i++) {
        list[i + 1] = (char *)(uintptr_t)arguments[i];
    }
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        execv(OSIER_EPMD, list);
        _exit(127);
    }
    return child;
}

static size_t read_until(int fd, char *ret_output, size_t bytes, char stop)
{
    uint64_t limit_ms = osri_epmd_now_ms() + LIMIT_MS;
    size_t used = 0;

    while (used < bytes - 1 && osri_epmd_now_ms() < limit_ms) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 100) != 1) {
            continue;
        }
        ssize_t got = read(fd, ret_output + used, 1);
        if (got <= 0 || ret_output[used++] == stop) {
            break;
        }
    }
    ret_output[used] = '\0';
    return used;
}

pid_t world_start(void)
{
    static const char *const arguments[] = {"--idle-exit", "60", NULL};
    char line[256];
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t mapper = launch(arguments, ends[1]);
    close(ends[1]);
    read_until(ends[0], line, sizeof(line), '\n');
    close(ends[0]);
    ck_assert_msg(strncmp(line, "READY", 5) == 0, "%s", line);
    return mapper;
}

static int wait_for(pid_t child)
{
    uint64_t limit_ms = osri_epmd_now_ms() + LIMIT_MS;
    int status = -1;

    while (waitpid(child, &status, WNOHANG) == 0) {
        if (osri_epmd_now_ms() > limit_ms) {
            kill(child, SIGKILL);
            ck_abort_msg("the mapper does not end");
        }
        poll(NULL, 0, 2);
    }
    return status;
}

int world_run(const char *const *arguments, char *ret_output, size_t bytes)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = launch(arguments, ends[1]);
    close(ends[1]);
    read_until(ends[0], ret_output, bytes, '\0');
    close(ends[0]);
    int status = wait_for(child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int world_stop(pid_t mapper, int signal_number)
{
    kill(mapper, signal_number);
    return wait_for(mapper);
}

int world_connect(void)
{
    int fd = -1;

    ck_assert_int_eq(osri_epmd_local_connect(world_port, &fd, world_text, sizeof(world_text)),
                     OSR_OK);
    return fd;
}

osri_epmd_lease *world_register(const osri_identity *identity, const char *endpoint)
{
    osri_epmd_registration registration = {.endpoint = endpoint};
    osri_epmd_options options = world_options;
    osri_epmd_lease *lease = NULL;

    options.identity = identity;
    osr_err err =
        osri_epmd_register(&options, &registration, &lease, world_text, sizeof(world_text));
    ck_assert_msg(err == OSR_OK, "%s: %s", osr_err_name(err), world_text);
    return lease;
}

void world_turn_until(osri_epmd_lease *lease, osri_epmd_lease_state state)
{
    uint64_t limit_ms = osri_epmd_now_ms() + LIMIT_MS;

    while (osri_epmd_lease_state_get(lease) != state) {
        uint64_t now_ms = osri_epmd_now_ms();
        ck_assert_msg(now_ms < limit_ms, "the lease is in state %d",
                      (int)osri_epmd_lease_state_get(lease));
        uint64_t due_ms = osri_epmd_lease_turn(lease, now_ms);
        struct pollfd wait = {.fd = osri_epmd_lease_fd(lease), .events = POLLIN};
        if (osri_epmd_lease_state_get(lease) != state) {
            uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
            poll(&wait, 1, left_ms < 1000 ? (int)left_ms : 1000);
        }
    }
}

void world_lookup_until(const char *name, osr_err expected)
{
    uint64_t limit_ms = osri_epmd_now_ms() + LIMIT_MS;
    osri_epmd_record record;
    osr_err err;

    do {
        ck_assert_msg(osri_epmd_now_ms() < limit_ms, "%s: %s", name, world_text);
        err = osri_epmd_lookup(&world_options, name, &record, world_text, sizeof(world_text));
    } while (err != expected);
}
