/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Printing: pieces are put whole or not at all, so that a cut never splits an escape or a
 * character.
 *
 * Invariants
 *   I1  what is printed has no control character in it, whatever the value: terminals are safe.
 *   I2  if nothing was cut, osri_parse() reads the same value back. */
#include "lib/message/print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/message/body.h"
#include "lib/message/utf8.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define ELLIPSIS_BYTES 3
#define NUMBER_BYTES 40

typedef struct printer {
    char *at;
    size_t room; /* without the NUL */
    size_t size;
    size_t fits; /* the largest size so far behind which an ellipsis has room */
    bool is_cut;
} printer;

static void print_fields(printer *p, const osr_type *type, const void *value);

static void put(printer *p, const char *piece, size_t size)
{
    if (p->is_cut || size > p->room - p->size) {
        p->is_cut = true;
        return;
    }
    memcpy(p->at + p->size, piece, size);
    p->size += size;
    if (p->room >= ELLIPSIS_BYTES && p->size <= p->room - ELLIPSIS_BYTES) {
        p->fits = p->size;
    }
}

static void put_word(printer *p, const char *word)
{
    for (; *word != '\0'; word++) {
        put(p, word, 1);
    }
}

static size_t finish(printer *p)
{
    if (p->is_cut) {
        p->size = p->fits;
        if (p->room >= ELLIPSIS_BYTES) {
            memcpy(p->at + p->size, ELLIPSIS, ELLIPSIS_BYTES);
            p->size += ELLIPSIS_BYTES;
        }
    }
    p->at[p->size] = '\0';
    return p->size;
}

static void print_signed(printer *p, int64_t number)
{
    char text[NUMBER_BYTES];
    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    put(p, text, strlen(text));
}

static void print_unsigned(printer *p, uint64_t number)
{
    char text[NUMBER_BYTES];
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    put(p, text, strlen(text));
}

/* Whatever the program's locale writes between digits becomes one point. */
static void use_point(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (strchr("0123456789+-einfa", *from) != NULL) {
            *to++ = *from;
        } else if (to == text || to[-1] != '.') {
            *to++ = '.';
        }
    }
    *to = '\0';
}

/* The shortest of the forms that are read back as the same number; with a point if it has neither
 * that nor an exponent. */
static void print_f64(printer *p, double number)
{
    char text[NUMBER_BYTES];
    if (number != number) {
        put_word(p, "nan");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    use_point(text);
    put(p, text, strlen(text));
    if (strpbrk(text, ".ein") == NULL) {
        put(p, ".0", 2);
    }
}

static void print_escaped(printer *p, uint8_t byte)
{
    static const char names[] = "\nn\tt\rr\"\"\\\\"; /* byte, name, byte, name, … */
    char text[5];
    for (size_t i = 0; i < sizeof(names) - 1; i += 2) {
        if ((uint8_t)names[i] == byte) {
            (void)snprintf(text, sizeof(text), "\\%c", names[i + 1]);
            put(p, text, 2);
            return;
        }
    }
    (void)snprintf(text, sizeof(text), "\\x%02x", byte);
    put(p, text, 4);
}

/* How many bytes at `at` may be printed as they are: one whole character, or 0. */
static size_t clean_length(const uint8_t *at, size_t left)
{
    size_t length = osri_utf8_length(at, left);
    bool is_control =
        at[0] < 0x20 || at[0] == 0x7f || (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
    return is_control || at[0] == '"' || at[0] == '\\' ? 0 : length;
}

static void print_str(printer *p, const osr_str *str)
{
    const uint8_t *at = (const uint8_t *)str->at;
    size_t left = str->size;
    put(p, "\"", 1);
    while (left > 0 && !p->is_cut) {
        size_t length = clean_length(at, left);
        if (length > 0) {
            put(p, (const char *)at, length);
        } else {
            length = 1;
            print_escaped(p, *at);
        }
        at += length;
        left -= length;
    }
    put(p, "\"", 1);
}

static void print_bin(printer *p, const osr_bin *bin)
{
    const uint8_t *data = osr_bin_data(bin);
    size_t size = osr_bin_size(bin);
    char text[3];
    put(p, "x\"", 2);
    for (size_t i = 0; i < size && !p->is_cut; i++) {
        (void)snprintf(text, sizeof(text), "%02x", data[i]);
        put(p, text, 2);
    }
    put(p, "\"", 1);
}

static void print_pid(printer *p, osr_pid pid)
{
    char text[OSR_PID_TEXT_BYTES];
    osr_pid_print(pid, text);
    put(p, text, strlen(text));
}

static void print_ref(printer *p, osr_ref ref)
{
    char text[OSR_REF_TEXT_BYTES];
    osr_ref_print(ref, text);
    put(p, text, strlen(text));
}

static void print_value(printer *p, const osr_field *field, unsigned kind, const void *value)
{
    switch ((osr_kind)kind) {
    case OSR_KIND_BOOL:
        put_word(p, *(const bool *)value ? "true" : "false");
        break;
    case OSR_KIND_I8:
        print_signed(p, *(const int8_t *)value);
        break;
    case OSR_KIND_I16:
        print_signed(p, *(const int16_t *)value);
        break;
    case OSR_KIND_I32:
        print_signed(p, *(const int32_t *)value);
        break;
    case OSR_KIND_I64:
        print_signed(p, *(const int64_t *)value);
        break;
    case OSR_KIND_U8:
        print_unsigned(p, *(const uint8_t *)value);
        break;
    case OSR_KIND_U16:
        print_unsigned(p, *(const uint16_t *)value);
        break;
    case OSR_KIND_U32:
        print_unsigned(p, *(const uint32_t *)value);
        break;
    case OSR_KIND_U64:
        print_unsigned(p, *(const uint64_t *)value);
        break;
    case OSR_KIND_F64:
        print_f64(p, *(const double *)value);
        break;
    case OSR_KIND_STR:
        print_str(p, value);
        break;
    case OSR_KIND_BIN:
        print_bin(p, *(osr_bin *const *)value);
        break;
    case OSR_KIND_PID:
        print_pid(p, *(const osr_pid *)value);
        break;
    case OSR_KIND_REF:
        print_ref(p, *(const osr_ref *)value);
        break;
    case OSR_KIND_STRUCT:
    case OSR_KIND_UNION:
        print_fields(p, field->nested, value);
        break;
    default:
        put(p, "?", 1);
    }
}

static void print_list(printer *p, const osr_field *field, const void *member)
{
    osri_any_list list = osri_list_load(member);
    put(p, "[", 1);
    for (uint32_t i = 0; i < list.count && !p->is_cut; i++) {
        put(p, ", ", i == 0 ? 0 : 2);
        print_value(p, field, osri_element_kind(field),
                    (const uint8_t *)list.at + (size_t)i * field->element_size);
    }
    put(p, "]", 1);
}

static void print_field(printer *p, const osr_field *field, const uint8_t *member)
{
    put_word(p, field->name);
    put(p, ": ", 2);
    if ((field->kind & OSR_KIND_LIST) != 0) {
        print_list(p, field, member);
    } else {
        print_value(p, field, osri_element_kind(field), member + field->value_at);
    }
}

/* Whether a field of a struct is there, or an alternative of a union in force. */
static bool is_there(const osr_type *type, const osr_field *field, const void *value)
{
    return (type->flags & OSR_TYPE_UNION) != 0
               ? osri_union_load(value).which == field->tag
               : !osri_is_unset(field, (const uint8_t *)value + field->offset);
}

static void print_fields(printer *p, const osr_type *type, const void *value)
{
    bool is_first = true;
    put(p, "{", 1);
    for (uint32_t i = 0; i < type->field_count && !p->is_cut; i++) {
        const osr_field *field = &type->fields[i];
        if (is_there(type, field, value)) {
            put(p, ", ", is_first ? 0 : 2);
            print_field(p, field, (const uint8_t *)value + field->offset);
            is_first = false;
        }
    }
    put(p, "}", 1);
}

size_t osri_print(const osr_type *type, const void *value, char *ret_text, size_t capacity)
{
    if (capacity == 0) {
        return 0;
    }
    printer p = {.at = ret_text, .room = capacity - 1};
    if (type == NULL) {
        put(&p, "-", 1);
        return finish(&p);
    }
    put_word(&p, type->name);
    if (value != NULL) {
        print_fields(&p, type, value);
    }
    return finish(&p);
}

size_t osr_print(const osr_type *type, const void *value, char *ret_text, size_t capacity)
{
    return osri_print(type, value, ret_text, capacity);
}
