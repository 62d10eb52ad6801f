/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: epmd_core */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "epmd/service.h"

/* What a mapper gets to read: the first byte of the input says from whom. Every request is
 * answered, by something that a client can read; what was understood is encoded to the same bytes
 * again. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_encoding(const uint8_t *data, size_t size)
{
    static osri_epmd_request request;
    static uint8_t again[OSRI_EPMD_REQUEST_BYTES_MAX];
    size_t bytes = 0;

    if (osri_epmd_request_decode(data, size, &request) == OSR_OK &&
        (osri_epmd_request_encode(&request, again, sizeof(again), &bytes) != OSR_OK ||
         bytes != size || memcmp(again, data, size) != 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[32] = {1}, key[32] = {2};
    static const osri_epmd_hooks hooks;
    static osri_epmd_service service;
    static osri_epmd_reply reply;
    static uint8_t answer[OSRI_EPMD_REPLY_BYTES_MAX];
    char name[OSRI_NAME_BYTES] = "";
    osri_identity mapper;
    size_t bytes = 0;

    if (size == 0) {
        return 0;
    }
    if (service.registry == NULL &&
        (osri_identity_mapper(secret, NULL, &mapper) != OSR_OK ||
         osri_epmd_service_init(&service, &mapper, &hooks, 0) != OSR_OK)) {
        abort();
    }
    check_encoding(data + 1, size - 1);
    const osri_epmd_caller caller = {
        .lease = data[0] & 1, .key = key, .address = "192.0.2.1", .name = name};
    osr_err err = osri_epmd_service_answer(&service, &caller, data + 1, size - 1, 0, 1800000000,
                                           answer, &bytes);
    if ((err != OSR_OK && err != OSR_EPROTO) ||
        osri_epmd_reply_decode(answer, bytes, &reply) != OSR_OK) {
        abort();
    }
    osri_epmd_service_closed(&service, name, 1);
    return 0;
}
