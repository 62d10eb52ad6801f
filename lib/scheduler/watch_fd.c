/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "lib/scheduler/scheduler.h"

/* Watched file descriptors: one epoll and one thread a node, made with the first watch. The thread
 * sleeps in the system while nothing is ready.
 *
 * Invariants, under the mutex
 *   F1  a watch is in by_number from osr_watch_fd() until it is ended; its number, not its address,
 *       is what epoll knows: an event of one that has ended finds nothing.
 *   F2  message is not NULL exactly while it has something to tell; made beforehand, so that
 *       telling cannot fail.
 *   F3  by_fd holds the watch that epoll has for an fd. Where epoll takes an fd anew that is in
 *       there, the old one was closed: its watch gets the fd -1 and never tells again.
 * The message is sent after the mutex has been let go. */

#define WATCHES_MAX_DEFAULT 65536
#define EVENTS_AT_ONCE 64
#define STOP 0 /* what epoll says of wake_fd; no reference has this number */

struct osri_fd_watch {
    osri_fd_watch *next, *previous; /* owner: the process */
    osr_pid pid;                    /* constant */
    uint64_t number;                /* constant */
    uint32_t events;                /* constant */
    int fd;                         /* guarded_by: mutex */
    osri_envelope *message;         /* guarded_by: mutex */
};

struct osri_fd_watches {
    osr_node *node;
    uint32_t watches_max;
    osri_mutex mutex;   /* OSRI_RANK_WATCH */
    osri_map by_number; /* guarded_by: mutex */
    osri_map by_fd;     /* guarded_by: mutex */
    void *thread;       /* guarded_by: mutex; NULL: not started */
    int epoll_fd, wake_fd;
};

osr_err osri_fd_watches_new(osr_node *node, uint32_t watches_max)
{
    osri_fd_watches *watches = osri_heap_zalloc(sizeof(*watches));
    if (watches == NULL) {
        return OSR_ENOMEM;
    }
    osri_mutex_init(&watches->mutex, OSRI_RANK_WATCH);
    watches->node = node;
    watches->watches_max = watches_max != 0 ? watches_max : WATCHES_MAX_DEFAULT;
    watches->epoll_fd = watches->wake_fd = -1;
    node->fd_watches = watches;
    return OSR_OK;
}

static void close_all(osri_fd_watches *watches)
{
    if (watches->epoll_fd >= 0) {
        (void)close(watches->epoll_fd);
    }
    if (watches->wake_fd >= 0) {
        (void)close(watches->wake_fd);
    }
    watches->epoll_fd = watches->wake_fd = -1;
}

void osri_fd_watches_free(osr_node *node)
{
    osri_fd_watches *watches = node->fd_watches;
    if (watches == NULL) {
        return;
    }
    if (watches->thread != NULL) {
        uint64_t one = 1;
        (void)!write(watches->wake_fd, &one, sizeof(one));
        node->env->thread_join(node->env->context, watches->thread);
    }
    close_all(watches);
    osri_map_fini(&watches->by_number);
    osri_map_fini(&watches->by_fd);
    osri_mutex_fini(&watches->mutex);
    osri_heap_free(watches, sizeof(*watches));
    node->fd_watches = NULL;
}

/* ---- the thread --------------------------------------------------------------------------- */

static uint32_t events_of_system(uint32_t events)
{
    return ((events & (EPOLLIN | EPOLLRDHUP)) != 0 ? OSR_FD_READ : 0u) |
           ((events & EPOLLOUT) != 0 ? OSR_FD_WRITE : 0u) |
           ((events & (EPOLLERR | EPOLLHUP)) != 0 ? OSR_FD_ERROR : 0u);
}

static void tell(osri_fd_watches *watches, uint64_t number, uint32_t events)
{
    osri_mutex_lock(&watches->mutex);
    osri_fd_watch *watch = osri_map_get_u64(&watches->by_number, number);
    osri_envelope *message = watch == NULL ? NULL : watch->message;
    osr_pid to = watch == NULL ? OSR_PID_NONE : watch->pid;
    if (message != NULL) {
        watch->message = NULL;
        ((osr_fd_ready *)osri_envelope_body_to_fill(message))->events = events;
    }
    osri_mutex_unlock(&watches->mutex);
    if (message != NULL) {
        osri_count(watches->node, OSRI_COUNT_SENT);
        osri_signal_deliver(watches->node, to, NULL, &message);
    }
}

static void thread_main(void *argument)
{
    osri_fd_watches *watches = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    for (bool stops = false; !stops;) {
        int count = epoll_wait(watches->epoll_fd, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < count; i++) {
            stops = stops || events[i].data.u64 == STOP;
            tell(watches, events[i].data.u64, events_of_system(events[i].events));
        }
    }
}

static osr_err error_of_system(int error)
{
    switch (error) {
    case EBADF:
    case ENOENT:
    case EINVAL:
    case ELOOP:
        return OSR_EINVAL;
    case EPERM:
        return OSR_EPERM;
    case EEXIST:
        return OSR_ETAKEN;
    case ENOMEM:
        return OSR_ENOMEM;
    default: /* EMFILE, ENFILE, ENOSPC */
        return OSR_ELIMIT;
    }
}

static osr_err start_locked(osri_fd_watches *watches)
{
    if (watches->thread != NULL) {
        return OSR_OK;
    }
    const osr_env *env = watches->node->env;
    struct epoll_event wake = {.events = EPOLLIN, .data = {.u64 = STOP}};
    watches->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watches->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    osr_err err = OSR_OK;
    if (watches->epoll_fd < 0 || watches->wake_fd < 0 ||
        epoll_ctl(watches->epoll_fd, EPOLL_CTL_ADD, watches->wake_fd, &wake) != 0) {
        err = error_of_system(errno);
    }
    if (err == OSR_OK) {
        err = env->thread_start(env->context, "osier-fds", thread_main, watches, &watches->thread);
    }
    if (err != OSR_OK) {
        watches->thread = NULL;
        close_all(watches);
    }
    return err;
}

/* ---- the process's side ------------------------------------------------------------------- */

static int arm_locked(osri_fd_watches *watches, const osri_fd_watch *watch, int operation)
{
    struct epoll_event event = {
        .events = EPOLLONESHOT | ((watch->events & OSR_FD_READ) != 0 ? EPOLLIN | EPOLLRDHUP : 0u) |
                  ((watch->events & OSR_FD_WRITE) != 0 ? EPOLLOUT : 0u),
        .data = {.u64 = watch->number},
    };
    return epoll_ctl(watches->epoll_fd, operation, watch->fd, &event);
}

static osr_err message_new(osr_self *self, uint64_t number, int fd, osri_envelope **ret_message)
{
    osr_fd_ready body = {.watch = {self->node->id, number}, .fd = fd};
    return osri_signal_new(OSRI_SIGNAL_NODE, OSR_PID_NONE, 0, &osr_fd_ready_osr_type, &body,
                           ret_message);
}

static osr_err add_locked(osri_fd_watches *watches, osri_fd_watch *watch)
{
    if (osri_map_count(&watches->by_number) >= watches->watches_max) {
        return OSR_ELIMIT;
    }
    osr_err err = start_locked(watches);
    if (err == OSR_OK) {
        err = osri_map_put_u64(&watches->by_number, watch->number, watch, NULL);
    }
    if (err != OSR_OK) {
        return err;
    }
    void *closed = NULL;
    if (arm_locked(watches, watch, EPOLL_CTL_ADD) != 0) {
        err = error_of_system(errno);
    } else {
        err = osri_map_put_u64(&watches->by_fd, (uint64_t)watch->fd, watch, &closed);
        if (err != OSR_OK) {
            (void)epoll_ctl(watches->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
        } else if (closed != NULL) {
            ((osri_fd_watch *)closed)->fd = -1; /* F3 */
        }
    }
    if (err != OSR_OK) {
        (void)osri_map_remove_u64(&watches->by_number, watch->number);
    }
    return err;
}

static void hang(osri_relations *relations, osri_fd_watch *watch)
{
    watch->previous = NULL;
    watch->next = relations->fd_watches;
    if (watch->next != NULL) {
        watch->next->previous = watch;
    }
    relations->fd_watches = watch;
}

static void unhang(osri_relations *relations, osri_fd_watch *watch)
{
    if (watch->previous != NULL) {
        watch->previous->next = watch->next;
    } else {
        relations->fd_watches = watch->next;
    }
    if (watch->next != NULL) {
        watch->next->previous = watch->previous;
    }
}

static void watch_free(osri_fd_watch *watch)
{
    osri_envelope_free(&watch->message);
    osri_heap_free(watch, sizeof(*watch));
}

osr_err osr_watch_fd(osr_self *self, int fd, uint32_t events, osr_ref *ret_watch)
{
    osr_node *node = self->node;
    if (node->threads == NULL) {
        return OSR_ENOTSUP;
    }
    if (fd < 0 || events == 0 || (events & ~(uint32_t)(OSR_FD_READ | OSR_FD_WRITE)) != 0) {
        return OSR_EINVAL;
    }
    osri_relations *relations = osri_process_relations(self);
    osri_fd_watch *watch = osri_heap_zalloc(sizeof(*watch));
    if (relations == NULL || watch == NULL) {
        osri_heap_free(watch, sizeof(*watch));
        return OSR_ENOMEM;
    }
    watch->pid = osri_process_pid(self);
    watch->number = osri_reference_next(node);
    watch->events = events;
    watch->fd = fd;
    osr_err err = message_new(self, watch->number, fd, &watch->message);
    if (err == OSR_OK) {
        osri_mutex_lock(&node->fd_watches->mutex);
        err = add_locked(node->fd_watches, watch);
        osri_mutex_unlock(&node->fd_watches->mutex);
    }
    if (err != OSR_OK) {
        watch_free(watch);
        return err;
    }
    hang(relations, watch);
    *ret_watch = (osr_ref){node->id, watch->number};
    return OSR_OK;
}

/* Of this process, or NULL. It lives until this process ends it. */
static osri_fd_watch *find(osr_self *self, osr_ref number)
{
    osri_fd_watches *watches = self->node->fd_watches;
    osri_mutex_lock(&watches->mutex);
    osri_fd_watch *watch =
        number.node == self->node->id ? osri_map_get_u64(&watches->by_number, number.number) : NULL;
    if (watch != NULL && !osr_pid_equal(watch->pid, osri_process_pid(self))) {
        watch = NULL;
    }
    osri_mutex_unlock(&watches->mutex);
    return watch;
}

osr_err osr_watch_again(osr_self *self, osr_ref number)
{
    osri_fd_watches *watches = self->node->fd_watches;
    osri_fd_watch *watch = find(self, number);
    if (watch == NULL) {
        return OSR_ENOTFOUND;
    }
    osri_envelope *message;
    osr_ref ref = number;
    osr_err err = OSR_OK;
    osri_mutex_lock(&watches->mutex);
    bool is_armed = watch->message != NULL;
    int fd = watch->fd;
    osri_mutex_unlock(&watches->mutex);
    if (is_armed) {
        return OSR_OK;
    }
    if (fd < 0) {
        return OSR_EINVAL;
    }
    err = message_new(self, ref.number, fd, &message);
    if (err != OSR_OK) {
        return err;
    }
    osri_mutex_lock(&watches->mutex); /* nobody but we arms it, so it has not changed but its fd */
    watch->message = message;
    if (watch->fd < 0 || arm_locked(watches, watch, EPOLL_CTL_MOD) != 0) {
        watch->message = NULL;
        err = OSR_EINVAL;
    }
    osri_mutex_unlock(&watches->mutex);
    if (err != OSR_OK) {
        osri_envelope_free(&message);
    }
    return err;
}

/* Whether it had something to tell. */
static bool end(osr_node *node, osri_fd_watch *watch)
{
    osri_fd_watches *watches = node->fd_watches;
    osri_mutex_lock(&watches->mutex);
    (void)osri_map_remove_u64(&watches->by_number, watch->number);
    if (watch->fd >= 0 && osri_map_get_u64(&watches->by_fd, (uint64_t)watch->fd) == watch) {
        (void)osri_map_remove_u64(&watches->by_fd, (uint64_t)watch->fd);
        (void)epoll_ctl(watches->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    }
    bool was_armed = watch->message != NULL;
    osri_mutex_unlock(&watches->mutex);
    watch_free(watch);
    return was_armed;
}

bool osr_unwatch_fd(osr_self *self, osr_ref number)
{
    osri_fd_watch *watch = find(self, number);
    if (watch == NULL) {
        return false;
    }
    unhang(self->relations, watch);
    return end(self->node, watch);
}

void osri_fd_watches_end_all(osr_self *process)
{
    osri_relations *relations = process->relations;
    while (relations != NULL && relations->fd_watches != NULL) {
        osri_fd_watch *watch = relations->fd_watches;
        relations->fd_watches = watch->next;
        (void)end(process->node, watch);
    }
}
