/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/leader.h"

#include <stdio.h>

#include "node/shell/protocol.h"
#include "osier/output.h"

/* A client's leader cannot be reached from a third node, since clients have no address. So what is
 * started for a client has a leader here, which passes all on over the client's own connection. One
 * for each client, found by its name; it ends with the client.
 *
 * Invariant: one request is passed on at a time, and answered before the next is looked at; so the
 * order is kept, and nothing is held here. */

#define NAME_BYTES (OSR_PID_TEXT_BYTES + 32)

/* Requests, and the down of the client's leader. */
static osr_err pass_on(osr_self *self, osr_pid leader, const osr_message *message)
{
    const osr_io_put *put = OSR_AS(osr_io_put, message);
    osr_caller caller = osr_caller_of(message);
    if (put == NULL) {
        return OSR_AS(osr_down, message) != NULL ? OSR_ECLOSED : OSR_OK;
    }
    osr_err err = osr_put(self, osr_to(leader), put->text.at, put->text.size);
    if (err == OSR_EEXIT) {
        return err;
    }
    osr_io_done done = {.error = (int32_t)err};
    return caller.ref == 0 ? OSR_OK : osr_reply_to(self, caller, &osr_io_done_osr_type, &done);
}

OSR_ENTRY(osri_shell_leader, osri_shell_client)
{
    osr_ref monitor;
    osr_message message;
    osr_err err = osr_monitor(self, osr_to(argument->leader), &monitor);
    while (err == OSR_OK) {
        err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            err = pass_on(self, argument->leader, &message);
        }
    }
    return err == OSR_ECLOSED ? OSR_OK : err;
}

osr_err osri_shell_lead(osr_self *self, osr_pid client)
{
    char pid_text[OSR_PID_TEXT_BYTES];
    char name[NAME_BYTES];
    osr_pid leader;
    osr_pid_print(client, pid_text);
    (void)snprintf(name, sizeof(name), "osier.shell.output %s", pid_text);
    osr_err err = osri_shell_leader_spawn(self, &(osri_shell_client){.leader = client},
                                          OSR_SPAWN(.name = name), &leader);
    if (err == OSR_ETAKEN) {
        leader = osr_whereis(self, name);
        err = osr_pid_is_none(leader) ? OSR_ETERMINATED : OSR_OK;
    }
    return err != OSR_OK ? err : osr_set_group_leader(self, osr_self_pid(self), leader);
}
