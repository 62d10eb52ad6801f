/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: message_reference lib_message lib_core */

/* Messages as typed: any text is read or refused with a text that fits; what was read prints as
 * something that is read as the same, and prints the same again. */

#include <stdlib.h>
#include <string.h>

#include "lib/message/print.h"
#include "tests/unit/message/samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int fact)
{
    if (!fact) {
        abort();
    }
}

static void check_printing(const osri_types *types, const osri_envelope *envelope, size_t room)
{
    char error[OSRI_PARSE_TEXT_BYTES];
    char *text = malloc(room);
    char *again = malloc(room);
    require(text != NULL && again != NULL);
    size_t size = osri_print(envelope->type, osri_envelope_body(envelope), text, room);
    require(size < room - 4 && strlen(text) == size);
    for (size_t i = 0; i < size; i++) {
        require((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
    }
    osri_envelope *copy = NULL;
    require(osri_parse(types, text, &copy, error) == OSR_OK);
    (void)osri_print(copy->type, osri_envelope_body(copy), again, room);
    require(strcmp(text, again) == 0);
    osri_envelope_free(&copy);
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static osri_types types;
    if (types.count == 0) {
        require(osri_types_init(&types) == OSR_OK);
        require(osri_types_collect(&types, osri_types_here(), NULL) == OSR_OK);
    }
    char error[OSRI_PARSE_TEXT_BYTES] = "";
    char *text = malloc(size + 1);
    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    osri_envelope *envelope = NULL;
    osr_err err = osri_parse(&types, text, &envelope, error);
    if (err == OSR_OK) {
        check_printing(&types, envelope, 200 * size + 65536);
    } else {
        require(memchr(error, '\0', sizeof(error)) != NULL && error[0] != '\0');
    }
    osri_envelope_free(&envelope);
    free(text);
    return 0;
}
