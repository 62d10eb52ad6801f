/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "dist/identity/files.h"
#include "dist/identity/node_files.h"
#include "dist/identity/text_file.h"
#include "node/keys/options.h"

/* Looking at files of keys, and judging them as a node would. Secrets are never shown. */

static void print_key(const char *what, const uint8_t key[32])
{
    char hex[65];

    (void)printf("%s: %s\n", what, sodium_bin2hex(hex, sizeof(hex), key, 32));
}

static void print_time(const char *what, uint64_t seconds)
{
    time_t at = (time_t)seconds;
    struct tm utc;
    char text[32];

    (void)gmtime_r(&at, &utc);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    (void)printf("%s: %s\n", what, text);
}

static void print_certificate(const osri_certificate *c)
{
    char roles[128];

    osri_roles_print(c->roles, roles, sizeof(roles));
    (void)printf("certificate of \"%s\"\ncluster: %s\nserial: %llu\n", c->name, c->cluster,
                 (unsigned long long)c->serial);
    print_time("from", c->not_before);
    print_time("until", c->not_after);
    (void)printf("roles: %s\n", roles);
    for (uint32_t i = 0; i < c->spawn_count; i++) {
        (void)printf("may spawn: %s\n", c->spawn[i]);
    }
    print_key("key", c->key);
}

static bool show_certificate(const char *path, char *text, size_t bytes)
{
    osri_signed_certificate certificate;
    osri_certificate c;

    if (osri_certificate_load(path, &certificate, text, bytes) != OSR_OK) {
        return false;
    }
    if (osri_certificate_decode(&certificate, &c) != OSR_OK) {
        (void)snprintf(text, bytes, "%s: the certificate is malformed", path);
        return false;
    }
    print_certificate(&c);
    (void)puts("The signature was not checked: osier keys check does.");
    return true;
}

static bool show_request(const char *path, char *text, size_t bytes)
{
    osri_node_request request;

    if (osri_node_request_load(path, &request, text, bytes) != OSR_OK) {
        return false;
    }
    (void)printf("request of \"%s\"\n", request.name);
    print_key("key", request.key);
    return true;
}

static bool show_authority(const char *path, char *text, size_t bytes)
{
    osri_authority authority;

    if (osri_authority_load_public(path, &authority, text, bytes) != OSR_OK) {
        return false;
    }
    (void)printf("authority of cluster \"%s\"\n", authority.cluster);
    print_key("key", authority.public_key);
    return true;
}

static bool show_node_key(const char *path, char *text, size_t bytes)
{
    uint8_t public_key[32], secret_key[32];

    if (osri_node_key_load(path, public_key, secret_key, text, bytes) != OSR_OK) {
        return false;
    }
    sodium_memzero(secret_key, sizeof(secret_key));
    (void)puts("key of a node");
    print_key("public", public_key);
    return true;
}

static bool show_authority_key(const char *path, char *text, size_t bytes)
{
    char data[2048], cluster[OSRI_CLUSTER_BYTES] = "?";
    uint8_t key[32];

    if (osri_file_read(path, 077, data, sizeof(data), text, bytes) != OSR_OK) {
        return false;
    }
    if (osri_text_value(data, "cluster", cluster, sizeof(cluster)) != OSR_OK ||
        osri_text_value_bin_exact(data, "public", key, sizeof(key)) != OSR_OK) {
        (void)snprintf(text, bytes, "%s: damaged; take it from a copy", path);
        return false;
    }
    (void)printf("sealed key of the authority of cluster \"%s\"\n", cluster);
    print_key("public", key);
    return true;
}

/* The list is only worth showing with its signature checked: the authority is asked for. */
static bool show_revoked(const osri_keys_options *options, const char *path, char *text,
                         size_t bytes)
{
    static osri_revocations list; /* 32 KiB */
    osri_authority authority;
    char public_path[OSRI_KEYS_PATH_BYTES];

    if (!osri_keys_path(options, options->authority, "authority.pub", public_path) ||
        osri_authority_load_public(public_path, &authority, text, bytes) != OSR_OK ||
        osri_revocations_load(path, &authority, &list, text, bytes) != OSR_OK) {
        return false;
    }
    (void)printf("revoked in cluster \"%s\", version %llu, %u serials\n", list.cluster,
                 (unsigned long long)list.version, (unsigned)list.count);
    print_time("issued", list.issued);
    for (uint32_t i = 0; i < list.count; i++) {
        (void)printf("%llu\n", (unsigned long long)list.serials[i]);
    }
    return true;
}

static bool show_one(const osri_keys_options *options, const char *path, char *text, size_t bytes)
{
    char data[OSRI_FILE_BYTES_MAX];
    bool (*show)(const char *path, char *text, size_t bytes) = NULL;

    if (osri_file_read(path, 0, data, sizeof(data), text, bytes) != OSR_OK) {
        return false;
    }
    if (osri_text_begins(data, "# osier-revoked-1")) {
        return show_revoked(options, path, text, bytes);
    }
    show = osri_text_begins(data, "# osier-certificate-1")     ? show_certificate
           : osri_text_begins(data, "# osier-request-1")       ? show_request
           : osri_text_begins(data, "# osier-authority-1")     ? show_authority
           : osri_text_begins(data, "# osier-authority-key-1") ? show_authority_key
           : osri_text_begins(data, "# osier-node-key-1")      ? show_node_key
                                                               : NULL;
    sodium_memzero(data, sizeof(data));
    if (show == NULL) {
        (void)snprintf(text, bytes, "%s: none of the files that osier keys makes", path);
        return false;
    }
    return show(path, text, bytes);
}

int osri_keys_show(const osri_keys_options *options)
{
    char text[OSRI_KEYS_TEXT_BYTES] = "";

    if (options->rest_count == 0) {
        return osri_keys_wrong("show wants files");
    }
    for (int i = 0; i < options->rest_count; i++) {
        if (!show_one(options, options->rest[i], text, sizeof(text))) {
            return osri_keys_failed(text);
        }
    }
    return OSR_STATUS_OK;
}

int osri_keys_check(const osri_keys_options *options)
{
    static osri_revocations list; /* 32 KiB */
    osri_identity identity;
    char authority[OSRI_KEYS_PATH_BYTES], key[OSRI_KEYS_PATH_BYTES];
    char certificate[OSRI_KEYS_PATH_BYTES], text[OSRI_KEYS_TEXT_BYTES] = "";

    if (!osri_keys_path(options, options->authority, "authority.pub", authority) ||
        !osri_keys_path(options, options->key, "node.key", key) ||
        !osri_keys_path(options, options->certificate, "node.cert", certificate)) {
        return OSR_STATUS_USAGE;
    }
    const osri_production_files files = {.authority = authority,
                                         .key = key,
                                         .certificate = certificate,
                                         .revoked = options->revoked,
                                         .mapper_certificate = options->mapper_certificate};
    if (osri_identity_production(&files, options->name, OSRI_ROLE_JOIN, (uint64_t)time(NULL), &list,
                                 &identity, text, sizeof(text)) != OSR_OK) {
        return osri_keys_failed(text);
    }
    print_certificate(&identity.certificate);
    (void)printf("good: a node \"%s\" can start with these files now\n", identity.certificate.name);
    osri_identity_wipe(&identity);
    return OSR_STATUS_OK;
}
