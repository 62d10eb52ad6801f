/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Messages typed by a person: the text is turned into msgpack, guided by the type, and that is
 * decoded like any other; so there is one way into memory.
 *
 * Progress: recursion follows the type's nesting, not the text's. Bound: the buffer's. */
#include "lib/message/print.h"

#include <inttypes.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/message/codec.h"
#include "lib/message/pack.h"

#define NAME_BYTES_MAX 128
#define TOKEN_BYTES 64

typedef struct parser {
    const char *text;
    const char *at;
    osri_buffer buffer;
    char *error;
} parser;

static osr_err parse_fields(parser *p, const osr_type *type);

__attribute__((format(printf, 2, 3))) static osr_err fail(parser *p, const char *format, ...)
{
    int used = snprintf(p->error, OSRI_PARSE_TEXT_BYTES,
                        "at character %zu: ", (size_t)(p->at - p->text) + 1);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(p->error + used, OSRI_PARSE_TEXT_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
    return OSR_EINVAL;
}

static void skip_blanks(parser *p)
{
    p->at += strspn(p->at, " \t\r\n");
}

/* Whether the next character that is not blank is this one, which is then taken. */
static bool accept(parser *p, char wanted)
{
    skip_blanks(p);
    if (*p->at != wanted) {
        return false;
    }
    p->at++;
    return true;
}

/* Copies what consists of these characters; does not take it. Longer ones are cut, and so no number
 * or name that anybody knows. */
static size_t peek_token(parser *p, const char *characters, char *ret_token, size_t capacity)
{
    skip_blanks(p);
    size_t size = strspn(p->at, characters);
    size_t kept = size < capacity ? size : capacity - 1;
    memcpy(ret_token, p->at, kept);
    ret_token[kept] = '\0';
    return size;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* A name, with where it starts still being p->at. */
static size_t peek_name(parser *p, char ret_name[NAME_BYTES_MAX])
{
    size_t size = peek_token(p, LETTERS DIGITS "_", ret_name, NAME_BYTES_MAX);
    return size > 0 && strchr(DIGITS, ret_name[0]) == NULL ? size : 0;
}

static osr_err parse_bool(parser *p)
{
    char name[NAME_BYTES_MAX];
    size_t size = peek_name(p, name);
    bool is_true = strcmp(name, "true") == 0;
    if (!is_true && strcmp(name, "false") != 0) {
        return fail(p, "expected true or false");
    }
    p->at += size;
    return osri_pack_bool(&p->buffer, is_true);
}

/* Decimal, or 0x and hexadecimal, all of the token. */
static bool read_whole(const char *token, uint64_t *ret)
{
    bool is_hex = token[0] == '0' && (token[1] == 'x' || token[1] == 'X');
    const char *at = is_hex ? token + 2 : token;
    unsigned base = is_hex ? 16 : 10;
    uint64_t number = 0;
    if (*at == '\0') {
        return false;
    }
    for (; *at != '\0'; at++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *found = strchr(digits, *at);
        unsigned digit = found == NULL ? base : (unsigned)(found - digits) % 16;
        if (digit >= base || number > (UINT64_MAX - digit) / base) {
            return false;
        }
        number = number * base + digit;
    }
    *ret = number;
    return true;
}

static osr_err parse_unsigned(parser *p, unsigned bytes)
{
    char token[TOKEN_BYTES];
    size_t size = peek_token(p, LETTERS DIGITS "_.+-", token, sizeof(token));
    uint64_t max = UINT64_MAX >> (64 - 8 * bytes);
    uint64_t number;
    if (!read_whole(token, &number) || number > max) {
        return fail(p, "expected a whole number from 0 to %" PRIu64, max);
    }
    p->at += size;
    return osri_pack_unsigned(&p->buffer, number);
}

static osr_err parse_signed(parser *p, unsigned bytes)
{
    char token[TOKEN_BYTES];
    size_t size = peek_token(p, LETTERS DIGITS "_.+-", token, sizeof(token));
    int64_t max = INT64_MAX >> (64 - 8 * bytes);
    bool is_negative = token[0] == '-';
    uint64_t limit = (uint64_t)max + (is_negative ? 1 : 0);
    uint64_t number;
    if (!read_whole(is_negative ? token + 1 : token, &number) || number > limit) {
        return fail(p, "expected a whole number from %" PRId64 " to %" PRId64, -max - 1, max);
    }
    p->at += size;
    int64_t value = is_negative && number > 0 ? -(int64_t)(number - 1) - 1 : (int64_t)number;
    return osri_pack_signed(&p->buffer, value);
}

/* strtod() in the C locale, whatever the program's is. */
static osr_err read_f64(const char *token, double *ret)
{
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (locale == (locale_t)0) {
        return OSR_ENOMEM;
    }
    char *end;
    *ret = strtod_l(token, &end, locale);
    freelocale(locale);
    return *end == '\0' && end != token ? OSR_OK : OSR_EINVAL;
}

static osr_err parse_f64(parser *p)
{
    char token[TOKEN_BYTES];
    double number;
    size_t size = peek_token(p, LETTERS DIGITS ".+-", token, sizeof(token));
    osr_err err = size < sizeof(token) ? read_f64(token, &number) : OSR_EINVAL;
    if (err == OSR_EINVAL) {
        return fail(p, "expected a number");
    }
    if (err == OSR_OK) {
        p->at += size;
        err = osri_pack_f64(&p->buffer, number);
    }
    return err;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Two hexadecimal digits at p->at, or -1. */
static int take_hex_byte(parser *p)
{
    int high = hex_digit(p->at[0]);
    int low = high < 0 ? -1 : hex_digit(p->at[1]);
    if (low < 0) {
        return -1;
    }
    p->at += 2;
    return high << 4 | low;
}

/* The byte that stands behind a backslash, or -1. */
static int take_escaped(parser *p)
{
    static const char names[] = "ntr\"\\";
    static const char bytes[] = "\n\t\r\"\\";
    const char *found = *p->at == '\0' ? NULL : strchr(names, *p->at);
    if (found != NULL) {
        p->at++;
        return bytes[found - names];
    }
    if (*p->at != 'x') {
        return -1;
    }
    p->at++;
    return take_hex_byte(p);
}

static osr_err take_text(parser *p, osri_buffer *to)
{
    for (;;) {
        size_t plain = strcspn(p->at, "\"\\");
        osr_err err = osri_buffer_append(to, p->at, plain);
        p->at += plain;
        if (err != OSR_OK) {
            return err;
        }
        if (*p->at == '\0') {
            return fail(p, "the text is not closed: expected \"");
        }
        if (*p->at++ == '"') {
            return OSR_OK;
        }
        int value = take_escaped(p);
        if (value < 0) {
            return fail(p, "expected one of \\n \\t \\r \\\" \\\\ \\x00 to \\xff");
        }
        uint8_t byte = (uint8_t)value;
        err = osri_buffer_append(to, &byte, 1);
        if (err != OSR_OK) {
            return err;
        }
    }
}

static osr_err parse_str(parser *p)
{
    if (!accept(p, '"')) {
        return fail(p, "expected text in quotes, \"…\"");
    }
    osri_buffer text = {0};
    osr_err err = take_text(p, &text);
    if (err == OSR_OK) {
        err = osri_pack_str(&p->buffer, (const char *)text.at, (uint32_t)text.size);
    }
    osri_buffer_fini(&text);
    return err;
}

static osr_err take_bytes(parser *p, osri_buffer *to)
{
    while (*p->at != '"') {
        int value = take_hex_byte(p);
        if (value < 0) {
            return fail(p, "expected two hexadecimal digits or \"");
        }
        uint8_t byte = (uint8_t)value;
        osr_err err = osri_buffer_append(to, &byte, 1);
        if (err != OSR_OK) {
            return err;
        }
    }
    p->at++;
    return OSR_OK;
}

static osr_err parse_bin(parser *p)
{
    skip_blanks(p);
    if (p->at[0] != 'x' || p->at[1] != '"') {
        return fail(p, "expected bytes in hexadecimal, x\"00ff\"");
    }
    p->at += 2;
    osri_buffer bytes = {0};
    osr_err err = take_bytes(p, &bytes);
    if (err == OSR_OK) {
        err = osri_pack_bin(&p->buffer, bytes.at, (uint32_t)bytes.size);
    }
    osri_buffer_fini(&bytes);
    return err;
}

/* The characters up to and with '>'. */
static void peek_angle(parser *p, char ret_token[TOKEN_BYTES])
{
    skip_blanks(p);
    size_t size = strcspn(p->at, ">");
    size += p->at[size] == '>' ? 1 : 0;
    size = size < TOKEN_BYTES ? size : 0;
    memcpy(ret_token, p->at, size);
    ret_token[size] = '\0';
}

static osr_err parse_pid(parser *p)
{
    char token[TOKEN_BYTES];
    osr_pid pid;
    peek_angle(p, token);
    if (osr_pid_parse(token, &pid) != OSR_OK) {
        return fail(p, "expected a pid like <3f9a12bc00112233.17.2>");
    }
    p->at += strlen(token);
    return osri_pack_pid(&p->buffer, pid);
}

static osr_err parse_ref(parser *p)
{
    char token[TOKEN_BYTES];
    osr_ref ref;
    peek_angle(p, token);
    if (osr_ref_parse(token, &ref) != OSR_OK) {
        return fail(p, "expected a reference like #Ref<3f9a12bc00112233.17>");
    }
    p->at += strlen(token);
    return osri_pack_ref(&p->buffer, ref);
}

static osr_err parse_value(parser *p, const osr_field *field, unsigned kind)
{
    switch ((osr_kind)kind) {
    case OSR_KIND_BOOL:
        return parse_bool(p);
    case OSR_KIND_I8:
    case OSR_KIND_I16:
    case OSR_KIND_I32:
    case OSR_KIND_I64:
        return parse_signed(p, field->element_size);
    case OSR_KIND_U8:
    case OSR_KIND_U16:
    case OSR_KIND_U32:
    case OSR_KIND_U64:
        return parse_unsigned(p, field->element_size);
    case OSR_KIND_F64:
        return parse_f64(p);
    case OSR_KIND_STR:
        return parse_str(p);
    case OSR_KIND_BIN:
        return parse_bin(p);
    case OSR_KIND_PID:
        return parse_pid(p);
    case OSR_KIND_REF:
        return parse_ref(p);
    case OSR_KIND_STRUCT:
    case OSR_KIND_UNION:
        if (!accept(p, '{')) {
            return fail(p, kind == OSR_KIND_UNION ? "expected a union, {alternative: …}"
                                                  : "expected a struct, {…}");
        }
        return parse_fields(p, field->nested);
    default:
        return fail(p, "a field of a kind that cannot be typed");
    }
}

/* Containers start with a form of fixed length, whose count is entered when it is known. */
static osr_err start_container(parser *p, const char *head, size_t bytes, size_t *ret_place)
{
    *ret_place = p->buffer.size;
    return osri_buffer_append(&p->buffer, head, bytes);
}

static osr_err parse_list(parser *p, const osr_field *field)
{
    if (!accept(p, '[')) {
        return fail(p, "expected a list, […]");
    }
    size_t place;
    osr_err err = start_container(p, "\xdd\0\0\0", 5, &place);
    uint32_t count = 0;
    while (err == OSR_OK && !accept(p, ']')) {
        if (count > 0 && !accept(p, ',')) {
            return fail(p, "expected , or ]");
        }
        err = parse_value(p, field, osri_element_kind(field));
        count++;
    }
    for (unsigned i = 0; err == OSR_OK && i < 4; i++) {
        p->buffer.at[place + 1 + i] = (uint8_t)(count >> (24 - 8 * i));
    }
    return err;
}

static osr_err find_field(parser *p, const osr_type *type, uint64_t seen, uint32_t *ret_place)
{
    char name[NAME_BYTES_MAX];
    size_t size = peek_name(p, name);
    if (size == 0) {
        return fail(p, "expected a field of %s", type->name);
    }
    uint32_t place = 0;
    while (place < type->field_count && strcmp(type->fields[place].name, name) != 0) {
        place++;
    }
    if (place == type->field_count) {
        return fail(p, "%s has no field %s", type->name, name);
    }
    if ((seen >> place & 1) != 0) {
        return fail(p, "%s stands twice", name);
    }
    p->at += size;
    *ret_place = place;
    return accept(p, ':') ? OSR_OK : fail(p, "expected : after %s", name);
}

static osr_err parse_field(parser *p, const osr_type *type, uint64_t *seen)
{
    uint32_t place = 0;
    osr_err err = find_field(p, type, *seen, &place);
    if (err != OSR_OK) {
        return err;
    }
    *seen |= UINT64_C(1) << place;
    const osr_field *field = &type->fields[place];
    err = osri_pack_unsigned(&p->buffer, field->tag);
    if (err != OSR_OK) {
        return err;
    }
    return (field->kind & OSR_KIND_LIST) != 0 ? parse_list(p, field)
                                              : parse_value(p, field, osri_element_kind(field));
}

/* What follows the opening brace. */
static osr_err parse_fields(parser *p, const osr_type *type)
{
    size_t place;
    osr_err err = start_container(p, "\xde\0", 3, &place);
    uint64_t seen = 0;
    uint8_t count = 0;
    while (err == OSR_OK && !accept(p, '}')) {
        bool is_full = count > 0 && (type->flags & OSR_TYPE_UNION) != 0;
        if (is_full || (count > 0 && !accept(p, ','))) {
            return fail(p, is_full ? "expected }: a union has one alternative" : "expected , or }");
        }
        err = parse_field(p, type, &seen);
        count++;
    }
    if (err == OSR_OK) {
        p->buffer.at[place + 2] = count;
    }
    return err;
}

/* The fields, if there are any, and nothing behind them. */
static osr_err parse_rest(parser *p, const osr_type *type)
{
    osr_err err = accept(p, '{') ? parse_fields(p, type) : osri_pack_map(&p->buffer, 0);
    skip_blanks(p);
    if (err == OSR_OK && *p->at != '\0') {
        return fail(p, "expected nothing more");
    }
    return err;
}

static osr_err parse_message(parser *p, const osri_types *types, const osr_type **ret_type)
{
    char name[NAME_BYTES_MAX];
    size_t size = peek_name(p, name);
    if (size == 0) {
        return fail(p, "expected the name of a message");
    }
    const osr_type *type = osri_types_by_name(types, name);
    if (type == NULL) {
        (void)fail(p, "no message is called %s", name);
        return OSR_ENOTFOUND;
    }
    p->at += size;
    *ret_type = type;
    return parse_rest(p, type);
}

static osr_err decode_parsed(parser *p, osr_err err, const osr_type *type,
                             osri_envelope **ret_envelope)
{
    if (err == OSR_OK) {
        err = osri_decode(type, p->buffer.at, p->buffer.size, ret_envelope);
        if (err == OSR_EPROTO || err == OSR_EINVAL) {
            err = fail(p, "the message is too large");
        }
    }
    osri_buffer_fini(&p->buffer);
    return err;
}

osr_err osri_parse(const osri_types *types, const char *text, osri_envelope **ret_envelope,
                   char ret_error[OSRI_PARSE_TEXT_BYTES])
{
    parser p = {.text = text, .at = text, .error = ret_error};
    const osr_type *type = NULL;
    osr_err err = parse_message(&p, types, &type);
    return decode_parsed(&p, err, type, ret_envelope);
}

osr_err osri_parse_as(const osr_type *type, const char *text, osri_envelope **ret_envelope,
                      char ret_error[OSRI_PARSE_TEXT_BYTES])
{
    parser p = {.text = text, .at = text, .error = ret_error};
    char name[NAME_BYTES_MAX];
    size_t size = peek_name(&p, name);
    if (size > 0 && strcmp(name, type->name) != 0) {
        return fail(&p, "expected %s or {", type->name);
    }
    p.at += size;
    return decode_parsed(&p, parse_rest(&p, type), type, ret_envelope);
}
