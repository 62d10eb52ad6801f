/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/authority.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "dist/identity/text_file.h"

/* The authority's two files.
 *
 * Invariants
 *   I1  the secret key is never written unsealed;
 *   I2  what a sealed file says of itself (cluster, public key) is believed only after the seal was
 *       opened and both agree with what was inside. */

#define KEY_HEADER "# osier-authority-key-1"
#define PUBLIC_HEADER "# osier-authority-1"
#define SEALED_BYTES (64 + crypto_secretbox_MACBYTES)

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

osr_err osri_authority_new(const char *cluster, osri_authority *ret_authority, char *ret_text,
                           size_t text_bytes)
{
    osri_authority made = {.cluster = ""};

    if (osri_cluster_name_check(cluster, strlen(cluster)) != OSR_OK) {
        return fail(OSR_EINVAL, ret_text, text_bytes,
                    "\"%.80s\" is no name for a cluster: letters, digits, _ - . (at most %d)",
                    cluster, OSRI_CLUSTER_BYTES - 1);
    }
    if (sodium_init() < 0) {
        return fail(OSR_EIO, ret_text, text_bytes, "libsodium cannot be initialised");
    }
    memcpy(made.cluster, cluster, strlen(cluster) + 1);
    crypto_sign_keypair(made.public_key, made.secret_key);
    *ret_authority = made;
    sodium_memzero(&made, sizeof(made));
    return OSR_OK;
}

/* The passphrase's key: slow on purpose (argon2id, interactive limits). */
static osr_err stretch(const char *passphrase, const uint8_t salt[crypto_pwhash_SALTBYTES],
                       uint8_t ret_key[crypto_secretbox_KEYBYTES], char *text, size_t bytes)
{
    if (crypto_pwhash(ret_key, crypto_secretbox_KEYBYTES, passphrase, strlen(passphrase), salt,
                      crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                      crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return fail(OSR_ENOMEM, text, bytes, "no memory to hash the passphrase (64 MiB)");
    }
    return OSR_OK;
}

osr_err osri_authority_save(const osri_authority *authority, const char *path,
                            const char *passphrase, char *ret_text, size_t text_bytes)
{
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES];
    uint8_t key[crypto_secretbox_KEYBYTES], sealed[SEALED_BYTES];
    osri_text_file file;

    randombytes_buf(salt, sizeof(salt));
    randombytes_buf(nonce, sizeof(nonce));
    osr_err err = stretch(passphrase, salt, key, ret_text, text_bytes);
    if (err != OSR_OK) {
        return err;
    }
    (void)crypto_secretbox_easy(sealed, authority->secret_key, sizeof(authority->secret_key), nonce,
                                key);
    sodium_memzero(key, sizeof(key));
    osri_text_file_begin(&file, KEY_HEADER);
    osri_text_file_add(&file, "cluster", authority->cluster);
    osri_text_file_add_bin(&file, "public", authority->public_key, sizeof(authority->public_key));
    osri_text_file_add_bin(&file, "salt", salt, sizeof(salt));
    osri_text_file_add_bin(&file, "nonce", nonce, sizeof(nonce));
    osri_text_file_add_bin(&file, "sealed", sealed, sizeof(sealed));
    return osri_text_file_write(&file, path, 0600, false, ret_text, text_bytes);
}

osr_err osri_authority_save_public(const osri_authority *authority, const char *path,
                                   char *ret_text, size_t text_bytes)
{
    osri_text_file file;

    osri_text_file_begin(&file, PUBLIC_HEADER);
    osri_text_file_add(&file, "cluster", authority->cluster);
    osri_text_file_add_bin(&file, "public", authority->public_key, sizeof(authority->public_key));
    return osri_text_file_write(&file, path, 0644, false, ret_text, text_bytes);
}

/* What both files begin with. */
static bool read_common(const char *data, const char *header, osri_authority *ret_authority)
{
    char *cluster = ret_authority->cluster;

    return osri_text_begins(data, header) &&
           osri_text_value(data, "cluster", cluster, sizeof(ret_authority->cluster)) == OSR_OK &&
           osri_cluster_name_check(cluster, strlen(cluster)) == OSR_OK &&
           osri_text_value_bin_exact(data, "public", ret_authority->public_key,
                                     sizeof(ret_authority->public_key)) == OSR_OK;
}

static osr_err open_seal(const char *data, const char *path, const char *passphrase,
                         osri_authority *authority, char *text, size_t bytes)
{
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES];
    uint8_t key[crypto_secretbox_KEYBYTES], sealed[SEALED_BYTES], public_key[32];

    if (osri_text_value_bin_exact(data, "salt", salt, sizeof(salt)) != OSR_OK ||
        osri_text_value_bin_exact(data, "nonce", nonce, sizeof(nonce)) != OSR_OK ||
        osri_text_value_bin_exact(data, "sealed", sealed, sizeof(sealed)) != OSR_OK) {
        return fail(OSR_EPROTO, text, bytes, "%s: damaged; take it from a copy", path);
    }
    osr_err err = stretch(passphrase, salt, key, text, bytes);
    if (err != OSR_OK) {
        return err;
    }
    int failed =
        crypto_secretbox_open_easy(authority->secret_key, sealed, sizeof(sealed), nonce, key);
    sodium_memzero(key, sizeof(key));
    if (failed != 0) {
        return fail(OSR_EPERM, text, bytes, "%s: the passphrase is wrong, or the file is damaged",
                    path);
    }
    (void)crypto_sign_ed25519_sk_to_pk(public_key, authority->secret_key);
    if (sodium_memcmp(public_key, authority->public_key, sizeof(public_key)) != 0) {
        return fail(OSR_EPROTO, text, bytes, "%s: its public key is not that of the secret in it",
                    path);
    }
    return OSR_OK;
}

static osr_err load(const char *path, bool is_secret, const char *passphrase,
                    osri_authority *ret_authority, char *text, size_t bytes)
{
    static const char *const headers[] = {PUBLIC_HEADER, KEY_HEADER};
    osri_authority loaded = {.cluster = ""};
    char data[2048];

    if (sodium_init() < 0) {
        return fail(OSR_EIO, text, bytes, "libsodium cannot be initialised");
    }
    osr_err err = osri_file_read(path, is_secret ? 077 : 022, data, sizeof(data), text, bytes);
    if (err == OSR_OK && !read_common(data, headers[is_secret], &loaded)) {
        err = fail(OSR_EPROTO, text, bytes, "%s: not an authority's %s (it begins with \"%s\")",
                   path, is_secret ? "key file" : "public file", headers[is_secret]);
    }
    if (err == OSR_OK && is_secret) {
        err = open_seal(data, path, passphrase, &loaded, text, bytes);
    }
    if (err == OSR_OK) {
        *ret_authority = loaded;
    }
    sodium_memzero(&loaded, sizeof(loaded));
    return err;
}

osr_err osri_authority_load(const char *path, const char *passphrase, osri_authority *ret_authority,
                            char *ret_text, size_t text_bytes)
{
    return load(path, true, passphrase, ret_authority, ret_text, text_bytes);
}

osr_err osri_authority_load_public(const char *path, osri_authority *ret_authority, char *ret_text,
                                   size_t text_bytes)
{
    return load(path, false, NULL, ret_authority, ret_text, text_bytes);
}
