/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/osier/target.h"

#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 512

bool osri_target_name(const char *text, char ret_name[OSRI_NAME_BYTES])
{
    const char *host = strchr(text, '@') == NULL ? "@localhost" : "";
    int length = snprintf(ret_name, OSRI_NAME_BYTES, "%s%s", text, host);
    return length > 0 && length < OSRI_NAME_BYTES &&
           osri_node_name_check(ret_name, (size_t)length) == OSR_OK;
}

static bool is_here(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0;
}

int osri_target_check(const osri_arguments *arguments, const char *command, const char *name)
{
    if (!is_here(osri_node_name_host(name)) || arguments->contact.port != 0) {
        return OSR_STATUS_OK;
    }
    osri_epmd_options options = osri_arguments_mapper(arguments);
    osri_epmd_record record;
    char text[TEXT_BYTES] = "";
    osr_err err = osri_epmd_lookup(&options, name, &record, text, sizeof(text));
    if (err == OSR_OK) {
        return OSR_STATUS_OK;
    }
    if (err == OSR_ENOTFOUND) {
        (void)fprintf(
            stderr, "osier %s: no node %s runs on this machine; osier nodes lists those that do\n",
            command, name);
    } else {
        (void)fprintf(stderr, "osier %s: %s\n", command,
                      text[0] != '\0' ? text : osr_err_text(err));
    }
    return OSR_STATUS_UNAVAILABLE;
}
