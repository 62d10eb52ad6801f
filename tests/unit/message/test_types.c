/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/message/types.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/message/support.h"
#include "tests/unit/message/types_twice.h"

OSR_MESSAGE(first, 0x0302);
OSR_REQUEST(second, 0x0303, first, (1, list(str), names));

static osri_types types;
static char text[OSRI_TYPES_TEXT_BYTES];

static void start(void)
{
    ck_err(osri_types_init(&types), OSR_OK);
    strcpy(text, "untouched");
}

/* A message type as somebody else might declare it. */
static osr_type declared(const char *name, uint32_t id, const osr_field *fields, uint32_t count)
{
    return (osr_type){.id = id,
                      .field_count = count,
                      .flags = OSR_TYPE_PLAIN,
                      .size = 16,
                      .name = name,
                      .fields = fields,
                      .file = "other.c",
                      .line = 7};
}

static const osr_field i64_field = {1, OSR_KIND_I64, 0, 8, 0, "a", NULL};

/* All messages of all files of the program are found, each once; nested structs are not. */
START_TEST(the_linker_section_is_collected)
{
    start();
    ck_assert_ptr_ne(&twice_osr_type, twice_elsewhere());
    ck_err(osri_types_collect(&types, osri_types_here(), text), OSR_OK);
    ck_assert_uint_eq(osri_types_count(&types), 4);
    ck_assert_uint_eq(osri_types_by_id(&types, 0x0301)->id, 0x0301);
    ck_assert_ptr_eq(osri_types_by_name(&types, "second"), &second_osr_type);
    ck_assert_ptr_eq(osri_types_by_name(&types, "second")->reply, &first_osr_type);
    ck_assert_ptr_null(osri_types_by_id(&types, 0x0300));
    ck_assert_ptr_null(osri_types_by_name(&types, "third"));
    osri_types_fini(&types);
}
END_TEST

/* Whatever the order in which they were added, types are iterated by id. */
START_TEST(iteration_is_by_id)
{
    static char names[200][8];
    static osr_type made[200];
    start();
    for (uint32_t i = 0; i < 200; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "t%u", i);
        made[i] = declared(names[i], 0x1000 + i * 37 % 200, &i64_field, 1);
        ck_err(osri_types_add(&types, &made[i], text), OSR_OK);
    }
    ck_assert_uint_eq(osri_types_count(&types), 201);
    for (size_t i = 1; i < 201; i++) {
        ck_assert_uint_eq(osri_types_at(&types, i)->id, 0x1000 + i - 1);
    }
    osri_types_fini(&types);
}
END_TEST

/* One id with two names is refused, and the text names both places. */
START_TEST(an_id_with_two_names_is_refused)
{
    osr_type other = declared("other", 0x0302, NULL, 0);
    char expected[OSRI_TYPES_TEXT_BYTES];
    start();
    ck_err(osri_types_add(&types, &first_osr_type, text), OSR_OK);
    ck_err(osri_types_add(&types, &other, text), OSR_ETYPE);
    (void)snprintf(
        expected, sizeof(expected),
        "message id 0x0302 is used by first (%s:%u) and by other (other.c:7): give one of "
        "them another id",
        __FILE__, first_osr_type.line);
    ck_assert_str_eq(text, expected);
    ck_assert_uint_eq(osri_types_count(&types), 2);
    osri_types_fini(&types);
}
END_TEST

/* One name with two ids is refused, naming both places. */
START_TEST(a_name_with_two_ids_is_refused)
{
    osr_type other = declared("first", 0x0399, NULL, 0);
    start();
    ck_err(osri_types_add(&types, &first_osr_type, text), OSR_OK);
    ck_err(osri_types_add(&types, &other, text), OSR_ETYPE);
    ck_assert_ptr_nonnull(strstr(text, "0x0302"));
    ck_assert_ptr_nonnull(strstr(text, "0x0399"));
    ck_assert_ptr_nonnull(strstr(text, "test_types.c:"));
    ck_assert_ptr_nonnull(strstr(text, "other.c:7"));
    ck_assert_ptr_null(osri_types_by_id(&types, 0x0399));
    osri_types_fini(&types);
}
END_TEST

/* The same id and name with other fields is refused, naming both places; the same are not. */
START_TEST(another_shape_is_refused)
{
    static const osr_field same[] = {{1, OSR_KIND_I64, 0, 8, 0, "v", NULL},
                                     {2, OSR_KIND_STR, 0, 16, 8, "t", NULL}};
    osr_field changed[2];
    osr_type other = declared("twice", 0x0301, same, 2);
    other.size = sizeof(twice);
    start();
    ck_err(osri_types_add(&types, &twice_osr_type, text), OSR_OK);
    ck_err(osri_types_add(&types, &other, text), OSR_OK);
    memcpy(changed, same, sizeof(same));
    changed[1].tag = 3;
    other.fields = changed;
    ck_err(osri_types_add(&types, &other, text), OSR_ETYPE);
    ck_assert_ptr_nonnull(strstr(text, "twice (0x0301) is declared with different fields at "));
    ck_assert_ptr_nonnull(strstr(text, "types_twice.h:"));
    ck_assert_ptr_nonnull(strstr(text, "other.c:7"));
    osri_types_fini(&types);
}
END_TEST

/* A shape changes with a tag, a kind, the order and the number of fields, not with names. */
START_TEST(shape_follows_what_travels)
{
    osr_field fields[2] = {{1, OSR_KIND_I64, 0, 8, 0, "a", NULL},
                           {2, OSR_KIND_I32, 0, 4, 8, "b", NULL}};
    osr_type type = declared("x", 1000, fields, 2);
    uint64_t shape = osr_type_shape(&type);
    fields[0].name = "z";
    ck_assert_uint_eq(osr_type_shape(&type), shape);
    fields[0].tag = 9;
    ck_assert_uint_ne(osr_type_shape(&type), shape);
    fields[0] = (osr_field){1, OSR_KIND_U64, 0, 8, 0, "a", NULL};
    ck_assert_uint_ne(osr_type_shape(&type), shape);
    fields[0] = (osr_field){1, OSR_KIND_I64 | OSR_KIND_LIST, 0, 8, 0, "a", NULL};
    ck_assert_uint_ne(osr_type_shape(&type), shape);
    osr_field swapped[2] = {{2, OSR_KIND_I32, 0, 4, 8, "b", NULL},
                            {1, OSR_KIND_I64, 0, 8, 0, "a", NULL}};
    osr_type other = declared("x", 1000, swapped, 2);
    ck_assert_uint_ne(osr_type_shape(&other), shape);
    other.field_count = 1;
    ck_assert_uint_ne(osr_type_shape(&other), shape);
    /* The numbers travel: this one is that of (1, i64) for ever. */
    osr_type one = declared("x", 1000, &i64_field, 1);
    ck_assert_uint_eq(osr_type_shape(&one), UINT64_C(0xcf3b7efa24b56d79));
}
END_TEST

/* Types that could not be sent are refused: no id, a tag twice, nested without end. */
START_TEST(unsendable_types_are_refused)
{
    static const osr_field twice_one[] = {{1, OSR_KIND_I64, 0, 8, 0, "a", NULL},
                                          {1, OSR_KIND_I32, 0, 4, 8, "b", NULL}};
    static osr_type nest[OSRI_NESTING_MAX + 1];
    static osr_field into[OSRI_NESTING_MAX + 1];
    osr_type nameless = declared("nameless", 0, &i64_field, 1);
    osr_type doubled = declared("doubled", 1000, twice_one, 2);
    start();
    ck_err(osri_types_add(&types, &nameless, text), OSR_ETYPE);
    ck_assert_str_eq(text, "nameless (other.c:7) has id 0: give it a number of its own");
    ck_err(osri_types_add(&types, &doubled, text), OSR_ETYPE);
    ck_assert_str_eq(text, "doubled (other.c:7): tag 1 stands twice, the second time for b");
    for (uint32_t i = 0; i <= OSRI_NESTING_MAX; i++) {
        into[i] = (osr_field){1, OSR_KIND_STRUCT, 0, 16, 0, "in", i == 0 ? NULL : &nest[i - 1]};
        into[i] = i == 0 ? i64_field : into[i];
        nest[i] = declared("deep", 1000 + i, &into[i], 1);
    }
    ck_err(osri_types_add(&types, &nest[OSRI_NESTING_MAX], text), OSR_ETYPE);
    ck_assert_str_eq(text, "deep (other.c:7) nests structs and lists more than 16 deep");
    ck_err(osri_types_add(&types, &nest[OSRI_NESTING_MAX - 1], NULL), OSR_OK);
    osri_types_fini(&types);
}
END_TEST

/* Whichever allocation fails, the table is as it was and can be freed. */
START_TEST(no_memory_leaves_the_table_as_it_was)
{
    osr_err err = OSR_ENOMEM;
    for (uint64_t nth = 1; err == OSR_ENOMEM; nth++) {
        osri_heap_fail_after(nth, true);
        err = osri_types_init(&types);
        if (err != OSR_OK) {
            continue;
        }
        err = osri_types_add(&types, &first_osr_type, text);
        ck_assert_uint_eq(osri_types_count(&types), err == OSR_OK ? 2 : 1);
        ck_assert_ptr_eq(osri_types_by_name(&types, "first"),
                         err == OSR_OK ? &first_osr_type : NULL);
        osri_types_fini(&types);
        ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
    }
    ck_err(err, OSR_OK);
}
END_TEST

RUN_TESTS("types", the_linker_section_is_collected, iteration_is_by_id,
          an_id_with_two_names_is_refused, a_name_with_two_ids_is_refused, another_shape_is_refused,
          shape_follows_what_travels, unsendable_types_are_refused,
          no_memory_leaves_the_table_as_it_was);
