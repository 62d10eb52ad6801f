/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/osier/show.h"

#include <stdio.h>

#include "node/shell/text.h"
#include "osier/main.h"

#define TEXT_BYTES 512
#define GROWTH_MAX 4 /* \x1b for one byte */

static bool print(FILE *stream, const char *from, size_t bytes)
{
    osri_text safe;
    osri_text_init(&safe, bytes * GROWTH_MAX + 1);
    osri_text_add_safe(&safe, from, bytes);
    size_t written = safe.bytes == 0 ? 0 : fwrite(safe.at, 1, safe.bytes, stream);
    bool whole = written == safe.bytes && !safe.cut && fflush(stream) == 0;
    osri_text_fini(&safe);
    return whole;
}

osr_err osri_show_output(void *context, const char *text, size_t bytes)
{
    (void)context;
    return print(stdout, text, bytes) ? OSR_OK : OSR_EIO;
}

int osri_show(const osri_ask_result *result, const char *command, const char *target,
              uint32_t timeout_ms)
{
    if (result->err != OSR_OK) {
        char text[TEXT_BYTES];
        osri_ask_explain(result->err, target, timeout_ms, text, sizeof(text));
        (void)fprintf(stderr, "%s: %s\n", command, text);
        return OSR_STATUS_UNAVAILABLE;
    }
    bool whole = print(stdout, result->text, result->text_bytes);
    whole = print(stderr, result->complaint, result->complaint_bytes) && whole;
    bool is_status = result->status >= 0 && result->status <= 255;
    return result->status == OSR_STATUS_OK && !whole ? OSR_STATUS_FAILED
           : is_status                               ? result->status
                                                     : OSR_STATUS_FAILED;
}
