/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/process/body.h"

/* What stands behind NAME_call() and NAME_request(): the round trip of lib/process, and the reply's
 * type. */

static osr_err request_reply(osr_self *self, osr_dest to, const osr_type *request_type,
                             const void *request, const osr_type *reply_type, uint32_t timeout_ms,
                             osr_message *ret_reply)
{
    osr_err err = osri_request(self, to, request_type, request, timeout_ms, ret_reply, NULL);
    if (err == OSR_OK && (ret_reply->type == NULL || ret_reply->type->id != reply_type->id)) {
        return OSR_ETYPE;
    }
    return err;
}

osr_err osri_call(osr_self *self, osr_dest to, const osr_type *request_type, const void *request,
                  const osr_type *reply_type, void *ret_reply, uint32_t timeout_ms)
{
    osr_message reply;
    osr_err err = request_reply(self, to, request_type, request, reply_type, timeout_ms, &reply);
    if (err == OSR_OK && ret_reply != NULL) {
        memcpy(ret_reply, reply.body, reply_type->size);
    }
    return err;
}

osr_err osri_call_keep(osr_self *self, osr_dest to, const osr_type *request_type,
                       const void *request, const osr_type *reply_type, const void **ret_reply,
                       uint32_t timeout_ms)
{
    osr_message reply;
    osr_err err = request_reply(self, to, request_type, request, reply_type, timeout_ms, &reply);
    return err == OSR_OK ? osr_keep(self, &reply, ret_reply) : err;
}
