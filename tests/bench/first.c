/* Scenario `first`: a fresh process loads the library, makes a client and calls once. */
#include <stdio.h>

#include "bench.h"

void run_first(const struct run *run)
{
    struct agent *agent = make_agents(1);
    int64_t begun = wall_now(), opened, called, cpu;
    struct client **client = open_clients(run, 1);
    struct memory memory;
    int outcome;

    opened = wall_now();
    outcome = run->api->call(*client, agent->id, agent->guid);
    called = wall_now();
    cpu = cpu_now() - run->started_cpu;
    memory = memory_now();
    if (outcome != 0)
        give_up("call", outcome);
    printf("{\"load_us\": %.1f, \"create_us\": %.1f, \"call_us\": %.1f, \"all_us\": %.1f, "
           "\"cpu_us\": %.1f, \"resident_kib\": %ld, \"peak_kib\": %ld}\n",
           (double)(run->loaded - run->started) / 1000.0, (double)(opened - begun) / 1000.0,
           (double)(called - opened) / 1000.0, (double)(called - run->started) / 1000.0,
           (double)cpu / 1000.0, memory.now - run->empty.now, memory.peak);
    close_clients(run, client, 1);
}
