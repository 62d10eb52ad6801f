/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_CALL_H
#define OSR_EPMD_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "epmd/client.h"
#include "epmd/wire.h"

/* A conversation with one mapper, local or remote: requests and replies in turns until a
 * deadline.
 * Threads: one at a time; several calls at once are fine. */

typedef struct osri_epmd_call {
    const osri_epmd_options *options; /* lent */
    uint64_t deadline_ms;             /* osri_epmd_now_ms() */
    int fd;                           /* local; -1 */
    void *socket;                     /* remote; NULL */
    void *monitor;
    bool has_context;
    char where[OSRI_NAME_BYTES + 16]; /* "h2:4371", for texts */
    char *text;                       /* lent: where errors are told */
    size_t text_bytes;
    osri_epmd_request request;
    osri_epmd_reply reply;
    uint8_t data[OSRI_EPMD_REPLY_BYTES_MAX]; /* the last reply's bytes */
} osri_epmd_call;

/* The steady clock of deadlines. */
uint64_t osri_epmd_now_ms(void);

/* Connects to the mapper of host; NULL or a name of this machine: over the local socket.
 * Ownership: free with osri_epmd_call_free().
 * Errors: as osri_epmd_lookup. */
OSR_MUST_CHECK osr_err osri_epmd_call_new(const osri_epmd_options *options, const char *host,
                                          char *ret_text, size_t text_bytes,
                                          osri_epmd_call **ret_call);

/* Sends call->request, with our certificate where there is one, and waits for call->reply, which is
 * of kind `expected`; an ERROR of the mapper becomes the result, and the text its own. */
OSR_MUST_CHECK osr_err osri_epmd_call_ask(osri_epmd_call *call, osri_epmd_answer expected);

/* Waits until the other side hangs up (local).
 * Errors: OSR_ETIMEDOUT. */
OSR_MUST_CHECK osr_err osri_epmd_call_wait_end(osri_epmd_call *call);

/* NULL is accepted; *call becomes NULL. */
void osri_epmd_call_free(osri_epmd_call **call);

/* Connects to the local socket of a mapper of our user; does not wait.
 * Errors: OSR_ENOCONNECTION nobody listens; OSR_EBUSY its queue is full; OSR_EPERM it is another
 * user's; OSR_ELIMIT; OSR_EINVAL. */
OSR_MUST_CHECK osr_err osri_epmd_local_connect(uint16_t port, int *ret_fd, char *ret_text,
                                               size_t text_bytes);

/* The bytes of a REGISTER request. */
OSR_MUST_CHECK osr_err osri_epmd_register_encode(const osri_identity *identity,
                                                 const osri_epmd_registration *registration,
                                                 uint8_t ret_data[OSRI_EPMD_REQUEST_BYTES_MAX],
                                                 size_t *ret_bytes);

#endif
