/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dist/identity/files.h"
#include "dist/identity/node_files.h"
#include "dist/net/address.h"
#include "dist/net/contacts.h"
#include "dist/net/door.h"
#include "dist/net/net.h"
#include "dist/net/reload.h"
#include "dist/net/resolvers.h"
#include "dist/zmq/transport.h"
#include "lib/core/heap.h"
#include "lib/process/signal.h"
#include "osier/dist.h"

/* The real distribution of a node, put together: identity from the cluster's secret, ZeroMQ, the
 * port mapper, a thread that has the role of the sockets' owner, and the resolvers.
 *
 * Order of ending (close_all is called by the node's stop): unregister, so that nobody finds us any
 * more; goodbye; join; then net.c frees the net and the transport, and forget() what they used. */

#define TICK_MS_DEFAULT 10000
#define TURN_MS OSRI_RELOAD_LOOK_MS
#define LEAVING_TURN_MS 20
#define LEAVING_MS_MAX 1000
#define LOOKUP_MS 2000
#define REGISTER_ATTEMPTS 5

typedef struct assembly {
    osr_node *node;
    const osr_env *env;
    osri_identity identity;
    osri_revocations revocations; /* lent to identity; the net's once it is there */
    osri_renewal renewal;         /* lent to identity */
    osri_reload reload;           /* of the net's thread */
    osri_policy policy;
    osri_audit audit_file;
    osri_audit *audit; /* NULL: none is kept */
    osri_epmd_options epmd;
    osri_door door;
    osri_transport *transport; /* until the net has it */
    osri_epmd_lease *lease;    /* until the resolvers have it */
    osri_contacts *contacts;
    osri_resolvers *resolvers;
    osri_net *net;
    void *thread;
    atomic_bool stopping;
    char endpoint[OSRI_ENDPOINT_BYTES];
    char public_endpoint[OSRI_ENDPOINT_BYTES]; /* what others are told */
    char mapper_host[OSRI_HOST_BYTES];         /* lent to epmd.listen */
    char *secret_path;                         /* lent to epmd */
    char **labels;
    uint32_t label_count;
} assembly;

static osr_err fail(osr_err err, char *ret_text, size_t text_bytes, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static osr_err fail(osr_err err, char *ret_text, size_t text_bytes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (ret_text != NULL && text_bytes > 0) {
        (void)vsnprintf(ret_text, text_bytes, format, arguments);
    }
    va_end(arguments);
    return err;
}

/* ---- running ----------------------------------------------------------------------------- */

static bool admit(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    return osri_door_admit(&((assembly *)context)->door, key, address);
}

static void tell_of_stranger(void *context, const char *address, uint64_t ms,
                             osri_zmq_stranger_end end)
{
    osri_door_stranger(&((assembly *)context)->door, address, ms, end);
}

static void serve(void *argument)
{
    assembly *all = argument;
    uint64_t deadline_ns = UINT64_MAX;

    while (!osri_net_has_left(all->net) && all->env->now_ns(all->env->context) < deadline_ns) {
        /* acquire: pairs with close_all */
        bool stopping = atomic_load_explicit(&all->stopping, memory_order_acquire);
        if (stopping && deadline_ns == UINT64_MAX) {
            deadline_ns = all->env->now_ns(all->env->context) + LEAVING_MS_MAX * UINT64_C(1000000);
        }
        osri_reload_look(&all->reload, all->net);
        (void)osri_net_turn(all->net, stopping ? LEAVING_TURN_MS : TURN_MS);
    }
}

static void close_all(void *context)
{
    assembly *all = context;

    osri_resolvers_free(&all->resolvers);
    osri_contacts_free(&all->contacts); /* before the net that it tells */
    /* release: pairs with serve */
    atomic_store_explicit(&all->stopping, true, memory_order_release);
    osri_net_leave(all->net);
    if (all->thread != NULL) {
        all->env->thread_join(all->env->context, all->thread);
    }
}

static void forget(void *context)
{
    assembly *all = context;

    for (uint32_t i = 0; i < all->label_count; i++) {
        osri_heap_strfree(all->labels[i]);
    }
    osri_heap_free(all->labels, all->label_count * sizeof(*all->labels));
    osri_heap_strfree(all->secret_path);
    osri_reload_fini(&all->reload);
    osri_renewal_fini(&all->renewal);
    osri_identity_wipe(&all->identity);
    osri_door_fini(&all->door);
    osri_policy_fini(&all->policy);
    if (all->audit != NULL) {
        osri_audit_fini(all->audit);
    }
    osri_heap_free(all, sizeof(*all));
}

const char *osr_dist_endpoint(const osr_node *node)
{
    const assembly *all = osri_net_context_of(node);

    return all == NULL ? "" : all->endpoint;
}

/* ---- starting ---------------------------------------------------------------------------- */

static osri_production_files files_of(const osr_dist_options *options)
{
    return (osri_production_files){.authority = options->authority,
                                   .key = options->key,
                                   .certificate = options->certificate,
                                   .revoked = options->revoked,
                                   .mapper_certificate = options->mapper_certificate};
}

/* That our own certificate must have. */
static uint32_t roles_of(const osr_dist_options *options)
{
    return OSRI_ROLE_JOIN | (options->hidden ? (uint32_t)OSRI_ROLE_HIDDEN : 0);
}

/* From the files of an authority: its cluster, our key and certificate. */
static osr_err load_production(assembly *all, const osr_dist_options *options, char *ret_text,
                               size_t text_bytes)
{
    const osri_production_files files = files_of(options);
    uint64_t now_s = all->env->wall_ms(all->env->context) / 1000;

    if (options->secret != NULL) {
        return fail(OSR_EINVAL, ret_text, text_bytes,
                    "a node has an authority or a secret, not both; leave --secret out");
    }
    osr_err err =
        osri_identity_production(&files, osr_node_name(all->node), roles_of(options), now_s,
                                 &all->revocations, &all->identity, ret_text, text_bytes);
    if (err != OSR_OK) {
        return err;
    }
    all->identity.creation = osr_node_creation(all->node);
    if (options->cluster != NULL &&
        strcmp(options->cluster, all->identity.certificate.cluster) != 0) {
        return fail(OSR_EINVAL, ret_text, text_bytes,
                    "%s: belongs to cluster \"%s\", not \"%s\"; leave --cluster out",
                    options->authority, all->identity.certificate.cluster, options->cluster);
    }
    return OSR_OK;
}

static osr_err load_identity(assembly *all, const osr_dist_options *options, char *ret_text,
                             size_t text_bytes)
{
    if (options->authority != NULL) {
        return load_production(all, options, ret_text, text_bytes);
    }
    if (options->key != NULL || options->certificate != NULL || options->revoked != NULL ||
        options->mapper_certificate != NULL) {
        return fail(OSR_EINVAL, ret_text, text_bytes,
                    "a key or certificate without its authority; add --authority FILE "
                    "(authority.pub)");
    }
    uint8_t secret[OSRI_SECRET_BYTES];
    osri_identity_request request = {.secret = secret,
                                     .cluster = options->cluster,
                                     .name = osr_node_name(all->node),
                                     .now_s = all->env->wall_ms(all->env->context) / 1000,
                                     .creation = osr_node_creation(all->node)};
    osr_err err = osri_secret_load(options->secret, secret, ret_text, text_bytes);

    if (err != OSR_OK) {
        return err;
    }
    if (options->hidden) {
        request.roles = OSRI_ROLES_ALL & ~(uint32_t)OSRI_ROLE_MAPPER;
    }
    err = osri_identity_development(&request, &all->identity);
    sodium_memzero(secret, sizeof(secret));
    if (err != OSR_OK) {
        return fail(
            err, ret_text, text_bytes,
            "\"%s\" in cluster \"%s\": not a name of a node (name@host; letters, digits, _ - .)",
            osr_node_name(all->node), options->cluster == NULL ? "dev" : options->cluster);
    }
    return OSR_OK;
}

static osr_err watch_files(assembly *all, const osr_dist_options *options)
{
    const osri_reload_options reload = {.env = all->env,
                                        .log = osri_node_log(all->node),
                                        .identity = &all->identity,
                                        .renewal = &all->renewal,
                                        .files = files_of(options),
                                        .secret = options->secret,
                                        .policy = &all->policy,
                                        .policy_path = options->policy,
                                        .roles_needed = roles_of(options)};

    osri_renewal_init(&all->renewal);
    all->identity.renewal = &all->renewal;
    return osri_reload_init(&all->reload, &reload);
}

/* The files by which an operator bounds and watches what peers do here. */
static osr_err open_watch(assembly *all, const osr_dist_options *options, char *ret_text,
                          size_t text_bytes)
{
    osri_policy_rules *rules = NULL;
    osr_err err = OSR_OK;

    if (options->policy != NULL) {
        err = osri_policy_rules_load(options->policy, &rules, ret_text, text_bytes);
    }
    if (err == OSR_OK && rules != NULL) {
        osri_policy_replace(&all->policy, &rules);
    }
    if (err == OSR_OK && options->audit != NULL) {
        all->audit = &all->audit_file;
        err = osri_audit_init(all->audit, all->env, osri_node_log(all->node), options->audit,
                              ret_text, text_bytes);
    }
    return err;
}

static osr_err open_transport(assembly *all, const osr_dist_options *options, char *ret_text,
                              size_t text_bytes)
{
    const char *listen = options->listen == NULL ? OSR_LISTEN_DEFAULT : options->listen;
    osri_zmq_options zmq = {.admit = listen[0] == '\0' ? NULL : admit,
                            .admit_context = all,
                            .stranger = tell_of_stranger,
                            .tick_ms = options->tick_ms == 0 ? TICK_MS_DEFAULT : options->tick_ms};
    osr_err err;

    memcpy(zmq.key_public, all->identity.certificate.key, sizeof(zmq.key_public));
    memcpy(zmq.key_secret, all->identity.key_secret, sizeof(zmq.key_secret));
    err = osri_zmq_transport_new(&zmq, &all->transport);
    sodium_memzero(zmq.key_secret, sizeof(zmq.key_secret));
    if (err != OSR_OK) {
        return fail(err, ret_text, text_bytes, "ZeroMQ cannot be started: %s", osr_err_text(err));
    }
    if (listen[0] == '\0') {
        return OSR_OK;
    }
    err = all->transport->ops->listen(all->transport, listen, all->endpoint);
    if (err == OSR_EADDRESS) {
        return fail(
            err, ret_text, text_bytes,
            "cannot listen at %s: no free port there, or not an address of this machine; give "
            "another one (--listen tcp://ADDRESS:FIRST-LAST)",
            listen);
    }
    if (err == OSR_EINVAL) {
        return fail(err, ret_text, text_bytes,
                    "cannot listen at %s: not tcp://ADDRESS:PORT or tcp://ADDRESS:FIRST-LAST, with "
                    "ports from 1 to 32767",
                    listen);
    }
    if (err != OSR_OK) {
        return fail(err, ret_text, text_bytes, "cannot listen at %s: %s", listen,
                    osr_err_text(err));
    }
    return OSR_OK;
}

static osr_err register_name(assembly *all, const osr_dist_options *options, char *ret_text,
                             size_t text_bytes)
{
    osri_epmd_registration registration = {.endpoint = all->public_endpoint,
                                           .labels = options->labels,
                                           .label_count = options->label_count,
                                           .hidden = options->hidden};
    osr_err err = OSR_ENOCONNECTION;

    if (all->endpoint[0] == '\0') {
        return OSR_OK;
    }
    osri_address_public(all->endpoint, osr_node_name(all->node), all->public_endpoint);
    if (options->no_mapper) {
        return OSR_OK;
    }
    osri_address_mapper_host(all->endpoint, all->mapper_host);
    all->epmd.listen = all->mapper_host[0] == '\0' ? NULL : all->mapper_host;
    /* A mapper that answered may end before we are registered: it was about to, being idle. */
    for (int attempt = 0; attempt < REGISTER_ATTEMPTS; attempt++) {
        /* in production the mapper has a key that no node has, and is the operator's to start */
        err = options->authority != NULL ? OSR_OK
                                         : osri_epmd_ensure(&all->epmd, ret_text, text_bytes);
        if (err != OSR_OK) {
            return err;
        }
        err = osri_epmd_register(&all->epmd, &registration, &all->lease, ret_text, text_bytes);
        if (err != OSR_ENOCONNECTION) {
            return err;
        }
    }
    return err;
}

static osr_err copy_labels(assembly *all, const osr_dist_options *options)
{
    if (options->label_count == 0) {
        return OSR_OK;
    }
    all->labels = osri_heap_zalloc(options->label_count * sizeof(*all->labels));
    if (all->labels == NULL) {
        return OSR_ENOMEM;
    }
    all->label_count = options->label_count;
    for (uint32_t i = 0; i < options->label_count; i++) {
        all->labels[i] = osri_heap_strdup(options->labels[i]);
        if (all->labels[i] == NULL) {
            return OSR_ENOMEM;
        }
    }
    return OSR_OK;
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static osr_err check_options(const osr_dist_options *options, char *ret_text, size_t text_bytes)
{
    if (options->label_count > OSRI_EPMD_LABELS_MAX) {
        return fail(OSR_EINVAL, ret_text, text_bytes, "%u labels: at most %u", options->label_count,
                    OSRI_EPMD_LABELS_MAX);
    }
    for (uint32_t i = 0; i < options->label_count; i++) {
        size_t bytes = strlen(options->labels[i]);
        if (bytes == 0 || bytes >= OSRI_EPMD_LABEL_BYTES ||
            has_control_character(options->labels[i])) {
            return fail(OSR_EINVAL, ret_text, text_bytes,
                        "label %u: 1 to %u bytes, no control characters", i + 1,
                        OSRI_EPMD_LABEL_BYTES - 1);
        }
    }
    return OSR_OK;
}

static osr_err make_contacts(assembly *all, const osr_dist_options *options, char *ret_text,
                             size_t text_bytes)
{
    const osri_contacts_options contacts = {.env = all->env,
                                            .log = osri_node_log(all->node),
                                            .identity = &all->identity,
                                            .epmd = options->no_mapper ? NULL : &all->epmd,
                                            .secret = options->secret,
                                            .production = options->authority != NULL,
                                            .texts = options->joins,
                                            .count = options->join_count,
                                            .certificates = options->contact_certificates,
                                            .certificate_count =
                                                options->contact_certificate_count};

    return osri_contacts_new(&contacts, &all->contacts, ret_text, text_bytes);
}

static osr_err make_net(assembly *all, const osr_dist_options *options)
{
    const char *joins[OSRI_CONTACTS_MAX];
    osri_net_options net = {.transport = all->transport,
                            .identity = &all->identity,
                            .revocations =
                                all->identity.revocations == NULL ? NULL : &all->revocations,
                            .resolver = {.context = all->resolvers, .resolve = osri_resolvers_ask},
                            .tick_ms = options->tick_ms,
                            .labels = (const char *const *)all->labels,
                            .label_count = all->label_count,
                            .joins = joins,
                            .join_count = osri_contacts_names(all->contacts, joins),
                            .endpoint = all->public_endpoint,
                            .auto_connect = options->auto_connect,
                            .policy = &all->policy,
                            .audit = all->audit,
                            .os_pid = (uint64_t)getpid(),
                            .hidden = options->hidden,
                            .attended = true,
                            .closing = close_all,
                            .closed = forget,
                            .context = all};
    osr_err err = osri_net_new(all->node, &net, &all->net);

    if (err == OSR_OK) {
        all->transport = NULL;
    }
    return err;
}

static osr_err start_threads(assembly *all, const osr_dist_options *options, char *ret_text,
                             size_t text_bytes)
{
    const osri_resolvers_options resolvers = {.env = all->env,
                                              .log = osri_node_log(all->node),
                                              .epmd = options->no_mapper ? NULL : &all->epmd,
                                              .contacts = all->contacts,
                                              .revives = options->authority == NULL};
    osr_err err = osri_resolvers_new(&resolvers, all->lease, &all->resolvers);

    if (err == OSR_OK) {
        all->lease = NULL;
        err = make_net(all, options);
    }
    if (err == OSR_OK) {
        err = osri_contacts_start(all->contacts, all->net);
    }
    if (err == OSR_OK) {
        err = all->env->thread_start(all->env->context, "osr-net", serve, all, &all->thread);
    }
    if (err == OSR_OK) {
        osri_node_attend_begin(all->node);
    }
    if (err != OSR_OK) {
        return fail(err, ret_text, text_bytes, "the distribution cannot be started: %s",
                    osr_err_text(err));
    }
    return OSR_OK;
}

/* What a start that failed has made. */
static void undo(assembly *all)
{
    if (all->net != NULL) { /* only its thread is missing: it ends everything itself */
        void *context;
        const osri_remote_ops *ops = osri_node_remote(all->node, &context);
        osri_node_set_remote(all->node, NULL, NULL);
        ops->close(context);
        return;
    }
    osri_resolvers_free(&all->resolvers);
    osri_contacts_free(&all->contacts);
    osri_epmd_lease_free(&all->lease);
    if (all->transport != NULL) {
        all->transport->ops->free(all->transport, 0);
    }
    forget(all);
}

static osr_err assemble(assembly *all, const osr_dist_options *options, char *ret_text,
                        size_t text_bytes)
{
    osr_err err = load_identity(all, options, ret_text, text_bytes);

    if (err == OSR_OK && watch_files(all, options) != OSR_OK) {
        err = fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    if (err == OSR_OK) {
        err = open_watch(all, options, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = make_contacts(all, options, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = open_transport(all, options, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = register_name(all, options, ret_text, text_bytes);
    }
    if (err == OSR_OK && copy_labels(all, options) != OSR_OK) {
        err = fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    if (err == OSR_OK) {
        err = start_threads(all, options, ret_text, text_bytes);
    }
    return err;
}

osr_err osr_dist_start(osr_node *node, const osr_dist_options *options, char *ret_text,
                       size_t text_bytes)
{
    assembly *all;
    osr_err err;

    osr_dist_options given = {.size = sizeof(given)};

    if (options != NULL) { /* a shorter one is of an earlier version */
        memcpy(&given, options, options->size < sizeof(given) ? options->size : sizeof(given));
    }
    options = &given;
    if (osri_node_remote(node, NULL) != NULL) {
        return fail(OSR_EINVAL, ret_text, text_bytes, "the node has a distribution already");
    }
    if (options->mapper_port > UINT16_MAX) {
        return fail(OSR_EINVAL, ret_text, text_bytes, "mapper port %u: at most 65535",
                    options->mapper_port);
    }
    err = check_options(options, ret_text, text_bytes);
    if (err != OSR_OK) {
        return err;
    }
    all = osri_heap_zalloc(sizeof(*all));
    if (all == NULL) {
        return fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    all->node = node;
    all->env = osri_node_env(node);
    all->epmd = (osri_epmd_options){.identity = &all->identity,
                                    .port = (uint16_t)options->mapper_port,
                                    .idle_exit_s = options->mapper_idle_exit_s,
                                    .deadline_ms = LOOKUP_MS};
    osri_door_init(&all->door, all->env, osri_node_log(node));
    osri_policy_init(&all->policy);
    atomic_init(&all->stopping, false);
    if (options->secret != NULL) {
        all->secret_path = osri_heap_strdup(options->secret);
        if (all->secret_path == NULL) {
            undo(all);
            return fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
        }
    }
    all->epmd.secret_path = all->secret_path;
    err = assemble(all, options, ret_text, text_bytes);
    if (err != OSR_OK) {
        undo(all);
        return err;
    }
    (void)fail(OSR_OK, ret_text, text_bytes, "%s", "");
    return OSR_OK;
}
