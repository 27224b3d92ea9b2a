/* Scenario `calls`: one after the other, in one thread or several, each call timed. */
#include <pthread.h>
#include <stdio.h>

#include <valgrind/callgrind.h>

#include "bench.h"

/* Where all threads and the one that measures meet. */
static pthread_barrier_t turn;

struct worker {
    const struct run *run;
    struct client *client;
    const struct agent *agents;
    int64_t *samples;
    long calls;
    long first_agent;
    long errors;
    pthread_t thread;
};

static void call_all(struct worker *worker)
{
    const struct run *run = worker->run;

    for (long i = 0; i < worker->calls; i++) {
        const struct agent *agent = &worker->agents[(worker->first_agent + i) % run->agents];
        int64_t before = wall_now();

        worker->errors += run->api->call(worker->client, agent->id, agent->guid) != 0;
        worker->samples[i] = wall_now() - before;
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    const struct run *run = worker->run;

    /* All at once: a client that serves all of them has then a connection for each. */
    pthread_barrier_wait(&turn);
    for (long i = 0; i < run->warmup; i++) {
        const struct agent *agent = &worker->agents[worker->first_agent];

        worker->errors += run->api->call(worker->client, agent->id, agent->guid) != 0;
    }
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    call_all(worker);
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

    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
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

static void print(const struct run *run, const struct measured *all, int64_t *samples, long errors)
{
    double calls = (double)run->calls;
    struct memory memory = memory_now();

    sort_samples(samples, run->calls);
    printf("{\"median_us\": %.2f, \"p99_us\": %.2f, \"cpu_us\": %.3f, \"calls_per_s\": %.0f, "
           "\"errors\": %ld, \"allocations\": %.2f, \"allocated_bytes\": %.0f, "
           "\"resident_kib\": %ld, \"peak_kib\": %ld}\n",
           percentile_us(samples, run->calls, 0.5), percentile_us(samples, run->calls, 0.99),
           (double)all->cpu / calls / 1000.0, calls * 1e9 / (double)all->wall, errors,
           (double)all->heap.count / calls, (double)all->heap.bytes / calls,
           memory.now - run->empty.now, memory.peak);
}

void run_calls(const struct run *run)
{
    long per_thread = run->calls / run->threads, errors = 0;
    long handles = run->api->serves_threads ? 1 : run->threads;
    struct worker *workers = allocate(run->threads, sizeof *workers);
    int64_t *samples = allocate(run->calls, sizeof *samples);
    struct agent *agents = make_agents(run->agents);
    struct client **clients = open_clients(run, handles);
    struct measured all;

    pthread_barrier_init(&turn, NULL, (unsigned)run->threads + 1);
    for (long i = 0; i < run->threads; i++) {
        long first = i * per_thread;

        workers[i].run = run;
        workers[i].client = clients[i % handles];
        workers[i].agents = agents;
        workers[i].samples = samples + first;
        workers[i].calls = per_thread;
        workers[i].first_agent = first % run->agents;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            give_up("thread", 1);
    }
    all = measure();
    for (long i = 0; i < run->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        errors += workers[i].errors;
    }
    print(run, &all, samples, errors);
    close_clients(run, clients, handles);
}
