/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/heap.h"

/* See audit.h.
 *
 * Invariant: a record is one line. One that was cut by the system is left, since others may have
 * the file open, and the next one begins on a new line. */

#define LINE_BYTES 1536

static osr_err fail(const osri_audit *audit, osr_err err, char *text, size_t bytes, const char *why)
{
    if (bytes > 0) {
        (void)snprintf(text, bytes, "%s: %s", audit->path == NULL ? "audit" : audit->path, why);
    }
    return err;
}

static osr_err check(const osri_audit *audit, int fd, struct stat *ret_status, char *text,
                     size_t bytes)
{
    char why[96];

    if (fstat(fd, ret_status) != 0) {
        return fail(audit, OSR_EIO, text, bytes, strerror(errno));
    }
    if (!S_ISREG(ret_status->st_mode)) {
        return fail(audit, OSR_EPERM, text, bytes, "not a regular file; name another one");
    }
    if (ret_status->st_uid != geteuid()) {
        return fail(audit, OSR_EPERM, text, bytes, "belongs to another user; chown it");
    }
    if ((ret_status->st_mode & 077) != 0) {
        (void)snprintf(why, sizeof(why), "open to others (mode %04o); chmod 600 it",
                       (unsigned)(ret_status->st_mode & 07777));
        return fail(audit, OSR_EPERM, text, bytes, why);
    }
    return OSR_OK;
}

static void close_locked(osri_audit *audit) OSR_REQUIRES(&audit->mutex);
static osr_err open_locked(osri_audit *audit, char *text, size_t bytes) OSR_REQUIRES(&audit->mutex);
static osr_err find_file_locked(osri_audit *audit, char *why, size_t bytes)
    OSR_REQUIRES(&audit->mutex);
static osr_err write_locked(osri_audit *audit, const osri_audit_record *record, char *why,
                            size_t bytes) OSR_REQUIRES(&audit->mutex);

static void close_locked(osri_audit *audit)
{
    if (audit->fd >= 0) {
        (void)close(audit->fd);
        audit->fd = -1;
    }
}

static osr_err open_locked(osri_audit *audit, char *text, size_t bytes)
{
    struct stat status;
    int fd = open(audit->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                  0600);
    osr_err err;

    if (fd < 0) {
        return fail(audit, OSR_EIO, text, bytes,
                    errno == ELOOP ? "a symbolic link; name the file itself" : strerror(errno));
    }
    err = check(audit, fd, &status, text, bytes);
    if (err != OSR_OK) {
        (void)close(fd);
        return err;
    }
    audit->fd = fd;
    audit->device = status.st_dev;
    audit->inode = status.st_ino;
    audit->torn = false;
    return OSR_OK;
}

osr_err osri_audit_init(osri_audit *audit, const osr_env *env, const osri_log *log,
                        const char *path, char *ret_text, size_t text_bytes)
{
    osr_err err;

    memset(audit, 0, sizeof(*audit));
    audit->env = env;
    audit->log = log;
    osri_mutex_init(&audit->mutex, OSRI_RANK_LEAF);
    audit->path = osri_heap_strdup(path);
    osri_mutex_lock(&audit->mutex);
    audit->fd = -1;
    err = audit->path == NULL ? fail(audit, OSR_ENOMEM, ret_text, text_bytes, "out of memory")
                              : open_locked(audit, ret_text, text_bytes);
    osri_mutex_unlock(&audit->mutex);
    return err;
}

void osri_audit_fini(osri_audit *audit)
{
    osri_mutex_lock(&audit->mutex);
    close_locked(audit);
    osri_mutex_unlock(&audit->mutex);
    osri_heap_strfree(audit->path);
    osri_mutex_fini(&audit->mutex);
}

/* It may have been moved away, or removed, so that another one is begun. */
static osr_err find_file_locked(osri_audit *audit, char *why, size_t bytes)
{
    struct stat status;

    if (audit->fd >= 0 && stat(audit->path, &status) == 0 && status.st_dev == audit->device &&
        status.st_ino == audit->inode) {
        return OSR_OK;
    }
    close_locked(audit);
    return open_locked(audit, why, bytes);
}

static size_t print_record(const osri_audit *audit, const osri_audit_record *record, bool torn,
                           char ret_line[LINE_BYTES])
{
    char asked[OSRI_AUDIT_TEXT_MAX], note[256] = "", when[32] = "";
    uint64_t ms = audit->env->wall_ms(audit->env->context);
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    }
    (void)osri_log_escape(asked, sizeof(asked), record->text);
    if (record->note != NULL) {
        (void)osri_log_escape(note, sizeof(note), record->note);
    }
    bool done = strcmp(record->became, "done") == 0;
    int length = snprintf(ret_line, LINE_BYTES, "%s%s.%03uZ %s %s \"%.160s\" %llu %s%s%s\n",
                          torn ? "\n" : "", when, (unsigned)(ms % 1000), record->what,
                          record->became, record->peer, (unsigned long long)record->serial,
                          done ? note : asked, note[0] == '\0' ? "" : ": ", done ? asked : note);
    return length < 0 ? 0 : (size_t)length < LINE_BYTES ? (size_t)length : LINE_BYTES - 1;
}

static osr_err write_locked(osri_audit *audit, const osri_audit_record *record, char *why,
                            size_t bytes)
{
    char line[LINE_BYTES];
    osr_err err = find_file_locked(audit, why, bytes);

    if (err != OSR_OK) {
        return OSR_EIO;
    }
    size_t length = print_record(audit, record, audit->torn, line);
    ssize_t written;
    do {
        written = write(audit->fd, line, length);
    } while (written < 0 && errno == EINTR);
    if (written == (ssize_t)length) {
        audit->torn = false;
        return OSR_OK;
    }
    audit->torn = audit->torn || written > 0;
    return fail(audit, OSR_EIO, why, bytes, strerror(written < 0 ? errno : ENOSPC));
}

osr_err osri_audit_write(osri_audit *audit, const osri_audit_record *record)
{
    char why[512] = "";
    char more[OSRI_GATE_MORE_BYTES];
    bool told = false;
    osr_err err;

    if (audit == NULL) {
        return OSR_OK;
    }
    osri_mutex_lock(&audit->mutex);
    err = write_locked(audit, record, why, sizeof(why));
    if (err != OSR_OK) {
        told = osri_gate_pass(&audit->failures, audit->env->now_ns(audit->env->context), more);
    }
    osri_mutex_unlock(&audit->mutex);
    if (told) {
        osri_log_write(audit->log, OSR_LOG_ERROR,
                       "audit: %s; what changes anything is refused until it can be written%s", why,
                       more);
    }
    return err;
}
