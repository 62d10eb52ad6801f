/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/identity.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

/* Development identities, and the one place where somebody else's certificate is judged.
 *
 * Keys of development mode, all from the 32 bytes of the cluster's secret by crypto_kdf (context
 * "osierkdf"): subkey 1  seed of the authority's Ed25519 pair subkey 2  seed of the port mappers'
 * CURVE pair subkey 3  key under which BLAKE2b turns a node's name into the seed of its CURVE pair
 * A node's key follows from its name, so that a node can be dialed at a static address without a
 * mapper. */

#define SUBKEY_AUTHORITY 1
#define SUBKEY_MAPPER 2
#define SUBKEY_NODES 3
#define SEED_BYTES 32
#define DAY_S UINT64_C(86400)

static const char kdf_context[crypto_kdf_CONTEXTBYTES] = {'o', 's', 'i', 'e', 'r', 'k', 'd', 'f'};

_Static_assert(crypto_kdf_KEYBYTES == SEED_BYTES, "the secret is the key of the derivation");
_Static_assert(crypto_box_SEEDBYTES == SEED_BYTES && crypto_sign_SEEDBYTES == SEED_BYTES, "seeds");

static void derive(const uint8_t secret[32], uint64_t subkey, uint8_t ret_seed[SEED_BYTES])
{
    crypto_kdf_derive_from_key(ret_seed, SEED_BYTES, subkey, kdf_context, secret);
}

static void derive_authority(const uint8_t secret[32], uint8_t ret_public[32],
                             uint8_t ret_secret[64])
{
    uint8_t seed[SEED_BYTES];

    derive(secret, SUBKEY_AUTHORITY, seed);
    crypto_sign_seed_keypair(ret_public, ret_secret, seed);
    sodium_memzero(seed, sizeof(seed));
}

static void derive_mapper(const uint8_t secret[32], uint8_t ret_public[32], uint8_t ret_secret[32])
{
    uint8_t seed[SEED_BYTES];

    derive(secret, SUBKEY_MAPPER, seed);
    crypto_box_seed_keypair(ret_public, ret_secret, seed);
    sodium_memzero(seed, sizeof(seed));
}

static void derive_node(const uint8_t secret[32], const char *name, uint8_t ret_public[32],
                        uint8_t ret_secret[32])
{
    uint8_t key[SEED_BYTES], seed[SEED_BYTES];

    derive(secret, SUBKEY_NODES, key);
    crypto_generichash(seed, sizeof(seed), (const uint8_t *)name, strlen(name), key, sizeof(key));
    crypto_box_seed_keypair(ret_public, ret_secret, seed);
    sodium_memzero(key, sizeof(key));
    sodium_memzero(seed, sizeof(seed));
}

static osr_err set_names(const char *cluster, const char *name, osri_certificate *certificate)
{
    if (cluster == NULL) {
        cluster = OSRI_CLUSTER_DEFAULT;
    }
    if (osri_cluster_name_check(cluster, strlen(cluster)) != OSR_OK ||
        (name != NULL && osri_node_name_check(name, strlen(name)) != OSR_OK)) {
        return OSR_EINVAL;
    }
    memcpy(certificate->cluster, cluster, strlen(cluster) + 1);
    if (name != NULL) {
        memcpy(certificate->name, name, strlen(name) + 1);
    }
    return OSR_OK;
}

osr_err osri_identity_development(const osri_identity_request *request, osri_identity *ret_identity)
{
    osri_identity made = {.creation = request->creation};
    osri_certificate *certificate = &made.certificate;
    uint8_t authority_secret[64], mapper_secret[32];

    if (request->name == NULL ||
        set_names(request->cluster, request->name, certificate) != OSR_OK) {
        return OSR_EINVAL;
    }
    certificate->serial = request->now_s;
    certificate->not_before = request->now_s;
    certificate->not_after = request->now_s + OSRI_CERTIFICATE_DAYS * DAY_S;
    certificate->roles = request->roles != 0
                             ? request->roles
                             : OSRI_ROLES_ALL & ~(uint32_t)(OSRI_ROLE_MAPPER | OSRI_ROLE_HIDDEN);
    derive_node(request->secret, request->name, certificate->key, made.key_secret);
    derive_mapper(request->secret, made.mapper_public, mapper_secret);
    derive_authority(request->secret, made.authority_public, authority_secret);
    osr_err err = osri_certificate_sign(certificate, authority_secret, &made.certificate_signed);
    sodium_memzero(authority_secret, sizeof(authority_secret));
    sodium_memzero(mapper_secret, sizeof(mapper_secret));
    if (err == OSR_OK) {
        *ret_identity = made;
    }
    osri_identity_wipe(&made);
    return err;
}

void osri_identity_node_key_public(const uint8_t secret[32], const char *name, uint8_t ret_key[32])
{
    uint8_t key_secret[32];

    derive_node(secret, name, ret_key, key_secret);
    sodium_memzero(key_secret, sizeof(key_secret));
}

osr_err osri_identity_mapper(const uint8_t secret[32], const char *cluster,
                             osri_identity *ret_identity)
{
    osri_identity made = {.creation = 0};
    uint8_t authority_secret[64];

    if (set_names(cluster, NULL, &made.certificate) != OSR_OK) {
        return OSR_EINVAL;
    }
    derive_mapper(secret, made.mapper_public, made.key_secret);
    memcpy(made.certificate.key, made.mapper_public, sizeof(made.mapper_public));
    derive_authority(secret, made.authority_public, authority_secret);
    sodium_memzero(authority_secret, sizeof(authority_secret));
    *ret_identity = made;
    osri_identity_wipe(&made);
    return OSR_OK;
}

const osri_signed_certificate *osri_identity_shown(const osri_identity *identity)
{
    const osri_signed_certificate *newest =
        identity->renewal == NULL ? NULL : osri_renewal_newest(identity->renewal);

    return newest != NULL ? newest : &identity->certificate_signed;
}

void osri_identity_wipe(osri_identity *identity)
{
    if (identity != NULL) {
        sodium_memzero(identity, sizeof(*identity));
    }
}

static void print(char *text, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void print(char *text, size_t bytes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, bytes, format, arguments);
    va_end(arguments);
}

/* "3 d", "5 h", "40 s" */
static void print_span(char ret_text[32], uint64_t seconds)
{
    if (seconds >= DAY_S) {
        snprintf(ret_text, 32, "%llu d", (unsigned long long)(seconds / DAY_S));
    } else if (seconds >= 3600) {
        snprintf(ret_text, 32, "%llu h", (unsigned long long)(seconds / 3600));
    } else {
        snprintf(ret_text, 32, "%llu s", (unsigned long long)seconds);
    }
}

static osri_identity_fault check_validity(const osri_certificate *c, uint64_t now_s, char *text,
                                          size_t bytes)
{
    char span[32];

    if (now_s > c->not_after && now_s - c->not_after > OSRI_CERTIFICATE_SKEW_S) {
        print_span(span, now_s - c->not_after);
        print(text, bytes, "certificate of \"%s\" expired %s ago (serial %llu)", c->name, span,
              (unsigned long long)c->serial);
        return OSRI_IDENTITY_VALIDITY;
    }
    if (now_s < c->not_before && c->not_before - now_s > OSRI_CERTIFICATE_SKEW_S) {
        print_span(span, c->not_before - now_s);
        print(text, bytes,
              "certificate of \"%s\" is not valid yet, for another %s (serial %llu); compare the "
              "clocks",
              c->name, span, (unsigned long long)c->serial);
        return OSRI_IDENTITY_VALIDITY;
    }
    return OSRI_IDENTITY_GOOD;
}

static osri_identity_fault check_roles(const osri_certificate *c, uint32_t needed, char *text,
                                       size_t bytes)
{
    static const struct {
        uint32_t role;
        const char *may_not;
    } table[] = {
        {OSRI_ROLE_JOIN, "join"},
        {OSRI_ROLE_SPAWN, "spawn"},
        {OSRI_ROLE_HOST, "host processes of others"},
        {OSRI_ROLE_SUPERVISE, "supervise"},
        {OSRI_ROLE_SHELL_READ, "open a shell"},
        {OSRI_ROLE_SHELL_WRITE, "change anything by a shell"},
        {OSRI_ROLE_MAPPER, "be a port mapper"},
        {OSRI_ROLE_HIDDEN, "be hidden"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if ((needed & table[i].role & ~c->roles) != 0) {
            print(text, bytes, "\"%s\" (serial %llu) may not %s", c->name,
                  (unsigned long long)c->serial, table[i].may_not);
            return OSRI_IDENTITY_ROLE;
        }
    }
    return OSRI_IDENTITY_GOOD;
}

/* c came without proof so far: its names are only printed. */
static osri_identity_fault check_origin(const osri_identity *self, const osri_certificate *c,
                                        const osri_signed_certificate *theirs, char *text,
                                        size_t bytes)
{
    osri_certificate proven;

    if (strcmp(c->cluster, self->certificate.cluster) != 0) {
        print(text, bytes, "\"%s\" belongs to cluster \"%s\", we are \"%s\"", c->name, c->cluster,
              self->certificate.cluster);
        return OSRI_IDENTITY_CLUSTER;
    }
    if (osri_certificate_open(theirs, self->authority_public, &proven) != OSR_OK) {
        const uint8_t *key = self->authority_public;
        print(
            text, bytes,
            "certificate of \"%s\" is signed by another authority (ours has key %02x%02x%02x%02x); "
            "both nodes need the same cluster.secret or authority.pub",
            c->name, key[0], key[1], key[2], key[3]);
        return OSRI_IDENTITY_AUTHORITY;
    }
    return OSRI_IDENTITY_GOOD;
}

osri_identity_fault osri_identity_check(const osri_identity *self,
                                        const osri_signed_certificate *theirs,
                                        const uint8_t proven_key[32], uint64_t now_s,
                                        uint32_t roles_needed, osri_certificate *ret_certificate,
                                        char *ret_text, size_t text_bytes)
{
    osri_certificate c;

    if (osri_certificate_decode(theirs, &c) != OSR_OK) {
        print(ret_text, text_bytes, "the certificate is malformed");
        return OSRI_IDENTITY_MALFORMED;
    }
    osri_identity_fault fault = check_origin(self, &c, theirs, ret_text, text_bytes);
    if (fault == OSRI_IDENTITY_GOOD && sodium_memcmp(c.key, proven_key, sizeof(c.key)) != 0) {
        print(ret_text, text_bytes,
              "certificate for \"%s\" does not match the connection's key; possible impersonation",
              c.name);
        fault = OSRI_IDENTITY_KEY;
    }
    if (fault == OSRI_IDENTITY_GOOD) {
        fault = check_validity(&c, now_s, ret_text, text_bytes);
    }
    if (fault == OSRI_IDENTITY_GOOD && self->revocations != NULL &&
        osri_revocations_has(self->revocations, c.serial)) {
        print(ret_text, text_bytes, "certificate of \"%s\" is revoked (serial %llu)", c.name,
              (unsigned long long)c.serial);
        fault = OSRI_IDENTITY_REVOKED;
    }
    if (fault == OSRI_IDENTITY_GOOD) {
        fault = check_roles(&c, roles_needed, ret_text, text_bytes);
    }
    if (fault == OSRI_IDENTITY_GOOD) {
        *ret_certificate = c;
    }
    return fault;
}
