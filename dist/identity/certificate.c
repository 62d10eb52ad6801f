/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/certificate.h"

#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "dist/identity/pack.h"

/* Certificates: one encoding for each content.
 *
 * Invariants
 *   I1  what osri_certificate_sign() takes, osri_certificate_open() gives back, field for field;
 *   I2  no two bodies decode to the same certificate: the reader takes shortest forms only, and all
 *       of the body;
 *   I3  a decoded certificate has legal names, known roles, and not_before <= not_after. */

#define BODY_VERSION 1
#define BODY_FIELDS 9

static const char domain[] = "osier-cert-1"; /* signed with its NUL, in front of the body */

#define SIGNED_BYTES_MAX (sizeof(domain) + OSRI_CERTIFICATE_BYTES_MAX)

static bool spawn_name_is_legal(const char *name)
{
    return strlen(name) > 0 && strlen(name) < OSRI_SPAWN_NAME_BYTES;
}

static bool certificate_is_legal(const osri_certificate *certificate)
{
    const char *cluster = certificate->cluster, *name = certificate->name;

    if (osri_cluster_name_check(cluster, strnlen(cluster, OSRI_CLUSTER_BYTES)) != OSR_OK ||
        osri_node_name_check(name, strnlen(name, OSRI_NAME_BYTES)) != OSR_OK ||
        certificate->roles > OSRI_ROLES_ALL || certificate->not_before > certificate->not_after ||
        certificate->spawn_count > OSRI_SPAWN_NAMES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < certificate->spawn_count; i++) {
        if (!spawn_name_is_legal(certificate->spawn[i])) {
            return false;
        }
    }
    return true;
}

static bool encode(const osri_certificate *certificate, osri_signed_certificate *ret_signed)
{
    osri_writer writer;

    osri_writer_init(&writer, ret_signed->body, sizeof(ret_signed->body));
    osri_write_array(&writer, BODY_FIELDS);
    osri_write_uint(&writer, BODY_VERSION);
    osri_write_text(&writer, certificate->cluster);
    osri_write_text(&writer, certificate->name);
    osri_write_bin(&writer, certificate->key, sizeof(certificate->key));
    osri_write_uint(&writer, certificate->serial);
    osri_write_uint(&writer, certificate->not_before);
    osri_write_uint(&writer, certificate->not_after);
    osri_write_uint(&writer, certificate->roles);
    osri_write_array(&writer, certificate->spawn_count);
    for (uint32_t i = 0; i < certificate->spawn_count; i++) {
        osri_write_text(&writer, certificate->spawn[i]);
    }
    ret_signed->body_bytes = (uint32_t)writer.bytes;
    return !writer.failed;
}

static size_t signed_bytes(const osri_signed_certificate *certificate,
                           uint8_t ret_data[SIGNED_BYTES_MAX])
{
    memcpy(ret_data, domain, sizeof(domain));
    memcpy(ret_data + sizeof(domain), certificate->body, certificate->body_bytes);
    return sizeof(domain) + certificate->body_bytes;
}

osr_err osri_certificate_sign(const osri_certificate *certificate,
                              const uint8_t authority_secret[64],
                              osri_signed_certificate *ret_signed)
{
    osri_signed_certificate made = {.body_bytes = 0};
    uint8_t data[SIGNED_BYTES_MAX];

    if (!certificate_is_legal(certificate) || !encode(certificate, &made)) {
        return OSR_EINVAL;
    }
    size_t bytes = signed_bytes(&made, data);
    crypto_sign_detached(made.signature, NULL, data, bytes, authority_secret);
    *ret_signed = made;
    return OSR_OK;
}

static void read_body(osri_reader *reader, osri_certificate *certificate)
{
    osri_read_array_of(reader, BODY_FIELDS);
    if (osri_read_uint(reader, UINT64_MAX) != BODY_VERSION) {
        reader->failed = true;
    }
    osri_read_text(reader, certificate->cluster, sizeof(certificate->cluster));
    osri_read_text(reader, certificate->name, sizeof(certificate->name));
    osri_read_bin_exact(reader, certificate->key, sizeof(certificate->key));
    certificate->serial = osri_read_uint(reader, UINT64_MAX);
    certificate->not_before = osri_read_uint(reader, UINT64_MAX);
    certificate->not_after = osri_read_uint(reader, UINT64_MAX);
    certificate->roles = (uint32_t)osri_read_uint(reader, OSRI_ROLES_ALL);
    certificate->spawn_count = osri_read_array(reader, OSRI_SPAWN_NAMES_MAX);
    for (uint32_t i = 0; i < certificate->spawn_count; i++) {
        osri_read_text(reader, certificate->spawn[i], sizeof(certificate->spawn[i]));
    }
}

osr_err osri_certificate_decode(const osri_signed_certificate *certificate,
                                osri_certificate *ret_certificate)
{
    osri_certificate decoded = {.serial = 0};
    osri_reader reader;

    if (certificate->body_bytes > sizeof(certificate->body)) {
        return OSR_EPROTO;
    }
    osri_reader_init(&reader, certificate->body, certificate->body_bytes);
    read_body(&reader, &decoded);
    if (!osri_reader_is_done(&reader) || !certificate_is_legal(&decoded)) {
        return OSR_EPROTO;
    }
    *ret_certificate = decoded;
    return OSR_OK;
}

osr_err osri_certificate_open(const osri_signed_certificate *certificate,
                              const uint8_t authority_public[32], osri_certificate *ret_certificate)
{
    uint8_t data[SIGNED_BYTES_MAX];

    if (certificate->body_bytes > sizeof(certificate->body)) {
        return OSR_EPROTO;
    }
    size_t bytes = signed_bytes(certificate, data);
    if (crypto_sign_verify_detached(certificate->signature, data, bytes, authority_public) != 0) {
        return OSR_EPERM;
    }
    return osri_certificate_decode(certificate, ret_certificate);
}

osr_err osri_signed_certificate_set(const uint8_t *body, size_t body_bytes,
                                    const uint8_t *signature, size_t signature_bytes,
                                    osri_signed_certificate *ret_signed)
{
    if (body_bytes == 0 || body_bytes > sizeof(ret_signed->body) ||
        signature_bytes != sizeof(ret_signed->signature)) {
        return OSR_EPROTO;
    }
    memcpy(ret_signed->body, body, body_bytes);
    ret_signed->body_bytes = (uint32_t)body_bytes;
    memcpy(ret_signed->signature, signature, signature_bytes);
    return OSR_OK;
}
