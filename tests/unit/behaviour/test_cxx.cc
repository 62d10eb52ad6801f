// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The Osier authors
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "osier/architecture.h"
#include "osier/dynamic.h"
#include "osier/node.h"
#include "osier/server.h"

// What a user writes in C++17: messages of every kind of field, a server with a printable state, an
// interface, and a process that calls it. Exits with 0 when all of it did what it should.

OSR_STRUCT(position, (1, i32, x), (2, i32, y));
OSR_UNION(place, (1, of(position), position), (2, str, name));
OSR_MESSAGE(stock, 0x7101, (1, i64, count), (2, opt(i64), limit), (3, of(place), place),
            (4, list(of(position)), shelves), (5, str, owner));
OSR_MESSAGE(amount, 0x7102, (1, i64, value), (2, opt(i64), rest), (3, of(position), position));
OSR_REQUEST(take_out, 0x7103, amount, (1, i64, count));
OSR_REQUEST(look, 0x7104, stock);
OSR_MESSAGE(start_with, 0x7105, (1, i64, count));
OSR_MESSAGE(refill, 0x7106, (1, list(i64), counts), (2, opt(str), by));

OSR_STATE(store, (1, i64, count), (2, opt(i64), limit));
OSR_INTERFACE(store_api, take_out, look, refill);

OSR_ON_INIT(store, start_with)
{
    state->count = argument->count;
    OSR_SET(state->limit, 100);
    return OSR_OK;
}

OSR_ON_CALL(store, take_out, amount)
{
    state->count -= request->count;
    reply->value = request->count;
    OSR_SET(reply->rest, state->count);
    return OSR_REPLY;
}

OSR_ON_CALL(store, look, stock)
{
    static const position shelves[2] = {{1, 2}, {3, 4}};
    reply->count = state->count;
    reply->limit.is_set = state->limit.is_set;
    reply->limit.value = state->limit.value;
    reply->place.which = place_is_position;
    reply->place.position = shelves[1];
    reply->shelves.at = shelves;
    reply->shelves.count = 2;
    reply->owner = osr_str_of("us");
    return OSR_REPLY;
}

OSR_ON_INFO(store, refill)
{
    for (uint32_t i = 0; i < message->counts.count; i++) {
        state->count += message->counts.at[i];
    }
    return message->by.is_set && std::strcmp(message->by.value.at, "bo") == 0 ? OSR_NOREPLY
                                                                              : OSR_STOP;
}

OSR_SERVER(store, OSR_INIT(start_with), OSR_CALL(take_out), OSR_CALL(look), OSR_INFO(refill));
OSR_SENDS(store, (amount, "whoever asks"));

static osr_err refill_in_place(osr_self *self, const store_api &api)
{
    refill *message = nullptr;
    int64_t *counts = nullptr;
    osr_err err = refill_new(self, 64, &message);
    if (err == OSR_OK) {
        err = OSR_BUILD_LIST(message, message->counts, 2, counts);
    }
    if (err == OSR_OK) {
        counts[0] = 4;
        counts[1] = 6;
        message->by.is_set = true;
        err = osr_build_str(message, "bo", 2, &message->by.value);
    }
    if (err != OSR_OK) {
        refill_drop(self, &message);
        return err;
    }
    return refill_give(self, api.to, &message);
}

static osr_err ask(osr_self *self, const store_api &api)
{
    take_out request = {3};
    look question = {};
    amount taken = {};
    const stock *seen = nullptr;
    osr_err err = OSR_ASK(self, api, take_out, &request, &taken, 5000);
    if (err != OSR_OK || taken.value != 3 || !taken.rest.is_set || taken.rest.value != 17) {
        return OSR_EFAILED;
    }
    err = OSR_ASK_KEEP(self, api, look, &question, 5000, &seen);
    bool is_right = err == OSR_OK && seen->count == 17 && seen->limit.is_set &&
                    seen->place.which == place_is_position && seen->place.position.y == 4 &&
                    seen->shelves.count == 2 && seen->shelves.at[0].y == 2 &&
                    std::strcmp(seen->owner.at, "us") == 0;
    return is_right ? OSR_OK : OSR_EFAILED;
}

static osr_err read_it(const osr_node *node)
{
    osr_any *message = nullptr;
    osr_value whole, part;
    char error[OSR_PARSE_TEXT_BYTES] = "";
    osr_err err = osr_parse(node, "refill{by: \"me\", counts: [1]}", &message, error);
    if (err == OSR_OK) {
        err = osr_value_of(osr_any_type(message), osr_any_body(message), &whole);
    }
    if (err == OSR_OK) {
        err = osr_value_named(&whole, "by", &part);
    }
    if (err == OSR_OK && std::strcmp(part.text.at, "me") != 0) {
        err = OSR_EFAILED;
    }
    osr_any_free(&message);
    return err;
}

OSR_ENTRY(customer, start_with)
{
    osr_pid pid;
    osr_spawn_options options = {};
    options.size = sizeof(options);
    options.link = true;
    osr_err err = store_start(self, argument, &options, &pid);
    if (err == OSR_OK) {
        err = refill_in_place(self, store_api_at(osr_to(pid)));
    }
    if (err == OSR_OK) {
        err = ask(self, store_api_at(osr_to(pid)));
    }
    return err == OSR_OK ? read_it(osr_self_node(self)) : err;
}

static bool lists_the_server(const osr_node *node)
{
    const osr_part *servers[16];
    size_t count = osr_node_servers(node, servers, 16);
    for (size_t i = 0; i < count && i < 16; i++) {
        if (std::strcmp(servers[i]->name, "store") == 0) {
            return servers[i]->server->state == &store_osr_type;
        }
    }
    return false;
}

int main()
{
    osr_node *node = nullptr;
    osr_pid pid;
    osr_ended ended = {};
    start_with argument = {10};
    osr_node_options options = {};
    options.size = sizeof(options);
    osr_err err = osr_node_new(&options, &node);
    if (err == OSR_OK) {
        err = osr_node_start(node);
    }
    if (err == OSR_OK) {
        err = osr_node_spawn(node, &customer_osr_entry, &argument, nullptr, &pid);
    }
    if (err == OSR_OK) {
        err = osr_node_wait(node, pid, 10000, &ended);
    }
    bool is_listed = node != nullptr && lists_the_server(node);
    if (node != nullptr) {
        osr_node_stop(node, 1000);
    }
    osr_node_free(&node);
    std::printf("%s, %s, %s\n", osr_err_name(err), ended.text, is_listed ? "listed" : "not listed");
    return err == OSR_OK && ended.code == OSR_REASON_NORMAL && is_listed ? EXIT_SUCCESS
                                                                         : EXIT_FAILURE;
}
