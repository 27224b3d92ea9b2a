/* server: rejects the conferences of many agents at once, as a server does for its agents.
 *
 * An example to copy from: one client, shared by all threads; each takes the next agent from a
 * list, calls, and notes what came of it. C89; POSIX threads, or Windows threads.
 *
 *     cc -o server server.c -lagw -pthread
 *     ./server URL CA-FILE THREADS [FILE]
 *
 * FILE, or else standard input, has an agent and its Guid on each line, a blank between. The exit
 * code is 0 if every call was accepted or too late, 1 if not, 2 for wrong usage.
 *
 * On Windows main's arguments are in the ANSI code page, and agw takes paths in UTF-8: a program
 * that is to take others than ASCII has wmain and WideCharToMultiByte(CP_UTF8, ...).
 */
#ifdef _WIN32
#define _CRT_SECURE_NO_WARNINGS /* fopen is standard */
#include <windows.h>
#define THREAD_FUNCTION(name, argument) static DWORD WINAPI name(LPVOID argument)
typedef HANDLE thread_handle;
typedef CRITICAL_SECTION lock;
#define lock_init(it) InitializeCriticalSection(it)
#define lock_enter(it) EnterCriticalSection(it)
#define lock_leave(it) LeaveCriticalSection(it)
#else
#define _POSIX_C_SOURCE 200112L
#include <pthread.h>
#define THREAD_FUNCTION(name, argument) static void *name(void *argument)
typedef pthread_t thread_handle;
typedef pthread_mutex_t lock;
#define lock_init(it) pthread_mutex_init(it, NULL)
#define lock_enter(it) pthread_mutex_lock(it)
#define lock_leave(it) pthread_mutex_unlock(it)
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

enum { MAX_THREADS = 256, MAX_AGENTS = 10000, AGENT_SIZE = 16, GUID_SIZE = 300 };

/* An agent, and what came of its call. */
struct agent {
    char id[AGENT_SIZE];
    char guid[GUID_SIZE];
    agw_result result;
};

/* What the threads share. The lock guards `next`; an agent belongs to the thread that took it. */
struct work {
    agw_client *client;
    struct agent *agents;
    size_t count;
    size_t next;
    lock lock;
};

/* --- The list ------------------------------------------------------------------------------- */

static size_t read_agents(FILE *file, struct agent *agents)
{
    size_t count = 0;

    while (count < MAX_AGENTS
           && fscanf(file, "%15s %299s", agents[count].id, agents[count].guid) == 2)
        count++;
    return count;
}

static int read_list(struct work *work, const char *file_name)
{
    FILE *file = file_name == NULL ? stdin : fopen(file_name, "r");

    if (file == NULL)
        return 0;
    work->agents = calloc(MAX_AGENTS, sizeof *work->agents);
    if (work->agents != NULL)
        work->count = read_agents(file, work->agents);
    if (file != stdin)
        fclose(file);
    return work->count > 0;
}

static struct agent *take_agent(struct work *work)
{
    struct agent *taken = NULL;

    lock_enter(&work->lock);
    if (work->next < work->count)
        taken = &work->agents[work->next++];
    lock_leave(&work->lock);
    return taken;
}

/* --- The threads ---------------------------------------------------------------------------- */

THREAD_FUNCTION(serve, argument)
{
    struct work *work = argument;
    struct agent *agent;

    while ((agent = take_agent(work)) != NULL) {
        agent->result.struct_size = (uint32_t)sizeof agent->result;
        agw_reject_agent_conf(work->client, agent->id, agent->guid, &agent->result);
    }
    return 0;
}

static int start(thread_handle *thread, struct work *work)
{
#ifdef _WIN32
    *thread = CreateThread(NULL, 0, serve, work, 0, NULL);
    return *thread != NULL;
#else
    return pthread_create(thread, NULL, serve, work) == 0;
#endif
}

static void join(thread_handle thread)
{
#ifdef _WIN32
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
#else
    pthread_join(thread, NULL);
#endif
}

/* With fewer threads than wanted it takes longer, but all is done all the same. */
static void serve_all(struct work *work, int wanted)
{
    thread_handle threads[MAX_THREADS];
    int started = 0;

    while (started < wanted && start(&threads[started], work))
        started++;
    if (started == 0)
        serve(work);
    while (started > 0)
        join(threads[--started]);
}

/* --- The summary ---------------------------------------------------------------------------- */

/* The gateway's text may hold anything, but a terminal obeys nobody else. */
static void print_failure(const struct agent *agent)
{
    const agw_result *result = &agent->result;
    char *byte;
    char line[1000];

    sprintf(line, "agent %.10s: %ld %.200s retcode=%s %s%s", agent->id, (long)result->status,
            agw_strerror(result->status), result->retcode, result->detail,
            result->flags & AGW_RESULT_MAYBE_SENT ? " (perhaps done all the same)" : "");
    for (byte = line; *byte != '\0'; byte++)
        if ((unsigned char)*byte < 0x20 || *byte == 0x7F)
            *byte = ' ';
    puts(line);
}

static int summarise(const struct work *work)
{
    unsigned long accepted = 0, late = 0, failed = 0, slowest_us = 0;
    size_t i;

    for (i = 0; i < work->count; i++) {
        const agw_result *result = &work->agents[i].result;

        if (result->status == AGW_OK) {
            accepted++;
        } else if (result->status == AGW_E_NO_CONFERENCE) {
            late++;
        } else {
            failed++;
            print_failure(&work->agents[i]);
        }
        if (result->elapsed_us > slowest_us)
            slowest_us = result->elapsed_us;
    }
    printf("calls=%lu accepted=%lu too_late=%lu failed=%lu slowest_ms=%.1f\n",
           (unsigned long)work->count, accepted, late, failed, (double)slowest_us / 1000.0);
    return failed != 0;
}

/* -------------------------------------------------------------------------------------------- */

static agw_client *make_client(const char *url, const char *ca)
{
    agw_client_options options;
    agw_client *client;
    agw_result result;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.base_url = url;
    options.ca = ca;
    options.tls_trust = AGW_TRUST_CA;
    memset(&result, 0, sizeof result);
    result.struct_size = (uint32_t)sizeof result;
    if (agw_client_new(&options, &client, &result) != AGW_OK)
        fprintf(stderr, "server: %s %s\n", agw_strerror(result.status), result.detail);
    return client;
}

static int run(struct work *work, const char *url, const char *ca, int threads)
{
    work->client = make_client(url, ca);
    if (work->client == NULL)
        return 1;
    lock_init(&work->lock);
    serve_all(work, threads);
    agw_free(work->client);
    return summarise(work);
}

int main(int argc, char **argv)
{
    static struct work work;
    int threads = argc > 3 ? atoi(argv[3]) : 0;
    int code = 2;

    if (argc < 4 || argc > 5 || threads < 1 || threads > MAX_THREADS)
        fprintf(stderr, "usage: server URL CA-FILE THREADS(1 to %d) [FILE]\n", (int)MAX_THREADS);
    else if (!read_list(&work, argv[4]))
        fprintf(stderr, "server: no agents and Guids to be read\n");
    else
        code = run(&work, argv[1], argv[2], threads);
    free(work.agents);
    return code;
}
