/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/keys/keys.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "node/keys/options.h"

/* osier keys: a table of commands, a function each. */

static const char usage[] =
    "usage: osier keys COMMAND [FLAG|WORD]...\n"
    "\n"
    "Development: all nodes share a secret file, made on first use.\n"
    "  init                         make it now, say where it is\n"
    "\n"
    "Production: an authority signs a certificate for each node.\n"
    "  authority --cluster NAME     make authority.key (sealed by a passphrase) and authority.pub\n"
    "  new --name NAME@HOST         on the node: make node.key and node.req\n"
    "  issue [--request FILE]       sign node.cert for a node.req\n"
    "  renew [CERTIFICATE]          sign it again, from now\n"
    "  revoke SERIAL|CERTIFICATE... put them on the list revoked.crl, sign it\n"
    "  show FILE...                 what is in a file; never a secret\n"
    "  check [--name NAME@HOST]     whether a node can start with the files\n"
    "\n"
    "  --dir DIRECTORY              where files are that no flag names (default .)\n"
    "  --authority FILE             authority.key, or authority.pub for show and check\n"
    "  --key FILE --request FILE --certificate FILE --revoked FILE --mapper-certificate FILE\n"
    "  --out FILE                   where a certificate is written (default node.cert)\n"
    "  --roles ROLE,...             join, spawn, host, supervise, shell-read, shell-write, "
    "mapper,\n"
    "                               hidden (default the first five)\n"
    "  --spawn ENTRY                it may start only this exported entry; may be repeated\n"
    "  --days N                     how long a certificate is good (default 30)\n"
    "  --passphrase-file FILE       its first line; without, the terminal is asked\n"
    "\n"
    "A node starts with --authority authority.pub --key node.key --certificate node.cert.\n";

typedef struct command {
    const char *name;
    int (*run)(const osri_keys_options *options);
} command;

static const command commands[] = {
    {"init", osri_keys_init},   {"authority", osri_keys_authority}, {"new", osri_keys_new},
    {"issue", osri_keys_issue}, {"renew", osri_keys_renew},         {"revoke", osri_keys_revoke},
    {"show", osri_keys_show},   {"check", osri_keys_check},
};

int osri_command_keys(int argc, char **argv)
{
    osri_keys_options options;
    char text[OSRI_KEYS_TEXT_BYTES] = "";

    if (argc < 2) {
        (void)fputs(usage, stderr);
        return OSR_STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        (void)fputs(usage, stdout);
        return OSR_STATUS_OK;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, argv[1]) != 0) {
            continue;
        }
        if (!osri_keys_parse(argc - 1, argv + 1, &options, text, sizeof(text))) {
            return osri_keys_wrong(text);
        }
        if (options.help) {
            (void)fputs(usage, stdout);
            return OSR_STATUS_OK;
        }
        if (sodium_init() < 0) {
            return osri_keys_failed("libsodium cannot be initialised");
        }
        return commands[i].run(&options);
    }
    (void)snprintf(text, sizeof(text), "there is no command %.100s", argv[1]);
    return osri_keys_wrong(text);
}
