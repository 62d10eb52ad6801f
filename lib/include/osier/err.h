/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_ERR_H
#define OSR_ERR_H

/* Errors, and the marks that public declarations carry.
 *
 * Everything that can fail returns osr_err; 0 is OSR_OK. Outputs are written only on OSR_OK unless
 * a function says otherwise. The numbers are part of the wire format: they are appended to, never
 * reused. */

#define OSR_API __attribute__((visibility("default")))
#define OSR_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
#define OSR_BEGIN_DECLS extern "C" {
#define OSR_END_DECLS }
#else
#define OSR_BEGIN_DECLS
#define OSR_END_DECLS
#endif

OSR_BEGIN_DECLS

#define OSR_ERR_MAP(X)                                                                             \
    X(OK, 0, "success")                                                                            \
    X(ENOMEM, 1, "out of memory")                                                                  \
    X(EINVAL, 2, "invalid argument")                                                               \
    X(EEXIT, 3, "the calling process has been told to exit")                                       \
    X(ENOPROC, 4, "no such process")                                                               \
    X(ENOCONNECTION, 5, "no connection to the node")                                               \
    X(ETIMEDOUT, 6, "timed out")                                                                   \
    X(ECLOSED, 7, "closed by the other side")                                                      \
    X(EFULL, 8, "full")                                                                            \
    X(ETAKEN, 9, "the name is taken")                                                              \
    X(ENOTFOUND, 10, "not found")                                                                  \
    X(EPERM, 11, "not permitted")                                                                  \
    X(EPROTO, 12, "malformed or unexpected input")                                                 \
    X(ELIMIT, 13, "a limit of the node is reached")                                                \
    X(EIO, 14, "an operating system call failed")                                                  \
    X(EBUSY, 15, "busy")                                                                           \
    X(EVERSION, 16, "no common version")                                                           \
    X(ETYPE, 17, "unknown or conflicting message type")                                            \
    X(EADDRESS, 18, "the address is in use or not available")                                      \
    X(ESELF, 19, "a process cannot call itself")                                                   \
    X(ENOTSUP, 20, "not supported here")                                                           \
    X(ESTOPPED, 21, "the node is stopped")                                                         \
    X(EFAILED, 22, "failed")                                                                       \
    X(ECHECK, 23, "a check of the process failed")                                                 \
    X(ETERMINATED, 24, "the group leader has ended, or its node is lost")

typedef enum osr_err {
#define X(name, value, text) OSR_##name = value,
    OSR_ERR_MAP(X)
#undef X
} osr_err;

/* The error's text, e.g. "no such process"; static. An unknown number gives "unknown error".
 * Threads: any. Not a suspension point. */
OSR_API const char *osr_err_text(osr_err err);

/* The error's name, e.g. "ENOPROC"; static. Threads: any. Not a suspension point. */
OSR_API const char *osr_err_name(osr_err err);

OSR_END_DECLS
#endif
