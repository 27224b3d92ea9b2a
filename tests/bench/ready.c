/* Scenario `ready`: the server closed the connections long ago, a call rings, a connection is made
 * ready, a person thinks for a moment, and the call goes out. Beside it a warm call after the same
 * moment. */
#include <sched.h>
#include <stdio.h>

#include "bench.h"

#define MOMENT_NS 2000000

/* The core does not fall asleep meanwhile: waking it would be most of what is measured. */
static void wait_a_moment(void)
{
    int64_t until = wall_now() + MOMENT_NS;

    while (wall_now() < until)
        sched_yield();
}

static int64_t timed_call(const struct run *run, struct client *client, const struct agent *agent,
                          long *errors)
{
    int64_t before;

    wait_a_moment();
    before = wall_now();
    *errors += run->api->call(client, agent->id, agent->guid) != 0;
    return wall_now() - before;
}

void run_ready(const struct run *run)
{
    struct agent *agent = make_agents(1);
    struct client **clients = open_clients(run, run->clients);
    int64_t *ready = allocate(run->clients, sizeof *ready);
    int64_t *warm = allocate(run->clients, sizeof *warm);
    long errors = 0;

    for (long i = 0; i < run->clients; i++) {
        errors += run->api->call(clients[i], agent->id, agent->guid) != 0;
    }
    sleep_ms(run->pause_ms);
    for (long i = 0; i < run->clients; i++) {
        if (run->api->connect != NULL)
            errors += run->api->connect(clients[i]) != 0;
        ready[i] = timed_call(run, clients[i], agent, &errors);
        warm[i] = timed_call(run, clients[i], agent, &errors);
    }
    sort_samples(ready, run->clients);
    sort_samples(warm, run->clients);
    printf("{\"ready_us\": %.2f, \"warm_us\": %.2f, \"errors\": %ld}\n",
           percentile_us(ready, run->clients, 0.5), percentile_us(warm, run->clients, 0.5), errors);
    close_clients(run, clients, run->clients);
}
