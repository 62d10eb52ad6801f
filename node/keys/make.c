/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "dist/identity/files.h"
#include "dist/identity/node_files.h"
#include "node/keys/options.h"

/* Making keys: the secret of development mode, an authority, a node's key with its request. */

int osri_keys_init(const osri_keys_options *options)
{
    uint8_t secret[OSRI_SECRET_BYTES];
    char path[OSRI_KEYS_PATH_BYTES], text[OSRI_KEYS_TEXT_BYTES] = "";

    (void)options;
    osr_err err = osri_secret_path(path, sizeof(path), text, sizeof(text));
    bool was_there = err == OSR_OK && access(path, F_OK) == 0;
    if (err == OSR_OK) {
        err = osri_secret_load(NULL, secret, text, sizeof(text));
        sodium_memzero(secret, sizeof(secret));
    }
    if (err != OSR_OK) {
        return osri_keys_failed(text);
    }
    (void)printf("%s: %s\n"
                 "Copy it to the other machines of a development cluster. Whoever can read it can "
                 "be any node.\n",
                 path, was_there ? "is there and good" : "made");
    return OSR_STATUS_OK;
}

static int save_authority(const osri_authority *authority, const char *key_path,
                          const char *public_path, const char *passphrase)
{
    char text[OSRI_KEYS_TEXT_BYTES] = "";

    if (access(public_path, F_OK) == 0) {
        (void)snprintf(text, sizeof(text), "%s: exists; move it away or name another --dir",
                       public_path);
        return osri_keys_failed(text);
    }
    if (osri_authority_save(authority, key_path, passphrase, text, sizeof(text)) != OSR_OK ||
        osri_authority_save_public(authority, public_path, text, sizeof(text)) != OSR_OK) {
        return osri_keys_failed(text);
    }
    (void)printf("%s: the authority's key, sealed; keep it off the nodes, and a copy of it\n"
                 "%s: its public half; every node of cluster \"%s\" gets it\n",
                 key_path, public_path, authority->cluster);
    return OSR_STATUS_OK;
}

int osri_keys_authority(const osri_keys_options *options)
{
    osri_authority authority;
    char key_path[OSRI_KEYS_PATH_BYTES], public_path[OSRI_KEYS_PATH_BYTES];
    char passphrase[OSRI_PASSPHRASE_BYTES], text[OSRI_KEYS_TEXT_BYTES] = "";

    if (options->cluster == NULL) {
        return osri_keys_wrong("authority wants --cluster NAME");
    }
    if (!osri_keys_path(options, NULL, "authority.key", key_path) ||
        !osri_keys_path(options, NULL, "authority.pub", public_path)) {
        return OSR_STATUS_USAGE;
    }
    if (osri_authority_new(options->cluster, &authority, text, sizeof(text)) != OSR_OK) {
        return osri_keys_wrong(text);
    }
    int status = OSR_STATUS_CONFIG;
    if (!osri_keys_passphrase(options, true, passphrase, text, sizeof(text))) {
        (void)osri_keys_failed(text);
    } else {
        status = save_authority(&authority, key_path, public_path, passphrase);
        sodium_memzero(passphrase, sizeof(passphrase));
    }
    sodium_memzero(&authority, sizeof(authority));
    return status;
}

int osri_keys_new(const osri_keys_options *options)
{
    char key_path[OSRI_KEYS_PATH_BYTES], request_path[OSRI_KEYS_PATH_BYTES];
    char text[OSRI_KEYS_TEXT_BYTES] = "";

    if (options->name == NULL) {
        return osri_keys_wrong("new wants --name NAME@HOST, the node's whole name");
    }
    if (!osri_keys_path(options, options->key, "node.key", key_path) ||
        !osri_keys_path(options, options->request, "node.req", request_path)) {
        return OSR_STATUS_USAGE;
    }
    osr_err err = osri_node_key_new(options->name, key_path, request_path, text, sizeof(text));
    if (err != OSR_OK) {
        return err == OSR_EINVAL ? osri_keys_wrong(text) : osri_keys_failed(text);
    }
    (void)printf("%s: the node's key; it stays on this machine\n"
                 "%s: bring it to the authority: osier keys issue --request %s\n",
                 key_path, request_path, request_path);
    return OSR_STATUS_OK;
}
