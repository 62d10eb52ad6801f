/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_NET_ACTORS_H
#define OSR_TESTS_NET_ACTORS_H

#include "osier/node.h"

/* A process that does what messages tell it and writes what happens to it into one trace, a line an
 * event: "b note 3", "a down noconnection", "a exited normal", "a nodeup n1@sim". Lines of one
 * actor are in its order. */

OSR_MESSAGE(actor_options, 0x1000, (1, str, name));
OSR_MESSAGE(actor_note, 0x1001, (1, u32, number));
OSR_MESSAGE(actor_send, 0x1002, (1, pid, to), (2, str, name), (3, str, node), (4, u32, first),
            (5, u32, count));
OSR_MESSAGE(actor_link, 0x1003, (1, pid, to));
OSR_MESSAGE(actor_unlink, 0x1004, (1, pid, to));
OSR_MESSAGE(actor_monitor, 0x1005, (1, pid, to), (2, str, name), (3, str, node));
OSR_MESSAGE(actor_demonitor, 0x1006);
OSR_MESSAGE(actor_exit, 0x1007, (1, str, reason));
OSR_MESSAGE(actor_start, 0x1008, (1, str, node), (2, str, entry), (3, str, name),
            (4, bool, supervised)); /* as a supervisor does it */
OSR_MESSAGE(actor_watch_nodes, 0x1009);
OSR_MESSAGE(actor_answer, 0x100a, (1, u32, number));
OSR_MESSAGE(actor_ask, 0x100b, (1, u32, number));
OSR_MESSAGE(actor_call, 0x100c, (1, str, name), (2, str, node), (3, u32, timeout_ms));
OSR_MESSAGE(actor_introduce, 0x100d, (1, pid, to),
            (2, pid, who)); /* tells `to` to send a note to `who` */
OSR_MESSAGE(actor_meet, 0x100e, (1, pid, who));
OSR_MESSAGE(actor_send_exit, 0x100f, (1, pid, to), (2, str, reason));
OSR_MESSAGE(actor_big, 0x1010, (1, u32, number), (2, bin, data));
OSR_MESSAGE(actor_send_big, 0x1011, (1, pid, to), (2, u32, number), (3, u32, bytes));

OSR_MESSAGE(actor_lend, 0x1012, (1, pid, to),
            (2, u32, mode)); /* monitors `to` with an alias and lends it that */
OSR_MESSAGE(actor_use, 0x1013, (1, pid, pid), (2, u64, ref)); /* sends notes 1 and 2 to the alias */

OSR_MESSAGE(actor_pour, 0x1014, (1, pid, to), (2, u32, first), (3, u32, count),
            (4, u32, bytes)); /* sends bigs and says so after each: "a sent 3", "a sent 4 EEXIT" */
OSR_MESSAGE(actor_try, 0x1015, (1, pid, to),
            (2, u32, number)); /* tries to send a note: "a tried 3 EBUSY" */
OSR_MESSAGE(actor_exit_big, 0x1016, (1, u32, bytes), (2, pid, to)); /* exits with a text of that
            length; or sends it as an exit signal: heard as "b exited 100000 bytes" */

extern const osr_entry *actor_entry(void);

/* The trace; forgotten by clear. Threads: any. */
const char *actor_trace(void);
void actor_trace_clear(void);
void actor_trace_add(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether the trace has this line, and how often. */
unsigned actor_trace_count(const char *line);

#endif
