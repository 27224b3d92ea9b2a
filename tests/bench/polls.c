/* Scenario `polls`: agents wait for events, each in a thread with a small stack, through one client if
 * that serves threads. The server says at once that there is none, so each thread spends its time in
 * the pause between two polls: the client's own, or `pause_ms`. */
#include <pthread.h>
#include <stdio.h>

#include "bench.h"

#define STACK ((size_t)64 * 1024)

struct worker {
    const struct run *run;
    struct client *client;
    const struct agent *agent;
    pthread_barrier_t *turn;
    pthread_t thread;
    long errors;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    const struct client_polls *polls = worker->run->polls;

    worker->errors += polls->keep(worker->client, worker->agent->id, worker->agent->guid) != 0;
    worker->errors += polls->poll(worker->client, worker->agent->id) != 0;
    pthread_barrier_wait(worker->turn); /* each has its connection */
    pthread_barrier_wait(worker->turn);
    for (long i = 0; i < worker->run->calls; i++) {
        if (!polls->has_a_pace)
            sleep_ms(worker->run->pause_ms);
        worker->errors += polls->poll(worker->client, worker->agent->id) != 0;
    }
    pthread_barrier_wait(worker->turn);
    return NULL;
}

void run_polls(const struct run *run)
{
    struct worker *workers = allocate(run->agents, sizeof *workers);
    struct agent *agents = make_agents(run->agents);
    long needed = run->api->serves_threads ? 1 : run->agents;
    struct client **clients = open_clients(run, needed);
    double polls = (double)(run->calls * run->agents);
    struct memory before, after;
    pthread_barrier_t turn;
    pthread_attr_t small;
    long errors = 0, descriptors, connections;
    int64_t cpu, begun;

    if (run->polls == NULL)
        give_up("no client_polls", 1);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    pthread_barrier_init(&turn, NULL, (unsigned)run->agents + 1);
    errors += run->api->call(clients[0], agents->id, agents->guid) != 0;
    before = memory_now();
    descriptors = descriptors_now();
    for (long i = 0; i < run->agents; i++) {
        workers[i] = (struct worker){run, clients[i % needed], agents + i, &turn, 0, 0};
        if (pthread_create(&workers[i].thread, &small, work, &workers[i]) != 0)
            give_up("thread", 1);
    }
    pthread_barrier_wait(&turn);
    after = memory_now();
    descriptors = descriptors_now() - descriptors;
    connections = connections_now();
    begun = wall_now();
    cpu = cpu_now();
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    cpu = cpu_now() - cpu;
    begun = wall_now() - begun;
    connections = connections_now() - connections;
    for (long i = 0; i < run->agents; i++) {
        pthread_join(workers[i].thread, NULL);
        errors += workers[i].errors;
    }
    printf("{\"cpu_us\": %.2f, \"agent_kib\": %.1f, \"agent_descriptors\": %.2f, "
           "\"connections_a_minute\": %.0f, \"errors\": %ld}\n",
           (double)cpu / polls / 1000.0, (double)(after.now - before.now) / (double)run->agents,
           (double)descriptors / (double)run->agents,
           (double)connections * 60.0 / ((double)begun / 1e9), errors);
    close_clients(run, clients, needed);
}
