/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "dist/identity/node_files.h"
#include "node/keys/options.h"

/* What only the authority can do: issue a certificate, renew one, revoke.
 *
 * Serials are the microseconds of the time of issue, so they grow without a file that counts them,
 * and of two certificates of one name the newer has the greater serial (dist/PROTOCOL.md). */

#define ROLES_DEFAULT                                                                              \
    (OSRI_ROLE_JOIN | OSRI_ROLE_SPAWN | OSRI_ROLE_HOST | OSRI_ROLE_SUPERVISE | OSRI_ROLE_SHELL_READ)
#define DAY_S UINT64_C(86400)

static bool open_authority(const osri_keys_options *options, osri_authority *ret_authority)
{
    char path[OSRI_KEYS_PATH_BYTES], text[OSRI_KEYS_TEXT_BYTES] = "";
    char passphrase[OSRI_PASSPHRASE_BYTES];

    if (!osri_keys_path(options, options->authority, "authority.key", path)) {
        return false;
    }
    bool good = osri_keys_passphrase(options, false, passphrase, text, sizeof(text));
    if (good) {
        good = osri_authority_load(path, passphrase, ret_authority, text, sizeof(text)) == OSR_OK;
        sodium_memzero(passphrase, sizeof(passphrase));
    }
    if (!good) {
        (void)osri_keys_failed(text);
    }
    return good;
}

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void print_day(uint64_t seconds, char ret_text[32])
{
    time_t at = (time_t)seconds;
    struct tm utc;

    (void)gmtime_r(&at, &utc);
    (void)strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* Signs and writes it; all fields but cluster, serial and times are set. */
static int sign_and_save(const osri_keys_options *options, osri_certificate *c, const char *path)
{
    osri_authority authority;
    osri_signed_certificate made;
    char text[OSRI_KEYS_TEXT_BYTES] = "", until[32], roles[128];

    if (!open_authority(options, &authority)) {
        return OSR_STATUS_CONFIG;
    }
    memcpy(c->cluster, authority.cluster, sizeof(c->cluster));
    c->serial = now_us();
    c->not_before = c->serial / 1000000;
    c->not_after = c->not_before + options->days * DAY_S;
    osr_err err = osri_certificate_sign(c, authority.secret_key, &made);
    sodium_memzero(&authority, sizeof(authority));
    if (err != OSR_OK) {
        return osri_keys_failed("the certificate's fields are not legal");
    }
    if (osri_certificate_save(&made, path, text, sizeof(text)) != OSR_OK) {
        return osri_keys_failed(text);
    }
    print_day(c->not_after, until);
    osri_roles_print(c->roles, roles, sizeof(roles));
    (void)printf("%s: \"%s\" of cluster \"%s\", serial %llu, until %s, may %s\n", path, c->name,
                 c->cluster, (unsigned long long)c->serial, until, roles);
    return OSR_STATUS_OK;
}

static bool set_rights(const osri_keys_options *options, osri_certificate *c)
{
    if (options->roles != NULL && osri_roles_parse(options->roles, &c->roles) != OSR_OK) {
        (void)osri_keys_wrong("--roles wants some of join, spawn, host, supervise, shell-read, "
                              "shell-write, mapper and hidden, separated by commas");
        return false;
    }
    if (options->spawn_count > 0) {
        c->spawn_count = options->spawn_count;
        for (uint32_t i = 0; i < options->spawn_count; i++) {
            (void)snprintf(c->spawn[i], sizeof(c->spawn[i]), "%s", options->spawn[i]);
        }
    }
    return true;
}

int osri_keys_issue(const osri_keys_options *options)
{
    osri_node_request request;
    osri_certificate c = {.roles = ROLES_DEFAULT};
    char request_path[OSRI_KEYS_PATH_BYTES], out[OSRI_KEYS_PATH_BYTES];
    char text[OSRI_KEYS_TEXT_BYTES] = "";

    if (!osri_keys_path(options, options->request, "node.req", request_path) ||
        !osri_keys_path(options, options->out, "node.cert", out) || !set_rights(options, &c)) {
        return OSR_STATUS_USAGE;
    }
    if (osri_node_request_load(request_path, &request, text, sizeof(text)) != OSR_OK) {
        return osri_keys_failed(text);
    }
    /* the name is the authority's to give: it is shown, and --name guards against a mix-up */
    if (options->name != NULL && strcmp(options->name, request.name) != 0) {
        (void)snprintf(text, sizeof(text), "%s asks for \"%s\", not \"%.140s\"; nothing was issued",
                       request_path, request.name, options->name);
        return osri_keys_failed(text);
    }
    memcpy(c.name, request.name, sizeof(c.name));
    memcpy(c.key, request.key, sizeof(c.key));
    return sign_and_save(options, &c, out);
}

static const char *certificate_argument(const osri_keys_options *options)
{
    return options->certificate != NULL ? options->certificate
           : options->rest_count > 0    ? options->rest[0]
                                        : NULL;
}

int osri_keys_renew(const osri_keys_options *options)
{
    osri_signed_certificate old;
    osri_certificate c;
    char path[OSRI_KEYS_PATH_BYTES], out[OSRI_KEYS_PATH_BYTES];
    char text[OSRI_KEYS_TEXT_BYTES] = "";

    if (!osri_keys_path(options, certificate_argument(options), "node.cert", path) ||
        !osri_keys_path(options, options->out != NULL ? options->out : path, "node.cert", out)) {
        return OSR_STATUS_USAGE;
    }
    if (osri_certificate_load(path, &old, text, sizeof(text)) != OSR_OK) {
        return osri_keys_failed(text);
    }
    if (osri_certificate_decode(&old, &c) != OSR_OK) {
        (void)snprintf(text, sizeof(text), "%s: the certificate is malformed", path);
        return osri_keys_failed(text);
    }
    return set_rights(options, &c) ? sign_and_save(options, &c, out) : OSR_STATUS_USAGE;
}

/* ---- revocation ------------------------------------------------------------------------ */

/* A serial as a number, or that of a certificate file. */
static bool serial_of(const char *argument, uint64_t *ret_serial)
{
    osri_signed_certificate certificate;
    osri_certificate c;
    char text[OSRI_KEYS_TEXT_BYTES] = "", *end;

    errno = 0;
    *ret_serial = strtoull(argument, &end, 10);
    if (argument[0] >= '0' && argument[0] <= '9' && *end == '\0' && errno == 0) {
        return true;
    }
    if (osri_certificate_load(argument, &certificate, text, sizeof(text)) != OSR_OK ||
        osri_certificate_decode(&certificate, &c) != OSR_OK) {
        (void)osri_keys_failed(text[0] != '\0' ? text : "the certificate is malformed");
        return false;
    }
    *ret_serial = c.serial;
    return true;
}

static bool add_all(const osri_keys_options *options, osri_revocations *list)
{
    for (int i = 0; i < options->rest_count; i++) {
        uint64_t serial;
        if (!serial_of(options->rest[i], &serial)) {
            return false;
        }
        if (osri_revocations_add(list, serial) != OSR_OK) {
            (void)osri_keys_failed("the list is full (4,096): let revoked certificates expire");
            return false;
        }
    }
    return true;
}

/* The list as it is, or a new one. */
static bool load_list(const char *path, const osri_authority *authority, osri_revocations *list)
{
    char text[OSRI_KEYS_TEXT_BYTES] = "";
    osr_err err = osri_revocations_load(path, authority, list, text, sizeof(text));

    if (err == OSR_ENOTFOUND) {
        memset(list, 0, sizeof(*list));
        memcpy(list->cluster, authority->cluster, sizeof(list->cluster));
        return true;
    }
    if (err != OSR_OK) {
        (void)osri_keys_failed(text);
    }
    return err == OSR_OK;
}

int osri_keys_revoke(const osri_keys_options *options)
{
    osri_authority authority;
    osri_revocations list;
    char path[OSRI_KEYS_PATH_BYTES], text[OSRI_KEYS_TEXT_BYTES] = "";

    if (options->rest_count == 0) {
        return osri_keys_wrong("revoke wants serials or certificate files");
    }
    if (!osri_keys_path(options, options->revoked, "revoked.crl", path)) {
        return OSR_STATUS_USAGE;
    }
    if (!open_authority(options, &authority)) {
        return OSR_STATUS_CONFIG;
    }
    int status = OSR_STATUS_CONFIG;
    if (load_list(path, &authority, &list) && add_all(options, &list)) {
        list.version += 1;
        list.issued = now_us() / 1000000;
        if (osri_revocations_save(&list, &authority, path, text, sizeof(text)) != OSR_OK) {
            (void)osri_keys_failed(text);
        } else {
            status = OSR_STATUS_OK;
            (void)printf("%s: version %llu, %u revoked; bring it to the nodes\n", path,
                         (unsigned long long)list.version, (unsigned)list.count);
        }
    }
    sodium_memzero(&authority, sizeof(authority));
    return status;
}
