/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_MESSAGE_SAMPLES_H
#define OSR_TESTS_MESSAGE_SAMPLES_H

#include "osier/message.h"

/* Message types with every kind of field, in every place where it can stand. */

OSR_STRUCT(point, (1, i32, x), (2, i32, y));
OSR_STRUCT(person, (1, str, name), (2, bin, photo), (3, list(str), nicknames), (4, of(point), at));

OSR_MESSAGE(everything, 0x0201, (1, bool, yes), (2, i8, i8v), (3, i16, i16v), (4, i32, i32v),
            (5, i64, i64v), (6, u8, u8v), (7, u16, u16v), (8, u32, u32v), (9, u64, u64v),
            (10, f64, f64v), (11, str, text), (12, bin, data), (200, pid, who), (70000, ref, which),
            (15, of(person), one), (16, list(of(person)), many));

OSR_MESSAGE(lists, 0x0202, (1, list(bool), bools), (2, list(i8), i8s), (3, list(i16), i16s),
            (4, list(i32), i32s), (5, list(i64), i64s), (6, list(u8), u8s), (7, list(u16), u16s),
            (8, list(u32), u32s), (9, list(u64), u64s), (10, list(f64), f64s),
            (11, list(str), texts), (12, list(bin), datas), (13, list(pid), whos),
            (14, list(ref), whichs), (15, list(of(point)), points));

OSR_UNION(choice, (1, of(point), point), (2, of(person), person), (3, str, text), (4, bin, data),
          (5, u8, small), (70000, f64, real));
OSR_UNION(flat_choice, (1, of(point), point), (2, bool, yes));
OSR_STRUCT(maybe, (1, opt(str), text), (2, of(choice), chosen), (3, opt(of(flat_choice)), flat));

OSR_MESSAGE(options, 0x0203, (1, opt(bool), yes), (2, opt(i8), i8v), (3, opt(u16), u16v),
            (4, opt(i64), i64v), (5, opt(f64), f64v), (6, opt(str), text), (7, opt(bin), data),
            (8, opt(pid), who), (9, opt(ref), which), (10, opt(of(point)), at),
            (11, opt(of(person)), one), (12, opt(of(choice)), chosen), (13, of(maybe), maybe),
            (14, u32, always));
OSR_MESSAGE(unions, 0x0204, (1, of(choice), one), (2, of(flat_choice), flat),
            (3, list(of(choice)), many), (4, list(of(flat_choice)), flats),
            (5, list(of(maybe)), maybes));

OSR_MESSAGE(counter_value, 0x0102, (1, i64, value));
OSR_REQUEST(counter_add, 0x0101, counter_value, (1, i64, by));
OSR_MESSAGE(ping, 0x0103);

#endif
