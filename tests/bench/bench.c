/* The driver: loads a client library and runs one scenario with it.
 *
 *     bench LIBRARY[,LIBRARY] SCENARIO URL CA [name=number ...]
 *
 * The last library is the client. One that it needs may be named before it, which saves the loader
 * a search through folders that a host's does not make. */
#include "bench.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*go)(const struct run *run);
} SCENARIOS[] = {
    {"calls", run_calls}, {"first", run_first}, {"clients", run_clients},
    {"ready", run_ready}, {"stale", run_stale}, {"polls", run_polls},
};

static const struct {
    const char *name;
    size_t place;
} OPTIONS[] = {
    {"calls", offsetof(struct run, calls)},
    {"warmup", offsetof(struct run, warmup)},
    {"threads", offsetof(struct run, threads)},
    {"agents", offsetof(struct run, agents)},
    {"clients", offsetof(struct run, clients)},
    {"pause_ms", offsetof(struct run, pause_ms)},
    {"new_connections", offsetof(struct run, new_connections)},
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

void give_up(const char *what, int code)
{
    fprintf(stderr, "bench: %s (%d)\n", what, code);
    exit(1);
}

void *allocate(long count, size_t size)
{
    void *memory = calloc((size_t)count, size);

    if (memory == NULL)
        give_up("memory", 1);
    return memory;
}

struct client **open_clients(const struct run *run, long count)
{
    struct client **clients = allocate(count, sizeof *clients);

    for (long i = 0; i < count; i++) {
        clients[i] = run->api->open(run->url, run->ca, (int)run->new_connections);
        if (clients[i] == NULL)
            give_up("open", 1);
    }
    return clients;
}

void close_clients(const struct run *run, struct client **clients, long count)
{
    for (long i = 0; i < count; i++)
        run->api->close(clients[i]);
    free(clients);
}

static void set_option(struct run *run, const char *argument)
{
    const char *value = strchr(argument, '=');

    for (size_t i = 0; value != NULL && i < LENGTH(OPTIONS); i++) {
        size_t length = strlen(OPTIONS[i].name);

        if (length == (size_t)(value - argument) && !strncmp(argument, OPTIONS[i].name, length)) {
            *(long *)((char *)run + OPTIONS[i].place) = atol(value + 1);
            return;
        }
    }
    give_up(argument, 2);
}

static void load(struct run *run, char *libraries)
{
    void *handle = NULL;

    run->empty = memory_now();
    run->started_cpu = cpu_now();
    run->started = wall_now();
    for (char *path = strtok(libraries, ","); path != NULL; path = strtok(NULL, ",")) {
        handle = dlopen(path, RTLD_NOW);
        if (handle == NULL)
            give_up(dlerror(), 2);
    }
    run->api = handle == NULL ? NULL : dlsym(handle, "client_api");
    run->polls = handle == NULL ? NULL : dlsym(handle, "client_polls");
    run->loaded = wall_now();
    if (run->api == NULL)
        give_up("no client_api", 2);
}

int main(int argc, char **argv)
{
    struct run run = {.calls = 1, .threads = 1, .agents = 1, .clients = 1};

    if (argc < 5)
        give_up("LIBRARY[,LIBRARY] SCENARIO URL CA [name=number ...]", 2);
    run.url = argv[3];
    run.ca = argv[4];
    for (int i = 5; i < argc; i++)
        set_option(&run, argv[i]);
    load(&run, argv[1]);
    for (size_t i = 0; i < LENGTH(SCENARIOS); i++) {
        if (strcmp(argv[2], SCENARIOS[i].name) == 0) {
            SCENARIOS[i].go(&run);
            return 0;
        }
    }
    give_up(argv[2], 2);
}
