/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/echo.h"
#include "tests/bench/remote.h"

/* Calls of a server on another node; processes started there, one after the other. */

OSR_MESSAGE(remote_hosted, 0x0557, (1, pid, server));
OSR_MESSAGE(remote_hi, 0x0558);

OSR_ENTRY(remote_host, remote_order)
{
    osr_message message;
    remote_hosted hosted;
    osr_err err = echo_server_start(self, NULL, OSR_SPAWN(.link = true), &hosted.server);
    if (err != OSR_OK) {
        return err;
    }
    (void)remote_hosted_send(self, osr_to(argument->owner), &hosted);
    return osr_receive(self, OSR_FOREVER, &message);
}
OSR_EXPORT(remote_host);

OSR_ENTRY(remote_hello, remote_order)
{
    remote_hi hi = {0};
    (void)remote_hi_send(self, osr_to(argument->owner), &hi);
    return OSR_OK;
}
OSR_EXPORT(remote_hello);

static osr_err call_rounds(osr_self *self, osr_pid server, uint64_t n)
{
    osr_err err = OSR_OK;
    for (echo request = {.value = (int64_t)n}; request.value > 0 && err == OSR_OK;
         request.value--) {
        echo_reply reply;
        err = echo_call(self, osr_to(server), &request, &reply, ECHO_MS);
        if (err == OSR_OK) {
            err = bench_expect(self, "reply", reply.value, request.value);
        }
    }
    return err;
}

OSR_ENTRY(remote_call, bench_options)
{
    pid_t os_pid;
    osr_pid host;
    osr_pid server = OSR_PID_NONE;
    remote_order order = {.owner = osr_self_pid(self)};
    osr_err err = bench_peer_start(self, &os_pid);
    if (err == OSR_OK) {
        err = remote_host_spawn(self, &order, OSR_SPAWN(.node = BENCH_PEER), &host);
    }
    if (err == OSR_OK) {
        server = BENCH_RECEIVE(self, remote_hosted)->server;
    }
    uint64_t start = osr_now(self);
    if (err == OSR_OK) {
        err = call_rounds(self, server, argument->n);
    }
    if (err == OSR_OK) {
        bench_report(&bench_remote_call, argument->n, osr_now(self) - start, "");
    }
    return err;
}

OSR_ENTRY(remote_spawn, bench_options)
{
    pid_t os_pid;
    remote_order order = {.owner = osr_self_pid(self)};
    osr_err err = bench_peer_start(self, &os_pid);
    uint64_t start = osr_now(self);
    for (uint64_t i = 0; i < argument->n && err == OSR_OK; i++) {
        osr_pid pid;
        err = remote_hello_spawn(self, &order, OSR_SPAWN(.node = BENCH_PEER), &pid);
        if (err == OSR_OK) {
            (void)BENCH_RECEIVE(self, remote_hi);
        }
    }
    if (err == OSR_OK) {
        bench_report(&bench_remote_spawn, argument->n, osr_now(self) - start, "");
    }
    return err;
}

const bench_case bench_remote_call = {"remote_call", "N", "N calls of a server on another node",
                                      &remote_call_osr_entry, NULL};
const bench_case bench_remote_spawn = {"remote_spawn", "N",
                                       "N processes started on another node, each says hello",
                                       &remote_spawn_osr_entry, NULL};
