/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "zmq_world.h"

static bool admit_all(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    (void)context, (void)key, (void)address;
    return true;
}

static bool dial(osri_transport *transport, const char *endpoint, const char *hex)
{
    osri_transport_event event;
    uint8_t key[OSRI_KEY_BYTES];
    osri_conn conn = 0;
    return sodium_hex2bin(key, sizeof key, hex, 2 * OSRI_KEY_BYTES, NULL, NULL, NULL) == 0 &&
           transport->ops->dial(transport, endpoint, key, &conn) == OSR_OK &&
           transport->ops->poll(transport, UINT64_C(20000000000), &event) &&
           event.kind == OSRI_CONN_OPENED &&
           transport->ops->send(transport, conn, (const uint8_t *)"hello", 5) == OSR_OK;
}

int zmq_peer_main(int count, char **arguments)
{
    osri_zmq_options options = {.admit = admit_all};
    osri_transport *transport = NULL;
    char endpoint[OSRI_ENDPOINT_BYTES] = "dialed", hex[2 * OSRI_KEY_BYTES + 1];
    uint64_t end_ms = now_ms() + 60000;
    crypto_box_keypair(options.key_public, options.key_secret);
    if (osri_zmq_transport_new(&options, &transport) != OSR_OK) {
        return 1;
    }
    if (count == 4 ? !dial(transport, arguments[2], arguments[3])
                   : transport->ops->listen(transport, own_ports(), endpoint) != OSR_OK) {
        return 1;
    }
    printf("%s %s\n", endpoint,
           sodium_bin2hex(hex, sizeof hex, options.key_public, OSRI_KEY_BYTES));
    fflush(stdout);
    while (now_ms() < end_ms) {
        osri_transport_event event;
        transport->ops->poll(transport, UINT64_C(1000000000), &event);
    }
    return 0;
}
