/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/node_files.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "dist/identity/text_file.h"

/* Keys, requests and certificates as files, and the identity that they make.
 *
 * Invariants
 *   I1  a node's own certificate is judged by the function that judges its peers', so a node
 *       that starts is one that others of the same clock and lists will take;
 *   I2  the secret key is in one file (0600) and in the identity, nowhere else after a return. */

#define KEY_HEADER "# osier-node-key-1"
#define REQUEST_HEADER "# osier-request-1"
#define CERTIFICATE_HEADER "# osier-certificate-1"

static osr_err fail(osr_err err, char *text, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static osr_err fail(osr_err err, char *text, size_t bytes, const char *format, ...)
{
    va_list arguments;

    if (text != NULL && bytes > 0) {
        va_start(arguments, format);
        (void)vsnprintf(text, bytes, format, arguments);
        va_end(arguments);
    }
    return err;
}

/* ---- keys and requests ----------------------------------------------------------------- */

osr_err osri_node_key_new(const char *name, const char *key_path, const char *request_path,
                          char *ret_text, size_t text_bytes)
{
    uint8_t public_key[32], secret_key[32];
    osri_text_file file;

    if (osri_node_name_check(name, strlen(name)) != OSR_OK) {
        return fail(OSR_EINVAL, ret_text, text_bytes,
                    "\"%.140s\" is no name for a node: name@host, with letters, digits, _ - .",
                    name);
    }
    if (sodium_init() < 0) {
        return fail(OSR_EIO, ret_text, text_bytes, "libsodium cannot be initialised");
    }
    crypto_box_keypair(public_key, secret_key);
    osri_text_file_begin(&file, KEY_HEADER);
    osri_text_file_add_bin(&file, "public", public_key, sizeof(public_key));
    osri_text_file_add_bin(&file, "secret", secret_key, sizeof(secret_key));
    sodium_memzero(secret_key, sizeof(secret_key));
    osr_err err = osri_text_file_write(&file, key_path, 0600, false, ret_text, text_bytes);
    sodium_memzero(file.data, file.bytes);
    if (err != OSR_OK) {
        return err;
    }
    osri_text_file_begin(&file, REQUEST_HEADER);
    osri_text_file_add(&file, "name", name);
    osri_text_file_add_bin(&file, "key", public_key, sizeof(public_key));
    err = osri_text_file_write(&file, request_path, 0644, false, ret_text, text_bytes);
    if (err != OSR_OK) {
        (void)remove(key_path); /* a key nobody can ask a certificate for; just made */
    }
    return err;
}

osr_err osri_node_key_load(const char *path, uint8_t ret_public[32], uint8_t ret_secret[32],
                           char *ret_text, size_t text_bytes)
{
    uint8_t public_key[32], secret_key[32], derived[32];
    char data[1024];

    osr_err err = osri_file_read(path, 077, data, sizeof(data), ret_text, text_bytes);
    if (err == OSR_OK &&
        (!osri_text_begins(data, KEY_HEADER) ||
         osri_text_value_bin_exact(data, "public", public_key, sizeof(public_key)) != OSR_OK ||
         osri_text_value_bin_exact(data, "secret", secret_key, sizeof(secret_key)) != OSR_OK ||
         crypto_scalarmult_base(derived, secret_key) != 0 ||
         sodium_memcmp(derived, public_key, sizeof(derived)) != 0)) {
        err = fail(OSR_EPROTO, ret_text, text_bytes,
                   "%s: not a node's key file (it begins with \"" KEY_HEADER
                   "\"), or damaged; osier keys new makes one",
                   path);
    }
    if (err == OSR_OK) {
        memcpy(ret_public, public_key, sizeof(public_key));
        memcpy(ret_secret, secret_key, sizeof(secret_key));
    }
    sodium_memzero(data, sizeof(data));
    sodium_memzero(secret_key, sizeof(secret_key));
    return err;
}

osr_err osri_node_request_load(const char *path, osri_node_request *ret_request, char *ret_text,
                               size_t text_bytes)
{
    osri_node_request loaded;
    char data[1024];

    osr_err err = osri_file_read(path, 022, data, sizeof(data), ret_text, text_bytes);
    if (err != OSR_OK) {
        return err;
    }
    if (!osri_text_begins(data, REQUEST_HEADER) ||
        osri_text_value(data, "name", loaded.name, sizeof(loaded.name)) != OSR_OK ||
        osri_node_name_check(loaded.name, strlen(loaded.name)) != OSR_OK ||
        osri_text_value_bin_exact(data, "key", loaded.key, sizeof(loaded.key)) != OSR_OK) {
        return fail(OSR_EPROTO, ret_text, text_bytes,
                    "%s: not a request for a certificate (it begins with \"" REQUEST_HEADER "\")",
                    path);
    }
    *ret_request = loaded;
    return OSR_OK;
}

/* ---- certificates ---------------------------------------------------------------------- */

osr_err osri_certificate_save(const osri_signed_certificate *certificate, const char *path,
                              char *ret_text, size_t text_bytes)
{
    osri_certificate c;
    osri_text_file file;

    if (osri_certificate_decode(certificate, &c) != OSR_OK) {
        return fail(OSR_EINVAL, ret_text, text_bytes, "%s: the certificate is malformed", path);
    }
    osri_text_file_begin(&file, CERTIFICATE_HEADER);
    osri_text_file_add(&file, "name", c.name); /* for people: what counts is in the body */
    osri_text_file_add_number(&file, "serial", c.serial);
    osri_text_file_add_bin(&file, "body", certificate->body, certificate->body_bytes);
    osri_text_file_add_bin(&file, "signature", certificate->signature,
                           sizeof(certificate->signature));
    return osri_text_file_write(&file, path, 0644, true, ret_text, text_bytes);
}

osr_err osri_certificate_load(const char *path, osri_signed_certificate *ret_certificate,
                              char *ret_text, size_t text_bytes)
{
    uint8_t body[OSRI_CERTIFICATE_BYTES_MAX], signature[OSRI_SIGNATURE_BYTES];
    char data[4096];
    size_t bytes = 0;

    osr_err err = osri_file_read(path, 022, data, sizeof(data), ret_text, text_bytes);
    if (err != OSR_OK) {
        return err;
    }
    if (!osri_text_begins(data, CERTIFICATE_HEADER) ||
        osri_text_value_bin(data, "body", body, sizeof(body), &bytes) != OSR_OK ||
        osri_text_value_bin_exact(data, "signature", signature, sizeof(signature)) != OSR_OK ||
        osri_signed_certificate_set(body, bytes, signature, sizeof(signature), ret_certificate) !=
            OSR_OK) {
        return fail(OSR_EPROTO, ret_text, text_bytes,
                    "%s: not a certificate (it begins with \"" CERTIFICATE_HEADER "\")", path);
    }
    return OSR_OK;
}

/* ---- roles ----------------------------------------------------------------------------- */

static const struct {
    uint32_t role;
    const char *name;
} roles[] = {
    {OSRI_ROLE_JOIN, "join"},
    {OSRI_ROLE_SPAWN, "spawn"},
    {OSRI_ROLE_HOST, "host"},
    {OSRI_ROLE_SUPERVISE, "supervise"},
    {OSRI_ROLE_SHELL_READ, "shell-read"},
    {OSRI_ROLE_SHELL_WRITE, "shell-write"},
    {OSRI_ROLE_MAPPER, "mapper"},
    {OSRI_ROLE_HIDDEN, "hidden"},
};

#define ROLE_COUNT (sizeof(roles) / sizeof(roles[0]))

static uint32_t role_of(const char *word, size_t bytes)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (strlen(roles[i].name) == bytes && memcmp(roles[i].name, word, bytes) == 0) {
            return roles[i].role;
        }
    }
    return 0;
}

osr_err osri_roles_parse(const char *text, uint32_t *ret_roles)
{
    uint32_t found = 0;

    for (;;) {
        size_t bytes = strcspn(text, ",");
        uint32_t role = role_of(text, bytes);
        if (role == 0) {
            return OSR_EINVAL;
        }
        found |= role;
        if (text[bytes] == '\0') {
            *ret_roles = found;
            return OSR_OK;
        }
        text += bytes + 1;
    }
}

void osri_roles_print(uint32_t bits, char *ret_text, size_t bytes)
{
    size_t used = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if ((bits & roles[i].role) != 0 && used < bytes) {
            int length =
                snprintf(ret_text + used, bytes - used, "%s%s", used > 0 ? "," : "", roles[i].name);
            used += length > 0 ? (size_t)length : 0;
        }
    }
}

/* ---- the identity ---------------------------------------------------------------------- */

/* What the port mappers of the cluster hold: the key of a certificate with role MAPPER. */
static osr_err load_mapper(const char *path, const osri_identity *self, uint64_t now_s,
                           uint8_t ret_key[32], char *text, size_t bytes)
{
    osri_signed_certificate certificate;
    osri_certificate claimed, proven;
    char why[256];

    osr_err err = osri_certificate_load(path, &certificate, text, bytes);
    if (err != OSR_OK) {
        return err;
    }
    if (osri_certificate_decode(&certificate, &claimed) != OSR_OK) {
        return fail(OSR_EPROTO, text, bytes, "%s: the certificate is malformed", path);
    }
    if (osri_identity_check(self, &certificate, claimed.key, now_s, OSRI_ROLE_MAPPER, &proven, why,
                            sizeof(why)) != OSRI_IDENTITY_GOOD) {
        return fail(OSR_EPERM, text, bytes, "%s: %s", path, why);
    }
    memcpy(ret_key, proven.key, sizeof(proven.key));
    return OSR_OK;
}

static osr_err check_given(const osri_production_files *files, char *text, size_t bytes)
{
    const char *missing = files->authority == NULL     ? "--authority FILE (authority.pub)"
                          : files->key == NULL         ? "--key FILE (node.key)"
                          : files->certificate == NULL ? "--certificate FILE (node.cert)"
                                                       : NULL;

    return missing == NULL
               ? OSR_OK
               : fail(OSR_EINVAL, text, bytes,
                      "a node with an authority needs its key and certificate too; add %s",
                      missing);
}

static osr_err check_own(const osri_production_files *files, const char *name, uint32_t needed,
                         uint64_t now_s, const uint8_t own_key[32], osri_identity *made, char *text,
                         size_t bytes)
{
    char why[256];

    if (osri_certificate_decode(&made->certificate_signed, &made->certificate) != OSR_OK) {
        return fail(OSR_EPROTO, text, bytes, "%s: the certificate is malformed",
                    files->certificate);
    }
    osri_identity_fault fault = osri_identity_check(made, &made->certificate_signed, own_key, now_s,
                                                    needed, &made->certificate, why, sizeof(why));
    if (fault == OSRI_IDENTITY_KEY) {
        return fail(OSR_EPERM, text, bytes,
                    "%s: is for another key than that in %s; ask for a new one with its request",
                    files->certificate, files->key);
    }
    if (fault != OSRI_IDENTITY_GOOD) {
        return fail(OSR_EPERM, text, bytes, "%s: %s", files->certificate, why);
    }
    if (name != NULL && strcmp(name, made->certificate.name) != 0) {
        return fail(OSR_EPERM, text, bytes, "%s: names \"%s\" but the node is \"%s\"",
                    files->certificate, made->certificate.name, name);
    }
    return OSR_OK;
}

static osr_err load_all(const osri_production_files *files, osri_authority *ret_authority,
                        osri_revocations *revocations, uint8_t ret_key[32], osri_identity *made,
                        char *text, size_t bytes)
{
    osr_err err = osri_authority_load_public(files->authority, ret_authority, text, bytes);

    if (err == OSR_OK) {
        memcpy(made->authority_public, ret_authority->public_key, sizeof(made->authority_public));
        err = osri_node_key_load(files->key, ret_key, made->key_secret, text, bytes);
    }
    if (err == OSR_OK) {
        err = osri_certificate_load(files->certificate, &made->certificate_signed, text, bytes);
    }
    if (err == OSR_OK && revocations != NULL) {
        memset(revocations, 0, sizeof(*revocations));
        made->revocations = revocations;
        if (files->revoked != NULL) {
            err = osri_revocations_load(files->revoked, ret_authority, revocations, text, bytes);
        }
    }
    return err;
}

osr_err osri_identity_production(const osri_production_files *files, const char *name,
                                 uint32_t roles_needed, uint64_t now_s,
                                 osri_revocations *revocations, osri_identity *ret_identity,
                                 char *ret_text, size_t text_bytes)
{
    osri_identity made = {.creation = 0};
    osri_authority authority = {.cluster = ""};
    uint8_t own_key[32];

    osr_err err = check_given(files, ret_text, text_bytes);
    if (err == OSR_OK) {
        err = load_all(files, &authority, revocations, own_key, &made, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = check_own(files, name, roles_needed, now_s, own_key, &made, ret_text, text_bytes);
    }
    if (err == OSR_OK && strcmp(authority.cluster, made.certificate.cluster) != 0) {
        err =
            fail(OSR_EPERM, ret_text, text_bytes, "%s: belongs to cluster \"%s\", %s to \"%s\"",
                 files->certificate, made.certificate.cluster, files->authority, authority.cluster);
    }
    if (err == OSR_OK && files->mapper_certificate != NULL) {
        err = load_mapper(files->mapper_certificate, &made, now_s, made.mapper_public, ret_text,
                          text_bytes);
    }
    if (err == OSR_OK) {
        *ret_identity = made;
    }
    osri_identity_wipe(&made);
    return err;
}
