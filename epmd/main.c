/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* osier-epmd: the port mapper of a machine. Runs in the foreground, or in the background with
 * --daemon; the other commands ask one that runs. Forking comes before anything else is made:
 * neither ZeroMQ nor threads survive it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "dist/identity/files.h"
#include "dist/identity/node_files.h"
#include "epmd/client.h"
#include "epmd/path.h"
#include "epmd/server.h"

#define EXIT_USAGE 64
#define EXIT_CONFIGURATION 78
#define TEXT_BYTES 512

typedef struct settings {
    uint16_t port;
    const char *listen;
    const char *secret_path;
    const char *cluster;
    osri_production_files production; /* no authority: development */
    uint32_t idle_exit_s;
    int ready_fd; /* -1: none */
    bool daemon;
} settings;

static const char usage[] =
    "usage: osier-epmd [OPTION...] [COMMAND]\n"
    "The port mapper of this machine: nodes register their names here, members of the cluster ask "
    "for them.\n"
    "\n"
    "  (no command)  run\n"
    "  names         list the registered nodes\n"
    "  dump          list them with endpoint, pid and labels, and the counters\n"
    "  stop          stop the mapper that runs\n"
    "\n"
    "  --port N            port for other machines and name of the local socket (OSIER_EPMD_PORT, "
    "4371)\n"
    "  --listen ADDRESS    address for other machines (127.0.0.1)\n"
    "  --secret FILE       the cluster's secret (~/.osier/cluster.secret, made on first use)\n"
    "  --cluster NAME      the cluster's name (dev)\n"
    "  --authority FILE --key FILE --certificate FILE --revoked FILE\n"
    "                      production, instead of a secret: files made by osier keys; the "
    "certificate has\n"
    "                      the roles join and mapper\n"
    "  --daemon            run in the background\n"
    "  --idle-exit SECONDS stop when no node has been registered for so long\n"
    "  --ready-fd N        report READY, RUNNING or ERROR and the reason on this descriptor\n"
    "  --help\n";

static int wrong_usage(const char *what, const char *value)
{
    fprintf(stderr, "osier-epmd: %s%s; see osier-epmd --help\n", what, value);
    return EXIT_USAGE;
}

static bool parse_number(const char *text, uint32_t max, uint32_t *ret_number)
{
    char *end = NULL;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > max) {
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

static bool apply_option(settings *s, int option, const char *value)
{
    uint32_t number = 0;
    bool good = true;

    switch (option) {
    case 'p':
        good = parse_number(value, UINT16_MAX, &number) && number > 0;
        s->port = (uint16_t)number;
        break;
    case 'l':
        s->listen = value;
        break;
    case 's':
        s->secret_path = value;
        break;
    case 'c':
        s->cluster = value;
        good = osri_cluster_name_check(value, strlen(value)) == OSR_OK;
        break;
    case 'A':
        s->production.authority = value;
        break;
    case 'K':
        s->production.key = value;
        break;
    case 'C':
        s->production.certificate = value;
        break;
    case 'R':
        s->production.revoked = value;
        break;
    case 'd':
        s->daemon = true;
        break;
    case 'i':
        good = parse_number(value, 86400 * 365, &s->idle_exit_s);
        break;
    default:
        good = parse_number(value, 1 << 20, &number);
        s->ready_fd = (int)number;
        break;
    }
    return good;
}

/* 0, or the exit status plus one. */
static int parse_options(int argc, char **argv, settings *s)
{
    static const struct option table[] = {
        {"port", required_argument, NULL, 'p'},
        {"listen", required_argument, NULL, 'l'},
        {"secret", required_argument, NULL, 's'},
        {"cluster", required_argument, NULL, 'c'},
        {"authority", required_argument, NULL, 'A'},
        {"key", required_argument, NULL, 'K'},
        {"certificate", required_argument, NULL, 'C'},
        {"revoked", required_argument, NULL, 'R'},
        {"daemon", no_argument, NULL, 'd'},
        {"idle-exit", required_argument, NULL, 'i'},
        {"ready-fd", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 1;
        }
        if (option == '?') {
            return 1 + wrong_usage("unknown or incomplete option ", argv[optind - 1]);
        }
        if (!apply_option(s, option, optarg)) {
            return 1 + wrong_usage("not a good value: ", optarg);
        }
    }
    return 0;
}

static void report(const settings *s, const char *line)
{
    if (s->ready_fd >= 0) {
        dprintf(s->ready_fd, "%s\n", line);
        close(s->ready_fd);
    }
}

static int fail(const settings *s, osr_err err, const char *text)
{
    char line[TEXT_BYTES + 16];
    bool is_configuration =
        err == OSR_EPERM || err == OSR_EINVAL || err == OSR_ENOTFOUND || err == OSR_EPROTO;

    fprintf(stderr, "osier-epmd: %s\n", text);
    snprintf(line, sizeof(line), "ERROR %s", text);
    report(s, line);
    return is_configuration ? EXIT_CONFIGURATION : EXIT_FAILURE;
}

/* Descriptors that somebody left open for us would keep his pipes and ports alive as long as we
 * live. */
static void close_inherited(int but)
{
    long limit = sysconf(_SC_OPEN_MAX);

    for (int fd = 3; fd < (limit > 0 && limit < 65536 ? limit : 65536); fd++) {
        if (fd != but) {
            close(fd);
        }
    }
}

/* Standard error becomes the log file beside the socket, so that what is refused can be looked up.
 */
static void redirect_output(uint16_t port)
{
    char path[OSRI_EPMD_PATH_BYTES];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = -1;

    if (osri_epmd_path(port, "log", path, NULL, 0) == OSR_OK) {
        log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(log >= 0 ? log : null, STDERR_FILENO);
        close(null);
    }
    if (log >= 0) {
        close(log);
    }
}

/* What the one in the background reports, for the person who started it: his exit status. */
static int relay(int fd)
{
    char line[TEXT_BYTES + 16];
    size_t used = 0;
    ssize_t bytes;

    while (used < sizeof(line) - 1 &&
           (bytes = read(fd, line + used, sizeof(line) - 1 - used)) > 0) {
        used += (size_t)bytes;
    }
    line[used] = '\0';
    if (strncmp(line, "READY", 5) == 0) {
        fputs(line, stdout);
    }
    return strncmp(line, "READY", 5) == 0 || strncmp(line, "RUNNING", 7) == 0 ? EXIT_SUCCESS
                                                                              : EXIT_FAILURE;
}

/* A log without a line is not worth a file. */
static void remove_empty_log(uint16_t port)
{
    char path[OSRI_EPMD_PATH_BYTES];
    struct stat status;

    if (osri_epmd_path(port, "log", path, NULL, 0) == OSR_OK && stat(path, &status) == 0 &&
        status.st_size == 0) {
        unlink(path);
    }
}

/* Into the background: the parent ends here, the child goes on in a session without a terminal.
 * Without a descriptor to report on, the parent waits for the report itself. */
static bool go_background(settings *s)
{
    int ends[2] = {-1, -1};

    if (s->ready_fd < 0 && pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child < 0) {
            return false;
        }
        if (child > 0) {
            close(ends[1]);
            int status = i == 0 && ends[0] >= 0 ? relay(ends[0]) : EXIT_SUCCESS;
            fflush(stdout);
            _exit(status);
        }
        if (i == 0) {
            setsid();
        }
    }
    if (ends[0] >= 0) {
        close(ends[0]);
        s->ready_fd = ends[1];
    }
    return chdir("/") == 0;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int stop_signals(void)
{
    sigset_t stop;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL); /* before libzmq's threads, which inherit it */
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(const settings *s, const osri_identity *identity)
{
    osri_epmd_server *server = NULL;
    char text[TEXT_BYTES] = "", line[TEXT_BYTES];
    osri_epmd_server_options options = {
        .identity = identity,
        .port = s->port,
        .listen = s->listen,
        .stop_fd = stop_signals(),
        .idle_exit_s = s->idle_exit_s,
    };

    osr_err err = osri_epmd_server_new(&options, &server, text, sizeof(text));
    if (err == OSR_ETAKEN) {
        printf("osier-epmd: %s\n", text);
        report(s, "RUNNING");
        return EXIT_SUCCESS;
    }
    if (err != OSR_OK) {
        return fail(s, err, text);
    }
    snprintf(line, sizeof(line), "READY pid %ld port %u socket %s", (long)getpid(),
             (unsigned)s->port, osri_epmd_server_socket(server));
    if (!s->daemon) {
        printf("%s\n", line);
        fflush(stdout);
    } else {
        redirect_output(s->port);
    }
    report(s, line);
    osri_epmd_server_run(server);
    if (s->daemon) {
        remove_empty_log(s->port); /* while the lock is still ours */
    }
    osri_epmd_server_free(&server);
    return EXIT_SUCCESS;
}

static osr_err load_identity(const settings *s, osri_identity *ret_identity, char *text,
                             size_t text_bytes)
{
    static osri_revocations revocations; /* lent to the identity */
    uint8_t secret[OSRI_SECRET_BYTES];

    if (s->production.authority != NULL && (s->secret_path != NULL || s->cluster != NULL)) {
        snprintf(text, text_bytes,
                 "an authority or a secret, not both; leave --secret and --cluster out");
        return OSR_EINVAL;
    }
    if (s->production.authority != NULL) {
        return osri_identity_production(&s->production, NULL, OSRI_ROLE_JOIN | OSRI_ROLE_MAPPER,
                                        (uint64_t)time(NULL), &revocations, ret_identity, text,
                                        text_bytes);
    }
    osr_err err = osri_secret_load(s->secret_path, secret, text, text_bytes);
    if (err == OSR_OK) {
        err = osri_identity_mapper(secret, s->cluster, ret_identity);
        sodium_memzero(secret, sizeof(secret));
        if (err != OSR_OK) {
            snprintf(text, text_bytes, "the cluster's name is not one");
        }
    }
    return err;
}

static int run(settings *s)
{
    osri_identity identity;
    char text[TEXT_BYTES] = "";

    umask(077);
    if (s->daemon) {
        close_inherited(s->ready_fd);
    }
    osr_err err = load_identity(s, &identity, text, sizeof(text));
    if (err != OSR_OK) {
        return fail(s, err, text);
    }
    if (s->daemon && !go_background(s)) {
        return fail(s, OSR_ELIMIT, "cannot go into the background");
    }
    raise_descriptor_limit();
    int status = serve(s, &identity);
    osri_identity_wipe(&identity);
    return status;
}

static void print_record(const osri_epmd_record *record, bool all)
{
    if (!all) {
        printf("%s\n", record->name);
        return;
    }
    printf("%s\t%s\tpid %u\tcreation %016llx%s", record->name, record->endpoint,
           (unsigned)record->os_pid, (unsigned long long)record->creation,
           record->hidden ? "\thidden" : "");
    for (uint32_t i = 0; i < record->label_count; i++) {
        printf("%s%s", i == 0 ? "\tlabels " : " ", record->labels[i]);
    }
    putchar('\n');
}

static osr_err print_names(const osri_epmd_options *options, bool all, char *text, size_t bytes)
{
    osri_epmd_record *records = NULL;
    osri_epmd_status status;
    uint32_t count = 0;

    osr_err err = osri_epmd_list(options, NULL, &records, &count, text, bytes);
    for (uint32_t i = 0; err == OSR_OK && i < count; i++) {
        print_record(&records[i], all);
    }
    osri_epmd_list_free(&records, count);
    if (err == OSR_OK && all) {
        err = osri_epmd_status_get(options, &status, text, bytes);
    }
    if (err == OSR_OK && all) {
        printf("mapper\tpid %llu\tup %llu s\tnames %llu\tconnections %llu\tregistered %llu\t"
               "answered %llu\trefused %llu\tmalformed %llu\tlimited %llu\n",
               (unsigned long long)status.os_pid, (unsigned long long)status.uptime_s,
               (unsigned long long)status.names, (unsigned long long)status.connections,
               (unsigned long long)status.registered, (unsigned long long)status.answered,
               (unsigned long long)status.refused, (unsigned long long)status.malformed,
               (unsigned long long)status.limited);
    }
    return err;
}

static int ask(const settings *s, const char *command)
{
    const osri_epmd_options options = {.port = s->port};
    char text[TEXT_BYTES] = "";
    osr_err err;

    if (strcmp(command, "names") == 0 || strcmp(command, "dump") == 0) {
        err = print_names(&options, command[0] == 'd', text, sizeof(text));
    } else if (strcmp(command, "stop") == 0) {
        err = osri_epmd_stop(&options, text, sizeof(text));
    } else {
        return wrong_usage("unknown command ", command);
    }
    if (err != OSR_OK) {
        fprintf(stderr, "osier-epmd: %s\n", text);
    }
    return err == OSR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    settings s = {.ready_fd = -1};
    char text[TEXT_BYTES] = "";

    int status = parse_options(argc, argv, &s);
    if (status != 0) {
        return status - 1;
    }
    if (argc - optind > 1) {
        return wrong_usage("one command at a time, not ", argv[optind + 1]);
    }
    if (osri_epmd_port(s.port, &s.port, text, sizeof(text)) != OSR_OK) {
        return fail(&s, OSR_EINVAL, text);
    }
    return optind < argc ? ask(&s, argv[optind]) : run(&s);
}
