/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_MESSAGE_DECLARATIONS_H
#define OSR_TESTS_MESSAGE_DECLARATIONS_H

#include "osier/message.h"

/* Every public macro of osier/message.h, expanded, in words that C11 and C++17 share; compile.sh
 * feeds it to each compiler there is. REFUSE=n adds a mistake that must not compile. */

OSR_STRUCT(no_fields);
OSR_STRUCT(corner, (1, i32, x), (2, i32, y));
OSR_STRUCT(label, (1, str, text), (2, of(corner), at));
OSR_STATE(idle_state);
OSR_STATE(busy_state, (1, u64, done), (2, list(of(corner)), path));
OSR_MESSAGE(nothing, 0x0701);
OSR_MESSAGE(plain, 0x0702, (1, bool, yes), (2, of(corner), at));
OSR_MESSAGE(varied, 0x0703, (1, bool, f1), (2, i8, f2), (3, i16, f3), (4, i32, f4), (5, i64, f5),
            (6, u8, f6), (7, u16, f7), (8, u32, f8), (9, u64, f9), (10, f64, f10), (11, str, f11),
            (12, bin, f12), (13, pid, f13), (14, ref, f14), (15, of(label), f15),
            (16, list(bool), f16));
OSR_MESSAGE(listed, 0x0704, (1, list(bin), bins), (2, list(str), texts),
            (3, list(of(label)), labels));
OSR_REQUEST(ask_plain, 0x0705, plain, (1, i64, by));
OSR_REQUEST(ask_nothing, 0x0706, nothing);
OSR_REQUEST(ask_varied, 0x0707, varied, (1, str, name), (2, list(pid), whom));

OSR_UNION(figure, (1, of(corner), corner), (2, of(label), label), (3, i64, number), (4, bool, yes));
OSR_MESSAGE(optional, 0x0708, (1, opt(i64), limit), (2, opt(bool), yes), (3, opt(str), text),
            (4, opt(of(label)), label), (5, opt(of(figure)), figure), (6, of(figure), always),
            (7, list(of(figure)), many));

/* Values of the kinds that are more than a member. */
OSRI_UNUSED static inline bool use_choices(void)
{
    static optional none;
    optional message = none;
    corner at = {1, 2};
    OSR_SET(message.limit, 5);
    message.always.which = figure_is_corner;
    message.always.corner = at;
    OSR_SET(message.text, osr_str_of("x"));
    switch (message.always.which) {
    case figure_is_corner:
        return message.limit.is_set && message.limit.value == 5 && !message.label.is_set;
    case figure_is_none:
        return message.always.is_unknown;
    default:
        return false;
    }
}

/* Building in place, and one message for many. */
OSRI_UNUSED static inline osr_err use_building(osr_self *self, const osr_dest *to)
{
    listed *message = NULL;
    label *labels = NULL;
    osr_err err = listed_new(self, 100, &message);
    if (err == OSR_OK) {
        err = OSR_BUILD_LIST(message, message->labels, 2, labels);
    }
    if (err == OSR_OK) {
        err = osr_build_str(message, "x", 1, &labels[1].text);
    }
    if (err == OSR_OK) {
        err = listed_send_all(self, to, 1, message);
    }
    if (err != OSR_OK) {
        listed_drop(self, &message);
        return err;
    }
    return listed_give(self, to[0], &message);
}

/* All that the declarations above give a client. */
OSRI_UNUSED static inline osr_err use_clients(osr_self *self, osr_dest to)
{
    ask_plain request = {5};
    ask_nothing bare = {0};
    ask_varied wide = {osr_str_of("x"), {NULL, 0}};
    ask_plain_osr_reply reply;
    nothing none;
    const varied *kept = NULL;
    nothing message = {0};
    osr_err err = ask_plain_call(self, to, &request, &reply, 1000);
    err = err == OSR_OK ? ask_nothing_call(self, to, &bare, &none, 1000) : err;
    err = err == OSR_OK ? ask_varied_request(self, to, &wide, 1000, &kept) : err;
    (void)nothing_send(self, to, &message);
    return err == OSR_OK && kept != NULL && reply.yes ? varied_send(self, to, kept) : err;
}

#if REFUSE == 1
OSRI_UNUSED static inline osr_err refused(osr_self *self, osr_dest to, const ask_varied *request)
{
    varied reply; /* has texts: who would own them? */
    return ask_varied_call(self, to, request, &reply, 1000);
}
#elif REFUSE == 2
OSR_MESSAGE(doubled, 0x0708, (1, i64, a), (1, i64, b));
#elif REFUSE == 3
OSR_MESSAGE(listed_twice, 0x0709, (1, list(list(i64)), a));
#elif REFUSE == 4
OSRI_UNUSED static inline osr_err refused(osr_self *self, osr_dest to, const ask_plain *request,
                                          varied *reply)
{
    return ask_plain_call(self, to, request, reply, 1000);
}
#elif REFUSE == 5
OSR_REQUEST(ask_unknown, 0x070a, never_declared, (1, i64, a));
#elif REFUSE == 6
OSR_MESSAGE(unknown_kind, 0x070b, (1, int, a));
#elif REFUSE == 7
OSRI_UNUSED static inline osr_err refused(osr_self *self, osr_dest to, const ask_plain *request)
{
    return nothing_send(self, to, request);
}
#elif REFUSE == 8
OSR_UNION(doubled_choice, (1, i64, a), (1, bool, b));
#elif REFUSE == 9
OSR_UNION(none_taken, (0, i64, a), (1, bool, b));
#elif REFUSE == 10
OSR_UNION(list_chosen, (1, list(i64), a));
#elif REFUSE == 11
OSR_MESSAGE(optional_list, 0x070c, (1, opt(list(i64)), a));
#elif REFUSE == 12
OSR_MESSAGE(list_of_optional, 0x070c, (1, list(opt(i64)), a));
#elif REFUSE == 13
OSR_UNION(optional_chosen, (1, opt(i64), a));
#elif REFUSE == 14
OSRI_UNUSED static inline int64_t refused(const optional *message)
{
    return message->limit + 1; /* may not be there: ask is_set, take value */
}
#elif REFUSE == 15
OSRI_UNUSED static inline osr_err refused(osr_self *self, osr_dest to, listed *message)
{
    return nothing_give(self, to, &message);
}
#elif REFUSE == 16
OSRI_UNUSED static inline osr_err refused(listed *message)
{
    corner *corners = NULL; /* it is a list of labels */
    return OSR_BUILD_LIST(message, message->labels, 2, corners);
}
#elif REFUSE == 17
OSRI_UNUSED static inline osr_err refused(osr_self *self, osr_dest to, const listed *message)
{
    return listed_give(self, to, &message); /* what was received, or is not one's own */
}
#endif

#endif
