/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

/* The floor: bare libzmq between two OS processes, a DEALER on each side, with CURVE; one frame a
 * message. Prints a line as osier-bench does:
 *   remote_ping_pong N BYTES   N round trips
 *   remote_stream N BYTES      N messages one way, the last one acknowledged */

static char server_public[41], server_secret[41], client_public[41], client_secret[41];

static void need(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(EXIT_FAILURE);
    }
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void send_bytes(void *socket, const void *bytes, size_t size)
{
    need(zmq_send(socket, bytes, size, 0) == (int)size, "zmq_send");
}

static void *new_socket(void)
{
    void *socket = zmq_socket(zmq_ctx_new(), ZMQ_DEALER);
    need(socket != NULL, "zmq_socket");
    return socket;
}

static void *bind_server(int ready_fd)
{
    void *socket = new_socket();
    int yes = 1;
    char endpoint[64] = "";
    size_t endpoint_size = sizeof(endpoint);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof(yes));
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, server_secret, 40);
    need(zmq_bind(socket, "tcp://127.0.0.1:*") == 0, "zmq_bind");
    (void)zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &endpoint_size);
    need(write(ready_fd, endpoint, sizeof(endpoint)) == sizeof(endpoint), "write");
    return socket;
}

static void serve(int ready_fd, int echo, long n, size_t size)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    void *socket = bind_server(ready_fd);
    zmq_msg_t message;
    char gone;
    (void)zmq_msg_init(&message);
    for (long i = 0; i < n; i++) {
        need(zmq_msg_recv(&message, socket, 0) == (int)size, "zmq_msg_recv");
        if (echo) {
            (void)zmq_msg_send(&message, socket, 0);
        }
    }
    if (!echo) {
        send_bytes(socket, "", 0);
    }
    (void)zmq_recv(socket, &gone, 1, 0); /* the client says when it is done */
    _exit(EXIT_SUCCESS);
}

static void *dial_server(int ready_fd)
{
    void *socket = new_socket();
    char endpoint[64];
    need(read(ready_fd, endpoint, sizeof(endpoint)) == sizeof(endpoint), "read");
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, 40);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, client_public, 40);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, client_secret, 40);
    need(zmq_connect(socket, endpoint) == 0, "zmq_connect");
    return socket;
}

static void ping_pong(void *socket, char *bytes, size_t size, long n)
{
    double *trips = calloc((size_t)n, sizeof(*trips));
    need(trips != NULL, "calloc");
    double start = now_s();
    for (long i = 0; i < n; i++) {
        double begin = now_s();
        send_bytes(socket, bytes, size);
        need(zmq_recv(socket, bytes, size, 0) == (int)size, "zmq_recv");
        trips[i] = now_s() - begin;
    }
    double seconds = now_s() - start;
    qsort(trips, (size_t)n, sizeof(*trips), by_value);
    printf("case=remote_ping_pong n=%ld seconds=%.6f rate=%.0f bytes=%zu p50_us=%.1f p99_us=%.1f\n",
           n, seconds, (double)n / seconds, size, trips[n / 2] * 1e6, trips[n * 99 / 100] * 1e6);
    free(trips);
}

static void stream(void *socket, char *bytes, size_t size, long n)
{
    double start = now_s();
    for (long i = 0; i < n; i++) {
        send_bytes(socket, bytes, size);
    }
    (void)zmq_recv(socket, bytes, size, 0);
    double seconds = now_s() - start;
    printf("case=remote_stream n=%ld seconds=%.6f rate=%.0f bytes=%zu MBps=%.1f\n", n, seconds,
           (double)n / seconds, size, (double)n * (double)size / seconds / 1e6);
}

int main(int argc, char **argv)
{
    int echo = argc == 4 && strcmp(argv[1], "remote_ping_pong") == 0;
    int ready[2];
    if (argc != 4 || (!echo && strcmp(argv[1], "remote_stream") != 0) || atol(argv[2]) <= 0 ||
        atol(argv[3]) <= 0) {
        fprintf(stderr, "usage: %s remote_ping_pong|remote_stream N BYTES\n", argv[0]);
        return 64;
    }
    long n = atol(argv[2]);
    size_t size = (size_t)atol(argv[3]);
    need(zmq_curve_keypair(server_public, server_secret) == 0, "zmq_curve_keypair");
    need(zmq_curve_keypair(client_public, client_secret) == 0, "zmq_curve_keypair");
    need(pipe(ready) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        serve(ready[1], echo, n, size);
    }
    void *socket = dial_server(ready[0]);
    char *bytes = malloc(size + 1);
    need(bytes != NULL, "malloc");
    memset(bytes, 1, size);
    (echo ? ping_pong : stream)(socket, bytes, size, n);
    (void)fflush(stdout);
    send_bytes(socket, "", 0);
    (void)waitpid(child, NULL, 0);
    free(bytes);
    return EXIT_SUCCESS;
}
