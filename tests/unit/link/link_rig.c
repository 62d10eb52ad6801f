/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/link/link_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"

#define RETRY_NS (1 * MS)

rig the_rig;
static uint64_t blocks_before;

#define rig_assert(fact)                                                                           \
    ck_assert_msg((fact), "seed %llu: %s", (unsigned long long)the_rig.seed, #fact)

static void step(rig_link *entry, osri_link_event event);

uint64_t rig_random(uint64_t bound)
{
    return osri_sim_random(the_rig.network, bound);
}

static uint64_t now(void)
{
    return osri_sim_now(the_rig.network);
}

static osri_refusal check(void *context, const osri_signed_certificate *certificate,
                          const uint8_t proven_key[OSRI_KEY_BYTES],
                          osri_certificate *ret_certificate, char ret_text[OSRI_LINK_TEXT_BYTES])
{
    const rig_link *entry = context;

    return (osri_refusal)osri_identity_check(&entry->node->identity, certificate, proven_key,
                                             1000000, OSRI_ROLE_JOIN, ret_certificate, ret_text,
                                             OSRI_LINK_TEXT_BYTES);
}

/* All links of a node are to the same peer: there are two nodes. */
static osri_verdict name_state(void *context, const osri_claim *claim)
{
    rig_link *entry = context;
    osri_holder holders[64];
    size_t count = 0;
    osri_verdict verdict;

    for (rig_link *other = entry->node->links; other != NULL && count < 64; other = other->next) {
        if (other == entry || osri_link_is_down(other->link) ||
            !(other->dialed || other->claimed)) {
            continue;
        }
        holders[count].phase = osri_link_is_up(other->link) ? OSRI_HOLDER_UP
                               : other->dialed              ? OSRI_HOLDER_DIALING
                                                            : OSRI_HOLDER_ACCEPTED;
        memcpy(holders[count].key, other->peer_key, OSRI_KEY_BYTES);
        holders[count].creation = other->peer_creation;
        count++;
    }
    verdict = osri_link_verdict(entry->node->identity.certificate.name, claim, holders, count);
    if (verdict <= OSRI_VERDICT_REPLACE) {
        entry->claimed = true;
        entry->peer_creation = claim->creation;
        memcpy(entry->peer_key, claim->key, OSRI_KEY_BYTES);
    }
    return verdict;
}

void rig_begin(uint64_t seed, const osri_sim_options *options)
{
    static const char *const names[RIG_NODES] = {"a@h0", "b@h1"};
    uint8_t secret[32] = {7};
    char endpoint[OSRI_ENDPOINT_BYTES];

    blocks_before = osri_heap_live_blocks();
    the_rig = (rig){.seed = seed};
    ck_assert_int_eq(osri_sim_network_new(seed, options, &the_rig.network), OSR_OK);
    for (int i = 0; i < RIG_NODES; i++) {
        rig_node *node = &the_rig.nodes[i];
        osri_identity_request request = {
            .secret = secret, .name = names[i], .now_s = 1000000, .creation = (uint64_t)i + 1};

        node->number = i;
        ck_assert_int_eq(osri_identity_development(&request, &node->identity), OSR_OK);
        ck_assert_int_eq(osri_link_actions_new(&node->actions), OSR_OK);
        ck_assert_int_eq(osri_sim_transport_new(the_rig.network, (uint32_t)i,
                                                node->identity.certificate.key, NULL, NULL,
                                                &node->transport),
                         OSR_OK);
        ck_assert_int_eq(node->transport->ops->listen(node->transport, "sim://", endpoint), OSR_OK);
    }
}

void rig_end(void)
{
    for (int i = 0; i < RIG_NODES; i++) {
        rig_node *node = &the_rig.nodes[i];

        while (node->links != NULL) {
            rig_link *entry = node->links;

            node->links = entry->next;
            osri_link_free(&entry->link);
            free(entry);
        }
        osri_link_actions_free(&node->actions);
        node->transport->ops->free(node->transport, 0);
    }
    osri_sim_network_free(&the_rig.network);
    rig_assert(osri_heap_live_blocks() == blocks_before);
}

static rig_link *add_link(rig_node *node, bool dialed, osri_conn conn)
{
    rig_link *entry = calloc(1, sizeof(*entry));

    ck_assert_ptr_nonnull(entry);
    entry->node = node;
    entry->conn = conn;
    entry->dialed = dialed;
    entry->open = true;
    entry->config = (osri_link_config){
        .self = &node->identity,
        .hooks = {.context = entry, .check = check, .name_state = name_state},
        .tick_ms = the_rig.tick_ms,
    };
    for (size_t i = 0; i < sizeof(entry->config.random); i++) {
        entry->config.random[i] = (uint8_t)rig_random(256);
    }
    if (dialed) {
        memcpy(entry->peer_key, the_rig.nodes[1 - node->number].identity.certificate.key,
               OSRI_KEY_BYTES);
        entry->config.peer_name = the_rig.nodes[1 - node->number].identity.certificate.name;
    }
    ck_assert_int_eq(osri_link_new(&entry->config, dialed, now(), &entry->link), OSR_OK);
    entry->next = node->links;
    node->links = entry;
    return entry;
}

rig_link *rig_dial(int from)
{
    rig_node *node = &the_rig.nodes[from];
    char endpoint[OSRI_ENDPOINT_BYTES];
    osri_conn conn = 0;

    (void)snprintf(endpoint, sizeof(endpoint), "sim://%d", 1 - from);
    ck_assert_int_eq(node->transport->ops->dial(node->transport, endpoint,
                                                the_rig.nodes[1 - from].identity.certificate.key,
                                                &conn),
                     OSR_OK);
    return add_link(node, true, conn);
}

rig_link *rig_up(int node)
{
    rig_link *found = NULL;

    for (rig_link *entry = the_rig.nodes[node].links; entry != NULL; entry = entry->next) {
        if (osri_link_is_up(entry->link)) {
            rig_assert(found == NULL);
            found = entry;
        }
    }
    return found;
}

rig_link *rig_alive(int node)
{
    rig_link *entry = the_rig.nodes[node].links;

    while (entry != NULL &&
           (osri_link_is_down(entry->link) || !(entry->dialed || entry->claimed))) {
        entry = entry->next;
    }
    return entry;
}

rig_link *rig_other_end(const rig_link *link)
{
    rig_link *entry = the_rig.nodes[1 - link->node->number].links;

    while (entry != NULL &&
           (entry->ups == 0 || memcmp(entry->session, link->session, sizeof(link->session)) != 0)) {
        entry = entry->next;
    }
    return entry;
}

/* --- Records --------------------------------------------------------------------------------- */

static uint8_t filler(uint64_t sender, uint64_t count, size_t at)
{
    return (uint8_t)(sender * 5 + count * 3 + at * 7 + at / 255);
}

void rig_send(rig_link *link, unsigned sender, size_t bytes)
{
    uint8_t *record = malloc(bytes);
    uint64_t head[2] = {sender, link->sent[sender]};
    osri_link_event event = {.kind = OSRI_LINK_SEND, .sender = sender, .bytes = record};

    memcpy(record, head, sizeof(head));
    for (size_t i = sizeof(head); i < bytes; i++) {
        record[i] = filler(sender, head[1], i);
    }
    event.bytes_count = bytes;
    link->sent[sender]++;
    link->node->sent_total++;
    step(link, event);
    free(record);
}

static void check_record(rig_link *link, const uint8_t *record, size_t bytes)
{
    uint64_t head[2];
    size_t wrong = 0;

    rig_assert(bytes >= sizeof(head));
    rig_assert(link->ups == 1 && link->downs == 0);
    memcpy(head, record, sizeof(head));
    rig_assert(head[0] < RIG_SENDERS);
    rig_assert(head[1] == link->received[head[0]]);
    link->received[head[0]]++;
    for (size_t i = sizeof(head); i < bytes; i++) {
        wrong += record[i] != filler(head[0], head[1], i) ? 1 : 0;
    }
    rig_assert(wrong == 0);
}

/* --- The owner ------------------------------------------------------------------------------- */

static void close_transport(rig_link *entry, uint32_t linger_ms)
{
    entry->open = false;
    entry->node->transport->ops->close(entry->node->transport, entry->conn, linger_ms);
}

static bool execute_send(rig_link *entry, const osri_link_action *action, bool refused)
{
    const osri_transport_ops *ops = entry->node->transport->ops;
    osr_err err = refused || !entry->open ? OSR_EFULL
                                          : ops->send(entry->node->transport, entry->conn,
                                                      action->bytes, action->bytes_count);

    if (err == OSR_EFULL && entry->open) {
        (void)!osri_link_take_back(entry->link, action->bytes, action->bytes_count);
        entry->retry_ns = now() + RETRY_NS;
        return true;
    }
    return refused; /* ECLOSED: CLOSED is on its way */
}

static void execute_up(rig_link *entry, const osri_link_action *action)
{
    memcpy(entry->session, action->peer->session, sizeof(entry->session));
    entry->ups++;
    rig_assert(entry->ups == 1 && entry->downs == 0);
}

static bool execute(rig_link *entry, const osri_link_action *action, bool refused)
{
    switch (action->kind) {
    case OSRI_LINK_SEND_FRAME:
        return execute_send(entry, action, refused);
    case OSRI_LINK_DELIVER:
        check_record(entry, action->bytes, action->bytes_count);
        break;
    case OSRI_LINK_UP:
        execute_up(entry, action);
        break;
    case OSRI_LINK_DOWN:
        entry->downs++;
        entry->down = action->down;
        entry->refusal = action->refusal;
        rig_assert(entry->downs == 1);
        rig_assert(action->was_up == (entry->ups == 1));
        rig_assert(action->down != OSRI_DOWN_PROTOCOL_ERROR);
        break;
    case OSRI_LINK_CLOSE_TRANSPORT:
        close_transport(entry, action->linger_ms);
        break;
    }
    return refused;
}

static bool goes_up(const osri_link_actions *actions)
{
    for (size_t i = 0; i < osri_link_actions_count(actions); i++) {
        if (osri_link_actions_at(actions, i)->kind == OSRI_LINK_UP) {
            return true;
        }
    }
    return false;
}

/* Before a link is UP, whatever else is up goes down (L6). It needs actions of its own. */
static void make_way(rig_link *entry)
{
    for (rig_link *other = entry->node->links; other != NULL; other = other->next) {
        if (other != entry &&
            (osri_link_is_up(other->link) || (!other->dialed && !osri_link_is_down(other->link)))) {
            osri_link_actions *kept = entry->node->actions;

            ck_assert_int_eq(osri_link_actions_new(&entry->node->actions), OSR_OK);
            rig_close(other, OSRI_DOWN_RESTARTED);
            osri_link_actions_free(&entry->node->actions);
            entry->node->actions = kept;
        }
    }
}

static void step(rig_link *entry, osri_link_event event)
{
    osri_link_actions *actions = entry->node->actions;
    bool refused = false;

    event.now_ns = now();
    (void)osri_link_step(entry->link, &event, actions);
    if (goes_up(actions)) {
        make_way(entry);
    }
    for (size_t i = 0; i < osri_link_actions_count(actions); i++) {
        refused = execute(entry, osri_link_actions_at(actions, i), refused);
    }
}

void rig_flush(rig_link *link)
{
    step(link, (osri_link_event){.kind = OSRI_LINK_FLUSH});
}

void rig_close(rig_link *link, osri_down down)
{
    step(link, (osri_link_event){.kind = OSRI_LINK_CLOSE, .down = down});
}

static rig_link *find_link(rig_node *node, osri_conn conn)
{
    rig_link *entry = node->links;

    while (entry != NULL && entry->conn != conn) {
        entry = entry->next;
    }
    return entry;
}

static void on_transport_event(rig_node *node, const osri_transport_event *event)
{
    rig_link *entry = event->kind == OSRI_CONN_ACCEPTED ? add_link(node, false, event->conn)
                                                        : find_link(node, event->conn);
    osri_link_event in = {.peer_key = event->peer_key,
                          .bytes = event->frame,
                          .bytes_count = event->frame_bytes,
                          .text = event->text};

    rig_assert(entry != NULL && entry->open);
    switch (event->kind) {
    case OSRI_CONN_OPENED:
        in.kind = OSRI_LINK_OPENED;
        break;
    case OSRI_CONN_ACCEPTED:
        in.kind = OSRI_LINK_ACCEPTED;
        break;
    case OSRI_CONN_FRAME:
        in.kind = OSRI_LINK_FRAME;
        break;
    case OSRI_CONN_CLOSED:
        in.kind = OSRI_LINK_CLOSED;
        entry->open = false;
        break;
    }
    step(entry, in);
}

static void serve(rig_node *node)
{
    osri_transport_event event;

    while (node->transport->ops->poll(node->transport, 0, &event)) {
        on_transport_event(node, &event);
    }
    for (rig_link *entry = node->links; entry != NULL; entry = entry->next) {
        if (entry->retry_ns != 0 && entry->retry_ns <= now()) {
            entry->retry_ns = 0;
            step(entry, (osri_link_event){.kind = OSRI_LINK_WRITABLE});
        }
        if (osri_link_next_due(entry->link) <= now()) {
            step(entry, (osri_link_event){.kind = OSRI_LINK_TIME});
        }
    }
}

static uint64_t next_due(void)
{
    uint64_t due_ns = osri_sim_next_due(the_rig.network);

    for (int i = 0; i < RIG_NODES; i++) {
        for (rig_link *entry = the_rig.nodes[i].links; entry != NULL; entry = entry->next) {
            uint64_t link_ns = osri_link_next_due(entry->link);

            due_ns = link_ns < due_ns ? link_ns : due_ns;
            if (entry->retry_ns != 0 && entry->retry_ns < due_ns) {
                due_ns = entry->retry_ns;
            }
        }
    }
    return due_ns;
}

void rig_run(uint64_t ns)
{
    uint64_t end_ns = now() + ns;

    for (;;) {
        uint64_t due_ns = next_due();

        if (due_ns > end_ns) {
            break;
        }
        osri_sim_advance(the_rig.network, due_ns);
        for (int i = 0; i < RIG_NODES; i++) {
            serve(&the_rig.nodes[i]);
        }
    }
    osri_sim_advance(the_rig.network, end_ns);
}
