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
    int (*go)(const struct run *run);
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

int failed(const char *what, int code)
{
    fprintf(stderr, "bench: %s (%d)\n", what, code);
    return 1;
}

struct agent *make_agents(long count)
{
    struct agent *agents = calloc((size_t)count, sizeof *agents);

    for (long i = 0; agents != NULL && i < count; i++) {
        snprintf(agents[i].id, sizeof agents[i].id, "%u", 101 + (unsigned)i % 900000);
        snprintf(agents[i].guid, sizeof agents[i].guid,
                 "0a1b2c3d-0000-1111-2222-%012ld.AgentGateway1", i);
    }
    return agents;
}

struct client **open_clients(const struct run *run, long count)
{
    struct client **clients = calloc((size_t)count, sizeof *clients);

    for (long i = 0; clients != NULL && i < count; i++) {
        clients[i] = run->api->open(run->url, run->ca, (int)run->new_connections);
        if (clients[i] == NULL)
            return NULL;
    }
    return clients;
}

void close_clients(const struct run *run, struct client **clients, long count)
{
    for (long i = 0; i < count; i++)
        run->api->close(clients[i]);
    free(clients);
}

static int set_option(struct run *run, const char *argument)
{
    const char *value = strchr(argument, '=');

    for (size_t i = 0; value != NULL && i < LENGTH(OPTIONS); i++) {
        size_t length = strlen(OPTIONS[i].name);

        if (length == (size_t)(value - argument) && !strncmp(argument, OPTIONS[i].name, length)) {
            *(long *)((char *)run + OPTIONS[i].place) = atol(value + 1);
            return 0;
        }
    }
    return failed(argument, 2);
}

static int load(struct run *run, char *libraries)
{
    void *handle = NULL;

    run->empty = memory_now();
    run->started_cpu = cpu_now();
    run->started = wall_now();
    for (char *path = strtok(libraries, ","); path != NULL; path = strtok(NULL, ",")) {
        handle = dlopen(path, RTLD_NOW);
        if (handle == NULL)
            return failed(dlerror(), 2);
    }
    run->api = handle == NULL ? NULL : dlsym(handle, "client_api");
    run->polls = handle == NULL ? NULL : dlsym(handle, "client_polls");
    run->loaded = wall_now();
    return run->api == NULL ? failed("no client_api", 2) : 0;
}

int main(int argc, char **argv)
{
    struct run run = {.calls = 1, .threads = 1, .agents = 1, .clients = 1};

    if (argc < 5)
        return failed("LIBRARY[,LIBRARY] SCENARIO URL CA [name=number ...]", 2);
    run.url = argv[3];
    run.ca = argv[4];
    for (int i = 5; i < argc; i++) {
        if (set_option(&run, argv[i]) != 0)
            return 2;
    }
    if (load(&run, argv[1]) != 0)
        return 2;
    for (size_t i = 0; i < LENGTH(SCENARIOS); i++) {
        if (strcmp(argv[2], SCENARIOS[i].name) == 0)
            return SCENARIOS[i].go(&run);
    }
    return failed(argv[2], 2);
}
