/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* The flight record as text. From a fault on only async-signal-safe functions are called, nothing
 * is allocated and no lock is taken; what is asked for goes the same way. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/scheduler/scheduler.h"
#include "lib/trace/event.h"

#define RINGS_MAX (OSRI_SCHEDULERS_MAX + 32)
#define STDERR_RECORDS 16 /* newest of each ring, where a person reads along */
#define PROCESSES_MAX 1000

typedef struct page {
    int fd;
    bool failed;
    size_t used;
    char text[1024];
} page;

static void flush(page *out)
{
    size_t done = 0;
    while (done < out->used && !out->failed) {
        ssize_t written = write(out->fd, out->text + done, out->used - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            out->failed = true;
        }
    }
    out->used = 0;
}

static void put_char(page *out, char c)
{
    if (out->used == sizeof(out->text)) {
        flush(out);
    }
    out->text[out->used++] = c;
}

static void put(page *out, const char *text)
{
    for (; *text != '\0'; text++) {
        put_char(out, (unsigned char)*text < 0x20 ? '?' : *text);
    }
}

static void put_number(page *out, uint64_t value, unsigned base, int digits_min)
{
    char digits[24];
    int at = sizeof(digits);
    while (value > 0 || digits_min > 0) {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
        digits_min--;
    }
    while (at < (int)sizeof(digits)) {
        put_char(out, digits[at++]);
    }
}

static void put_pid(page *out, osr_pid pid)
{
    put(out, " <");
    put_number(out, pid.node, 16, 16);
    put(out, ".");
    put_number(out, pid.slot, 10, 1);
    put(out, ".");
    put_number(out, pid.generation, 10, 1);
    put(out, ">");
}

static void put_labelled(page *out, const char *label, uint64_t value)
{
    if (value != 0) {
        put(out, label);
        put_number(out, value, 10, 1);
    }
}

static void put_code(page *out, const osr_event *event)
{
    bool is_code = event->kind == OSR_EVENT_STATE || event->kind == OSR_EVENT_LOG;
    if (event->kind == OSR_EVENT_DROP) {
        put(out, " reason=");
        put(out, osr_drop_name(event->code));
    } else {
        put_labelled(out, is_code ? " code=" : " reason=", event->code);
    }
}

static void put_event(page *out, const osr_node *node, const osr_event *event)
{
    put_number(out, event->time_ns / 1000000000u, 10, 1);
    put(out, ".");
    put_number(out, event->time_ns / 1000u % 1000000u, 10, 6);
    put(out, " ");
    put(out, osr_event_name(event->kind));
    if (event->generation != 0) {
        put_pid(out, (osr_pid){node->id, event->slot, event->generation});
    }
    if (event->what != NULL) {
        put(out, " ");
        put(out, event->what);
    }
    if (osr_event_has_name(event->kind)) {
        char name[sizeof(event->with.name) + 1] = "";
        memcpy(name, event->with.name, sizeof(event->with.name));
        put(out, event->kind == OSR_EVENT_REGISTER ? " as " : " ");
        put(out, name);
    } else if (!osr_pid_is_none(event->with.pid)) {
        put(out, " with");
        put_pid(out, event->with.pid);
    }
    put_code(out, event);
    put_labelled(out, " bytes=", event->size);
    put_labelled(out, " number=", event->number);
    put_labelled(out, " trace=", event->trace);
    put_char(out, '\n');
}

/* The newest events of all rings, oldest first. */
static void put_events(page *out, const osr_node *node, uint64_t each_max)
{
    uint64_t cursors[RINGS_MAX];
    uint64_t lost = 0;
    /* acquire: pairs with release in ring_of(), event.c */
    osri_ring *rings = atomic_load_explicit(&node->recorder.rings, memory_order_acquire);
    for (osri_ring *ring = rings; ring != NULL; ring = ring->next) {
        uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
        if (ring->index < RINGS_MAX) {
            cursors[ring->index] = written > each_max ? written - each_max : 0;
        }
    }
    for (uint64_t i = 0; i < each_max * RINGS_MAX; i++) { /* others may go on recording */
        osr_event first = {.kind = 0};
        uint64_t first_after = 0;
        for (osri_ring *ring = rings; ring != NULL; ring = ring->next) {
            osr_event event;
            uint64_t after = ring->index < RINGS_MAX ? cursors[ring->index] : UINT64_MAX;
            if (osri_ring_read(ring, &after, &event, &lost) &&
                (first.kind == 0 || event.time_ns < first.time_ns)) {
                first = event;
                first_after = after;
            }
        }
        if (first.kind == 0) {
            return;
        }
        cursors[first.ring] = first_after;
        put_event(out, node, &first);
    }
}

static void put_process(page *out, const osr_self *process)
{
    static const char *const states[] = {"idle", "waiting", "ready", "running", "exiting"};
    unsigned state = atomic_load_explicit(&process->state, memory_order_relaxed);
    const osr_type *handling = atomic_load_explicit(&process->handling, memory_order_relaxed);
    put(out, "process");
    put_pid(out, osri_process_pid(process));
    put(out, " ");
    put(out, state < sizeof(states) / sizeof(states[0]) ? states[state] : "?");
    put_labelled(out, " queued=", atomic_load_explicit(&process->queued, memory_order_relaxed));
    put_labelled(out, " handled=", atomic_load_explicit(&process->handled, memory_order_relaxed));
    if (handling != NULL) {
        put(out, " message=");
        put(out, handling->name);
    }
    put_char(out, '\n');
}

static void put_processes(page *out, const osr_node *node, uint32_t max)
{
    uint32_t slots = node->table.page_count * OSRI_PAGE_SLOTS;
    for (uint32_t slot = 0; slot < slots && max > 0; slot++) {
        const osr_self *process = osri_table_at(node, slot);
        if (process == NULL) {
            slot += OSRI_PAGE_SLOTS - 1; /* the page was never used */
        } else if (atomic_load_explicit(&process->number, memory_order_acquire) != 0) {
            put_process(out, process);
            max--;
        }
    }
}

static bool write_record(const osr_node *node, const char *path, const char *reason)
{
    page out = {.fd = STDERR_FILENO};
    if (path != NULL) {
        out.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (out.fd < 0) {
            return false;
        }
    }
    put(&out, "osier: flight record of node ");
    put(&out, node->name);
    put(&out, ": ");
    put(&out, reason == NULL ? "asked for" : reason);
    put_char(&out, '\n');
    put_events(&out, node, path == NULL ? STDERR_RECORDS : OSRI_RING_RECORDS);
    if (path != NULL) {
        put_processes(&out, node, PROCESSES_MAX);
    }
    put(&out, "osier: end of the flight record");
    put_char(&out, '\n');
    flush(&out);
    return (path == NULL || close(out.fd) == 0) && !out.failed;
}

void osr_catch_faults(void)
{
    osri_fault_install();
}

osr_err osr_flight_dump(osr_node *node, const char *path, const char *reason)
{
    const char *where = path != NULL ? path : node->recorder.path;
    return write_record(node, where, reason) ? OSR_OK : OSR_EIO;
}

/* The last event of this thread, if it has a ring: nothing else writes there now. */
static void put_fault(const osr_node *node, const char *line)
{
    const osri_worker *worker = osri_worker_of(node);
    osr_event event = {.kind = OSR_EVENT_FAULT, .time_ns = osri_node_coarse(node)};
    if (worker == NULL || worker->ring == NULL) {
        return;
    }
    if (worker->fault->process != NULL) {
        osr_pid pid = osri_process_pid(worker->fault->process);
        event.slot = pid.slot;
        event.generation = pid.generation;
    }
    memcpy(event.with.name, line, strnlen(line, sizeof(event.with.name)));
    osri_ring_write(worker->ring, &event);
}

void osri_flight_fault(const void *node_, const char *line)
{
    const osr_node *node = node_;
    put_fault(node, line);
    if (node->recorder.path == NULL || !write_record(node, node->recorder.path, line)) {
        (void)write_record(node, NULL, line); /* at least somewhere */
    }
}
