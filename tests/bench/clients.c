/* Scenarios in one thread.
 *
 * `first`: a fresh process loads the library, makes a client and calls once. `clients`: many clients
 * in one process, first without a connection, then each with an idle one. What one of them takes is
 * the difference of two runs.
 *
 * Of connections that the server has ended since the last call: `stale`, how many of the next calls
 * fail, and how long they take; `ready`, a call rings, a connection is made ready, a person thinks for
 * a moment, and the call goes out; beside it a warm call after the same moment. */
#include <sched.h>
#include <stdio.h>

#include "bench.h"

#define MOMENT_NS 2000000

static int call(const struct run *run, struct client *client)
{
    return run->api->call(client, "101", "0a1b2c3d-0000-1111-2222-000000000000.AgentGateway1");
}

static void first_call(const struct run *run, struct client *client)
{
    int outcome = call(run, client);

    if (outcome != 0)
        give_up("call", outcome);
}

void run_first(const struct run *run)
{
    int64_t begun = wall_now(), opened, called, cpu;
    struct client **client = open_clients(run, 1);
    struct memory memory;

    opened = wall_now();
    first_call(run, *client);
    called = wall_now();
    cpu = cpu_now() - run->started_cpu;
    memory = memory_now();
    printf("{\"load_us\": %.1f, \"create_us\": %.1f, \"call_us\": %.1f, \"all_us\": %.1f, "
           "\"cpu_us\": %.1f, \"resident_kib\": %ld, \"peak_kib\": %ld}\n",
           (double)(run->loaded - run->started) / 1000.0, (double)(opened - begun) / 1000.0,
           (double)(called - opened) / 1000.0, (double)(called - run->started) / 1000.0,
           (double)cpu / 1000.0, memory.now - run->empty.now, memory.peak);
    close_clients(run, client, 1);
}

void run_clients(const struct run *run)
{
    struct memory loaded = memory_now(), opened, connected;
    struct allocations heap_loaded = heap_now(), heap_opened, heap_connected;
    int64_t begun = wall_now(), ended;
    struct client **clients = open_clients(run, run->clients);

    ended = wall_now();
    opened = memory_now();
    heap_opened = heap_now();
    for (long i = 0; i < run->clients && run->calls > 0; i++)
        first_call(run, clients[i]);
    connected = memory_now();
    heap_connected = heap_now();
    printf("{\"create_us\": %.1f, \"client_kib\": %ld, \"connection_kib\": %ld, "
           "\"client_heap\": %ld, \"connection_heap\": %ld}\n",
           (double)(ended - begun) / 1000.0 / (double)run->clients, opened.now - loaded.now,
           connected.now - opened.now, heap_opened.live - heap_loaded.live,
           heap_connected.live - heap_opened.live);
    close_clients(run, clients, run->clients);
}

/* Clients that have called once, and waited. */
static struct client **idle_clients(const struct run *run)
{
    struct client **clients = open_clients(run, run->clients);

    for (long i = 0; i < run->clients; i++)
        first_call(run, clients[i]);
    sleep_ms(run->pause_ms);
    return clients;
}

static int64_t timed_call(const struct run *run, struct client *client, long *failures)
{
    int64_t before = wall_now();

    *failures += call(run, client) != 0;
    return wall_now() - before;
}

void run_stale(const struct run *run)
{
    struct client **clients = idle_clients(run);
    int64_t *samples = allocate(run->clients, sizeof *samples);
    long failures = 0;

    for (long i = 0; i < run->clients; i++)
        samples[i] = timed_call(run, clients[i], &failures);
    sort_samples(samples, run->clients);
    printf("{\"failures\": %ld, \"median_us\": %.1f}\n", failures,
           percentile_us(samples, run->clients, 0.5));
    close_clients(run, clients, run->clients);
}

/* The core does not fall asleep meanwhile: waking it would be most of what is measured. */
static void wait_a_moment(void)
{
    int64_t until = wall_now() + MOMENT_NS;

    while (wall_now() < until)
        sched_yield();
}

void run_ready(const struct run *run)
{
    struct client **clients = idle_clients(run);
    int64_t *ready = allocate(run->clients, sizeof *ready);
    int64_t *warm = allocate(run->clients, sizeof *warm);
    long errors = 0;

    for (long i = 0; i < run->clients; i++) {
        if (run->api->connect != NULL)
            errors += run->api->connect(clients[i]) != 0;
        wait_a_moment();
        ready[i] = timed_call(run, clients[i], &errors);
        wait_a_moment();
        warm[i] = timed_call(run, clients[i], &errors);
    }
    sort_samples(ready, run->clients);
    sort_samples(warm, run->clients);
    printf("{\"ready_us\": %.2f, \"warm_us\": %.2f, \"errors\": %ld}\n",
           percentile_us(ready, run->clients, 0.5), percentile_us(warm, run->clients, 0.5), errors);
    close_clients(run, clients, run->clients);
}
