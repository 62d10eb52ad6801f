/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/net/refused_world.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const uint8_t refused_secret[32] = {1, 2, 3};
refused_node acceptor, friendly, evil;
osri_revocations revoked;
static osr_pid at_friend;

uint64_t now_ms(void)
{
    const osr_env *env = osr_env_real();

    return env->now_ns(env->context) / 1000000;
}

uint64_t now_s(void)
{
    const osr_env *env = osr_env_real();

    return env->wall_ms(env->context) / 1000;
}

void pause_shortly(void)
{
    struct timespec moment = {.tv_nsec = 1000000};

    (void)nanosleep(&moment, NULL);
}

static void keep_line(void *context, osr_log_level level, const char *line, size_t bytes)
{
    refused_node *at = context;

    (void)level;
    osri_mutex_lock(&at->mutex);
    if (bytes < sizeof(at->text) - at->used) {
        memcpy(at->text + at->used, line, bytes + 1);
        at->used += bytes;
    }
    osri_mutex_unlock(&at->mutex);
}

unsigned lines_with(refused_node *at, const char *words)
{
    unsigned count = 0;

    osri_mutex_lock(&at->mutex);
    for (const char *s = strstr(at->text, words); s != NULL; s = strstr(s + 1, words)) {
        count++;
    }
    osri_mutex_unlock(&at->mutex);
    return count;
}

void await_line(refused_node *at, const char *words)
{
    uint64_t until = now_ms() + DEADLINE_MS;

    while (lines_with(at, words) == 0) {
        ck_assert_msg(now_ms() < until, "no \"%s\" in the log of %s:\n%s", words, at->name,
                      at->text);
        pause_shortly();
    }
}

/* The same for one line that has this level. */
static bool has_line_at(refused_node *at, osr_log_level level, const char *words)
{
    char head[96];
    bool found = false;

    (void)snprintf(head, sizeof(head), "osier: node %s: %s: ", at->name, osr_log_level_name(level));
    osri_mutex_lock(&at->mutex);
    for (const char *s = strstr(at->text, words); s != NULL && !found; s = strstr(s + 1, words)) {
        const char *line = s;
        while (line > at->text && line[-1] != '\n') {
            line--;
        }
        found = strncmp(line, head, strlen(head)) == 0;
    }
    osri_mutex_unlock(&at->mutex);
    return found;
}

void await_line_at(refused_node *at, osr_log_level level, const char *words)
{
    uint64_t until = now_ms() + DEADLINE_MS;

    while (!has_line_at(at, level, words)) {
        ck_assert_msg(now_ms() < until, "no %s \"%s\" in the log of %s:\n%s",
                      osr_log_level_name(level), words, at->name, at->text);
        pause_shortly();
    }
}

/* Every name leads to the acceptor, also those that are not its own. */
static void resolve(void *context, osri_net *net, const char *name)
{
    const refused_node *at = context;
    static const uint8_t bad_key[OSRI_KEY_BYTES] = {9};

    osri_net_resolved(net, name, OSR_OK, acceptor.endpoint,
                      at->has_bad_book ? bad_key : acceptor.identity.certificate.key, NULL);
}

static bool admit(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    refused_node *at = context;

    while (osri_door_admit(&at->door, key, address)) {
        if (!at->is_crowded) {
            return true;
        }
    }
    return false;
}

static void tell_of_stranger(void *context, const char *address, uint64_t ms,
                             osri_zmq_stranger_end end)
{
    osri_door_stranger(&((refused_node *)context)->door, address, ms, end);
}

static void serve(void *argument)
{
    refused_node *at = argument;

    while (!osri_net_has_left(at->net)) {
        (void)osri_net_turn(at->net, atomic_load(&at->stop) ? 10 : 1000);
    }
}

static void closing(void *context)
{
    refused_node *at = context;

    atomic_store(&at->stop, true);
    osri_net_leave(at->net);
    osr_env_real()->thread_join(osr_env_real()->context, at->thread);
}

/* at NULL: it does not listen. */
osri_transport *make_transport(const osri_identity *identity, refused_node *at)
{
    osri_zmq_options options = {.admit = admit, .admit_context = at, .stranger = tell_of_stranger};
    osri_transport *transport;

    memcpy(options.key_public, identity->certificate.key, 32);
    memcpy(options.key_secret, identity->key_secret, 32);
    ck_assert_int_eq(osri_zmq_transport_new(&options, &transport), OSR_OK);
    return transport;
}

void make_identity(const char *name, osri_identity *ret_identity)
{
    const osr_env *env = osr_env_real();
    osri_identity_request request = {.secret = refused_secret, .name = name, .now_s = now_s()};

    env->random(env->context, &request.creation, sizeof(request.creation));
    ck_assert_int_eq(osri_identity_development(&request, ret_identity), OSR_OK);
}

void start_node(refused_node *at)
{
    const osr_env *env = osr_env_real();
    osri_net_options options = {.identity = &at->identity,
                                .revocations = at->identity.revocations == NULL ? NULL : &revoked,
                                .resolver = {.context = at, .resolve = resolve},
                                .tick_ms = TICK_MS,
                                .policy = at->policy,
                                .audit = at->audit,
                                .closing = closing,
                                .context = at};

    osri_mutex_init(&at->mutex, OSRI_RANK_LEAF);
    osri_log_init(&at->log, at->name, OSR_LOG_INFO, keep_line, at);
    osri_door_init(&at->door, env, &at->log);
    ck_assert_int_eq(
        osr_node_new(OSR_NODE(.name = at->name, .creation = at->identity.creation, .schedulers = 1),
                     &at->node),
        OSR_OK);
    options.transport = make_transport(&at->identity, at);
    ck_assert_int_eq(options.transport->ops->listen(options.transport, "tcp://127.0.0.1:9300-9399",
                                                    at->endpoint),
                     OSR_OK);
    ck_assert_int_eq(osri_net_new(at->node, &options, &at->net), OSR_OK);
    at->net->log = &at->log;
    ck_assert_int_eq(env->thread_start(env->context, "net", serve, at, &at->thread), OSR_OK);
    ck_assert_int_eq(osr_node_start(at->node), OSR_OK);
}

static void stop_node(refused_node *at)
{
    if (at->node != NULL) {
        osr_node_stop(at->node, 0);
        osr_node_free(&at->node);
        osri_door_fini(&at->door);
        osri_mutex_fini(&at->mutex);
    }
}

static osr_pid actor_on(refused_node *at, const char *name)
{
    actor_options options = {.name = osr_str_of(name)};
    osr_pid pid;

    ck_assert_int_eq(
        osr_node_spawn(at->node, actor_entry(), &options, OSR_SPAWN(.name = name), &pid), OSR_OK);
    return pid;
}

/* The friend's note arrives over the link that it had from the beginning. */
void friend_says(uint32_t number)
{
    char line[32];
    uint64_t until = now_ms() + DEADLINE_MS;

    ck_assert_int_eq(osr_node_send(friendly.node, osr_to(at_friend), &actor_send_osr_type,
                                   &(actor_send){.name = osr_str_of("listener"),
                                                 .node = osr_str_of(ACCEPTOR),
                                                 .first = number,
                                                 .count = 1}),
                     OSR_OK);
    (void)snprintf(line, sizeof(line), "listener note %u", number);
    while (actor_trace_count(line) == 0) {
        ck_assert_msg(now_ms() < until, "no \"%s\" in:\n%s", line, actor_trace());
        pause_shortly();
    }
}

void start_acceptor_and_friend(void)
{
    actor_trace_clear();
    acceptor.name = ACCEPTOR;
    friendly.name = FRIEND;
    make_identity(ACCEPTOR, &acceptor.identity);
    make_identity(FRIEND, &friendly.identity);
    acceptor.identity.revocations = &revoked;
}

void join_friend(void)
{
    start_node(&acceptor);
    start_node(&friendly);
    (void)actor_on(&acceptor, "listener");
    at_friend = actor_on(&friendly, "friend");
    friend_says(1);
}

void friend_starts(const char *expected)
{
    uint64_t until = now_ms() + DEADLINE_MS;

    ck_assert_int_eq(osr_node_send(friendly.node, osr_to(at_friend), &actor_start_osr_type,
                                   &(actor_start){.node = osr_str_of(ACCEPTOR),
                                                  .entry = osr_str_of("actor"),
                                                  .name = osr_str_of("child")}),
                     OSR_OK);
    while (actor_trace_count(expected) == 0) {
        ck_assert_msg(now_ms() < until, "no \"%s\" in:\n%s", expected, actor_trace());
        pause_shortly();
    }
}

void check_friend_untouched(void)
{
    friend_says(2);
    ck_assert_uint_eq(lines_with(&acceptor, FRIEND " is up"), 1);
    ck_assert_uint_eq(lines_with(&acceptor, FRIEND " is down"), 0);
    ck_assert_uint_eq(lines_with(&friendly, "is down"), 0);
}

void stop_all(void)
{
    stop_node(&evil);
    stop_node(&friendly);
    stop_node(&acceptor);
}
