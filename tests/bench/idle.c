/* Scenarios of connections that the server has ended since the last call. `stale`: how many of the
 * next calls fail, and how long they take. `ready`: a call rings, a connection is made ready, a person
 * thinks for a moment, and the call goes out; beside it a warm call after the same moment. */
#include <sched.h>
#include <stdio.h>

#include "bench.h"

#define MOMENT_NS 2000000

/* Clients that have called once, and waited. */
static struct client **idle_clients(const struct run *run, const struct agent *agent)
{
    struct client **clients = open_clients(run, run->clients);

    for (long i = 0; i < run->clients; i++) {
        int outcome = run->api->call(clients[i], agent->id, agent->guid);

        if (outcome != 0)
            give_up("call", outcome);
    }
    sleep_ms(run->pause_ms);
    return clients;
}

static int64_t timed_call(const struct run *run, struct client *client, const struct agent *agent,
                          long *failures)
{
    int64_t before = wall_now();

    *failures += run->api->call(client, agent->id, agent->guid) != 0;
    return wall_now() - before;
}

void run_stale(const struct run *run)
{
    struct agent *agent = make_agents(1);
    struct client **clients = idle_clients(run, agent);
    int64_t *samples = allocate(run->clients, sizeof *samples);
    long failures = 0;

    for (long i = 0; i < run->clients; i++)
        samples[i] = timed_call(run, clients[i], agent, &failures);
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
    struct agent *agent = make_agents(1);
    struct client **clients = idle_clients(run, agent);
    int64_t *ready = allocate(run->clients, sizeof *ready);
    int64_t *warm = allocate(run->clients, sizeof *warm);
    long errors = 0;

    for (long i = 0; i < run->clients; i++) {
        if (run->api->connect != NULL)
            errors += run->api->connect(clients[i]) != 0;
        wait_a_moment();
        ready[i] = timed_call(run, clients[i], agent, &errors);
        wait_a_moment();
        warm[i] = timed_call(run, clients[i], agent, &errors);
    }
    sort_samples(ready, run->clients);
    sort_samples(warm, run->clients);
    printf("{\"ready_us\": %.2f, \"warm_us\": %.2f, \"errors\": %ld}\n",
           percentile_us(ready, run->clients, 0.5), percentile_us(warm, run->clients, 0.5), errors);
    close_clients(run, clients, run->clients);
}
