/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Pids and references as text.
 *
 * Invariant: the form is canonical: a value prints in one way, and only that is read back. */
#include "osier/pid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEX_DIGITS 16

/* Each reader takes what it understands from *text and moves it on, or says no. */

static bool take_word(const char **text, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(*text, word, size) != 0) {
        return false;
    }
    *text += size;
    return true;
}

static bool take_hex(const char **text, uint64_t *ret)
{
    uint64_t value = 0;
    for (int i = 0; i < HEX_DIGITS; i++) {
        char c = (*text)[i];
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (unsigned)(c - 'a') + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    *text += HEX_DIGITS;
    *ret = value;
    return true;
}

static bool take_decimal(const char **text, uint64_t max, uint64_t *ret)
{
    const char *at = *text;
    if (*at < '0' || *at > '9' || (at[0] == '0' && at[1] >= '0' && at[1] <= '9')) {
        return false;
    }
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *text = at;
    *ret = value;
    return true;
}

void osr_pid_print(osr_pid pid, char ret_text[OSR_PID_TEXT_BYTES])
{
    (void)snprintf(ret_text, OSR_PID_TEXT_BYTES, "<%016" PRIx64 ".%" PRIu32 ".%" PRIu32 ">",
                   pid.node, pid.slot, pid.generation);
}

osr_err osr_pid_parse(const char *text, osr_pid *ret_pid)
{
    uint64_t node;
    uint64_t slot;
    uint64_t generation;
    if (!take_word(&text, "<") || !take_hex(&text, &node) || !take_word(&text, ".") ||
        !take_decimal(&text, UINT32_MAX, &slot) || !take_word(&text, ".") ||
        !take_decimal(&text, UINT32_MAX, &generation) || !take_word(&text, ">") || *text != '\0') {
        return OSR_EINVAL;
    }
    *ret_pid = (osr_pid){node, (uint32_t)slot, (uint32_t)generation};
    return OSR_OK;
}

void osr_ref_print(osr_ref ref, char ret_text[OSR_REF_TEXT_BYTES])
{
    (void)snprintf(ret_text, OSR_REF_TEXT_BYTES, "#Ref<%016" PRIx64 ".%" PRIu64 ">", ref.node,
                   ref.number);
}

osr_err osr_ref_parse(const char *text, osr_ref *ret_ref)
{
    osr_ref ref;
    if (!take_word(&text, "#Ref<") || !take_hex(&text, &ref.node) || !take_word(&text, ".") ||
        !take_decimal(&text, UINT64_MAX, &ref.number) || !take_word(&text, ">") || *text != '\0') {
        return OSR_EINVAL;
    }
    *ret_ref = ref;
    return OSR_OK;
}
