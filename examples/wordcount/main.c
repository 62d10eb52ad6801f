/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "nodes.h"
#include "scan.h"

/* The word count: one program that is each of its nodes, and the client. */

#define WORKERS_DEFAULT 3
#define WAIT_MS 15000
#define PATHS_MAX 65536

static const char usage_text[] =
    "usage: wordcount COMMAND\n"
    "  coordinator [FLAG]... [--workers N] [--out DIRECTORY [PATH]...]\n"
    "                    the node that hands out the work; with --out it does one job and ends\n"
    "  worker [FLAG]...  a node that counts; needs --label worker --join COORDINATOR\n"
    "  run [--coordinator NODE] [--kill] --out DIRECTORY [--] [PATH]...\n"
    "                    has a coordinator count the files and directories; by default\n"
    "                    /usr/share/common-licenses and /usr/share/doc\n"
    "  check [--] [PATH]...         says whether there is something to count\n"
    "  wait [--coordinator NODE]    until its workers are there\n"
    "  help\n"
    "FLAG is one of every Osier node: wordcount worker --help\n";

typedef struct arguments {
    const char *coordinator;
    char *directory;
    uint32_t workers;
    bool kill;
    osr_str *paths;
    uint32_t path_count;
} arguments;

static int wrong(const char *what, const char *why)
{
    (void)fprintf(stderr, "wordcount: %s: %s; see wordcount help\n", what, why);
    return OSR_STATUS_USAGE;
}

/* ---- arguments --------------------------------------------------------------------------- */

/* The coordinator may have another working directory. */
static char *absolute(const char *path)
{
    char directory[PATH_MAX] = "";
    if (path[0] != '/' && getcwd(directory, sizeof(directory)) == NULL) {
        directory[0] = '\0';
    }
    size_t bytes = strlen(directory) + strlen(path) + 2;
    char *whole = malloc(bytes);
    if (whole != NULL) {
        (void)snprintf(whole, bytes, "%s%s%s", directory, directory[0] != '\0' ? "/" : "", path);
    }
    return whole;
}

static bool add_path(arguments *a, const char *path)
{
    char *whole = absolute(path);
    osr_str *more = realloc(a->paths, (a->path_count + 1) * sizeof(*more));
    if (whole == NULL || more == NULL || a->path_count == PATHS_MAX) {
        free(whole);
        return false;
    }
    a->paths = more;
    a->paths[a->path_count++] = osr_str_of(whole);
    return true;
}

/* Those of the defaults that are there, when nothing is named. */
static bool add_default_paths(arguments *a)
{
    for (size_t i = 0; i < scan_default_count; i++) {
        scan files = {0};
        char text[512];
        bool there = scan_add(&files, scan_default_paths[i], text, sizeof(text));
        scan_fini(&files);
        if (there && !add_path(a, scan_default_paths[i])) {
            return false;
        }
    }
    return true;
}

static bool is_path(const char *argument)
{
    return argument[0] != '-';
}

/* [--coordinator NODE] [--kill] [--out DIRECTORY] [--] [PATH]... */
static int parse(int argc, char **argv, arguments *a)
{
    int i = 0;
    for (; i < argc && !is_path(argv[i]) && strcmp(argv[i], "--") != 0; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--kill") == 0) {
            a->kill = true;
        } else if (strcmp(argv[i], "--coordinator") == 0 && has_value) {
            a->coordinator = argv[++i];
        } else if (strcmp(argv[i], "--out") == 0 && has_value) {
            free(a->directory);
            a->directory = absolute(argv[++i]);
        } else {
            return wrong(argv[i], "not a flag of this command, or its value is missing");
        }
    }
    i += i < argc && strcmp(argv[i], "--") == 0;
    for (; i < argc; i++) {
        if (!add_path(a, argv[i])) {
            return wrong(argv[i], "too many paths");
        }
    }
    if (a->path_count == 0 && !add_default_paths(a)) {
        return wrong("the default paths", "no memory");
    }
    return OSR_STATUS_OK;
}

/* Whether there is something to count; says why not. */
static int check(const arguments *a)
{
    int status = OSR_STATUS_OK;
    for (uint32_t i = 0; i < a->path_count && status == OSR_STATUS_OK; i++) {
        scan files = {0};
        char text[1024];
        if (!scan_add(&files, a->paths[i].at, text, sizeof(text))) {
            (void)fprintf(stderr, "wordcount: %s\n", text);
            status = OSR_STATUS_FAILED;
        }
        scan_fini(&files);
    }
    if (a->path_count == 0) {
        (void)fprintf(stderr,
                      "wordcount: there are no files in %s and %s; name a file or directory\n",
                      scan_default_paths[0], scan_default_paths[1]);
        status = OSR_STATUS_FAILED;
    }
    return status;
}

/* ---- clients ----------------------------------------------------------------------------- */

OSR_ENTRY(run_client, client_options)
{
    return client_run(self, argument);
}

OSR_ENTRY(wait_client, wait_options)
{
    return client_wait(self, argument);
}

static int status_of(osr_err err)
{
    switch (err) {
    case OSR_OK:
        return OSR_STATUS_OK;
    case OSR_ENOCONNECTION:
        return OSR_STATUS_UNAVAILABLE;
    default:
        return OSR_STATUS_FAILED;
    }
}

/* Runs one process on a client's node. */
static int with_node(const osr_entry *entry, const void *argument)
{
    osr_node *node;
    char text[512];
    int status = osr_client_open(OSR_CLIENT(.what = "wordcount", .log_level = OSR_LOG_ERROR), &node,
                                 text, sizeof(text));
    if (status != OSR_STATUS_OK) {
        (void)fprintf(stderr, "wordcount: %s\n", text);
        return status;
    }
    osr_pid pid;
    osr_ended ended = {0};
    osr_err err = osr_node_spawn(node, entry, argument, NULL, &pid);
    if (err == OSR_OK) {
        err = osr_node_wait(node, pid, OSR_FOREVER, &ended);
    }
    if (err == OSR_OK && ended.code != OSR_REASON_NORMAL) {
        err = ended.error != OSR_OK ? (osr_err)ended.error : OSR_EFAILED;
    }
    osr_node_stop(node, 0);
    osr_node_free(&node);
    return status_of(err);
}

static client_options options_of(const arguments *a)
{
    client_options options = {.coordinator = osr_str_of(a->coordinator),
                              .directory = osr_str_of(a->directory),
                              .kill = a->kill};
    options.paths.at = a->paths;
    options.paths.count = a->path_count;
    return options;
}

static int command_run(arguments *a)
{
    int status = check(a);
    if (status != OSR_STATUS_OK) {
        return status;
    }
    if (a->directory == NULL) {
        return wrong("run", "say where the result goes: --out DIRECTORY");
    }
    client_options options = options_of(a);
    return with_node(&run_client_osr_entry, &options);
}

static int command_wait(const arguments *a)
{
    wait_options options = {.coordinator = osr_str_of(a->coordinator), .timeout_ms = WAIT_MS};
    return with_node(&wait_client_osr_entry, &options);
}

/* ---- nodes ------------------------------------------------------------------------------- */

/* Its own flags are taken out of argv; the rest is osr_main()'s. What follows --out DIRECTORY
 * are paths. */
static int command_coordinator(int argc, char **argv, arguments *a)
{
    int kept = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--workers") == 0 && i + 1 < argc) {
            a->workers = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--out") == 0) {
            int status = parse(argc - i, argv + i, a);
            if (status != OSR_STATUS_OK) {
                return status;
            }
            break;
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    if (a->workers == 0) {
        return wrong("--workers", "how many there are to wait for, 1 or more");
    }
    if (a->directory == NULL) {
        return node_coordinator(kept, argv, a->workers, NULL);
    }
    client_options once = options_of(a);
    int status = check(a);
    return status != OSR_STATUS_OK ? status : node_coordinator(kept, argv, a->workers, &once);
}

static int command(int argc, char **argv, arguments *a)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "worker") == 0) {
        return node_worker(argc - 1, argv + 1);
    }
    if (strcmp(name, "coordinator") == 0) {
        return command_coordinator(argc - 1, argv + 1, a);
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0) {
        (void)fputs(usage_text, stdout);
        return OSR_STATUS_OK;
    }
    bool is_run = strcmp(name, "run") == 0;
    bool is_check = strcmp(name, "check") == 0;
    if (!is_run && !is_check && strcmp(name, "wait") != 0) {
        return wrong(name[0] != '\0' ? name : "wordcount", "there is no such command");
    }
    int status = parse(argc - 2, argv + 2, a);
    if (status != OSR_STATUS_OK) {
        return status;
    }
    return is_run ? command_run(a) : is_check ? check(a) : command_wait(a);
}

int main(int argc, char **argv)
{
    arguments a = {.coordinator = "coordinator@localhost", .workers = WORKERS_DEFAULT};
    int status = command(argc, argv, &a);
    for (uint32_t i = 0; i < a.path_count; i++) {
        free((char *)(uintptr_t)a.paths[i].at);
    }
    free(a.paths);
    free(a.directory);
    return status;
}
