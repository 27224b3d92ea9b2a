/* Scenarios in threads, each with a client of its own where one does not serve all of them. `calls`:
 * one after the other, each call timed. `polls`: agents wait for events, each in a thread with a small
 * stack. The server says at once that there is none, so each thread spends its time in the pause
 * between two polls: the client's own, or `pause_ms`. */
#include <pthread.h>
#include <stdio.h>

#include <valgrind/callgrind.h>

#include "bench.h"

#define STACK ((size_t)64 * 1024)

/* Where all threads and the one that measures meet. */
static pthread_barrier_t turn;

/* Those that take turns, each with a Guid of its own. */
struct agent {
    char id[8];
    char guid[64];
};

struct worker {
    const struct run *run;
    struct client *client;
    const struct agent *agents;
    long number;
    int64_t *samples; /* of all */
    long errors;
    pthread_t thread;
};

static struct agent *make_agents(long count)
{
    struct agent *agents = allocate(count, sizeof *agents);

    for (long i = 0; i < count; i++) {
        snprintf(agents[i].id, sizeof agents[i].id, "%u", 101 + (unsigned)i % 900000);
        snprintf(agents[i].guid, sizeof agents[i].guid,
                 "0a1b2c3d-0000-1111-2222-%012ld.AgentGateway1", i);
    }
    return agents;
}

static struct worker *make_workers(const struct run *run, long count, int64_t *samples)
{
    struct worker *workers = allocate(count, sizeof *workers);
    struct agent *agents = make_agents(run->agents);
    long handles = run->api->serves_threads ? 1 : count;
    struct client **clients = open_clients(run, handles);

    for (long i = 0; i < count; i++)
        workers[i] = (struct worker){run, clients[i % handles], agents, i, samples, 0, 0};
    pthread_barrier_init(&turn, NULL, (unsigned)count + 1);
    return workers;
}

static void start(struct worker *workers, long count, size_t stack, void *(*work)(void *))
{
    pthread_attr_t how;

    pthread_attr_init(&how);
    if (stack != 0)
        pthread_attr_setstacksize(&how, stack);
    for (long i = 0; i < count; i++)
        if (pthread_create(&workers[i].thread, &how, work, &workers[i]) != 0)
            give_up("thread", 1);
}

/* Gives the number of errors. All have made their last call. */
static long end(struct worker *workers, long count)
{
    const struct client_api *api = workers->run->api;
    long errors = 0;

    for (long i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        errors += workers[i].errors;
        if (i == 0 || !api->serves_threads)
            api->close(workers[i].client);
    }
    return errors;
}

static void call(struct worker *worker, long place)
{
    const struct run *run = worker->run;
    const struct agent *agent = &worker->agents[(worker->number + place) % run->agents];

    worker->errors += run->api->call(worker->client, agent->id, agent->guid) != 0;
}

static void *make_calls(void *argument)
{
    struct worker *worker = argument;
    const struct run *run = worker->run;
    long calls = run->calls / run->threads, first = worker->number * calls;

    /* All at once: a client that serves all of them has then a connection for each. */
    pthread_barrier_wait(&turn);
    for (long i = 0; i < run->warmup; i++)
        call(worker, 0);
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    for (long i = 0; i < calls; i++) {
        int64_t before = wall_now();

        call(worker, i);
        worker->samples[first + i] = wall_now() - before;
    }
    pthread_barrier_wait(&turn);
    return NULL;
}

struct measured {
    int64_t wall;
    int64_t cpu;
    struct allocations heap;
};

/* Between the barriers is what counts: all threads have their connection, none has ended. */
static struct measured measure(void)
{
    struct measured before, after;

    before.heap = heap_now();
    before.cpu = cpu_now();
    before.wall = wall_now();
    CALLGRIND_START_INSTRUMENTATION;
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    CALLGRIND_STOP_INSTRUMENTATION;
    after.wall = wall_now() - before.wall;
    after.cpu = cpu_now() - before.cpu;
    after.heap = heap_now();
    after.heap.count -= before.heap.count;
    after.heap.bytes -= before.heap.bytes;
    return after;
}

void run_calls(const struct run *run)
{
    int64_t *samples = allocate(run->calls, sizeof *samples);
    struct worker *workers = make_workers(run, run->threads, samples);
    double calls = (double)run->calls;
    struct measured all;
    struct memory memory;
    long errors;

    start(workers, run->threads, 0, make_calls);
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    all = measure();
    memory = memory_now();
    errors = end(workers, run->threads);
    sort_samples(samples, run->calls);
    printf("{\"median_us\": %.2f, \"p99_us\": %.2f, \"cpu_us\": %.3f, \"calls_per_s\": %.0f, "
           "\"errors\": %ld, \"allocations\": %.2f, \"allocated_bytes\": %.0f, "
           "\"resident_kib\": %ld, \"peak_kib\": %ld}\n",
           percentile_us(samples, run->calls, 0.5), percentile_us(samples, run->calls, 0.99),
           (double)all.cpu / calls / 1000.0, calls * 1e9 / (double)all.wall, errors,
           (double)all.heap.count / calls, (double)all.heap.bytes / calls,
           memory.now - run->empty.now, memory.peak);
}

static void *make_polls(void *argument)
{
    struct worker *worker = argument;
    const struct client_polls *polls = worker->run->polls;
    const struct agent *agent = &worker->agents[worker->number];

    worker->errors += polls->keep(worker->client, agent->id, agent->guid) != 0;
    worker->errors += polls->poll(worker->client, agent->id) != 0;
    pthread_barrier_wait(&turn); /* each has its connection */
    pthread_barrier_wait(&turn);
    for (long i = 0; i < worker->run->calls; i++) {
        if (!polls->has_a_pace)
            sleep_ms(worker->run->pause_ms);
        worker->errors += polls->poll(worker->client, agent->id) != 0;
    }
    pthread_barrier_wait(&turn);
    return NULL;
}

void run_polls(const struct run *run)
{
    struct worker *workers = make_workers(run, run->agents, NULL);
    double agents = (double)run->agents, polls = (double)run->calls * agents;
    struct memory before, after;
    struct measured all;
    long errors, descriptors, connections;

    if (run->polls == NULL)
        give_up("no client_polls", 1);
    call(workers, 0);
    before = memory_now();
    descriptors = descriptors_now();
    start(workers, run->agents, STACK, make_polls);
    pthread_barrier_wait(&turn);
    after = memory_now();
    descriptors = descriptors_now() - descriptors;
    connections = connections_now();
    all = measure();
    connections = connections_now() - connections;
    errors = end(workers, run->agents);
    printf("{\"cpu_us\": %.2f, \"agent_kib\": %.1f, \"agent_descriptors\": %.2f, "
           "\"connections_a_minute\": %.0f, \"errors\": %ld}\n",
           (double)all.cpu / polls / 1000.0, (double)(after.now - before.now) / agents,
           (double)descriptors / agents, (double)connections * 60.0 / ((double)all.wall / 1e9),
           errors);
}
