/* Scenario `clients`: many clients in one process, first without a connection, then each with an
 * idle one. What one of them takes is the difference of two runs. */
#include <stdio.h>

#include "bench.h"

void run_clients(const struct run *run)
{
    struct agent *agent = make_agents(1);
    struct memory loaded = memory_now(), opened, connected;
    struct allocations heap_loaded = heap_now(), heap_opened, heap_connected;
    int64_t begun = wall_now(), ended;
    struct client **clients = open_clients(run, run->clients);
    int outcome = 0;

    ended = wall_now();
    opened = memory_now();
    heap_opened = heap_now();
    for (long i = 0; i < run->clients && run->calls > 0 && outcome == 0; i++) {
        outcome = run->api->call(clients[i], agent->id, agent->guid);
    }
    connected = memory_now();
    heap_connected = heap_now();
    if (outcome != 0)
        give_up("call", outcome);
    printf("{\"create_us\": %.1f, \"client_kib\": %ld, \"connection_kib\": %ld, "
           "\"client_heap\": %ld, \"connection_heap\": %ld}\n",
           (double)(ended - begun) / 1000.0 / (double)run->clients, opened.now - loaded.now,
           connected.now - opened.now, heap_opened.live - heap_loaded.live,
           heap_connected.live - heap_opened.live);
    close_clients(run, clients, run->clients);
}
