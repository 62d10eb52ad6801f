/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <caf/all.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

/* The cases of osier-bench that CAF has a counterpart for; prints a line of the same form. */

using namespace caf;
using ping = atom_constant<atom("ping")>;
using pong = atom_constant<atom("pong")>;
using tok = atom_constant<atom("tok")>;
using msg = atom_constant<atom("m")>;
using fin = atom_constant<atom("fin")>;

static double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}
static void report(const char *c, long n, double s, const std::string &more = "")
{
    printf("case=%s n=%ld seconds=%.6f rate=%.0f%s\n", c, n, s, n / s, more.c_str());
}
static long rss()
{
    long a, b;
    FILE *f = fopen("/proc/self/statm", "r");
    if (fscanf(f, "%ld %ld", &a, &b) != 2)
        b = 0;
    fclose(f);
    return b * 4096;
}

behavior pong_actor(event_based_actor *self)
{
    return {[=](ping, actor from, int64_t i) { self->send(from, pong::value, i); }};
}
behavior ping_actor(event_based_actor *self, actor peer, int64_t n, actor owner)
{
    self->send(peer, ping::value, actor_cast<actor>(self), n);
    return {[=](pong, int64_t i) {
        if (i == 1) {
            self->send(owner, fin::value);
            self->quit();
        } else
            self->send(peer, ping::value, actor_cast<actor>(self), i - 1);
    }};
}
struct ring_state {
    actor next;
};
behavior ring_actor(stateful_actor<ring_state> *self, actor owner)
{
    return {[=](fin, actor next) { self->state.next = next; },
            [=](tok, int64_t n) {
                if (n == 0)
                    self->send(owner, fin::value);
                else
                    self->send(self->state.next, tok::value, n - 1);
            }};
}
struct count_state {
    int64_t left;
};
behavior sink_actor(stateful_actor<count_state> *self, int64_t n, actor owner)
{
    self->state.left = n;
    return {[=](msg, int64_t) {
        if (--self->state.left == 0)
            self->send(owner, fin::value);
    }};
}
behavior echo_server(event_based_actor *)
{
    return {[](msg, int64_t x) { return x; }};
}
behavior call_client(stateful_actor<count_state> *self, actor server, int64_t n, actor owner)
{
    self->state.left = n;
    return {[=](tok) {
        self->request(server, infinite, msg::value, self->state.left).then([=](int64_t) {
            if (--self->state.left == 0)
                self->send(owner, fin::value);
            else
                self->send(self, tok::value);
        });
    }};
}
behavior skynet_actor(stateful_actor<std::pair<int, int64_t>> *self, actor up, int64_t num,
                      int64_t size)
{
    if (size == 1) {
        self->send(up, msg::value, num);
        self->quit();
        return {};
    }
    self->state = {10, 0};
    auto sub = size / 10;
    for (int i = 0; i < 10; ++i)
        self->spawn(skynet_actor, actor_cast<actor>(self), num + i * sub, sub);
    return {[=](msg, int64_t v) {
        self->state.second += v;
        if (--self->state.first == 0) {
            self->send(up, msg::value, self->state.second);
            self->quit();
        }
    }};
}

int main(int argc, char **argv)
{
    std::string c = argv[1];
    long n = atol(argv[2]), k = argc > 3 ? atol(argv[3]) : 0;
    actor_system_config cfg;
    actor_system sys{cfg};
    scoped_actor self{sys};
    auto me = actor_cast<actor>(self);
    auto wait = [&] { self->receive([](fin) {}); };
    double t0;
    if (c == "ping_pong") {
        auto p = sys.spawn(pong_actor);
        t0 = now();
        sys.spawn(ping_actor, p, n, me);
        wait();
        report("ping_pong", n, now() - t0);
        anon_send_exit(p, exit_reason::kill);
    } else if (c == "ring") {
        std::vector<actor> as;
        for (long i = 0; i < k; ++i)
            as.push_back(sys.spawn(ring_actor, me));
        for (long i = 0; i < k; ++i)
            self->send(as[i], fin::value, as[(i + 1) % k]);
        t0 = now();
        self->send(as[0], tok::value, int64_t{n});
        wait();
        report("ring", n, now() - t0);
        for (auto &a : as)
            anon_send_exit(a, exit_reason::kill);
    } else if (c == "fan_in") {
        long each = n / k;
        t0 = now();
        auto s = sys.spawn(sink_actor, each * k, me);
        for (long i = 0; i < k; ++i)
            sys.spawn([=](event_based_actor *a) {
                for (long j = 0; j < each; ++j)
                    a->send(s, msg::value, int64_t{j});
            });
        wait();
        report("fan_in", each * k, now() - t0);
        anon_send_exit(s, exit_reason::kill);
    } else if (c == "spawn_exit") {
        t0 = now();
        for (long left = n; left > 0; left -= 1000) {
            for (int i = 0; i < 1000; ++i)
                sys.spawn([=](event_based_actor *a) { a->send(me, fin::value); });
            for (int i = 0; i < 1000; ++i)
                wait();
        }
        report("spawn_exit", n, now() - t0);
    } else if (c == "idle_servers") {
        long r0 = rss();
        t0 = now();
        std::vector<actor> as;
        as.reserve(n);
        for (long i = 0; i < n; ++i)
            as.push_back(sys.spawn(echo_server));
        double t = now() - t0;
        usleep(200000);
        report("idle_servers", n, t, " bytes_each=" + std::to_string((rss() - r0) / double(n)));
        for (auto &a : as)
            anon_send_exit(a, exit_reason::kill);
    } else if (c == "call") {
        auto s = sys.spawn(echo_server);
        t0 = now();
        auto cl = sys.spawn(call_client, s, n, me);
        anon_send(cl, tok::value);
        wait();
        report("call", n, now() - t0);
        anon_send_exit(s, exit_reason::kill);
        anon_send_exit(cl, exit_reason::kill);
    } else if (c == "skynet") {
        t0 = now();
        sys.spawn(skynet_actor, me, int64_t{0}, int64_t{n});
        int64_t sum = -1;
        self->receive([&](msg, int64_t v) { sum = v; });
        if (sum != int64_t(n) * (n - 1) / 2) {
            fprintf(stderr, "skynet: wrong sum\n");
            return 1;
        }
        report("skynet", n, now() - t0);
    } else {
        fprintf(stderr, "unknown case %s\n", c.c_str());
        return 2;
    }
    fflush(stdout);
    _exit(0);
}
