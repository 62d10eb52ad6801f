/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_WATCH_H
#define OSR_WATCH_H

#include "osier/process.h"

/* Watched file descriptors: sockets, pipes and the like of a process, whose readiness comes as a
 * message. A watch tells once; when the process has read or written what there was it asks again:
 *
 *     osr_watch_fd(self, fd, OSR_FD_READ, &watch);
 *     …
 *     const osr_fd_ready *ready = OSR_AS(osr_fd_ready, &message);   // then read until EAGAIN
 *     osr_watch_again(self, ready->watch);
 *
 * The fd stays the user's, and should not block. End the watch before closing the fd: one that is
 * closed first tells nothing any more, or, where it has been duplicated, goes on. A watch is its
 * process's, called by it only, and ends with it. Nothing here is a suspension point. */

OSR_BEGIN_DECLS

enum {
    OSR_FD_READ = 1,  /* there is something to read, or an end of file */
    OSR_FD_WRITE = 2, /* there is room to write */
    OSR_FD_ERROR = 4, /* an error, or hung up; told whether or not it was asked for */
};

OSR_MESSAGE(osr_fd_ready, 0x0a, (1, ref, watch), (2, i32, fd), (3, u32, events));

/* Watches fd for events (OSR_FD_READ, OSR_FD_WRITE or both); what is so already is told at once.
 * Errors: OSR_EINVAL no such fd, or no events; OSR_EPERM a file or directory, which is always
 *   ready; OSR_ETAKEN the fd is watched already on this node; OSR_ELIMIT the node has watches_max,
 *   or the system gives no more; OSR_ENOMEM; OSR_ENOTSUP the node has no threads (it is stepped, or
 *   its environment starts none). */
OSR_API OSR_MUST_CHECK osr_err osr_watch_fd(osr_self *self, int fd, uint32_t events,
                                            osr_ref *ret_watch);

/* Tells once more, at once if it is ready. Does nothing while it has not told yet.
 * Errors: OSR_ENOTFOUND no watch of this process; OSR_EINVAL the fd has been closed; OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_watch_again(osr_self *self, osr_ref watch);

/* Ends a watch. True where it had nothing to tell: no message of it comes. False: it has told,
 * and the message has come or will come; or there is no such watch. */
OSR_API bool osr_unwatch_fd(osr_self *self, osr_ref watch);

OSR_END_DECLS
#endif
