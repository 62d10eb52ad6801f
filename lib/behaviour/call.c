/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/process/body.h"
#include "lib/process/process.h"
#include "lib/process/request.h"

/* What stands behind NAME_call() and NAME_request(): the round trip of lib/process, and the reply's
 * type; and the same to several at once. */

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

static osr_err await_reply(osr_self *self, osr_ref request, const osr_type *reply_type,
                           void *ret_reply, uint64_t deadline_ns)
{
    osr_message reply;
    osr_err err = osr_await(self, request, osri_left_ms(self, deadline_ns), &reply, NULL);

    if (err == OSR_ETIMEDOUT) {
        (void)osr_abandon(self, request);
    }
    if (err == OSR_OK && (reply.type == NULL || reply.type->id != reply_type->id)) {
        return OSR_ETYPE;
    }
    if (err == OSR_OK && ret_reply != NULL) {
        memcpy(ret_reply, reply.body, reply_type->size);
    }
    return err;
}

osr_err osri_multi_call(osr_self *self, const char *const *nodes, size_t count, const char *name,
                        const osr_type *request_type, const void *request,
                        const osr_type *reply_type, void *ret_replies, osr_err *ret_errs,
                        uint32_t timeout_ms)
{
    uint64_t deadline_ns = osri_deadline(self, timeout_ms);
    osr_ref *requests = count == 0 ? NULL : osr_alloc(self, count * sizeof(*requests));
    bool told_to_exit = false;

    if (count > 0 && requests == NULL) {
        return OSR_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        requests[i] = OSR_REF_NONE;
        ret_errs[i] = osri_request_begin_until(self, osr_name(name, nodes[i]), request_type,
                                               request, deadline_ns, &requests[i]);
    }
    for (size_t i = 0; i < count; i++) {
        void *reply = ret_replies == NULL ? NULL : (char *)ret_replies + i * reply_type->size;
        if (ret_errs[i] == OSR_OK) {
            ret_errs[i] = await_reply(self, requests[i], reply_type, reply, deadline_ns);
        }
        told_to_exit = told_to_exit || ret_errs[i] == OSR_EEXIT;
    }
    for (size_t i = 0; i < count && told_to_exit; i++) {
        (void)osr_abandon(self, requests[i]);
    }
    osr_free(self, requests);
    return told_to_exit ? OSR_EEXIT : OSR_OK;
}
