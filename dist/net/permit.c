/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "dist/net/audit.h"
#include "dist/net/state.h"

/* What a peer may do here: what both its certificate and the policy of this node allow. */

static bool is_named(const osri_session *session, osr_str entry)
{
    bool named = session->spawn_count == 0;

    for (uint32_t i = 0; i < session->spawn_count && !named; i++) {
        named = strlen(session->spawn[i]) == entry.size &&
                memcmp(session->spawn[i], entry.at, entry.size) == 0;
    }
    return named;
}

/* Why the peer may not start this entry; NULL: it may, by what certificates and the policy say. */
static const char *start_refusal(const osri_session *session, osr_str entry, uint32_t role)
{
    const osri_net_options *options = &session->net->options;

    if (entry.at == NULL) {
        return "no name";
    }
    if ((session->peer.roles & role) == 0) {
        return "its certificate has not the role";
    }
    if (role == OSRI_ROLE_SUPERVISE &&
        (options->identity->certificate.roles & OSRI_ROLE_HOST) == 0) {
        return "this node has not the role to host";
    }
    if (!is_named(session, entry)) {
        return "its certificate does not name it";
    }
    return osri_policy_allows(options->policy, role, session->name, entry.at)
               ? NULL
               : "no rule of the policy allows it";
}

/* In the log and in the audit file, where a flood of them must not fill the disk either. */
static void tell_refused(osri_session *session, const char *what, const char *entry,
                         const char *refusal)
{
    const osri_net *net = session->net;
    char note[128];
    const osri_audit_record record = {.what = what,
                                      .became = "refused",
                                      .peer = session->name,
                                      .serial = session->serial,
                                      .text = entry,
                                      .note = note};
    char more[OSRI_GATE_MORE_BYTES];

    if (!osri_gate_pass(&session->gate, osri_net_now(net), more)) {
        return;
    }
    (void)snprintf(note, sizeof(note), "%s%s", refusal, more);
    osri_log_write(net->log, OSR_LOG_WARNING, "net: \"%s\" (serial %llu) may not %s \"%.64s\": %s",
                   session->name, (unsigned long long)session->serial, what, entry, note);
    (void)osri_audit_write(net->options.audit, &record);
}

/* Whether the peer may start this entry here: by a spawn or a call (role: spawn), or for a
 * supervisor (role: supervise). The one place that asks; what it grants is written down first. */
bool osri_permit_start(osri_session *session, osr_str entry, uint32_t role, const char *what)
{
    const osri_net *net = session->net;
    const char *refusal = start_refusal(session, entry, role);
    const osri_audit_record record = {.what = what,
                                      .became = "allowed",
                                      .peer = session->name,
                                      .serial = session->serial,
                                      .text = entry.at};

    if (refusal == NULL && osri_audit_write(net->options.audit, &record) != OSR_OK) {
        refusal = "the audit file cannot be written";
    }
    if (refusal != NULL) {
        tell_refused(session, what, entry.at == NULL ? "" : entry.at, refusal);
    }
    return refusal == NULL;
}

/* Whether the peer may ask our processes what they are and do (osr_info()), as by a shell. */
bool osri_permit_look(osri_session *session)
{
    const char *refusal = NULL;

    if ((session->peer.roles & OSRI_ROLE_SHELL_READ) == 0) {
        refusal = "its certificate has not the role shell-read";
    } else if (!osri_policy_allows(session->net->options.policy, OSRI_ROLE_SHELL_READ,
                                   session->name, NULL)) {
        refusal = "no rule of the policy allows it";
    }
    if (refusal != NULL) {
        tell_refused(session, "look at", "processes", refusal);
    }
    return refusal == NULL;
}
