/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "dist/identity/authority.h"
#include "dist/identity/pack.h"
#include "dist/identity/text_file.h"

/* Lists of revoked certificates: one encoding for each content, as certificates have.
 *
 * Invariants
 *   I1  serials ascend strictly, in memory and on the wire: a look-up is a binary search, and no
 *       two bodies mean the same list;
 *   I2  nothing of a body is decoded before its signature was found good. */

#define HEADER "# osier-revoked-1"
#define DOMAIN "osier-crl-1"
#define FIELDS 5
#define SERIAL_BYTES 8

static uint32_t place_of(const osri_revocations *list, uint64_t serial)
{
    uint32_t low = 0, high = list->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->serials[middle] < serial) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool osri_revocations_has(const osri_revocations *list, uint64_t serial)
{
    uint32_t place = place_of(list, serial);

    return place < list->count && list->serials[place] == serial;
}

osr_err osri_revocations_add(osri_revocations *list, uint64_t serial)
{
    uint32_t place = place_of(list, serial);

    if (place < list->count && list->serials[place] == serial) {
        return OSR_OK;
    }
    if (list->count == OSRI_REVOCATIONS_MAX) {
        return OSR_ELIMIT;
    }
    memmove(&list->serials[place + 1], &list->serials[place],
            (list->count - place) * sizeof(list->serials[0]));
    list->serials[place] = serial;
    list->count++;
    return OSR_OK;
}

static void put_serials(const osri_revocations *list, uint8_t *ret_data)
{
    for (uint32_t i = 0; i < list->count; i++) {
        for (uint32_t byte = 0; byte < SERIAL_BYTES; byte++) {
            ret_data[i * SERIAL_BYTES + byte] =
                (uint8_t)(list->serials[i] >> (8 * (SERIAL_BYTES - 1 - byte)));
        }
    }
}

static bool get_serials(const uint8_t *data, size_t bytes, osri_revocations *list)
{
    if (data == NULL || bytes % SERIAL_BYTES != 0) {
        return false;
    }
    list->count = (uint32_t)(bytes / SERIAL_BYTES);
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t serial = 0;
        for (uint32_t byte = 0; byte < SERIAL_BYTES; byte++) {
            serial = serial << 8 | data[i * SERIAL_BYTES + byte];
        }
        if (i > 0 && serial <= list->serials[i - 1]) {
            return false;
        }
        list->serials[i] = serial;
    }
    return true;
}

osr_err osri_revocations_sign(const osri_revocations *list, const osri_authority *authority,
                              uint8_t ret_body[OSRI_REVOCATIONS_BYTES_MAX], size_t *ret_bytes,
                              uint8_t ret_signature[OSRI_SIGNATURE_BYTES])
{
    uint8_t serials[OSRI_REVOCATIONS_MAX * SERIAL_BYTES];
    osri_writer writer;

    if (list->count > OSRI_REVOCATIONS_MAX || strcmp(list->cluster, authority->cluster) != 0) {
        return OSR_EINVAL;
    }
    put_serials(list, serials);
    osri_writer_init(&writer, ret_body, OSRI_REVOCATIONS_BYTES_MAX);
    osri_write_array(&writer, FIELDS);
    osri_write_text(&writer, DOMAIN);
    osri_write_text(&writer, list->cluster);
    osri_write_uint(&writer, list->version);
    osri_write_uint(&writer, list->issued);
    osri_write_bin(&writer, serials, (size_t)list->count * SERIAL_BYTES);
    if (writer.failed) {
        return OSR_EINVAL;
    }
    *ret_bytes = writer.bytes;
    (void)crypto_sign_detached(ret_signature, NULL, ret_body, writer.bytes, authority->secret_key);
    return OSR_OK;
}

osr_err osri_revocations_open(const uint8_t *body, size_t bytes,
                              const uint8_t signature[OSRI_SIGNATURE_BYTES],
                              const osri_authority *authority, osri_revocations *ret_list)
{
    char domain[sizeof(DOMAIN)];
    osri_reader reader;
    size_t serial_bytes = 0;

    if (bytes > OSRI_REVOCATIONS_BYTES_MAX) {
        return OSR_EPROTO;
    }
    if (crypto_sign_verify_detached(signature, body, bytes, authority->public_key) != 0) {
        return OSR_EPERM;
    }
    memset(ret_list, 0, sizeof(*ret_list));
    osri_reader_init(&reader, body, bytes);
    osri_read_array_of(&reader, FIELDS);
    osri_read_text(&reader, domain, sizeof(domain));
    osri_read_text(&reader, ret_list->cluster, sizeof(ret_list->cluster));
    ret_list->version = osri_read_uint(&reader, UINT64_MAX);
    ret_list->issued = osri_read_uint(&reader, UINT64_MAX);
    const uint8_t *serials =
        osri_read_bin(&reader, (size_t)OSRI_REVOCATIONS_MAX * SERIAL_BYTES, &serial_bytes);
    if (!osri_reader_is_done(&reader) || strcmp(domain, DOMAIN) != 0 ||
        !get_serials(serials, serial_bytes, ret_list)) {
        memset(ret_list, 0, sizeof(*ret_list));
        return OSR_EPROTO;
    }
    return strcmp(ret_list->cluster, authority->cluster) == 0 ? OSR_OK : OSR_EPERM;
}

static osr_err fail(osr_err err, char *text, size_t bytes, const char *path, const char *what)
{
    if (text != NULL && bytes > 0) {
        (void)snprintf(text, bytes, "%s: %s", path, what);
    }
    return err;
}

osr_err osri_revocations_save(const osri_revocations *list, const osri_authority *authority,
                              const char *path, char *ret_text, size_t text_bytes)
{
    uint8_t body[OSRI_REVOCATIONS_BYTES_MAX], signature[OSRI_SIGNATURE_BYTES];
    osri_text_file file;
    size_t bytes = 0;

    if (osri_revocations_sign(list, authority, body, &bytes, signature) != OSR_OK) {
        return fail(OSR_EINVAL, ret_text, text_bytes, path, "not a list of this cluster");
    }
    osri_text_file_begin(&file, HEADER);
    osri_text_file_add_number(&file, "version", list->version);
    osri_text_file_add_bin(&file, "body", body, bytes);
    osri_text_file_add_bin(&file, "signature", signature, sizeof(signature));
    return osri_text_file_write(&file, path, 0644, true, ret_text, text_bytes);
}

osr_err osri_revocations_load(const char *path, const osri_authority *authority,
                              osri_revocations *ret_list, char *ret_text, size_t text_bytes)
{
    uint8_t body[OSRI_REVOCATIONS_BYTES_MAX], signature[OSRI_SIGNATURE_BYTES];
    char data[OSRI_FILE_BYTES_MAX];
    size_t bytes = 0;

    osr_err err = osri_file_read(path, 022, data, sizeof(data), ret_text, text_bytes);
    if (err != OSR_OK) {
        return err;
    }
    if (!osri_text_begins(data, HEADER) ||
        osri_text_value_bin(data, "body", body, sizeof(body), &bytes) != OSR_OK ||
        osri_text_value_bin_exact(data, "signature", signature, sizeof(signature)) != OSR_OK) {
        return fail(OSR_EPROTO, ret_text, text_bytes, path,
                    "not a list of revoked certificates (it begins with \"" HEADER "\")");
    }
    err = osri_revocations_open(body, bytes, signature, authority, ret_list);
    if (err == OSR_EPERM) {
        return fail(err, ret_text, text_bytes, path,
                    "signed by another authority, or for another cluster");
    }
    return err == OSR_OK ? OSR_OK : fail(err, ret_text, text_bytes, path, "damaged");
}
