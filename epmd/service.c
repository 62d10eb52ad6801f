/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/assert.h"

/* Who may do what
 *              local (same user)                   remote (CURVE)
 *   REGISTER   with a certificate of the cluster   never
 *   LOOKUP     yes                                 with a certificate for the proven key, role JOIN
 *   LIST       yes                                 as LOOKUP
 *   STATUS     yes                                 never
 *   STOP       yes                                 never
 * A remote caller without a good certificate learns why it is refused, and nothing about names. */

#define PEERS_MAX 1024
#define PEER_RATE 50
#define PEER_BURST 100

osr_err osri_epmd_service_init(osri_epmd_service *service, const osri_identity *identity,
                               const osri_epmd_hooks *hooks, uint64_t seed)
{
    memset(service, 0, sizeof(*service));
    service->identity = *identity;
    service->hooks = *hooks;
    osr_err err = osri_registry_new(OSRI_EPMD_NAMES_MAX, seed, &service->registry);
    if (err == OSR_OK) {
        err = osri_buckets_init(&service->peers, PEERS_MAX, PEER_RATE, PEER_BURST);
    }
    if (err != OSR_OK) {
        osri_epmd_service_fini(service);
    }
    return err;
}

void osri_epmd_service_fini(osri_epmd_service *service)
{
    osri_registry_free(&service->registry);
    osri_buckets_fini(&service->peers);
    osri_identity_wipe(&service->identity);
}

static void say(osri_epmd_service *service, const osri_epmd_caller *caller, const char *text)
{
    char line[OSRI_EPMD_TEXT_BYTES + 80];

    if (service->hooks.log != NULL) {
        snprintf(line, sizeof(line), "%s: %s", caller->lease != 0 ? "local" : caller->address,
                 text);
        service->hooks.log(service->hooks.context, line);
    }
}

static void refuse(osri_epmd_service *service, osr_err error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(osri_epmd_service *service, osr_err error, const char *format, ...)
{
    va_list arguments;

    service->reply.answer = OSRI_EPMD_ERROR;
    service->reply.error = error;
    va_start(arguments, format);
    vsnprintf(service->reply.text, sizeof(service->reply.text), format, arguments);
    va_end(arguments);
}

static bool certificate_is_good(osri_epmd_service *service, const osri_epmd_caller *caller,
                                uint64_t now_s, osri_certificate *ret_certificate)
{
    const osri_signed_certificate *theirs = &service->request.certificate;
    char text[OSRI_EPMD_TEXT_BYTES];

    if (!service->request.has_certificate ||
        osri_certificate_decode(theirs, ret_certificate) != OSR_OK) {
        refuse(service, OSR_EPERM, "a certificate of the cluster is needed");
    } else if (osri_identity_check(&service->identity, theirs,
                                   caller->lease != 0 ? ret_certificate->key : caller->key, now_s,
                                   OSRI_ROLE_JOIN, ret_certificate, text,
                                   sizeof(text)) != OSRI_IDENTITY_GOOD) {
        refuse(service, OSR_EPERM, "%s", text);
    } else {
        return true;
    }
    service->counters.refused++;
    say(service, caller, service->reply.text);
    return false;
}

static bool caller_may_ask(osri_epmd_service *service, const osri_epmd_caller *caller,
                           uint64_t now_ms, uint64_t now_s)
{
    osri_certificate certificate;
    osri_epmd_operation operation = service->request.operation;

    if (caller->lease != 0) {
        return true;
    }
    if (operation != OSRI_EPMD_LOOKUP && operation != OSRI_EPMD_LIST) {
        service->counters.refused++;
        refuse(service, OSR_EPERM,
               "only programs of the mapper's own machine and user may do that");
        say(service, caller, service->reply.text);
        return false;
    }
    if (!osri_buckets_take(&service->peers, caller->key, sizeof(service->identity.key_secret),
                           now_ms)) {
        service->counters.limited++;
        refuse(service, OSR_EBUSY, "more than %d requests a second; try again later", PEER_RATE);
        return false;
    }
    if (!certificate_is_good(service, caller, now_s, &certificate)) {
        return false;
    }
    if (service->hooks.key_is_good != NULL) {
        service->hooks.key_is_good(service->hooks.context, caller->key, certificate.not_after);
    }
    return true;
}

/* Adds the record; a holder that has gone unnoticed so far makes room. */
static osr_err add(osri_epmd_service *service, const osri_epmd_record *record, uint64_t lease)
{
    const osri_epmd_hooks *hooks = &service->hooks;
    osr_err err = osri_registry_add(service->registry, record, lease, NULL);

    if (err == OSR_ETAKEN && hooks->lease_is_alive != NULL) {
        uint64_t holder = osri_registry_lease(service->registry, record->name);
        if (holder != lease && !hooks->lease_is_alive(hooks->context, holder)) {
            osri_registry_remove(service->registry, record->name, holder);
            err = osri_registry_add(service->registry, record, lease, NULL);
        }
    }
    return err;
}

static void answer_register(osri_epmd_service *service, const osri_epmd_caller *caller,
                            uint64_t now_s)
{
    osri_epmd_record *record = &service->request.record;
    osri_certificate certificate;

    if (caller->name[0] != '\0') {
        refuse(service, OSR_EBUSY, "this connection holds \"%s\" already", caller->name);
        return;
    }
    if (!certificate_is_good(service, caller, now_s, &certificate)) {
        return;
    }
    memcpy(record->name, certificate.name, sizeof(record->name));
    memcpy(record->key, certificate.key, sizeof(record->key));
    record->hidden = record->hidden && (certificate.roles & OSRI_ROLE_HIDDEN) != 0;
    osr_err err = add(service, record, caller->lease);
    if (err == OSR_ETAKEN) {
        const osri_epmd_record *holder = osri_registry_find(service->registry, record->name);
        refuse(service, err,
               "a node named \"%s\" runs already (pid %u); choose another name or stop it",
               record->name, (unsigned)holder->os_pid);
    } else if (err == OSR_ELIMIT) {
        refuse(service, err, "%u nodes are registered, which is the limit",
               (unsigned)OSRI_EPMD_NAMES_MAX);
    } else if (err != OSR_OK) {
        refuse(service, err, "%s", osr_err_text(err));
    } else {
        memcpy(caller->name, record->name, OSRI_NAME_BYTES);
        service->counters.registered++;
        service->reply.answer = OSRI_EPMD_OK;
    }
}

static void answer_lookup(osri_epmd_service *service)
{
    const char *name = service->request.record.name;
    const osri_epmd_record *found = osri_registry_find(service->registry, name);

    if (found == NULL) {
        refuse(service, OSR_ENOTFOUND, "no node named \"%s\" is registered", name);
        return;
    }
    service->reply.answer = OSRI_EPMD_RECORD;
    service->reply.record = *found;
}

/* As many records as one reply takes. */
static uint64_t collect(osri_epmd_service *service)
{
    const osri_epmd_record *record;
    uint64_t last = 0;
    size_t cursor = 0;

    osri_epmd_records_init(&service->records);
    while ((record = osri_registry_next(service->registry, &cursor)) != NULL) {
        if (record->registered <= service->request.after) {
            continue;
        }
        if (!osri_epmd_records_add(&service->records, record)) {
            return last;
        }
        last = record->registered;
    }
    return 0;
}

static void answer_status(osri_epmd_service *service)
{
    service->reply.answer = OSRI_EPMD_COUNTERS;
    service->reply.status = service->counters;
    service->reply.status.names = osri_registry_count(service->registry);
}

static void answer(osri_epmd_service *service, const osri_epmd_caller *caller, uint64_t now_s)
{
    service->counters.answered++;
    switch (service->request.operation) {
    case OSRI_EPMD_REGISTER:
        answer_register(service, caller, now_s);
        break;
    case OSRI_EPMD_LOOKUP:
        answer_lookup(service);
        break;
    case OSRI_EPMD_LIST:
        service->reply.answer = OSRI_EPMD_RECORDS;
        service->reply.next = collect(service);
        break;
    case OSRI_EPMD_STATUS:
        answer_status(service);
        break;
    case OSRI_EPMD_STOP:
        service->is_stopping = true;
        service->reply.answer = OSRI_EPMD_OK;
        break;
    }
}

static osr_err understand(osri_epmd_service *service, const osri_epmd_caller *caller,
                          const uint8_t *data, size_t bytes)
{
    osr_err err = osri_epmd_request_decode(data, bytes, &service->request);

    if (err == OSR_OK) {
        return OSR_OK;
    }
    service->counters.malformed++;
    if (err == OSR_EVERSION) {
        refuse(service, err, "this mapper speaks version %d", OSRI_EPMD_VERSION);
    } else {
        refuse(service, err, "malformed request");
    }
    say(service, caller, service->reply.text);
    return OSR_EPROTO;
}

osr_err osri_epmd_service_answer(osri_epmd_service *service, const osri_epmd_caller *caller,
                                 const uint8_t *data, size_t bytes, uint64_t now_ms, uint64_t now_s,
                                 uint8_t ret_reply[OSRI_EPMD_REPLY_BYTES_MAX],
                                 size_t *ret_reply_bytes)
{
    osr_err encoded;

    memset(&service->reply, 0, sizeof(service->reply));
    osr_err err = understand(service, caller, data, bytes);
    if (err == OSR_OK && caller_may_ask(service, caller, now_ms, now_s)) {
        answer(service, caller, now_s);
    }
    if (service->reply.answer == OSRI_EPMD_RECORDS) {
        encoded = osri_epmd_records_encode(&service->records, service->reply.next, ret_reply,
                                           OSRI_EPMD_REPLY_BYTES_MAX, ret_reply_bytes);
    } else {
        encoded = osri_epmd_reply_encode(&service->reply, ret_reply, OSRI_EPMD_REPLY_BYTES_MAX,
                                         ret_reply_bytes);
    }
    OSR_ASSERT(encoded == OSR_OK); /* OSRI_EPMD_REPLY_BYTES_MAX has room for each */
    return err;
}

void osri_epmd_service_closed(osri_epmd_service *service, const char *name, uint64_t lease)
{
    if (name[0] != '\0') {
        osri_registry_remove(service->registry, name, lease);
    }
}
