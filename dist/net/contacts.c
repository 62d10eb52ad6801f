/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/contacts.h"

#include <poll.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "dist/identity/files.h"
#include "dist/identity/node_files.h"
#include "dist/zmq/resolve.h"
#include "lib/core/heap.h"
#include "lib/core/list.h"
#include "lib/core/mutex.h"

/* Contacts.
 *
 * Invariants
 *   I1  contacts and certificates are constant once made; `found`, `attempts` and the round are
 *       guarded by the mutex, which is not held while anything blocks.
 *   I2  a node in `found` is wanted by the net exactly once for it.
 * A contact that is many is looked up every ROUND_MS; until something was found, more often. */

#define LOOKUP_MS 5000
#define ROUND_MS 10000
#define ROUND_MS_FIRST 200
#define FOUND_MAX 1024

typedef struct entry {
    osri_contact contact;
    uint32_t attempts; /* which of the host's addresses comes next */
    bool complained;   /* of what is wrong with it now; the thread's */
} entry;

/* A node that a contact which is many has led to. */
typedef struct found {
    osri_list_link link;
    uint32_t contact;
    uint64_t round; /* in which it was seen last */
    char name[OSRI_NAME_BYTES];
    char endpoint[OSRI_ENDPOINT_BYTES];
    uint8_t key[OSRI_KEY_BYTES];
} found;

typedef struct known_key {
    char name[OSRI_NAME_BYTES];
    uint8_t key[OSRI_KEY_BYTES];
} known_key;

struct osri_contacts {
    osri_contacts_options options;
    char *secret;
    osri_net *net;
    void *thread;
    osri_waker *stop; /* raised: no lookup goes on */
    atomic_bool stopping;
    osri_mutex mutex; /* OSRI_RANK_LEAF */
    osri_list found;
    size_t found_count;
    uint64_t round;
    entry *entries;
    uint32_t count;
    known_key *keys;
    uint32_t key_count;
};

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

static bool is_stopping(const osri_contacts *contacts)
{
    /* acquire: pairs with osri_contacts_stop */
    return atomic_load_explicit(&contacts->stopping, memory_order_acquire);
}

/* ---- keys -------------------------------------------------------------------------------- */

static osr_err key_of(const osri_contacts *contacts, const char *name,
                      uint8_t ret_key[OSRI_KEY_BYTES], char *ret_text, size_t text_bytes)
{
    uint8_t secret[OSRI_SECRET_BYTES];
    osr_err err;

    for (uint32_t i = 0; i < contacts->key_count; i++) {
        if (strcmp(contacts->keys[i].name, name) == 0) {
            memcpy(ret_key, contacts->keys[i].key, OSRI_KEY_BYTES);
            return OSR_OK;
        }
    }
    if (contacts->options.production) {
        return fail(OSR_EINVAL, ret_text, text_bytes,
                    "contact %s is to be reached without a mapper, and its key is not known; add "
                    "--contact-certificate FILE (its node.cert)",
                    name);
    }
    err = osri_secret_load(contacts->secret, secret, ret_text, text_bytes);
    if (err == OSR_OK) {
        osri_identity_node_key_public(secret, name, ret_key);
        sodium_memzero(secret, sizeof(secret));
    }
    return err;
}

static osr_err load_key(const osri_contacts *contacts, const char *path, known_key *key,
                        char *ret_text, size_t text_bytes)
{
    osri_signed_certificate signed_;
    osri_certificate certificate;
    osr_err err = osri_certificate_load(path, &signed_, ret_text, text_bytes);

    if (err != OSR_OK) {
        return err;
    }
    if (osri_certificate_open(&signed_, contacts->options.identity->authority_public,
                              &certificate) != OSR_OK) {
        return fail(OSR_EPERM, ret_text, text_bytes,
                    "%s: not signed by our authority; give the node.cert of a contact of this "
                    "cluster",
                    path);
    }
    memcpy(key->name, certificate.name, sizeof(key->name));
    memcpy(key->key, certificate.key, sizeof(key->key));
    return OSR_OK;
}

static osr_err load_keys(osri_contacts *contacts, char *ret_text, size_t text_bytes)
{
    const osri_contacts_options *options = &contacts->options;
    osr_err err = OSR_OK;

    if (options->certificate_count == 0) {
        return OSR_OK;
    }
    if (!options->production) {
        return fail(OSR_EINVAL, ret_text, text_bytes,
                    "a contact's certificate without an authority; leave it out, or add "
                    "--authority FILE");
    }
    contacts->keys = osri_heap_zalloc(options->certificate_count * sizeof(*contacts->keys));
    if (contacts->keys == NULL) {
        return fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    contacts->key_count = options->certificate_count;
    for (uint32_t i = 0; err == OSR_OK && i < contacts->key_count; i++) {
        err =
            load_key(contacts, options->certificates[i], &contacts->keys[i], ret_text, text_bytes);
    }
    return err;
}

/* ---- addresses --------------------------------------------------------------------------- */

/* Waits for the lookup; on OSR_OK the job is the caller's. */
static osr_err look_up(osri_contacts *contacts, const char *host, bool ipv6,
                       osri_resolve_job **ret_job)
{
    osri_waker *waker = NULL;
    osri_resolve_job *job = NULL;
    char first[OSRI_ADDRESS_BYTES];
    uint32_t left_ms = LOOKUP_MS;
    osr_err err = osri_waker_new(&waker);

    if (err == OSR_OK) {
        err = osri_resolve_start(host, ipv6, waker, &job);
    }
    while (err == OSR_OK && (err = osri_resolve_result(job, first)) == OSR_EBUSY && left_ms > 0) {
        struct pollfd fds[2] = {{.fd = waker->fd, .events = POLLIN},
                                {.fd = contacts->stop->fd, .events = POLLIN}};
        uint32_t wait_ms = left_ms < 1000 ? left_ms : 1000;
        (void)poll(fds, 2, (int)wait_ms);
        left_ms -= wait_ms;
        err = is_stopping(contacts) ? OSR_ESTOPPED : OSR_OK;
    }
    osri_waker_unref(waker);
    if (err != OSR_OK) {
        osri_resolve_free(job);
        return err == OSR_EBUSY ? OSR_ETIMEDOUT : err;
    }
    *ret_job = job;
    return OSR_OK;
}

/* "[::1]" is looked up as "::1". */
static void bare_host(const char *host, char ret_host[OSRI_CONTACT_HOST_BYTES])
{
    size_t bytes = strlen(host);
    bool bracketed = host[0] == '[';

    (void)snprintf(ret_host, OSRI_CONTACT_HOST_BYTES, "%.*s", (int)(bracketed ? bytes - 2 : bytes),
                   host + (bracketed ? 1 : 0));
}

static osr_err look_up_contact(osri_contacts *contacts, const osri_contact *contact,
                               osri_resolve_job **ret_job, char *ret_text, size_t text_bytes)
{
    char host[OSRI_CONTACT_HOST_BYTES];
    osr_err err;

    bare_host(contact->host, host);
    err = look_up(contacts, host, false, ret_job);
    if (err == OSR_ENOTFOUND) { /* what has no IPv4 address may have others */
        err = look_up(contacts, host, true, ret_job);
    }
    return err == OSR_OK || err == OSR_ESTOPPED
               ? err
               : fail(OSR_ENOCONNECTION, ret_text, text_bytes, "host %s is not found", host);
}

/* One address of the contact's host, another at each attempt. */
static osr_err endpoint_of(osri_contacts *contacts, entry *at,
                           char ret_endpoint[OSRI_ENDPOINT_BYTES], char *ret_text,
                           size_t text_bytes)
{
    osri_resolve_job *job;
    osri_contact one;
    osr_err err = look_up_contact(contacts, &at->contact, &job, ret_text, text_bytes);
    osri_contact nameless = at->contact;
    uint32_t attempt;

    if (err != OSR_OK) {
        return err;
    }
    nameless.name[0] = '\0';
    osri_mutex_lock(&contacts->mutex);
    attempt = at->attempts++;
    osri_mutex_unlock(&contacts->mutex);
    err = osri_contact_at(&nameless, osri_resolve_address(job, attempt % osri_resolve_count(job)),
                          &one);
    osri_resolve_free(job);
    return err == OSR_OK ? osri_contact_endpoint(&one, ret_endpoint) : err;
}

static entry *entry_of(osri_contacts *contacts, const char *name)
{
    for (uint32_t i = 0; i < contacts->count; i++) {
        osri_contact *contact = &contacts->entries[i].contact;
        if (!contact->is_many && contact->port != 0 && strcmp(contact->name, name) == 0) {
            return &contacts->entries[i];
        }
    }
    return NULL;
}

static found *found_of_locked(osri_contacts *contacts, uint32_t contact, const char *name)
{
    for (osri_list_link *l = osri_list_first(&contacts->found); l != NULL;
         l = osri_list_next(&contacts->found, l)) {
        found *node = OSRI_LIST_ENTRY(l, found, link);
        if ((contact == UINT32_MAX || node->contact == contact) && strcmp(node->name, name) == 0) {
            return node;
        }
    }
    return NULL;
}

osr_err osri_contacts_find(osri_contacts *contacts, const char *name,
                           char ret_endpoint[OSRI_ENDPOINT_BYTES], uint8_t ret_key[OSRI_KEY_BYTES],
                           char *ret_text, size_t text_bytes)
{
    char endpoint[OSRI_ENDPOINT_BYTES];
    entry *at = entry_of(contacts, name);
    const found *node;
    osr_err err;

    if (at == NULL) {
        osri_mutex_lock(&contacts->mutex);
        node = found_of_locked(contacts, UINT32_MAX, name);
        if (node != NULL) {
            memcpy(ret_endpoint, node->endpoint, sizeof(node->endpoint));
            memcpy(ret_key, node->key, sizeof(node->key));
        }
        osri_mutex_unlock(&contacts->mutex);
        return node == NULL ? OSR_ENOTFOUND : OSR_OK;
    }
    err = endpoint_of(contacts, at, endpoint, ret_text, text_bytes);
    if (err == OSR_OK) {
        err = key_of(contacts, name, ret_key, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        memcpy(ret_endpoint, endpoint, sizeof(endpoint));
    }
    return err;
}

/* ---- those that are many ----------------------------------------------------------------- */

/* The node is there: it is wanted from now on. */
static void see(osri_contacts *contacts, uint32_t contact, const char *name, const char *endpoint,
                const uint8_t key[OSRI_KEY_BYTES])
{
    found *node;
    bool is_new;

    if (strcmp(name, contacts->options.identity->certificate.name) == 0) {
        return;
    }
    osri_mutex_lock(&contacts->mutex);
    node = found_of_locked(contacts, contact, name);
    is_new = node == NULL && contacts->found_count < FOUND_MAX;
    if (is_new) {
        node = osri_heap_zalloc(sizeof(*node));
        is_new = node != NULL;
    }
    if (is_new) {
        node->contact = contact;
        (void)snprintf(node->name, sizeof(node->name), "%s", name);
        osri_list_push_back(&contacts->found, &node->link);
        contacts->found_count++;
    }
    if (node != NULL) {
        node->round = contacts->round;
        (void)snprintf(node->endpoint, sizeof(node->endpoint), "%s", endpoint);
        memcpy(node->key, key, sizeof(node->key));
    }
    osri_mutex_unlock(&contacts->mutex);
    if (is_new && osri_net_want(contacts->net, name, true) != OSR_OK) {
        osri_mutex_lock(&contacts->mutex);
        osri_list_remove(&node->link);
        contacts->found_count--;
        osri_mutex_unlock(&contacts->mutex);
        osri_heap_free(node, sizeof(*node));
    }
}

/* A node that only its own machine reaches, seen from another one. */
static bool is_out_of_reach(const char *endpoint, const char *mapper_host)
{
    return strncmp(endpoint, "tcp://127.", 10) == 0 && strncmp(mapper_host, "127.", 4) != 0;
}

/* Each says in ret_text why it has seen nothing. */
static bool see_mapper(osri_contacts *contacts, uint32_t contact, const char *host, char *ret_text,
                       size_t text_bytes)
{
    osri_epmd_record *records = NULL;
    uint32_t count = 0;
    osr_err err =
        osri_epmd_list(contacts->options.epmd, host, &records, &count, ret_text, text_bytes);

    for (uint32_t i = 0; err == OSR_OK && i < count; i++) {
        if (!records[i].hidden && !is_out_of_reach(records[i].endpoint, host)) {
            see(contacts, contact, records[i].name, records[i].endpoint, records[i].key);
        }
    }
    osri_epmd_list_free(&records, count);
    return err == OSR_OK;
}

static bool see_node(osri_contacts *contacts, uint32_t contact, const char *address, char *ret_text,
                     size_t text_bytes)
{
    char endpoint[OSRI_ENDPOINT_BYTES];
    uint8_t key[OSRI_KEY_BYTES];
    osri_contact found_one;
    const osri_contact *one = &found_one;

    if (osri_contact_at(&contacts->entries[contact].contact, address, &found_one) != OSR_OK ||
        osri_contact_endpoint(one, endpoint) != OSR_OK) {
        (void)snprintf(ret_text, text_bytes, "no node can be named after %s", address);
        return false;
    }
    if (key_of(contacts, one->name, key, ret_text, text_bytes) != OSR_OK) {
        return false;
    }
    see(contacts, contact, one->name, endpoint, key);
    return true;
}

/* Those that this round has not seen are not wanted any more. */
static void forget_unseen(osri_contacts *contacts, uint32_t contact)
{
    osri_list_link *l;

    osri_mutex_lock(&contacts->mutex);
    l = osri_list_first(&contacts->found);
    while (l != NULL) {
        found *node = OSRI_LIST_ENTRY(l, found, link);
        l = osri_list_next(&contacts->found, l);
        if (node->contact == contact && node->round != contacts->round) {
            osri_list_remove(&node->link);
            contacts->found_count--;
            (void)osri_net_want(contacts->net, node->name, false);
            osri_heap_free(node, sizeof(*node));
        }
    }
    osri_mutex_unlock(&contacts->mutex);
}

/* Once, until it is all right again. */
static void complain(osri_contacts *contacts, entry *at, const char *text)
{
    const osri_contact *contact = &at->contact;

    if (!at->complained && !is_stopping(contacts)) {
        osri_log_write(contacts->options.log, OSR_LOG_NOTICE,
                       "net: contact %s%s%s: %s; it is looked up again", contact->name,
                       contact->name[0] == '\0' ? "" : "@*=", contact->host, text);
        at->complained = true;
    }
}

static void expand(osri_contacts *contacts, uint32_t index)
{
    entry *at = &contacts->entries[index];
    osri_resolve_job *job;
    char text[OSRI_EPMD_TEXT_BYTES] = "";
    bool whole = true;

    if (look_up_contact(contacts, &at->contact, &job, text, sizeof(text)) != OSR_OK) {
        complain(contacts, at, text);
        return;
    }
    for (size_t i = 0; i < osri_resolve_count(job) && !is_stopping(contacts); i++) {
        const char *address = osri_resolve_address(job, i);
        bool seen = at->contact.port == 0 ? see_mapper(contacts, index, address, text, sizeof(text))
                                          : see_node(contacts, index, address, text, sizeof(text));
        whole = whole && seen;
    }
    osri_resolve_free(job);
    if (is_stopping(contacts)) {
        return;
    }
    if (whole) {
        at->complained = false;
        forget_unseen(contacts, index);
    } else {
        complain(contacts, at, text);
    }
}

static bool has_found(osri_contacts *contacts)
{
    bool any;

    osri_mutex_lock(&contacts->mutex);
    any = contacts->found_count > 0;
    osri_mutex_unlock(&contacts->mutex);
    return any;
}

static void keep_looking(void *argument)
{
    osri_contacts *contacts = argument;
    uint32_t wait_ms = ROUND_MS_FIRST;

    while (!is_stopping(contacts)) {
        struct pollfd fd = {.fd = contacts->stop->fd, .events = POLLIN};
        osri_mutex_lock(&contacts->mutex);
        contacts->round++;
        osri_mutex_unlock(&contacts->mutex);
        for (uint32_t i = 0; i < contacts->count; i++) {
            if (contacts->entries[i].contact.is_many) {
                expand(contacts, i);
            }
        }
        wait_ms = has_found(contacts) || wait_ms * 2 > ROUND_MS ? ROUND_MS : wait_ms * 2;
        (void)poll(&fd, 1, (int)wait_ms);
    }
}

/* ---- making and ending ------------------------------------------------------------------- */

static osr_err parse_all(osri_contacts *contacts, char *ret_text, size_t text_bytes)
{
    const osri_contacts_options *options = &contacts->options;
    uint8_t key[OSRI_KEY_BYTES];
    osr_err err = OSR_OK;

    for (uint32_t i = 0; err == OSR_OK && i < options->count; i++) {
        osri_contact *contact = &contacts->entries[i].contact;
        const char *text = options->texts[i];
        if (osri_contact_parse(text, contact) != OSR_OK) {
            return fail(OSR_EINVAL, ret_text, text_bytes,
                        "\"%.128s\" is not a node to join; type name@host, name@host:port, "
                        "name@host=address:port, or a host whose port mapper knows them",
                        text);
        }
        contacts->count++;
        if (contact->port == 0 && options->epmd == NULL) {
            return fail(OSR_ENOTSUP, ret_text, text_bytes,
                        "%s is to be found by a port mapper, and there is none; type its port, too "
                        "(--join %s:9100), or leave --no-mapper out",
                        text, text);
        }
        if (contact->port != 0 && !contact->is_many) {
            err = key_of(contacts, contact->name, key, ret_text, text_bytes);
        }
    }
    return err;
}

osr_err osri_contacts_new(const osri_contacts_options *options, osri_contacts **ret_contacts,
                          char *ret_text, size_t text_bytes)
{
    osri_contacts *contacts;
    osr_err err;

    if (options->count > OSRI_CONTACTS_MAX) {
        return fail(OSR_EINVAL, ret_text, text_bytes, "%u contacts: at most %u", options->count,
                    OSRI_CONTACTS_MAX);
    }
    contacts = osri_heap_zalloc(sizeof(*contacts));
    if (contacts == NULL) {
        return fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    contacts->options = *options;
    osri_mutex_init(&contacts->mutex, OSRI_RANK_LEAF);
    osri_list_init(&contacts->found);
    atomic_init(&contacts->stopping, false);
    contacts->entries = osri_heap_zalloc((options->count + 1) * sizeof(*contacts->entries));
    contacts->secret = options->secret == NULL ? NULL : osri_heap_strdup(options->secret);
    err = osri_waker_new(&contacts->stop);
    if (err != OSR_OK || contacts->entries == NULL ||
        (contacts->secret == NULL && options->secret != NULL)) {
        err = fail(err != OSR_OK ? err : OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    if (err == OSR_OK) {
        err = load_keys(contacts, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = parse_all(contacts, ret_text, text_bytes);
    }
    if (err != OSR_OK) {
        osri_contacts_free(&contacts);
        return err;
    }
    *ret_contacts = contacts;
    return OSR_OK;
}

uint32_t osri_contacts_names(const osri_contacts *contacts,
                             const char *ret_names[OSRI_CONTACTS_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < contacts->count; i++) {
        if (!contacts->entries[i].contact.is_many) {
            ret_names[count++] = contacts->entries[i].contact.name;
        }
    }
    return count;
}

osr_err osri_contacts_start(osri_contacts *contacts, osri_net *net)
{
    const osr_env *env = contacts->options.env;
    bool many = false;

    contacts->net = net;
    for (uint32_t i = 0; i < contacts->count; i++) {
        many = many || contacts->entries[i].contact.is_many;
    }
    return many ? env->thread_start(env->context, "osr-contacts", keep_looking, contacts,
                                    &contacts->thread)
                : OSR_OK;
}

void osri_contacts_stop(osri_contacts *contacts)
{
    /* release: pairs with is_stopping */
    atomic_store_explicit(&contacts->stopping, true, memory_order_release);
    osri_waker_raise(contacts->stop);
}

void osri_contacts_free(osri_contacts **contacts_)
{
    osri_contacts *contacts = *contacts_;
    osri_list_link *link;

    *contacts_ = NULL;
    if (contacts == NULL) {
        return;
    }
    if (contacts->thread != NULL) {
        osri_contacts_stop(contacts);
        contacts->options.env->thread_join(contacts->options.env->context, contacts->thread);
    }
    while ((link = osri_list_pop_front(&contacts->found)) != NULL) {
        osri_heap_free(OSRI_LIST_ENTRY(link, found, link), sizeof(found));
    }
    osri_heap_free(contacts->entries, (contacts->options.count + 1) * sizeof(*contacts->entries));
    osri_heap_free(contacts->keys, contacts->options.certificate_count * sizeof(*contacts->keys));
    osri_heap_strfree(contacts->secret);
    osri_waker_unref(contacts->stop);
    osri_mutex_fini(&contacts->mutex);
    osri_heap_free(contacts, sizeof(*contacts));
}
