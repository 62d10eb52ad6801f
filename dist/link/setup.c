/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "dist/link/state.h"

/* The handshake: HELLO, WELCOME, READY, REFUSE. The order of the checks is that of
 * dist/PROTOCOL.md.
 *
 * Invariants
 *   I1  nothing of a peer is kept or shown before its certificate was checked and its key is the
 *       proven one;
 *   I2  a refusal is sent once, and nothing after it. */

#define REFUSE_LINGER_MS 500

static void send_handshake(const osri_handshake *handshake, osri_link *link,
                           osri_link_actions *actions)
{
    osri_link_action *action = osri_actions_push(actions, OSRI_LINK_SEND_FRAME);

    action->bytes = actions->handshake;
    action->bytes_count = osri_handshake_encode(handshake, actions->handshake);
    link->counters.frames_sent++;
    link->counters.bytes_sent += action->bytes_count;
}

/* We refuse the peer. */
static void refuse(osri_link *link, osri_refusal refusal, const char *text,
                   osri_link_actions *actions)
{
    osri_handshake handshake = {.kind = OSRI_HANDSHAKE_REFUSE, .refusal = (uint32_t)refusal};
    const char *words = text == NULL || text[0] == '\0' ? osri_refusal_text(refusal) : text;

    (void)snprintf(handshake.text, sizeof(handshake.text), "%s", words);
    send_handshake(&handshake, link, actions);
    osri_link_finish(link,
                     &(osri_link_end){.down = OSRI_DOWN_REFUSED,
                                      .refusal = (uint32_t)refusal,
                                      .linger_ms = REFUSE_LINGER_MS,
                                      .text = words},
                     actions);
}

/* The peer refuses us. */
static void refused(osri_link *link, const osri_handshake *handshake, osri_link_actions *actions)
{
    char text[OSRI_HANDSHAKE_TEXT_BYTES + 32];

    (void)snprintf(text, sizeof(text), "refused by the peer: %s",
                   handshake->text[0] == '\0' ? osri_refusal_text(handshake->refusal)
                                              : handshake->text);
    osri_link_finish(link,
                     &(osri_link_end){.down = OSRI_DOWN_REFUSED,
                                      .refusal = handshake->refusal,
                                      .by_peer = true,
                                      .text = text},
                     actions);
}

/* What HELLO and WELCOME say alike. */
static void describe_self(const osri_link *link, osri_handshake *handshake)
{
    const osri_link_config *config = &link->config;

    handshake->certificate = *osri_identity_shown(config->self);
    handshake->creation = config->self->creation;
    handshake->features = config->features;
    handshake->window_bytes = config->window_bytes_max;
    handshake->frame_bytes_max = OSRI_LINK_FRAME_BYTES_MAX;
    handshake->tick_ms = config->tick_ms;
    handshake->crl_version = config->crl_version;
    handshake->os_pid = config->os_pid;
    handshake->hidden = config->hidden;
    handshake->label_count = config->label_count;
    for (uint32_t i = 0; i < config->label_count; i++) {
        (void)snprintf(handshake->labels[i], sizeof(handshake->labels[i]), "%s", config->labels[i]);
    }
}

static void send_hello(osri_link *link, osri_link_actions *actions)
{
    osri_handshake hello = {.kind = OSRI_HANDSHAKE_HELLO,
                            .version_min = link->config.version_min,
                            .version_max = link->config.version_max};

    describe_self(link, &hello);
    (void)snprintf(hello.cluster, sizeof(hello.cluster), "%s",
                   link->config.self->certificate.cluster);
    (void)snprintf(hello.want_name, sizeof(hello.want_name), "%s", link->config.peer_name);
    memcpy(hello.nonce, link->config.random, sizeof(hello.nonce));
    send_handshake(&hello, link, actions);
}

void osri_setup_start(osri_link *link, const uint8_t *peer_key, osri_link_actions *actions)
{
    memcpy(link->proven_key, peer_key, sizeof(link->proven_key));
    if (!link->dialed) {
        link->phase = OSRI_PHASE_HELLO_DUE;
        return;
    }
    if (link->config.peer_key != NULL &&
        memcmp(link->config.peer_key, peer_key, sizeof(link->proven_key)) != 0) {
        refuse(link, OSRI_REFUSAL_KEY, "the connection proves another key than the one dialed",
               actions);
        return;
    }
    link->phase = OSRI_PHASE_HELLO_SENT;
    send_hello(link, actions);
}

/* The terms that a checked peer stated. */
static void adopt_terms(osri_link *link, const osri_handshake *theirs)
{
    osri_link_peer *peer = &link->peer;

    peer->creation = theirs->creation;
    peer->features = theirs->features & link->config.features;
    peer->os_pid = theirs->os_pid;
    peer->crl_version = theirs->crl_version;
    peer->tick_ms = theirs->tick_ms;
    peer->window_bytes = theirs->window_bytes;
    peer->hidden = theirs->hidden;
    peer->dialed = link->dialed;
    peer->label_count = theirs->label_count;
    memcpy(peer->labels, theirs->labels, sizeof(peer->labels));
    if (link->config.hooks.node_id != NULL) {
        peer->node_id = link->config.hooks.node_id(peer->certificate.name, peer->creation);
    }
}

/* False: refused. */
static bool check_certificate(osri_link *link, const osri_handshake *theirs,
                              osri_link_actions *actions)
{
    const osri_link_hooks *hooks = &link->config.hooks;
    osri_certificate certificate = {0};
    char text[OSRI_LINK_TEXT_BYTES] = "";
    osri_refusal refusal =
        hooks->check(hooks->context, &theirs->certificate, link->proven_key, &certificate, text);

    if (refusal == OSRI_REFUSAL_NONE &&
        memcmp(certificate.key, link->proven_key, sizeof(link->proven_key)) != 0) {
        refusal = OSRI_REFUSAL_KEY;
    }
    if (refusal != OSRI_REFUSAL_NONE) {
        refuse(link, refusal, text, actions);
        return false;
    }
    link->peer.certificate = certificate;
    return true;
}

static osri_refusal refusal_of(osri_verdict verdict)
{
    switch (verdict) {
    case OSRI_VERDICT_ACCEPT:
    case OSRI_VERDICT_REPLACE:
        return OSRI_REFUSAL_NONE;
    case OSRI_VERDICT_REFUSE_SIMULTANEOUS:
        return OSRI_REFUSAL_SIMULTANEOUS;
    case OSRI_VERDICT_REFUSE_CONNECTED:
        return OSRI_REFUSAL_CONNECTED;
    case OSRI_VERDICT_REFUSE_NAME_TAKEN:
        return OSRI_REFUSAL_NAME_TAKEN;
    case OSRI_VERDICT_REFUSE_LIMIT:
        return OSRI_REFUSAL_LIMIT;
    case OSRI_VERDICT_REFUSE_STOPPING:
        break;
    }
    return OSRI_REFUSAL_STOPPING;
}

static void name_text(const osri_link *link, osri_refusal refusal,
                      char ret_text[OSRI_LINK_TEXT_BYTES])
{
    const char *peer = link->peer.certificate.name;
    const char *self = link->config.self->certificate.name;

    ret_text[0] = '\0';
    if (refusal == OSRI_REFUSAL_SIMULTANEOUS) {
        (void)snprintf(ret_text, OSRI_LINK_TEXT_BYTES,
                       "both dialed; the connection dialed by \"%s\" is kept", self);
    } else if (refusal == OSRI_REFUSAL_CONNECTED) {
        (void)snprintf(ret_text, OSRI_LINK_TEXT_BYTES, "\"%s\" is already connected", peer);
    } else if (refusal == OSRI_REFUSAL_NAME_TAKEN) {
        (void)snprintf(ret_text, OSRI_LINK_TEXT_BYTES,
                       "\"%s\" is already connected with another key", peer);
    }
}

/* Who else has that name? False: refused. */
static bool check_name_state(osri_link *link, const osri_handshake *theirs,
                             osri_link_actions *actions)
{
    const osri_link_hooks *hooks = &link->config.hooks;
    osri_claim claim = {.name = link->peer.certificate.name,
                        .key = link->proven_key,
                        .creation = theirs->creation,
                        .serial = link->peer.certificate.serial,
                        .dialed = link->dialed};
    char text[OSRI_LINK_TEXT_BYTES];
    osri_refusal refusal;

    link->verdict =
        hooks->name_state == NULL ? OSRI_VERDICT_ACCEPT : hooks->name_state(hooks->context, &claim);
    refusal = refusal_of(link->verdict);
    if (refusal == OSRI_REFUSAL_NONE) {
        return true;
    }
    name_text(link, refusal, text);
    refuse(link, refusal, text, actions);
    return false;
}

/* The peer is this node: its key or its start is ours. */
static bool is_self(const osri_link *link, const osri_handshake *theirs)
{
    const osri_identity *self = link->config.self;

    return theirs->creation == self->creation ||
           memcmp(link->proven_key, self->certificate.key, sizeof(link->proven_key)) == 0;
}

static bool check_wanted(osri_link *link, const char *wanted, const char *actual,
                         osri_link_actions *actions)
{
    const char *who = link->dialed ? "the dialed node" : "this node";
    char text[2 * OSRI_NAME_BYTES + 32];

    if (wanted[0] == '\0' || strcmp(wanted, actual) == 0) {
        return true;
    }
    (void)snprintf(text, sizeof(text), "%s is \"%s\", not \"%s\"", who, actual, wanted);
    refuse(link, OSRI_REFUSAL_WRONG_NAME, text, actions);
    return false;
}

static void go_up(osri_link *link, uint64_t now_ns, osri_link_actions *actions)
{
    osri_link_action *action;

    link->phase = OSRI_PHASE_UP;
    link->was_up = true;
    osri_flow_begin(link, now_ns);
    action = osri_actions_push(actions, OSRI_LINK_UP);
    action->peer = &link->peer;
    action->verdict = link->verdict;
    osri_outbox_flush(&link->outbox);
    osri_flow_pump(link, now_ns, actions);
}

static void send_welcome(osri_link *link, const osri_handshake *hello, osri_link_actions *actions)
{
    osri_handshake welcome = {.kind = OSRI_HANDSHAKE_WELCOME, .version_max = link->peer.version};

    describe_self(link, &welcome);
    welcome.features = link->peer.features;
    memcpy(welcome.nonce, hello->nonce, sizeof(welcome.nonce));
    memcpy(link->peer.session, link->config.random, sizeof(link->peer.session));
    memcpy(welcome.session, link->peer.session, sizeof(welcome.session));
    send_handshake(&welcome, link, actions);
}

static void on_hello(osri_link *link, const osri_handshake *hello, osri_link_actions *actions)
{
    const osri_certificate *self = &link->config.self->certificate;
    char text[2 * OSRI_CLUSTER_BYTES + 64];

    if (strcmp(hello->cluster, self->cluster) != 0) {
        (void)snprintf(text, sizeof(text), "belongs to cluster \"%s\", we are \"%s\"",
                       hello->cluster, self->cluster);
        refuse(link, OSRI_REFUSAL_CLUSTER, text, actions);
        return;
    }
    if (!check_certificate(link, hello, actions)) {
        return;
    }
    if (is_self(link, hello)) {
        refuse(link, OSRI_REFUSAL_SELF, NULL, actions);
        return;
    }
    if (!check_wanted(link, hello->want_name, self->name, actions) ||
        !check_name_state(link, hello, actions)) {
        return;
    }
    link->peer.version = hello->version_max < link->config.version_max ? hello->version_max
                                                                       : link->config.version_max;
    adopt_terms(link, hello);
    link->phase = OSRI_PHASE_READY_DUE;
    send_welcome(link, hello, actions);
}

static void on_welcome(osri_link *link, const osri_handshake *welcome, uint64_t now_ns,
                       osri_link_actions *actions)
{
    osri_handshake ready = {.kind = OSRI_HANDSHAKE_READY};

    if (!check_certificate(link, welcome, actions)) {
        return;
    }
    if (is_self(link, welcome)) {
        refuse(link, OSRI_REFUSAL_SELF, NULL, actions);
        return;
    }
    if (memcmp(welcome->nonce, link->config.random, sizeof(welcome->nonce)) != 0) {
        refuse(link, OSRI_REFUSAL_MALFORMED, "the nonce is not the one that was sent", actions);
        return;
    }
    if (!check_wanted(link, link->config.peer_name, link->peer.certificate.name, actions) ||
        !check_name_state(link, welcome, actions)) {
        return;
    }
    link->peer.version = welcome->version_max;
    adopt_terms(link, welcome);
    memcpy(link->peer.session, welcome->session, sizeof(link->peer.session));
    memcpy(ready.session, welcome->session, sizeof(ready.session));
    send_handshake(&ready, link, actions);
    go_up(link, now_ns, actions);
}

static void on_ready(osri_link *link, const osri_handshake *ready, uint64_t now_ns,
                     osri_link_actions *actions)
{
    if (memcmp(ready->session, link->peer.session, sizeof(ready->session)) != 0) {
        osri_link_violation(link, actions, "READY of another session");
        return;
    }
    go_up(link, now_ns, actions);
}

/* What is wrong with a frame that is not the one due. */
static void unexpected(osri_link *link, osri_link_actions *actions)
{
    if (link->phase == OSRI_PHASE_READY_DUE) {
        osri_link_violation(link, actions, "not a READY");
        return;
    }
    refuse(link, OSRI_REFUSAL_MALFORMED, NULL, actions);
}

static void wrong_version(osri_link *link, const osri_handshake *theirs, osri_link_actions *actions)
{
    char text[OSRI_LINK_TEXT_BYTES];

    (void)snprintf(text, sizeof(text), "speaks protocol %u-%u, we need %u-%u", theirs->version_min,
                   theirs->version_max, link->config.version_min, link->config.version_max);
    refuse(link, OSRI_REFUSAL_VERSION, text, actions);
}

void osri_setup_frame(osri_link *link, const osri_link_event *event, osri_link_actions *actions)
{
    osri_handshake theirs;
    osr_err err = osri_handshake_decode(event->bytes, event->bytes_count, link->config.version_min,
                                        link->config.version_max, &theirs);
    bool known = err == OSR_OK || err == OSR_EVERSION;

    if (known && theirs.kind == OSRI_HANDSHAKE_REFUSE && link->phase != OSRI_PHASE_HELLO_DUE) {
        refused(link, &theirs, actions);
    } else if (known && link->phase == OSRI_PHASE_HELLO_DUE &&
               theirs.kind == OSRI_HANDSHAKE_HELLO) {
        if (err == OSR_EVERSION) {
            wrong_version(link, &theirs, actions);
        } else {
            on_hello(link, &theirs, actions);
        }
    } else if (err == OSR_OK && link->phase == OSRI_PHASE_HELLO_SENT &&
               theirs.kind == OSRI_HANDSHAKE_WELCOME) {
        on_welcome(link, &theirs, event->now_ns, actions);
    } else if (err == OSR_OK && link->phase == OSRI_PHASE_READY_DUE &&
               theirs.kind == OSRI_HANDSHAKE_READY) {
        on_ready(link, &theirs, event->now_ns, actions);
    } else {
        unexpected(link, actions);
    }
}
