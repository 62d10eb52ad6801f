/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_PRINT_H
#define OSR_MESSAGE_PRINT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/message/envelope.h"
#include "lib/message/types.h"
#include "osier/dynamic.h"

/* Values as a person reads and types them. osr_print() (osier/message.h) writes, osri_parse() reads
 * the same text again:
 *
 *     name{field: value, …}      in any order, those left out are zero; name alone: all zero
 *     true false  -5  0x1f  2.5 nan inf  "text\n"
 *     x"00ff"                    bin
 *     <3f9a12bc00112233.17.2>  #Ref<3f9a12bc00112233.1>
 *     [1, 2]  {x: 1, y: 2}       list, nested struct
 *     {dot: {x: 1, y: 2}}        union: its alternative; {} none
 *
 * An optional field that is not set is left out.
 *
 * In text every byte below 0x20, 0x7f, the quote and the backslash stand as \n \t \r \" \\ or \x0a;
 * so do bytes that are not part of well-formed UTF-8. Threads: any. */

#define OSRI_PARSE_TEXT_BYTES OSR_PARSE_TEXT_BYTES

/* As osr_print(), which see; type NULL prints "-". */
size_t osri_print(const osr_type *type, const void *value, char *ret_text, size_t capacity);

/* Reads one message of a type that types knows, and nothing behind it but blanks.
 * Ownership: *ret_envelope is yours; its type is the message's.
 * ret_error, written on OSR_EINVAL and OSR_ENOTFOUND, says what is wrong and at which character.
 * Errors: OSR_ENOTFOUND no such type; OSR_EINVAL; OSR_ENOMEM; OSR_ELIMIT. */
OSR_MUST_CHECK osr_err osri_parse(const osri_types *types, const char *text,
                                  osri_envelope **ret_envelope,
                                  char ret_error[OSRI_PARSE_TEXT_BYTES]);

/* The same for one type, whose name may be left out. */
OSR_MUST_CHECK osr_err osri_parse_as(const osr_type *type, const char *text,
                                     osri_envelope **ret_envelope,
                                     char ret_error[OSRI_PARSE_TEXT_BYTES]);

#endif
