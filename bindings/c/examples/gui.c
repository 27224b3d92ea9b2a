/* gui: rejects a conference call as a program with a window does; the console stands for it.
 *
 * An example to copy from: a worker thread makes the call, which blocks; the main thread goes on
 * drawing, and cancels when the user says so. C89; POSIX threads, or Windows threads.
 *
 *     cc -o gui gui.c -lagw -pthread
 *     AGW_GUID=... ./gui URL CA-FILE AGENT-ID [--cancel-after MS]
 *
 * Enter or Ctrl-C cancels. The exit code is 0 if the gateway accepted, 1 if not, 2 for wrong usage.
 *
 * On Windows main's arguments are in the ANSI code page, and agw takes paths in UTF-8: a program
 * that is to take others than ASCII has wmain and WideCharToMultiByte(CP_UTF8, ...).
 */
#ifdef _WIN32
#define _CRT_SECURE_NO_WARNINGS /* getenv is standard */
#include <conio.h>
#include <windows.h>
#define THREAD_FUNCTION(name, argument) static DWORD WINAPI name(LPVOID argument)
#else
#define _POSIX_C_SOURCE 200112L
#include <pthread.h>
#include <sys/select.h>
#include <unistd.h>
#define THREAD_FUNCTION(name, argument) static void *name(void *argument)
#endif

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

enum { TICK_MS = 100, BAR = 20 };

/* What the main thread waits for: time to draw, the user, the end of the call. */
enum event { TICK, KEY, DONE };

/* The call. The worker alone touches `result` until it has ended. */
struct job {
    agw_client *client;
    const char *agent_id;
    const char *guid;
    agw_result result;
#ifdef _WIN32
    HANDLE thread;
#else
    pthread_t thread;
    int ended[2]; /* a pipe: closed by the worker when it is done */
    int watch_keys;
#endif
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1; /* nothing else is safe in a signal handler: the main thread cancels */
}

/* --- The worker --------------------------------------------------------------------------- */

THREAD_FUNCTION(work, argument)
{
    struct job *job = argument;

    agw_reject_agent_conf(job->client, job->agent_id, job->guid, &job->result);
#ifndef _WIN32
    close(job->ended[1]);
#endif
    return 0;
}

#ifdef _WIN32

static int start_worker(struct job *job)
{
    job->thread = CreateThread(NULL, 0, work, job, 0, NULL);
    return job->thread != NULL;
}

static enum event wait_for_event(struct job *job)
{
    if (WaitForSingleObject(job->thread, TICK_MS) == WAIT_OBJECT_0)
        return DONE;
    if (!_kbhit())
        return TICK;
    _getch();
    return KEY;
}

static void join_worker(struct job *job)
{
    WaitForSingleObject(job->thread, INFINITE);
    CloseHandle(job->thread);
}

#else

static int start_worker(struct job *job)
{
    if (pipe(job->ended) != 0)
        return 0;
    job->watch_keys = 1;
    if (pthread_create(&job->thread, NULL, work, job) == 0)
        return 1;
    close(job->ended[0]);
    close(job->ended[1]);
    return 0;
}

/* A standard input that has ended gives no key, and is not asked again. */
static enum event read_key(struct job *job)
{
    char key;

    job->watch_keys = read(STDIN_FILENO, &key, 1) == 1;
    return job->watch_keys ? KEY : TICK;
}

static enum event wait_for_event(struct job *job)
{
    struct timeval tick;
    fd_set ready;

    tick.tv_sec = 0;
    tick.tv_usec = TICK_MS * 1000L;
    FD_ZERO(&ready);
    FD_SET(job->ended[0], &ready);
    if (job->watch_keys)
        FD_SET(STDIN_FILENO, &ready);
    if (select(job->ended[0] + 1, &ready, NULL, NULL, &tick) <= 0)
        return TICK; /* also when a signal came */
    if (FD_ISSET(job->ended[0], &ready))
        return DONE;
    return read_key(job);
}

static void join_worker(struct job *job)
{
    pthread_join(job->thread, NULL);
    close(job->ended[0]);
}

#endif

/* --- The window --------------------------------------------------------------------------- */

static void draw(unsigned ticks, int cancelling)
{
    char bar[BAR + 1];

    memset(bar, '.', BAR);
    bar[ticks % BAR] = '#';
    bar[BAR] = '\0';
    printf("\r[%s] %5.1f s  %s", bar, ticks * TICK_MS / 1000.0,
           cancelling ? "cancelling ...        " : "Enter or Ctrl-C cancels");
    fflush(stdout);
}

/* What a window's message loop does. `cancel_after` counts ticks; 0: the user alone cancels. */
static void run_window(struct job *job, unsigned cancel_after)
{
    enum event event = TICK;
    unsigned ticks = 0;
    int cancelling = 0;

    while (event != DONE) {
        draw(ticks, cancelling);
        event = wait_for_event(job);
        ticks += event == TICK;
        if (event == KEY || interrupted || (cancel_after != 0 && ticks >= cancel_after))
            cancelling = 1;
        /* Again and again: a call that has not begun yet is not touched by a cancel. */
        if (cancelling)
            agw_cancel(job->client);
    }
    putchar('\n');
}

/* --- The call ----------------------------------------------------------------------------- */

static agw_client *make_client(const char *url, const char *ca, agw_result *result)
{
    agw_client_options options;
    agw_client *client;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.base_url = url;
    options.ca = ca;
    options.tls_trust = AGW_TRUST_CA;
    agw_client_new(&options, &client, result);
    return client;
}

static void reject(struct job *job, unsigned cancel_after)
{
    if (start_worker(job)) {
        run_window(job, cancel_after);
        join_worker(job);
    } else {
        job->result.status = AGW_E_RESOURCES;
    }
}

static int usage(void)
{
    fprintf(stderr,
            "usage: gui URL CA-FILE AGENT-ID [--cancel-after MS]  (the Guid: in AGW_GUID)\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct job job;
    unsigned cancel_after = 0;

    if (argc == 6 && strcmp(argv[4], "--cancel-after") == 0)
        cancel_after = (unsigned)strtoul(argv[5], NULL, 10) / TICK_MS + 1;
    else if (argc != 4)
        return usage();

    memset(&job, 0, sizeof job);
    job.result.struct_size = (uint32_t)sizeof job.result;
    job.agent_id = argv[3];
    job.guid = getenv("AGW_GUID");
    job.client = make_client(argv[1], argv[2], &job.result);
    if (job.client != NULL) {
        signal(SIGINT, on_interrupt);
        reject(&job, cancel_after);
        agw_free(job.client);
    }
    printf("%ld %s retcode=%s %s\n", (long)job.result.status, agw_strerror(job.result.status),
           job.result.retcode, job.result.detail);
    return job.result.status != AGW_OK;
}
