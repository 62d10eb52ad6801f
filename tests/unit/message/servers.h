/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_MESSAGE_SERVERS_H
#define OSR_TESTS_MESSAGE_SERVERS_H

#include "osier/server.h"

/* Servers and interfaces in words that C11 and C++17 share, and the mistakes that must not compile:
 * see declarations.h. */

OSR_MESSAGE(total, 0x0721, (1, i64, value));
OSR_MESSAGE(other_total, 0x0722, (1, i64, value));
OSR_REQUEST(add, 0x0723, total, (1, i64, by), (2, opt(i64), limit));
OSR_REQUEST(get, 0x0724, total);
OSR_MESSAGE(reset, 0x0725);
OSR_MESSAGE(changed, 0x0726, (1, i64, value));
OSR_MESSAGE(first, 0x0727, (1, i64, value));

OSR_INTERFACE(adder_api, add, reset);

typedef struct adder {
    int64_t value;
} adder;

OSR_ON_INIT(adder, first)
{
    state->value = argument == NULL ? 0 : argument->value;
    return OSR_OK;
}
OSR_ON_CALL(adder, add, total)
{
    reply->value = state->value += request->by;
    return OSR_REPLY;
}
OSR_ON_INFO(adder, reset)
{
    state->value = 0;
    return OSR_NOREPLY;
}
OSR_SERVER(adder, OSR_INIT(first), OSR_CALL(add), OSR_INFO(reset));
OSR_SENDS(adder, (changed, "observer"), (total, "whoever asks"));

OSR_ENTRY(observer, first)
{
    (void)self;
    return argument->value == 0 ? OSR_OK : OSR_EINVAL;
}
OSR_SENDS(observer, (reset, "adder_api"));

OSRI_UNUSED static inline osr_err use_interface(osr_self *self)
{
    adder_api api = adder_api_at(osr_name("adder", NULL));
    reset message = {0};
    total reply;
    const total *kept = NULL;
    add request;
    request.by = 5;
    request.limit.is_set = false;
    osr_err err = OSR_TELL(self, api, reset, &message);
    if (err == OSR_OK) {
        err = OSR_ASK(self, api, add, &request, &reply, 1000);
    }
    return err == OSR_OK ? OSR_ASK_KEEP(self, api, add, &request, 1000, &kept) : err;
}

#if REFUSE == 1
OSRI_UNUSED static inline osr_err refused(osr_self *self, adder_api api, const get *request)
{
    total reply; /* the interface has no get */
    return OSR_ASK(self, api, get, request, &reply, 1000);
}
#elif REFUSE == 2
OSRI_UNUSED static inline osr_err refused(osr_self *self, adder_api api, const add *request)
{
    other_total reply;
    return OSR_ASK(self, api, add, request, &reply, 1000);
}
#elif REFUSE == 3
OSRI_UNUSED static inline osr_err refused(osr_self *self, adder_api api, const changed *message)
{
    return OSR_TELL(self, api, reset, message); /* another message than it says */
}
#elif REFUSE == 4
OSR_INTERFACE(unknown_api, add, never_declared);
#elif REFUSE == 5
OSR_INTERFACE(doubled_api, add, reset, add);
#elif REFUSE == 6
OSR_SENDS(never_declared, (reset, "adder"));
#elif REFUSE == 7
OSR_SENDS(observer, (never_declared, "adder"));
#elif REFUSE == 8
OSR_ON_CALL(observer_of_totals, get, total)
{
    return OSR_REPLY; /* there is no such state */
}
#elif REFUSE == 9
OSR_ON_CALL(adder, get, other_total)
{
    return OSR_REPLY; /* the request declares another reply */
}
#elif REFUSE == 10
OSRI_UNUSED static inline osr_err refused(osr_self *self, osr_dest to, const add *request)
{
    total reply;
    return OSR_ASK(self, to, add, request, &reply, 1000); /* no handle */
}
#elif REFUSE == 11
OSR_SERVER(adder, OSR_CALL(get));
#elif REFUSE == 12
OSRI_UNUSED static inline osr_err refused(osr_self *self, osr_pid *ret_pid)
{
    reset argument = {0}; /* the server's init takes another */
    return adder_start(self, &argument, NULL, ret_pid);
}
#endif

#endif
