/* Scenario `stale`: each client has a connection that the server ends behind its back; how many of
 * the next calls fail, and how long they take. */
#include <stdio.h>

#include "bench.h"

void run_stale(const struct run *run)
{
    struct agent *agent = make_agents(1);
    struct client **clients = open_clients(run, run->clients);
    int64_t *samples = allocate(run->clients, sizeof *samples);
    long failures = 0;

    for (long i = 0; i < run->clients; i++) {
        int outcome = run->api->call(clients[i], agent->id, agent->guid);

        if (outcome != 0)
            give_up("call", outcome);
    }
    sleep_ms(run->pause_ms);
    for (long i = 0; i < run->clients; i++) {
        int64_t before = wall_now();

        failures += run->api->call(clients[i], agent->id, agent->guid) != 0;
        samples[i] = wall_now() - before;
    }
    sort_samples(samples, run->clients);
    printf("{\"failures\": %ld, \"median_us\": %.1f}\n", failures,
           percentile_us(samples, run->clients, 0.5));
    close_clients(run, clients, run->clients);
}
