/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/service.h"

#include "lib/process/node.h"

/* Services of a node, and how they hear of what happens to it. */

static osri_service *service_at(const osr_node *node, size_t slot)
{
    /* acquire: pairs with release in osri_service_get */
    return atomic_load_explicit(&node->services[slot], memory_order_acquire);
}

osr_err osri_service_get(osr_node *node, const osri_service_ops *ops, osri_service **ret_service)
{
    osri_service *service = service_at(node, ops->slot);
    osri_service *none = NULL;
    osr_err err;

    if (service != NULL) {
        *ret_service = service;
        return OSR_OK;
    }
    err = ops->make(node, &service);
    if (err != OSR_OK) {
        return err;
    }
    service->ops = ops;
    service->node = node;
    /* release: pairs with acquire in service_at */
    if (!atomic_compare_exchange_strong_explicit(&node->services[ops->slot], &none, service,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        ops->free(service); /* another thread was faster */
        service = none;
    }
    *ret_service = service;
    return OSR_OK;
}

/* As with names (osri_name_release): who watches sets `served` and then looks at the inbox, the end
 * closes the inbox and then looks at `served`, all seq_cst; so one of the two drops what is kept.
 */
bool osri_service_watch(osr_node *node, osr_pid pid)
{
    osr_self *process = pid.node == node->id ? osri_table_at(node, pid.slot) : NULL;

    if (process == NULL || !osri_process_lives(process, pid.generation)) {
        return false;
    }
    atomic_store_explicit(&process->served, true, memory_order_seq_cst);
    return osri_process_lives(process, pid.generation);
}

void osri_services_release(osr_self *process)
{
    osr_node *node = process->node;

    /* seq_cst: see osri_service_watch() */
    if (!atomic_load_explicit(&process->served, memory_order_seq_cst)) {
        return;
    }
    atomic_store_explicit(&process->served, false, memory_order_seq_cst);
    for (size_t i = 0; i < OSRI_SERVICES; i++) {
        osri_service *service = service_at(node, i);
        if (service != NULL) {
            service->ops->process_ended(service, osri_process_pid(process));
        }
    }
}

void osri_service_doubt(const osri_service *service, const osri_peer *peer)
{
    service->node->remote->doubt(service->node->remote_context, peer);
}

void osri_service_send(osri_service *service, const osri_peer *peer, const osr_type *type,
                       const void *message)
{
    osri_route route = {.pid = osri_pid_of_node(peer->node)};
    osri_envelope *signal;

    if (osri_signal_new_sure(service->node, OSRI_SIGNAL_MESSAGE, OSR_PID_NONE, peer->session, type,
                             message, &signal) == OSR_OK) {
        service->node->remote->send(service->node->remote_context, &route, &signal);
    } else {
        osri_service_doubt(service, peer);
    }
}

void osri_service_reply(osri_service *service, osr_pid to, uint64_t ref, const osr_type *type,
                        const void *reply)
{
    osri_envelope *signal;

    if (osri_signal_new_sure(service->node, OSRI_SIGNAL_REPLY, osri_pid_of_node(service->node->id),
                             ref, type, reply, &signal) == OSR_OK) {
        osri_signal_deliver(service->node, to, NULL, &signal);
    }
}

void osri_services_peer_up(osr_node *node, const osri_peer *peer)
{
    for (size_t i = 0; i < OSRI_SERVICES; i++) {
        osri_service *service = service_at(node, i);
        if (service != NULL) {
            service->ops->peer_up(service, peer);
        }
    }
}

void osri_services_peer_down(osr_node *node, const osri_peer *peer)
{
    for (size_t i = 0; i < OSRI_SERVICES; i++) {
        osri_service *service = service_at(node, i);
        if (service != NULL) {
            service->ops->peer_down(service, peer);
        }
    }
}

osr_err osri_services_message(osr_node *node, const osri_peer *peer, osri_envelope **signal)
{
    uint32_t id = (*signal)->type == NULL ? 0 : (*signal)->type->id;
    osr_err err = OSR_OK;

    for (size_t i = 0; i < OSRI_SERVICES; i++) {
        osri_service *service = service_at(node, i);
        if (service != NULL && id >= service->ops->type_first && id <= service->ops->type_last) {
            err = service->ops->message(service, peer, *signal);
        }
    }
    osri_envelope_free(signal);
    return err;
}

void osri_services_fini(osr_node *node)
{
    for (size_t i = 0; i < OSRI_SERVICES; i++) {
        osri_service *service = service_at(node, i);
        if (service != NULL) {
            service->ops->free(service);
        }
    }
}
