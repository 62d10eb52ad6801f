/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "tests/unit/message/declarations.h"
#include "tests/unit/message/support.h"

/* What the functions of a message hand to the runtime. */
static struct {
    osr_self *self;
    osr_dest to;
    const osr_type *type;
    const void *message;
    const osr_type *reply_type;
    uint32_t timeout_ms;
    osr_err answer;
} seen;

static const varied kept_reply = {.f5 = 42};

osr_err osri_send(osr_self *self, osr_dest to, const osr_type *type, const void *message)
{
    seen.self = self;
    seen.to = to;
    seen.type = type;
    seen.message = message;
    return seen.answer;
}

osr_err osri_call(osr_self *self, osr_dest to, const osr_type *request_type, const void *request,
                  const osr_type *reply_type, void *ret_reply, uint32_t timeout_ms)
{
    seen.reply_type = reply_type;
    seen.timeout_ms = timeout_ms;
    memset(ret_reply, 1, reply_type->size);
    return osri_send(self, to, request_type, request);
}

osr_err osri_call_keep(osr_self *self, osr_dest to, const osr_type *request_type,
                       const void *request, const osr_type *reply_type, const void **ret_reply,
                       uint32_t timeout_ms)
{
    seen.reply_type = reply_type;
    seen.timeout_ms = timeout_ms;
    *ret_reply = &kept_reply;
    return osri_send(self, to, request_type, request);
}

static osr_self *const self = (osr_self *)&seen;

/* A descriptor says where its declaration stands, and how its fields lie in the struct. */
START_TEST(descriptors_describe)
{
    const osr_type *type = &varied_osr_type;
    ck_assert_str_eq(type->name, "varied");
    ck_assert_uint_eq(type->id, 0x0703);
    ck_assert_uint_eq(type->size, sizeof(varied));
    ck_assert_uint_eq(type->field_count, 16);
    ck_assert_ptr_nonnull(strstr(type->file, "declarations.h"));
    ck_assert_uint_gt(type->line, 1);
    ck_assert_uint_eq(type->fields[2].kind, OSR_KIND_I16);
    ck_assert_uint_eq(type->fields[2].tag, 3);
    ck_assert_uint_eq(type->fields[2].offset, offsetof(varied, f3));
    ck_assert_uint_eq(type->fields[2].element_size, 2);
    ck_assert_str_eq(type->fields[2].name, "f3");
    ck_assert_ptr_eq(type->fields[14].nested, &label_osr_type);
    ck_assert_uint_eq(type->fields[15].kind, OSR_KIND_LIST | OSR_KIND_BOOL);
    ck_assert_uint_eq(type->fields[15].element_size, sizeof(bool));
    ck_assert_ptr_eq(listed_osr_type.fields[2].nested, &label_osr_type);
    ck_assert_uint_eq(listed_osr_type.fields[2].element_size, sizeof(label));
    ck_assert_uint_eq(nothing_osr_type.field_count, 0);
    ck_assert_ptr_eq(ask_varied_osr_type.reply, &varied_osr_type);
    ck_assert_ptr_null(varied_osr_type.reply);
}
END_TEST

/* A type is plain if no part of it is of variable length, and has bins if any part has. */
START_TEST(flags_follow_the_fields)
{
    ck_assert_uint_eq(nothing_osr_type.flags, OSR_TYPE_PLAIN);
    ck_assert_uint_eq(corner_osr_type.flags, OSR_TYPE_PLAIN);
    ck_assert_uint_eq(plain_osr_type.flags, OSR_TYPE_PLAIN);
    ck_assert_uint_eq(label_osr_type.flags, 0);
    ck_assert_uint_eq(busy_state_osr_type.flags, 0);
    ck_assert_uint_eq(varied_osr_type.flags, OSR_TYPE_BINS);
    ck_assert_uint_eq(listed_osr_type.flags, OSR_TYPE_BINS);
    ck_assert_uint_eq(idle_state_osr_type.id, 0);
    ck_assert_uint_eq(no_fields_osr_type.field_count, 0);
}
END_TEST

/* An optional member says where its value is; a union's alternatives share their place. */
START_TEST(choices_are_described)
{
    const osr_field *limit = &optional_osr_type.fields[0];
    optional message = {.limit = OSR_SOME(7)};
    ck_assert_uint_eq(limit->kind, OSR_KIND_OPTIONAL | OSR_KIND_I64);
    ck_assert_uint_eq(limit->element_size, sizeof(int64_t));
    ck_assert_ptr_eq((char *)&message + limit->offset + limit->value_at, &message.limit.value);
    ck_assert_uint_eq(optional_osr_type.fields[1].value_at, 1);
    ck_assert_uint_eq(optional_osr_type.fields[4].kind, OSR_KIND_OPTIONAL | OSR_KIND_UNION);
    ck_assert_uint_eq(optional_osr_type.fields[6].kind, OSR_KIND_LIST | OSR_KIND_UNION);
    ck_assert_uint_eq(figure_osr_type.flags, OSR_TYPE_UNION);
    ck_assert_uint_eq(figure_osr_type.fields[0].offset, offsetof(figure, corner));
    ck_assert_uint_eq(figure_osr_type.fields[1].offset, offsetof(figure, corner));
    ck_assert(use_choices());
}
END_TEST

/* Messages and requests are entered in the program's list of types; structs and states are not. */
START_TEST(messages_are_listed)
{
    osri_type_section section = osri_types_here();
    size_t found = 0;
    for (const osr_type *const *at = section.first; at < section.end; at++) {
        ck_assert_uint_ge((*at)->id, 0x0701);
        ck_assert_uint_le((*at)->id, 0x0708);
        found++;
    }
    ck_assert_uint_eq(found, 8);
}
END_TEST

/* NAME_send, NAME_call and NAME_request pass on what they are given, with the right descriptors. */
START_TEST(functions_pass_on_what_they_are_given)
{
    osr_dest to = {{1, 2, 3}, "name", NULL, 0};
    nothing message = {0};
    ask_plain request = {5};
    ask_varied wide = {osr_str_of("x"), {NULL, 0}};
    plain reply;
    const varied *kept = NULL;
    ck_err(nothing_send(self, to, &message), OSR_OK);
    ck_assert_ptr_eq(seen.self, self);
    ck_assert_ptr_eq(seen.type, &nothing_osr_type);
    ck_assert_ptr_eq(seen.message, &message);
    ck_assert_ptr_eq(seen.to.name, to.name);
    ck_err(ask_plain_call(self, to, &request, &reply, 77), OSR_OK);
    ck_assert_ptr_eq(seen.type, &ask_plain_osr_type);
    ck_assert_ptr_eq(seen.reply_type, &plain_osr_type);
    ck_assert_uint_eq(seen.timeout_ms, 77);
    ck_assert_int_eq(reply.at.x, 0x01010101);
    ck_err(ask_varied_request(self, to, &wide, 78, &kept), OSR_OK);
    ck_assert_ptr_eq(kept, &kept_reply);
    ck_assert_ptr_eq(seen.reply_type, &varied_osr_type);
    ck_err(use_clients(self, to), OSR_OK);
}
END_TEST

/* A request that fails writes no reply. */
START_TEST(a_failed_request_writes_nothing)
{
    osr_dest to = {OSR_PID_NONE, NULL, NULL, 0};
    ask_varied wide = {osr_str_of("x"), {NULL, 0}};
    const varied *kept = NULL;
    seen.answer = OSR_ETIMEDOUT;
    ck_err(ask_varied_request(self, to, &wide, 1, &kept), OSR_ETIMEDOUT);
    ck_assert_ptr_null(kept);
}
END_TEST

RUN_TESTS("macros", descriptors_describe, flags_follow_the_fields, choices_are_described,
          messages_are_listed, functions_pass_on_what_they_are_given,
          a_failed_request_writes_nothing);
