/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"

/* The simulated cluster. All nodes are stepped in turn until none has anything to do, then the
 * clock moves to whatever is due next: so a run depends on the seed and on nothing else. */

#define TICK_MS 2000
#define WALL_MS UINT64_C(1800000000000) /* when the virtual world begins */

static void require(bool fact, const char *what)
{
    if (!fact) {
        (void)fprintf(stderr, "the simulated cluster failed: %s\n", what);
        abort();
    }
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t cluster_random(cluster *world, uint64_t bound)
{
    return next_random(&world->random) % bound;
}

/* ---- environment ------------------------------------------------------------------------- */

#define PPM INT64_C(1000000)

static uint64_t own_time(const cluster_clock *clock, uint64_t world_ns)
{
    int64_t passed = (int64_t)(world_ns - clock->set_ns);

    return clock->own_ns +
           (uint64_t)(passed + passed / PPM * clock->ppm + passed % PPM * clock->ppm / PPM);
}

/* The first moment of the world's at which the clock shows this. */
static uint64_t world_time(const cluster_clock *clock, uint64_t own_ns)
{
    uint64_t rate = (uint64_t)(PPM + clock->ppm);
    uint64_t left_ns = own_ns - clock->own_ns;
    uint64_t at_ns;

    if (own_ns == UINT64_MAX || own_ns <= clock->own_ns) {
        return own_ns == UINT64_MAX ? UINT64_MAX : clock->set_ns;
    }
    at_ns = clock->set_ns + left_ns / rate * PPM + left_ns % rate * PPM / rate;
    at_ns -= at_ns - clock->set_ns > 2 ? 2 : 0;
    while (own_time(clock, at_ns) < own_ns) {
        at_ns++;
    }
    return at_ns;
}

static uint64_t env_now(void *context)
{
    const cluster_node *at = context;

    return own_time(&at->clock, at->owner->now_ns);
}

static uint64_t env_wall(void *context)
{
    const cluster_node *at = context;

    return (uint64_t)((int64_t)(WALL_MS + at->owner->now_ns / MS) + at->clock.wall_ms);
}

static void env_random(void *context, void *ret_bytes, size_t bytes)
{
    cluster_node *at = context;
    uint8_t *out = ret_bytes;

    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t number = next_random(&at->random);
        memcpy(out + i, &number, bytes - i < 8 ? bytes - i : 8);
    }
}

static osr_err env_thread_start(void *context, const char *name, void (*run)(void *argument),
                                void *argument, void **ret_thread)
{
    (void)context;
    (void)name;
    (void)run;
    (void)argument;
    (void)ret_thread;
    return OSR_ENOTSUP;
}

static void env_thread_join(void *context, void *thread)
{
    (void)context;
    (void)thread;
}

static osr_err env_parker_new(void *context, osr_parker **ret_parker)
{
    (void)context;
    (void)ret_parker;
    return OSR_ENOTSUP;
}

static void env_parker_free(void *context, osr_parker *parker)
{
    (void)context;
    (void)parker;
}

static void env_park(void *context, osr_parker *parker, uint64_t timeout_ns)
{
    (void)context;
    (void)parker;
    (void)timeout_ns;
}

static void env_unpark(void *context, osr_parker *parker)
{
    (void)context;
    (void)parker;
}

static osr_env env_of(cluster_node *at)
{
    osr_env env = {.context = at,
                   .now_ns = env_now,
                   .boot_ns = env_now,
                   .wall_ms = env_wall,
                   .random = env_random,
                   .thread_start = env_thread_start,
                   .thread_join = env_thread_join,
                   .parker_new = env_parker_new,
                   .parker_free = env_parker_free,
                   .park = env_park,
                   .unpark = env_unpark};
    return env;
}

/* ---- log --------------------------------------------------------------------------------- */

static cluster_node *by_name(cluster *world, const char *name, size_t bytes)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        if (strlen(world->nodes[i].name) == bytes &&
            memcmp(world->nodes[i].name, name, bytes) == 0) {
            return &world->nodes[i];
        }
    }
    return NULL;
}

static void tell_session(cluster_node *at, const cluster_node *peer, uint64_t number, bool up,
                         const char *reason)
{
    if (at->owner->options.session != NULL) {
        at->owner->options.session(at, peer, number, up, reason);
    }
}

/* "… net: n1@sim is up", "… net: n1@sim is down: …": written when it happens, so in order. */
static void note_session(cluster_node *at, const char *line)
{
    const char *text = strstr(line, "net: ");
    size_t bytes = text == NULL ? 0 : strcspn(text + 5, " ");
    cluster_node *peer = text == NULL ? NULL : by_name(at->owner, text + 5, bytes);
    cluster_sessions *sessions = peer == NULL ? NULL : &at->sessions[peer->host];

    if (sessions == NULL) {
        return;
    }
    text += 5 + bytes;
    if (strncmp(text, " is up", 6) == 0) {
        require(sessions->ups < CLUSTER_SESSIONS_MAX, "too many sessions");
        sessions->numbers[sessions->ups++] = osri_net_session_of(at->net, peer->name);
        tell_session(at, peer, sessions->numbers[sessions->ups - 1], true, "");
    } else if (strncmp(text, " is down: ", 10) == 0) {
        require(sessions->downs < sessions->ups, "a session that ends twice");
        sessions->down_ns[sessions->downs++] = at->owner->now_ns;
        tell_session(at, peer, sessions->numbers[sessions->downs - 1], false,
                     text + strlen(" is down: "));
    }
}

static void log_sink(void *context, osr_log_level level, const char *line, size_t bytes)
{
    cluster_node *at = context;

    (void)level;
    note_session(at, line);
    if (at->owner->options.verbose) {
        (void)fprintf(stderr, "%10.6f %.*s", (double)at->owner->now_ns / 1e9, (int)bytes, line);
    }
    if (at->owner->options.logged != NULL) {
        at->owner->options.logged(at, line);
    }
}

/* ---- nodes ------------------------------------------------------------------------------- */

static void resolve(void *context, osri_net *net, const char *name)
{
    cluster_node *at = context;
    bool (*finds)(const cluster_node *finder, const char *wanted) = at->owner->options.finds;
    cluster_node *peer =
        finds != NULL && !finds(at, name) ? NULL : by_name(at->owner, name, strlen(name));
    uint8_t key[OSRI_KEY_BYTES];
    char endpoint[OSRI_ENDPOINT_BYTES];

    if (at->owner->mapper != CLUSTER_MAPPER_UP) {
        at->owner->mapper_failed++;
        if (at->owner->mapper == CLUSTER_MAPPER_DOWN) {
            osri_net_resolved(net, name, OSR_ENOCONNECTION, NULL, NULL,
                              "the port mapper does not answer");
        }
        return;
    }
    if (peer == NULL) {
        osri_net_resolved(net, name, OSR_ENOTFOUND, NULL, NULL, "not registered");
        return;
    }
    osri_identity_node_key_public(at->owner->secret, name, key);
    (void)snprintf(endpoint, sizeof(endpoint), "sim://%u", peer->host);
    osri_net_resolved(net, name, OSR_OK, endpoint, key, NULL);
}

static void make_identity(cluster *world, cluster_node *at)
{
    osri_identity_request request = {.secret = world->secret,
                                     .name = at->name,
                                     .roles = world->options.roles,
                                     .now_s = env_wall(at) / 1000};

    env_random(at, &request.creation, sizeof(request.creation));
    require(osri_identity_development(&request, &at->identity) == OSR_OK, "identity");
}

static void make_net(cluster *world, cluster_node *at)
{
    char endpoint[OSRI_ENDPOINT_BYTES];
    char bound[OSRI_ENDPOINT_BYTES];
    osri_net_options options = {.identity = &at->identity,
                                .resolver = {.context = at, .resolve = resolve},
                                .tick_ms =
                                    world->options.tick_ms == 0 ? TICK_MS : world->options.tick_ms,
                                .os_pid = 1000 + at->host};

    require(osri_sim_transport_new(world->network, at->host, at->identity.certificate.key, NULL,
                                   NULL, &at->transport) == OSR_OK,
            "transport");
    (void)snprintf(endpoint, sizeof(endpoint), "sim://%u", at->host);
    require(at->transport->ops->listen(at->transport, endpoint, bound) == OSR_OK, "listen");
    options.transport = at->transport;
    options.endpoint = bound;
    if (world->options.configure != NULL) {
        world->options.configure(at, &options);
    }
    require(osri_net_new(at->node, &options, &at->net) == OSR_OK, "net");
}

void cluster_start(cluster *world, uint32_t host)
{
    cluster_node *at = &world->nodes[host];
    osr_node_options options = {.size = sizeof(options),
                                .name = at->name,
                                .schedulers = 1,
                                .processes_max = 65536,
                                .env = &at->env};

    require(!at->alive, "started twice");
    at->incarnation++;
    at->random =
        next_random(&world->random); /* drawn: states made of one sum run into each other */
    memset(at->sessions, 0, sizeof(at->sessions));
    at->clock = (cluster_clock){.set_ns = world->now_ns,
                                .own_ns = SECOND + next_random(&at->random) % (1000 * SECOND)};
    at->due_ns = 0;
    at->paused_ns = 0;
    make_identity(world, at);
    options.creation = at->identity.creation;
    if (world->options.began != NULL) {
        world->options.began(at);
    }
    require(osr_node_new(&options, &at->node) == OSR_OK, "node");
    osri_log_init(&at->node->log, at->name, OSR_LOG_INFO, log_sink, at);
    make_net(world, at);
    at->alive = true;
}

static void end_node(cluster_node *at)
{
    at->alive = false;
    osr_node_stop(at->node, 0);
    osr_node_free(&at->node);
    osri_identity_wipe(&at->identity);
    at->net = NULL;
    at->transport = NULL;
}

void cluster_crash(cluster *world, uint32_t host, bool loud)
{
    cluster_node *at = &world->nodes[host];

    require(at->alive, "crashed twice");
    osri_sim_crash(at->transport, loud);
    end_node(at);
}

static bool has_left(void *context)
{
    return osri_net_has_left(context);
}

void cluster_stop(cluster *world, uint32_t host)
{
    cluster_node *at = &world->nodes[host];

    osri_net_leave(at->net);
    (void)cluster_run(world, world->now_ns + 2 * SECOND, has_left, at->net);
    end_node(at);
}

cluster *cluster_new(uint64_t seed, const cluster_options *options)
{
    cluster *world = osri_heap_zalloc(sizeof(*world));

    require(world != NULL && options->nodes <= CLUSTER_NODES_MAX, "memory");
    world->options = *options;
    world->random = seed;
    world->now_ns = SECOND;
    memset(world->secret, 7, sizeof(world->secret));
    require(osri_sim_network_new(next_random(&world->random), &options->network, &world->network) ==
                OSR_OK,
            "network");
    osri_sim_advance(world->network, world->now_ns);
    for (uint32_t i = 0; i < options->nodes; i++) {
        cluster_node *at = &world->nodes[i];
        at->owner = world;
        at->host = i;
        at->env = env_of(at);
        (void)snprintf(at->name, sizeof(at->name), "n%u@sim", i);
        cluster_start(world, i);
    }
    return world;
}

void cluster_free(cluster **world)
{
    for (uint32_t i = 0; i < (*world)->options.nodes; i++) {
        if ((*world)->nodes[i].alive) {
            cluster_crash(*world, i, false);
        }
    }
    osri_sim_network_free(&(*world)->network);
    osri_heap_free(*world, sizeof(**world));
    *world = NULL;
}

/* ---- time -------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void cluster_pause(cluster *world, uint32_t host, uint64_t for_ns)
{
    world->nodes[host].paused_ns = world->now_ns + for_ns;
}

void cluster_set_clock(cluster *world, uint32_t host, int64_t ppm, int64_t wall_ms)
{
    cluster_clock *clock = &world->nodes[host].clock;

    *clock = (cluster_clock){.set_ns = world->now_ns,
                             .own_ns = own_time(clock, world->now_ns),
                             .ppm = ppm,
                             .wall_ms = wall_ms};
}

/* Whether there was anything to do. */
static bool step_node(cluster_node *at)
{
    uint64_t now_ns = at->owner->now_ns;
    uint64_t node_due = UINT64_MAX;
    uint64_t net_due = UINT64_MAX;
    bool any;

    if (now_ns < at->paused_ns) {
        at->due_ns = at->paused_ns;
        return false;
    }
    if (now_ns < at->due_ns && !osri_sim_has_events(at->transport)) {
        return false;
    }
    any = osr_node_step(at->node, &node_due);
    any = osri_net_step(at->net, &net_due) || any;
    at->due_ns = any ? 0 : world_time(&at->clock, earlier(node_due, net_due));
    return any;
}

static uint64_t settle(cluster *world)
{
    bool any;
    uint64_t due_ns;

    do {
        osri_sim_advance(world->network, world->now_ns);
        due_ns = UINT64_MAX;
        any = false;
        for (uint32_t i = 0; i < world->options.nodes; i++) {
            if (world->nodes[i].alive) {
                any = step_node(&world->nodes[i]) || any;
                due_ns = earlier(due_ns, world->nodes[i].due_ns);
            }
        }
    } while (any);
    return earlier(due_ns, osri_sim_next_due(world->network));
}

/* What its people were told from outside, or its clock, may have made something due. */
static void wake_all(cluster *world)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        world->nodes[i].due_ns = 0;
    }
}

uint64_t cluster_settle(cluster *world)
{
    wake_all(world);
    return settle(world);
}

bool cluster_run(cluster *world, uint64_t until_ns, bool (*done)(void *context), void *context)
{
    wake_all(world);
    for (;;) {
        uint64_t due_ns = settle(world);
        if (done != NULL && done(context)) {
            return true;
        }
        if (due_ns > until_ns) {
            world->now_ns = until_ns;
            return false;
        }
        world->now_ns = due_ns > world->now_ns ? due_ns : world->now_ns + 1;
    }
}

cluster_node *cluster_by_id(cluster *world, uint64_t node_id)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        if (world->nodes[i].alive && osr_node_id(world->nodes[i].node) == node_id) {
            return &world->nodes[i];
        }
    }
    return NULL;
}

uint64_t cluster_session_end(const cluster_node *at, uint32_t peer_host, uint64_t number)
{
    const cluster_sessions *sessions = &at->sessions[peer_host];

    for (uint32_t i = 0; i < sessions->ups; i++) {
        if (sessions->numbers[i] == number) {
            return sessions->down_ns[i] == 0 ? UINT64_MAX : sessions->down_ns[i];
        }
    }
    return 0;
}

osr_pid cluster_spawn(cluster *world, uint32_t host, const osr_entry *entry, const void *argument,
                      const osr_spawn_options *options)
{
    osr_pid pid;

    require(osr_node_spawn(world->nodes[host].node, entry, argument, options, &pid) == OSR_OK,
            "spawn");
    return pid;
}
