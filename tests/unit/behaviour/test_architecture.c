/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/parts.h"
#include "tests/unit/message/servers.h"
#include "tests/unit/process/process_kit.h"

/* What a program declares of itself: found on its node, checked when that is made. */

OSR_EXPORT_SERVER(adder);
OSR_EXPORT(observer);

#define PARTS_MAX 64

static const osr_part *find(osr_part_kind kind, const char *name)
{
    const osr_part *parts[PARTS_MAX];
    size_t count = osr_node_parts(node_fixture_node(), kind, parts, PARTS_MAX);
    ck_assert_uint_le(count, PARTS_MAX);
    const osr_part *found = NULL;
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(parts[i]->kind, kind);
        ck_assert(i == 0 || strcmp(parts[i - 1]->name, parts[i]->name) <= 0);
        if (strcmp(parts[i]->name, name) == 0) {
            ck_assert_ptr_null(found);
            found = parts[i];
        }
    }
    ck_assert_msg(found != NULL, "%s is not listed", name);
    return found;
}

/* A node lists its program's servers, entries and interfaces, with what they take and send. */
START_TEST(a_node_lists_what_its_program_declares)
{
    const osr_part *server = find(OSR_PART_SERVER, "adder");
    ck_assert_ptr_eq(server->server, &adder_osr_server);
    ck_assert_ptr_eq(server->server->handlers[1]->type, &add_osr_type);
    ck_assert_ptr_nonnull(strstr(server->file, "servers.h"));
    ck_assert_uint_gt(server->line, 1);
    ck_assert_ptr_eq(find(OSR_PART_ENTRY, "observer")->entry, &observer_osr_entry);
    const osr_part *interface = find(OSR_PART_INTERFACE, "adder_api");
    ck_assert_uint_eq(interface->count, 2);
    ck_assert_ptr_eq(interface->types[0], &add_osr_type);
    ck_assert_ptr_eq(interface->types[1], &reset_osr_type);
    const osr_part *sends = find(OSR_PART_SENDS, "adder");
    ck_assert_uint_eq(sends->count, 2);
    ck_assert_ptr_eq(sends->entry, &adder_osr_entry);
    ck_assert_ptr_eq(sends->types[0], &changed_osr_type);
    ck_assert_str_eq(sends->receivers[1], "whoever asks");
    const osr_part *one[1];
    ck_assert_uint_ge(osr_node_servers(node_fixture_node(), one, 1), 1);
    ck_assert_uint_eq(osr_node_interfaces(node_fixture_node(), one, 1), 1);
    ck_assert_ptr_eq(one[0], interface);
}
END_TEST

/* The types of a node are listed by id, each once, those of its runtime too. */
START_TEST(a_node_lists_its_types)
{
    const osr_type *types[256];
    size_t count = osr_node_types(node_fixture_node(), types, 256);
    unsigned found = 0;
    ck_assert_uint_gt(count, 7);
    ck_assert_uint_le(count, 256);
    for (size_t i = 0; i < count; i++) {
        ck_assert(i == 0 || types[i - 1]->id < types[i]->id);
        found += types[i]->id == add_osr_type.id || types[i]->id == osr_down_osr_type.id ? 1 : 0;
    }
    ck_assert_uint_eq(found, 2);
    ck_assert_uint_eq(osr_node_types(node_fixture_node(), NULL, 0), count);
}
END_TEST

static osr_err asks(osr_self *self)
{
    osr_pid pid;
    total reply;
    first argument = {.value = 1};
    add request = {.by = 5};
    reset message = {0};
    const total *kept = NULL;
    CHECK_OK(self, adder_start(self, &argument, OSR_SPAWN(.link = true), &pid));
    adder_api api = adder_api_at(osr_to(pid));
    CHECK_OK(self, OSR_ASK(self, api, add, &request, &reply, 1000));
    OSR_CHECK(self, reply.value == 6);
    CHECK_OK(self, OSR_TELL(self, api, reset, &message));
    CHECK_OK(self, OSR_ASK_KEEP(self, api, add, &request, 1000, &kept));
    OSR_CHECK(self, kept->value == 5);
    return OSR_OK;
}

/* What is asked and told through a handle arrives at the server behind it. */
START_TEST(a_handle_leads_to_its_server)
{
    node_fixture_run(asks);
}
END_TEST

static osr_part interface_of(const char *file, uint32_t line, const osr_type *const *types,
                             uint32_t count)
{
    return (osr_part){.kind = OSR_PART_INTERFACE,
                      .name = "api",
                      .file = file,
                      .line = line,
                      .count = count,
                      .types = types};
}

/* One interface that two files declare differently is refused, naming both; alike it is one. */
START_TEST(interfaces_of_one_name_must_be_alike)
{
    static const osr_type *const both[] = {&add_osr_type, &reset_osr_type};
    osr_part a = interface_of("a.c", 1, both, 2);
    osr_part b = interface_of("b.c", 2, both, 2);
    const osr_part *const parts[] = {&b, &a};
    char text[OSRI_PARTS_TEXT_BYTES] = "";
    osri_parts collected;
    ck_assert_int_eq(osri_parts_collect(&collected, parts, parts + 2, text), OSR_OK);
    ck_assert_uint_eq(collected.count, 1);
    ck_assert_ptr_eq(collected.sorted[0], &a);
    osri_parts_fini(&collected);
    b.count = 1;
    ck_assert_int_eq(osri_parts_collect(&collected, parts, parts + 2, text), OSR_ETYPE);
    ck_assert_str_eq(text, "interface api accepts one thing at a.c:1 and another at b.c:2: "
                           "declare it once, in a header");
    b.count = 2;
    osri_heap_fail_after(1, false);
    ck_assert_int_eq(osri_parts_collect(&collected, parts, parts + 2, text), OSR_ENOMEM);
    osri_heap_fail_after(0, false);
}
END_TEST

/* Two exported entries of one name are refused, naming both places. */
START_TEST(exported_names_are_unique)
{
    const osr_entry a = {.name = "worker", .file = "a.c", .line = 1};
    const osr_entry b = {.name = "worker", .file = "b.c", .line = 2};
    const osr_entry *const twice[] = {&a, &a};
    const osr_entry *const both[] = {&a, &b};
    char text[OSRI_PARTS_TEXT_BYTES] = "";
    osri_map entries = {0};
    ck_assert_int_eq(osri_entries_collect(&entries, twice, twice + 2, text), OSR_OK);
    ck_assert_int_eq(osri_entries_collect(&entries, both, both + 2, text), OSR_ETYPE);
    ck_assert_str_eq(text, "entry worker is exported by a.c:1 and by b.c:2: "
                           "give one of them another name");
    osri_map_fini(&entries);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, a_node_lists_what_its_program_declares);
    tcase_add_test(tcase, a_node_lists_its_types);
    tcase_add_test(tcase, a_handle_leads_to_its_server);
    tcase_add_test(tcase, interfaces_of_one_name_must_be_alike);
    tcase_add_test(tcase, exported_names_are_unique);
}

int main(void)
{
    Suite *suite = suite_create("architecture");
    ADD_BOTH(suite, add_tests);
    return run_suite(suite);
}
