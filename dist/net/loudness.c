/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/state.h"

/* What the log says of connections that end, and how loudly (DESIGN.md, "How loud"). */

osr_log_level osri_net_level_of(uint32_t refusal)
{
    switch (refusal) {
    case OSRI_REFUSAL_SIMULTANEOUS:
    case OSRI_REFUSAL_CONNECTED:
    case OSRI_REFUSAL_STOPPING:
        return OSR_LOG_INFO; /* as it should be */
    case OSRI_REFUSAL_KEY:
    case OSRI_REFUSAL_VALIDITY:
    case OSRI_REFUSAL_REVOKED:
    case OSRI_REFUSAL_NAME_TAKEN:
        return OSR_LOG_ERROR; /* somebody may claim what is not theirs */
    default:
        return OSR_LOG_WARNING;
    }
}

/* Of a session that was up. */
static osr_log_level level_of_end(const osri_session *session, osri_down down)
{
    switch (down) {
    case OSRI_DOWN_PROTOCOL_ERROR:
        return OSR_LOG_ERROR;
    case OSRI_DOWN_TICK_TIMEOUT:
        return OSR_LOG_WARNING;
    case OSRI_DOWN_GOODBYE:
        return session->peer.hidden ? OSR_LOG_INFO : OSR_LOG_NOTICE;
    default:
        return OSR_LOG_NOTICE;
    }
}

/* Who was refused before it was up. */
static void tell_refused(const osri_session *session, const osri_link_action *action)
{
    osri_net *net = session->net;
    const char *name = session->name[0] == '\0' ? session->address : session->name;
    osr_log_level level = osri_net_level_of(action->refusal);
    char more[OSRI_GATE_MORE_BYTES];

    if (level <= net->log->level && osri_gates_pass(&net->handshakes, session->address,
                                                    action->refusal, osri_net_now(net), more)) {
        osri_log_write(net->log, level, "net: %s: %s%s", name, action->text, more);
    }
}

void osri_session_tell_down(const osri_session *session, const osri_link_action *action,
                            const char *reason)
{
    if (session->up) {
        osri_log_write(session->net->log, level_of_end(session, action->down),
                       "net: %s is down: %s (%s)", session->name, reason, action->text);
    } else if (!session->dialed) {
        tell_refused(session, action);
    }
}
