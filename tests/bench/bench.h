/* One run of the driver: a client library, a scenario, and how much of it. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "meter.h"

struct run {
    const struct client_api *api;
    const struct client_polls *polls; /* or NULL */
    const char *url;
    const char *ca;
    long calls;           /* measured, in all threads together */
    long warmup;          /* before them, in each thread */
    long threads;
    long agents;          /* who take turns */
    long clients;
    long pause_ms;
    long new_connections; /* one for each call */
    int64_t started;      /* wall clock and CPU before the library was loaded */
    int64_t started_cpu;
    int64_t loaded;
    struct memory empty;  /* before the library was loaded */
};

/* Each prints one JSON object. */
void run_calls(const struct run *run);
void run_first(const struct run *run);
void run_clients(const struct run *run);
void run_ready(const struct run *run);
void run_stale(const struct run *run);
void run_polls(const struct run *run);

/* Says what failed, and ends the program. So do those below, if there is no memory or no client. */
_Noreturn void give_up(const char *what, int code);
void *allocate(long count, size_t size);

struct client **open_clients(const struct run *run, long count);
void close_clients(const struct run *run, struct client **clients, long count);

#endif
