/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DYNAMIC_H
#define OSR_DYNAMIC_H

#include "osier/message.h"

/* Messages whose type a program does not know when it is compiled: shells, bridges, recorders.
 *
 *     osr_value all, by;
 *     osr_err err = osr_value_of(message.type, message.body, &all);
 *     if (err == OSR_OK) {
 *         err = osr_value_named(&all, "by", &by);          // or osr_value_tagged(&all, 1, &by)
 *     }
 *
 * and the way back, for a type that the node knows by id, or for one that nobody here knows:
 *
 *     osr_writer *writer;
 *     osr_any *message;
 *     osr_err err = osr_writer_new(&writer);
 *     osr_write_struct(writer, 1);
 *     osr_write_tag(writer, 1);
 *     osr_write_signed(writer, -5);
 *     err = osr_writer_end(&writer, node, 0x0101, &message);  // says what any of them had to say
 *     …
 *     err = osr_any_send(self, to, &message);
 *
 * A message that came from a node that knows more than this one is an osr_dynamic; all here takes
 * those like any other, but for names, which nobody here knows.
 *
 * Nothing here but osr_any_send() is a suspension point. Threads: any, but for osr_any_send(); what
 * is owned, an osr_any or osr_writer, is used by one thread at a time. */

OSR_BEGIN_DECLS

typedef struct osr_node osr_node; /* osier/node.h */

/* ---- types ------------------------------------------------------------------------------ */

/* The type that the node knows by this id or name, or NULL. Lives as long as the node. Threads:
 * any. */
OSR_API const osr_type *osr_type_find(const osr_node *node, uint32_t id);
OSR_API const osr_type *osr_type_find_name(const osr_node *node, const char *name);

/* The field of that name, or NULL. Threads: any. */
OSR_API const osr_field *osr_type_field(const osr_type *type, const char *name);

/* ---- reading ---------------------------------------------------------------------------- */

typedef enum osr_value_kind {
    OSR_VALUE_NIL = 0, /* only in messages of a type that is not known here */
    OSR_VALUE_BOOL,
    OSR_VALUE_WHOLE,    /* a number that is not negative, of whatever width and signedness */
    OSR_VALUE_NEGATIVE, /* a whole number below zero */
    OSR_VALUE_REAL,
    OSR_VALUE_TEXT,
    OSR_VALUE_BYTES,
    OSR_VALUE_PID,
    OSR_VALUE_REF,
    OSR_VALUE_LIST,
    OSR_VALUE_STRUCT, /* also a union: a struct of its one alternative, or of nothing */
} osr_value_kind;

typedef struct osr_value_bytes {
    const uint8_t *at;
    size_t size;
} osr_value_bytes;

/* A part of a message, lent as long as the message is there. */
typedef struct osr_value {
    osr_value_kind kind;
    uint32_t count; /* OSR_VALUE_LIST, OSR_VALUE_STRUCT: how many parts are in it */
    union {
        bool truth;
        uint64_t whole;
        int64_t negative;
        double real;
        osr_str text; /* of a known type with a NUL behind it, else without */
        osr_value_bytes bytes;
        osr_pid pid;
        osr_ref ref;
    };
    const osr_type *type; /* OSR_VALUE_STRUCT: its descriptor; NULL when it is not known */

    const osr_field *field; /* the rest is private */
    const void *at;
    const void *end;
} osr_value;

/* A whole message or struct as a value. Threads: any. Errors: OSR_EPROTO an osr_dynamic whose
 * payload is no valid struct. */
OSR_API OSR_MUST_CHECK osr_err osr_value_of(const osr_type *type, const void *body,
                                            osr_value *ret_value);

/* The part of a struct with this tag, or name. Optional fields that are not set, and alternatives
 * that are not in force, are not there. Threads: any.
 * Errors: OSR_ENOTFOUND; OSR_EINVAL no struct; OSR_ENOTSUP a name, where only tags are known. */
OSR_API OSR_MUST_CHECK osr_err osr_value_tagged(const osr_value *whole, uint32_t tag,
                                                osr_value *ret_value);
OSR_API OSR_MUST_CHECK osr_err osr_value_named(const osr_value *whole, const char *name,
                                               osr_value *ret_value);

/* The part at an index: of a list, or of what is there of a struct, in order. ret_tag may be NULL;
 * it is 0 for a list. In a message of an unknown type it passes over all before it. Threads: any.
 * Errors: OSR_ENOTFOUND no such index; OSR_EINVAL neither list nor struct, or a tag that is no
 *   number of 32 bits. */
OSR_API OSR_MUST_CHECK osr_err osr_value_at(const osr_value *whole, uint32_t index,
                                            uint32_t *ret_tag, osr_value *ret_value);

/* Takes the first part off a list or struct: for all parts in order, each at the same small cost.
 * `rest` begins as a copy of the whole, and is good for nothing else meanwhile.
 *
 *     osr_value rest = whole;
 *     while (osr_value_next(&rest, &tag, &part) == OSR_OK) { … }
 *
 * Threads: any. Errors: OSR_ENOTFOUND no more; OSR_EINVAL as osr_value_at(). */
OSR_API OSR_MUST_CHECK osr_err osr_value_next(osr_value *rest, uint32_t *ret_tag,
                                              osr_value *ret_value);

/* ---- a message of any type -------------------------------------------------------------- */

/* Owned by whoever has the pointer; immutable. One thread at a time. */
typedef struct osr_any osr_any;

/* A copy of a message, for one that is to be kept or passed on.
 * Errors: OSR_ENOMEM; OSR_EINVAL as osr_send's. */
OSR_API OSR_MUST_CHECK osr_err osr_any_copy(const osr_type *type, const void *body,
                                            osr_any **ret_any);

/* Its type, and the struct: to be cast, printed by osr_print(), read by osr_value_of(). Lent. */
OSR_API const osr_type *osr_any_type(const osr_any *any);
OSR_API const void *osr_any_body(const osr_any *any);

/* Sends the message itself, without a copy. Taken, and *any NULL, whatever comes back. Suspension
 * point, as NAME_send().
 * Errors: OSR_EINVAL no message, or of a type without an id; OSR_ENOPROC an unregistered bare name
 *   of this node. */
OSR_API osr_err osr_any_send(osr_self *self, osr_dest to, osr_any **any);

/* Frees it and nulls the pointer. */
OSR_API void osr_any_free(osr_any **any);

/* ---- text ------------------------------------------------------------------------------- */

#define OSR_PARSE_TEXT_BYTES 256

/* Reads a message as osr_print() writes it and a person types it: counter_add{by: 5}, of a type
 * that the node knows. Fields come in any order; those left out have their defaults.
 * ret_error, written on OSR_EINVAL and OSR_ENOTFOUND, may be NULL: "at character 13: expected …".
 * Ownership: *ret_any is yours. Threads: any.
 * Errors: OSR_ENOTFOUND no such type; OSR_EINVAL; OSR_ENOMEM; OSR_ELIMIT over
 *   OSR_MESSAGE_BYTES_MAX. */
OSR_API OSR_MUST_CHECK osr_err osr_parse(const osr_node *node, const char *text, osr_any **ret_any,
                                         char ret_error[OSR_PARSE_TEXT_BYTES]);

/* The same for a type that is known, also a struct or state; the name may be left out: {by: 5}.
 * Errors: as above; OSR_EINVAL also for another name. */
OSR_API OSR_MUST_CHECK osr_err osr_parse_as(const osr_type *type, const char *text,
                                            osr_any **ret_any,
                                            char ret_error[OSR_PARSE_TEXT_BYTES]);

/* ---- writing ---------------------------------------------------------------------------- */

/* What is written piece by piece, outermost first. One thread at a time. An error stays: all later
 * pieces are ignored, and osr_writer_end() returns it. */
typedef struct osr_writer osr_writer;

/* Errors: OSR_ENOMEM. Ownership: osr_writer_end() or osr_writer_free(). */
OSR_API OSR_MUST_CHECK osr_err osr_writer_new(osr_writer **ret_writer);

/* A struct or union of `parts` fields, each of which is then a tag and a value; a list of `count`
 * values, which follow. A message is one struct. */
OSR_API void osr_write_struct(osr_writer *writer, uint32_t parts);
OSR_API void osr_write_tag(osr_writer *writer, uint32_t tag);
OSR_API void osr_write_list(osr_writer *writer, uint32_t count);

/* Single values. A number takes its shortest form, so it fits each field whose range it is in.
 * Text and bytes are copied. */
OSR_API void osr_write_bool(osr_writer *writer, bool value);
OSR_API void osr_write_unsigned(osr_writer *writer, uint64_t value);
OSR_API void osr_write_signed(osr_writer *writer, int64_t value);
OSR_API void osr_write_real(osr_writer *writer, double value);
OSR_API void osr_write_text(osr_writer *writer, const char *text, uint32_t size);
OSR_API void osr_write_bytes(osr_writer *writer, const void *bytes, uint32_t size);
OSR_API void osr_write_pid(osr_writer *writer, osr_pid pid);
OSR_API void osr_write_ref(osr_writer *writer, osr_ref ref);

/* Makes a message of the type with this id: of the type that the node knows, or an osr_dynamic.
 * Ownership: the writer is freed and *writer NULL, whatever comes back; *ret_any is yours.
 * Errors: OSR_EPROTO what was written is no struct, not complete, or not what the type has;
 *   OSR_EINVAL a reserved id, or over OSR_MESSAGE_BYTES_MAX; OSR_ENOMEM; OSR_ELIMIT. */
OSR_API OSR_MUST_CHECK osr_err osr_writer_end(osr_writer **writer, const osr_node *node,
                                              uint32_t type_id, osr_any **ret_any);

/* Frees it and nulls the pointer; NULL is accepted. */
OSR_API void osr_writer_free(osr_writer **writer);

OSR_END_DECLS
#endif
