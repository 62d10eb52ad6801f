/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "node/keys/keys.h"
#include "node/osier/commands.h"
#include "node/shell/version.h"
#include "osier/main.h"
#ifdef OSIER_DEMO
#include "node/demo/demo.h"
#endif

/* The program `osier`: a table of commands. */

typedef struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} command;

static int help(int argc, char **argv);
static int version(int argc, char **argv);

static const command commands[] = {
#ifdef OSIER_DEMO
    {"demo", "a cluster of four nodes on this machine, and the word count on it",
     osri_command_demo},
#endif
    {"nodes", "the nodes of this machine, and whether they answer; the links of one",
     osri_osier_nodes},
    {"shell", "a shell in a node: processes, state, calls", osri_osier_shell},
    {"exec", "one command of that shell, for scripts", osri_osier_exec},
    {"keys", "the cluster's secret, the authority, certificates", osri_command_keys},
    {"help", "this list", help},
    {"version", "which Osier this is", version},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *stream)
{
    (void)fputs("usage: osier COMMAND [ARGUMENT]...\n", stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fputs("osier COMMAND --help says more.\n", stream);
}

static const command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int refuse(const char *name)
{
    (void)fprintf(stderr, "osier: there is no command %s\n", name);
    print_usage(stderr);
    return OSR_STATUS_USAGE;
}

static int help(int argc, char **argv)
{
    const command *c = argc > 1 ? find(argv[1]) : NULL;
    if (argc > 1 && c == NULL) {
        return refuse(argv[1]);
    }
    if (c != NULL && c->run != help && c->run != version) {
        char name[16];
        char flag[] = "--help";
        char *asked[] = {name, flag, NULL};
        (void)snprintf(name, sizeof(name), "%s", c->name);
        return c->run(2, asked);
    }
    print_usage(stdout);
    return OSR_STATUS_OK;
}

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)printf("osier %s\n", osri_version());
    return OSR_STATUS_OK;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return OSR_STATUS_USAGE;
    }
    const char *name = argv[1];
    name = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ? "help" : name;
    name = strcmp(name, "--version") == 0 ? "version" : name;
    const command *c = find(name);
    return c == NULL ? refuse(name) : c->run(argc - 1, argv + 1);
}
