/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/reload.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "dist/identity/files.h"
#include "lib/core/heap.h"

/* See reload.h. */

#define DAY_S UINT64_C(86400)
#define TEXT_BYTES 512
#define ISSUE_LOOK_NS UINT64_C(3600000000000) /* development: whether ours ends soon */

/* ---- files that are looked at ------------------------------------------------------------ */

static bool copy_path(const char **path)
{
    if (*path != NULL) {
        *path = osri_heap_strdup(*path);
        return *path != NULL;
    }
    return true;
}

static void free_path(const char **path)
{
    osri_heap_strfree((char *)(uintptr_t)*path);
    *path = NULL;
}

osr_err osri_reload_init(osri_reload *reload, const osri_reload_options *options)
{
    osri_production_files *files = &reload->options.files;

    memset(reload, 0, sizeof(*reload));
    reload->options = *options;
    bool ok = copy_path(&files->authority);
    ok = copy_path(&files->key) && ok;
    ok = copy_path(&files->certificate) && ok;
    ok = copy_path(&files->revoked) && ok;
    ok = copy_path(&files->mapper_certificate) && ok;
    ok = copy_path(&reload->options.secret) && ok;
    ok = copy_path(&reload->options.policy_path) && ok;
    if (!ok) {
        return OSR_ENOMEM;
    }
    return OSR_OK;
}

void osri_reload_fini(osri_reload *reload)
{
    osri_production_files *files = &reload->options.files;

    free_path(&files->authority);
    free_path(&files->key);
    free_path(&files->certificate);
    free_path(&files->revoked);
    free_path(&files->mapper_certificate);
    free_path(&reload->options.secret);
    free_path(&reload->options.policy_path);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Whether the file has been replaced since it was last looked at. */
static bool has_changed(const char *path, struct stat *seen)
{
    struct stat now;

    if (path == NULL) {
        return false;
    }
    if (stat(path, &now) != 0) {
        memset(&now, 0, sizeof(now)); /* gone: said once */
    }
    bool same = is_same(&now, seen);
    *seen = now;
    return !same;
}

/* ---- what is revoked --------------------------------------------------------------------- */

static osr_err load_revoked(const osri_reload *reload, osri_revocations *list, char *text,
                            size_t bytes)
{
    const osri_production_files *files = &reload->options.files;
    osri_authority authority;
    osr_err err = osri_authority_load_public(files->authority, &authority, text, bytes);

    return err != OSR_OK ? err
                         : osri_revocations_load(files->revoked, &authority, list, text, bytes);
}

/* The first look reads what was read at the start once more: it may have been replaced between. */
static void read_revoked(osri_reload *reload, osri_net *net)
{
    const char *path = reload->options.files.revoked;
    char text[TEXT_BYTES];
    osri_revocations *list = osri_heap_zalloc(sizeof(*list)); /* 32 KiB */
    osr_err err = OSR_ENOMEM;

    (void)snprintf(text, sizeof(text), "%s: %s", path, osr_err_text(err));
    if (list != NULL) {
        err = load_revoked(reload, list, text, sizeof(text));
    }
    if (err == OSR_OK) {
        err = osri_net_revoke(net, list);
        (void)snprintf(text, sizeof(text), "%s: %s", path, osr_err_text(err));
    }
    if (err != OSR_OK && err != OSR_ESTOPPED) {
        osri_log_write(reload->options.log, OSR_LOG_ERROR,
                       "net: %s; the list that was read before stays", text);
    }
    if (err == OSR_ENOMEM) {
        memset(&reload->revoked_seen, 0, sizeof(reload->revoked_seen)); /* to be tried again */
    }
    osri_heap_free(list, sizeof(*list));
}

/* ---- what peers may do ------------------------------------------------------------------- */

static void read_policy(const osri_reload *reload)
{
    const osri_reload_options *options = &reload->options;
    osri_policy_rules *rules;
    char text[TEXT_BYTES];
    osr_err err = osri_policy_rules_load(options->policy_path, &rules, text, sizeof(text));

    if (err != OSR_OK) {
        osri_log_write(options->log, OSR_LOG_ERROR,
                       "net: %s; the policy that was read before stays", text);
        return;
    }
    osri_policy_replace(options->policy, &rules);
    osri_log_write(options->log, OSR_LOG_INFO, "net: %s: read", options->policy_path);
}

/* ---- our own certificate ----------------------------------------------------------------- */

static uint64_t now_s(const osri_reload *reload)
{
    const osr_env *env = reload->options.env;

    return env->wall_ms(env->context) / 1000;
}

static osr_err show(const osri_reload *reload, const osri_identity *made)
{
    osr_err err = osri_renewal_add(reload->options.renewal, &made->certificate_signed);

    if (err == OSR_OK) {
        osri_log_write(reload->options.log, OSR_LOG_NOTICE,
                       "net: our certificate was renewed: serial %llu, %llu days",
                       (unsigned long long)made->certificate.serial,
                       (unsigned long long)((made->certificate.not_after - now_s(reload)) / DAY_S));
    }
    return err;
}

static bool is_shown(const osri_identity *identity, const osri_signed_certificate *certificate)
{
    const osri_signed_certificate *shown = osri_identity_shown(identity);

    return shown->body_bytes == certificate->body_bytes &&
           memcmp(shown->body, certificate->body, shown->body_bytes) == 0;
}

static void read_certificate(const osri_reload *reload)
{
    const osri_reload_options *options = &reload->options;
    const osri_certificate *ours = &options->identity->certificate;
    osri_identity made;
    char text[TEXT_BYTES];
    osr_err err = osri_identity_production(&options->files, ours->name, options->roles_needed,
                                           now_s(reload), NULL, &made, text, sizeof(text));

    bool loaded = err == OSR_OK;

    if (loaded && is_shown(options->identity, &made.certificate_signed)) {
        osri_identity_wipe(&made);
        return;
    }
    if (loaded && sodium_memcmp(made.certificate.key, ours->key, sizeof(ours->key)) != 0) {
        err = OSR_EPERM;
        (void)snprintf(text, sizeof(text),
                       "%s: is for a new key, which a running node cannot take; start it again",
                       options->files.certificate);
    }
    if (err == OSR_OK) {
        err = show(reload, &made);
        (void)snprintf(text, sizeof(text), "%s: %s", options->files.certificate, osr_err_text(err));
    }
    if (loaded) {
        osri_identity_wipe(&made);
    }
    if (err != OSR_OK) {
        osri_log_write(options->log, OSR_LOG_ERROR,
                       "net: %s; the certificate that was read before stays", text);
    }
}

/* Development: ours comes to its end, and the cluster's secret makes us another. */
static bool ends_soon(const osri_reload *reload)
{
    const osri_signed_certificate *shown = osri_identity_shown(reload->options.identity);
    osri_certificate certificate;

    return osri_certificate_decode(shown, &certificate) == OSR_OK &&
           now_s(reload) + OSRI_RELOAD_DAYS_LEFT * DAY_S > certificate.not_after;
}

/* The secret that the node started with: none is made. */
static osr_err load_secret(const osri_reload *reload, uint8_t ret_secret[OSRI_SECRET_BYTES],
                           char *text, size_t bytes)
{
    char path[4096];
    osr_err err = OSR_OK;

    if (reload->options.secret == NULL) {
        err = osri_secret_path(path, sizeof(path), text, bytes);
    }
    return err != OSR_OK
               ? err
               : osri_secret_load(reload->options.secret != NULL ? reload->options.secret : path,
                                  ret_secret, text, bytes);
}

static void issue_again(const osri_reload *reload)
{
    const osri_identity *identity = reload->options.identity;
    uint8_t secret[OSRI_SECRET_BYTES];
    osri_identity made;
    char text[TEXT_BYTES];
    osri_identity_request request = {.secret = secret,
                                     .cluster = identity->certificate.cluster,
                                     .name = identity->certificate.name,
                                     .roles = identity->certificate.roles,
                                     .now_s = now_s(reload),
                                     .creation = identity->creation};
    osr_err err = load_secret(reload, secret, text, sizeof(text));

    if (err == OSR_OK) {
        (void)snprintf(text, sizeof(text), "%s", osr_err_text(OSR_EINVAL));
        err = osri_identity_development(&request, &made);
        sodium_memzero(secret, sizeof(secret));
    }
    if (err == OSR_OK && sodium_memcmp(made.certificate.key, identity->certificate.key,
                                       sizeof(made.certificate.key)) != 0) {
        err = OSR_EPERM;
        (void)snprintf(text, sizeof(text),
                       "the cluster's secret has changed; start the node again");
        osri_identity_wipe(&made);
    }
    if (err == OSR_OK) {
        err = show(reload, &made);
        (void)snprintf(text, sizeof(text), "%s", osr_err_text(err));
        osri_identity_wipe(&made);
    }
    if (err != OSR_OK) {
        osri_log_write(reload->options.log, OSR_LOG_ERROR,
                       "net: our certificate ends soon and cannot be renewed: %s", text);
    }
}

void osri_reload_look(osri_reload *reload, osri_net *net)
{
    const osr_env *env = reload->options.env;
    uint64_t now_ns = env->now_ns(env->context);

    if (now_ns < reload->look_ns) {
        return;
    }
    reload->look_ns = now_ns + OSRI_RELOAD_LOOK_MS * UINT64_C(1000000);
    if (has_changed(reload->options.files.revoked, &reload->revoked_seen)) {
        read_revoked(reload, net);
    }
    if (has_changed(reload->options.files.certificate, &reload->certificate_seen)) {
        read_certificate(reload);
    }
    if (has_changed(reload->options.policy_path, &reload->policy_seen)) {
        read_policy(reload);
    }
    if (reload->options.files.authority == NULL && now_ns >= reload->issue_ns) {
        reload->issue_ns = now_ns + ISSUE_LOOK_NS;
        if (ends_soon(reload)) {
            issue_again(reload);
        }
    }
}
