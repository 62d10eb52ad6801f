/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/revoked_file.h"

#include <stdio.h>
#include <string.h>

#include "dist/identity/authority.h"
#include "lib/core/heap.h"

/* See revoked_file.h. */

osr_err osri_revoked_file_init(osri_revoked_file *file, const char *path, const char *authority)
{
    memset(file, 0, sizeof(*file));
    if (path == NULL) {
        return OSR_OK;
    }
    file->path = osri_heap_strdup(path);
    file->authority = osri_heap_strdup(authority);
    if (file->path == NULL || file->authority == NULL) {
        return OSR_ENOMEM;
    }
    (void)stat(path, &file->seen);
    return OSR_OK;
}

void osri_revoked_file_fini(osri_revoked_file *file)
{
    osri_heap_strfree(file->path);
    osri_heap_strfree(file->authority);
    memset(file, 0, sizeof(*file));
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static osr_err load(const osri_revoked_file *file, osri_revocations *list, char *text, size_t bytes)
{
    osri_authority authority;
    osr_err err = osri_authority_load_public(file->authority, &authority, text, bytes);

    return err != OSR_OK ? err : osri_revocations_load(file->path, &authority, list, text, bytes);
}

static void read_again(const osri_revoked_file *file, osri_net *net, const osri_log *log)
{
    char text[512];
    osri_revocations *list = osri_heap_zalloc(sizeof(*list)); /* 32 KiB */
    osr_err err = OSR_ENOMEM;

    (void)snprintf(text, sizeof(text), "%s: out of memory", file->path);
    if (list != NULL) {
        err = load(file, list, text, sizeof(text));
    }
    if (err == OSR_OK) {
        err = osri_net_revoke(net, list);
        (void)snprintf(text, sizeof(text), "%s: %s", file->path, osr_err_text(err));
    }
    if (err != OSR_OK && err != OSR_ESTOPPED) {
        osri_log_write(log, OSR_LOG_ERROR, "net: %s; the list that was read before stays", text);
    }
    osri_heap_free(list, sizeof(*list));
}

void osri_revoked_file_look(osri_revoked_file *file, osri_net *net, const osri_log *log,
                            uint64_t now_ns)
{
    struct stat now;

    if (file->path == NULL || now_ns < file->look_ns) {
        return;
    }
    file->look_ns = now_ns + OSRI_REVOKED_LOOK_MS * UINT64_C(1000000);
    if (stat(file->path, &now) != 0) {
        memset(&now, 0, sizeof(now)); /* gone: said once */
    }
    if (!is_same(&now, &file->seen)) {
        file->seen = now;
        read_again(file, net, log);
    }
}
