/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/log.h"
#include "osier/trace.h"

/* Tables for people. Names and labels are the programs' own texts: they are escaped here, so that
 * a cell is always one line. */

#define COLUMNS 9
#define CELL_BYTES 72

typedef char cell[CELL_BYTES];

typedef struct row {
    cell cells[COLUMNS];
} row;

void osri_format_duration(uint64_t ns, char ret_text[OSRI_DURATION_TEXT_BYTES])
{
    uint64_t s = ns / UINT64_C(1000000000);
    size_t bytes = OSRI_DURATION_TEXT_BYTES;
    if (s == 0) {
        (void)snprintf(ret_text, bytes, "%" PRIu64 "ms", ns / 1000000);
    } else if (s < 60) {
        (void)snprintf(ret_text, bytes, "%" PRIu64 "s", s);
    } else if (s < 3600) {
        (void)snprintf(ret_text, bytes, "%" PRIu64 "m%" PRIu64 "s", s / 60, s % 60);
    } else if (s < 86400) {
        (void)snprintf(ret_text, bytes, "%" PRIu64 "h%" PRIu64 "m", s / 3600, s % 3600 / 60);
    } else {
        (void)snprintf(ret_text, bytes, "%" PRIu64 "d%" PRIu64 "h", s / 86400, s % 86400 / 3600);
    }
}

static void duration_since(uint64_t since_ns, uint64_t now_ns,
                           char ret_text[OSRI_DURATION_TEXT_BYTES])
{
    if (since_ns == 0) {
        (void)snprintf(ret_text, OSRI_DURATION_TEXT_BYTES, "-");
    } else {
        osri_format_duration(now_ns > since_ns ? now_ns - since_ns : 0, ret_text);
    }
}

/* ---- ps -------------------------------------------------------------------------------- */

static void set_text(cell ret, const char *text)
{
    (void)osri_log_escape(ret, CELL_BYTES, text[0] == '\0' ? "-" : text);
}

static void set_number(cell ret, uint64_t number)
{
    (void)snprintf(ret, CELL_BYTES, "%" PRIu64, number);
}

static void fill(row *ret, const osr_snapshot *process, uint64_t now_ns)
{
    osr_pid_print(process->pid, ret->cells[0]);
    set_text(ret->cells[1], process->name);
    set_text(ret->cells[2], process->label);
    set_text(ret->cells[3], process->body);
    set_text(ret->cells[4], osr_run_state_name(process->state));
    duration_since(process->since_ns, now_ns, ret->cells[5]);
    set_text(ret->cells[6], process->handling);
    set_number(ret->cells[7], process->queued);
    set_number(ret->cells[8], process->handled);
}

static void widen(size_t widths[COLUMNS], const row *line)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        size_t width = strlen(line->cells[i]);
        widths[i] = width > widths[i] ? width : widths[i];
    }
}

static void add_row(osri_text *text, const size_t widths[COLUMNS], const row *line)
{
    for (size_t i = 0; i + 1 < COLUMNS; i++) {
        osri_text_add(text, "%-*s ", (int)widths[i], line->cells[i]);
    }
    osri_text_add(text, "%s\n", line->cells[COLUMNS - 1]);
}

void osri_format_processes(osri_text *text, const osr_snapshot *processes, size_t count,
                           uint64_t now_ns)
{
    static const row heading = {
        {"PID", "NAME", "LABEL", "BODY", "STATE", "SINCE", "HANDLING", "QUEUED", "HANDLED"}};
    size_t widths[COLUMNS] = {0};
    row line;
    widen(widths, &heading);
    for (size_t i = 0; i < count; i++) {
        fill(&line, &processes[i], now_ns);
        widen(widths, &line);
    }
    add_row(text, widths, &heading);
    for (size_t i = 0; i < count; i++) {
        fill(&line, &processes[i], now_ns);
        add_row(text, widths, &line);
    }
}

/* ---- links ----------------------------------------------------------------------------- */

static void add_traffic(osri_text *text, const char *way, const uint64_t counts[5])
{
    osri_text_add(text,
                  "  %-8s %" PRIu64 " messages, %" PRIu64 " signals; %" PRIu64 " bytes in %" PRIu64
                  " frames, %" PRIu64 " of them fragments\n",
                  way, counts[0], counts[1], counts[2], counts[3], counts[4]);
}

void osri_format_link(osri_text *text, const osr_link_status *link)
{
    const uint64_t sent[] = {link->messages_sent, link->signals_sent, link->bytes_sent,
                             link->frames_sent, link->fragments_sent};
    const uint64_t received[] = {link->messages_received, link->signals_received,
                                 link->bytes_received, link->frames_received,
                                 link->fragments_received};
    cell name;
    set_text(name, link->name);
    osri_text_add(text, "%s %s\n", name, link->connected ? "connected" : "not connected");
    add_traffic(text, "sent", sent);
    add_traffic(text, "received", received);
    osri_text_add(text,
                  "  waiting  %" PRIu64 " bytes here, %" PRIu64 " unacknowledged of %" PRIu64
                  " at most; %" PRIu64 " senders\n",
                  link->queued_bytes, link->unacknowledged_bytes, link->window_bytes,
                  link->senders_waiting);
    osri_text_add(text,
                  "  dropped  %" PRIu64 " link full, %" PRIu64 " lost with a connection, %" PRIu64
                  " too large, %" PRIu64 " of a type in conflict\n",
                  link->dropped_full, link->dropped_lost, link->dropped_too_large,
                  link->dropped_type);
    if (link->round_trip_ns == 0) {
        osri_text_add(text, "  round trip not measured yet\n");
    } else {
        osri_text_add(text, "  round trip %" PRIu64 ".%03" PRIu64 " ms\n",
                      link->round_trip_ns / 1000000, link->round_trip_ns / 1000 % 1000);
    }
}

/* ---- info ------------------------------------------------------------------------------ */

static void add_line(osri_text *text, const char *what, const char *value)
{
    cell safe;
    set_text(safe, value);
    osri_text_add(text, "%-11s %s\n", what, safe);
}

static void add_pids(osri_text *text, const char *what, const osr_pid *pids, uint32_t count)
{
    osri_text_add(text, "%-11s", what);
    for (uint32_t i = 0; i < count; i++) {
        char pid[OSR_PID_TEXT_BYTES];
        osr_pid_print(pids[i], pid);
        osri_text_add(text, " %s", pid);
    }
    osri_text_add(text, "%s\n", count == 0 ? " -" : "");
}

static void add_number(osri_text *text, const char *what, uint64_t number, const char *unit)
{
    osri_text_add(text, "%-11s %" PRIu64 "%s\n", what, number, unit);
}

static void add_more(osri_text *text, uint32_t count, uint32_t total)
{
    if (total > count) {
        osri_text_add(text, "%-11s and %" PRIu32 " more\n", "", total - count);
    }
}

static void add_all(osri_text *text, const char *what, const osr_pid *pids, uint32_t count,
                    uint32_t total)
{
    add_pids(text, what, pids, count);
    add_more(text, count, total);
}

/* What was said is one line, whatever it is. */
static void add_state(osri_text *text, const osr_process_info *info)
{
    char duration[OSRI_DURATION_TEXT_BYTES];
    cell safe;
    osri_format_duration(info->for_ns, duration);
    osri_text_add(text, "%-11s %s for %s", "state", osr_run_state_name(info->state), duration);
    if (info->blocked_on != OSR_BLOCKED_NOT) {
        osri_text_add(text, ", blocked on %s", osr_blocked_on_name(info->blocked_on));
    }
    if (info->waits_text.size != 0) {
        set_text(safe, info->waits_text.at);
        osri_text_add(text, " %s", safe);
    }
    if (!osr_pid_is_none(info->waits_for)) {
        char pid[OSR_PID_TEXT_BYTES];
        osr_pid_print(info->waits_for, pid);
        osri_text_add(text, " %s", pid);
    }
    if (info->handling.size != 0) {
        set_text(safe, info->handling.at);
        osri_text_add(text, ", handling %s", safe);
    }
    osri_text_add(text, "\n");
}

static void add_who(osri_text *text, osr_pid pid, const char *name, const char *label,
                    const char *body, osr_pid parent)
{
    char printed[OSR_PID_TEXT_BYTES];
    osr_pid_print(pid, printed);
    add_line(text, "pid", printed);
    add_line(text, "name", name);
    add_line(text, "label", label);
    add_line(text, "body", body);
    osr_pid_print(parent, printed);
    add_line(text, "parent", osr_pid_is_none(parent) ? "" : printed);
}

/* Of a bounded mailbox that has had no room. */
static void add_dropped(osri_text *text, const osr_process_work *work)
{
    const uint64_t counts[] = {work->dropped_new, work->dropped_rejected, work->dropped_old,
                               work->dropped_overflow, work->dropped_waited};
    bool is_first = true;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i] > 0) {
            if (is_first) {
                osri_text_add(text, "%-11s ", "dropped");
            } else {
                osri_text_add(text, ", ");
            }
            osri_text_add(text, "%" PRIu64 " %s", counts[i],
                          osr_drop_name((uint8_t)(OSR_DROP_NEW + i)));
            is_first = false;
        }
    }
    osri_text_add(text, "%s", is_first ? "" : "\n");
}

static void add_names(osri_text *text, const osr_process_relations *known)
{
    for (uint32_t i = 0; i < known->names.count; i++) {
        cell name, node;
        set_text(name, known->names.at[i].name.at);
        set_text(node, known->names.at[i].node.at);
        osri_text_add(text, "%-11s %s on %s\n", "", name, node);
    }
    add_more(text, known->names.count, known->name_count);
}

static void add_suspending(osri_text *text, const osr_process_relations *known)
{
    for (uint32_t i = 0; i < known->suspending.count; i++) {
        char pid[OSR_PID_TEXT_BYTES];
        osr_pid_print(known->suspending.at[i].pid, pid);
        osri_text_add(text, "%-11s %s, %" PRIu32 " times\n", i == 0 ? "suspends" : "", pid,
                      known->suspending.at[i].times);
    }
    add_more(text, known->suspending.count, known->suspending_count);
}

static void add_messages(osri_text *text, const osr_process_work *work)
{
    for (uint32_t i = 0; i < work->oldest.count; i++) {
        char from[OSR_PID_TEXT_BYTES];
        const osr_str *printed = &work->oldest.at[i].text;
        osr_pid_print(work->oldest.at[i].from, from);
        osri_text_add(text, "%-11s ", i == 0 ? "messages" : "");
        osri_text_add_safe(text, printed->at, printed->size);
        osri_text_add(text, " from %s\n", from);
    }
    if (work->oldest.count != 0 && work->queued > work->oldest.count) {
        osri_text_add(text, "%-11s and %" PRIu64 " more\n", "", work->queued - work->oldest.count);
    }
}

void osri_format_info(osri_text *text, const osr_process_info *info)
{
    const osr_process_work *work = &info->work;
    const osr_process_relations *known = &info->relations;
    add_who(text, info->pid, info->name.at, info->label.at, info->body.at, info->parent);
    add_state(text, info);
    osri_text_add(text, "%-11s %" PRIu64 ", %" PRIu64 " bytes\n", "queued", work->queued,
                  work->queued_bytes);
    add_dropped(text, work);
    add_number(text, "handled", work->handled, "");
    add_number(text, "reductions", work->reductions, "");
    osri_text_add(text, "%-11s %" PRIu64 " bytes, stack %" PRIu64 "\n", "memory",
                  work->memory_bytes, work->stack_bytes);
    add_line(text, "traps exits", info->traps ? "yes" : "no");
    add_all(text, "links", known->links.at, known->links.count, known->link_count);
    add_all(text, "monitors", known->monitors.at, known->monitors.count, known->monitor_count);
    add_names(text, known);
    add_all(text, "watched by", known->watchers.at, known->watchers.count, known->watcher_count);
    add_suspending(text, known);
    add_messages(text, work);
    osri_text_add(text, "%-11s ", "value");
    osri_text_add_safe(text, info->value.size == 0 ? "-" : info->value.at,
                       info->value.size == 0 ? 1 : info->value.size);
    osri_text_add(text, "\n");
}

static void add_duration(osri_text *text, const osr_snapshot *process, uint64_t now_ns)
{
    char since[OSRI_DURATION_TEXT_BYTES];
    if (process->since_ns != 0) {
        duration_since(process->since_ns, now_ns, since);
        osri_text_add(text, " for %s", since);
    }
}

static void add_activity(osri_text *text, const osr_snapshot *process, uint64_t now_ns)
{
    cell handling;
    set_text(handling, process->handling);
    osri_text_add(text, "%-11s %s", "state", osr_run_state_name(process->state));
    add_duration(text, process, now_ns);
    osri_text_add(text, "%s%s\n", process->handling[0] != '\0' ? ", handling " : "",
                  process->handling[0] != '\0' ? handling : "");
}

static void add_silence(osri_text *text, const osr_snapshot *process, uint64_t now_ns)
{
    if (process->handling[0] != '\0') {
        cell handling;
        set_text(handling, process->handling);
        osri_text_add(text, "busy in the handler of %s", handling);
        add_duration(text, process, now_ns);
        osri_text_add(text, ": ");
    }
    osri_text_add(text, "it does not say what its links, monitors and value are\n");
}

void osri_format_silent(osri_text *text, const osr_snapshot *process, uint64_t now_ns)
{
    add_who(text, process->pid, process->name, process->label, process->body, process->parent);
    add_activity(text, process, now_ns);
    add_number(text, "queued", process->queued, "");
    add_number(text, "handled", process->handled, "");
    add_line(text, "traps exits", process->trap_exit ? "yes" : "no");
    add_silence(text, process, now_ns);
}
