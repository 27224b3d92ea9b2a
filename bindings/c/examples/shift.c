/* shift: an agent's whole shift: signs in, shows what happens, rejects what rings, signs out.
 *
 * An example to copy from: a worker thread waits for events, each of which may take 10 s to come; the
 * main thread sees to Ctrl-C, and ends that wait, and no other call, by its number. C89; POSIX
 * threads, or Windows threads.
 *
 *     cc -o shift shift.c -lagw -pthread
 *     AGW_PASSWORD=... ./shift URL CA-FILE AGENT-ID PHONE [--ask] [--force]
 *
 * Every conference that rings is rejected, with --ask only where the answer is y. --force signs
 * in although the agent is signed in already. The exit code is 0 if the shift ended by Ctrl-C and the
 * agent is signed out, 1 if not, 2 for wrong usage.
 *
 * On Windows main's arguments are in the ANSI code page, and agw takes paths in UTF-8: a program
 * that is to take others than ASCII has wmain and WideCharToMultiByte(CP_UTF8, ...).
 */
#ifdef _WIN32
#define _CRT_SECURE_NO_WARNINGS /* getenv is standard */
#include <windows.h>
#define THREAD_FUNCTION(name, argument) static DWORD WINAPI name(LPVOID argument)
typedef HANDLE thread_handle;
#else
#define _POSIX_C_SOURCE 200112L
#include <pthread.h>
#define THREAD_FUNCTION(name, argument) static void *name(void *argument)
typedef pthread_t thread_handle;
#endif

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agw.h"

enum { TICK_MS = 50, PAUSE_TICKS = 20 };

/* The number of the call that waits for events: agw_cancel_call() ends that one. A number is used
 * again only when no cancel for it can come any more, here: never after the one cancel. */
enum { POLL = 1 };

struct shift {
    agw_client *client;
    const char *agent_id;
    int ask;
};

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t over; /* set by the worker when it is done */

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1; /* nothing else is safe in a signal handler: the main thread cancels */
}

/* --- The platform --------------------------------------------------------------------------- */

static void nap(void)
{
#ifdef _WIN32
    Sleep(TICK_MS);
#else
    struct timespec tick;

    tick.tv_sec = 0;
    tick.tv_nsec = TICK_MS * 1000000L;
    nanosleep(&tick, NULL);
#endif
}

/* --- What is shown -------------------------------------------------------------------------- */

static agw_result new_result(void)
{
    agw_result result;

    memset(&result, 0, sizeof result);
    result.struct_size = (uint32_t)sizeof result;
    return result;
}

/* A line of the timeline. The gateway's text may hold anything, but a terminal obeys nobody else. */
static void show(const char *what, const char *text)
{
    const char *byte;
    char clock[16], line[4200];
    time_t now = time(NULL);

    strftime(clock, sizeof clock, "%H:%M:%S", localtime(&now));
    sprintf(line, "%s  %-28.64s %.4000s", clock, what, text);
    for (byte = line; *byte != '\0'; byte++)
        putchar((unsigned char)*byte < 0x20 || *byte == 0x7F ? ' ' : *byte);
    putchar('\n');
    fflush(stdout);
}

static void show_result(const char *what, const agw_result *result)
{
    const char *more = result->status == AGW_OK ? ""
        : result->message[0] != '\0'            ? result->message
                                                : result->detail;
    char line[1200];

    sprintf(line, "%.200s %.32s %.512s", agw_strerror(result->status), result->retcode, more);
    show(what, line);
}

/* --- The worker: waits for events ----------------------------------------------------------- */

/* A real program asks in its window, while this thread waits for the next event: the conference may
 * have stopped ringing when the user answers, which the gateway then says. */
static int wanted(const struct shift *shift)
{
    char line[16];

    if (!shift->ask)
        return 1;
    printf("Reject it? [y/n] ");
    fflush(stdout);
    return fgets(line, sizeof line, stdin) != NULL && line[0] == 'y';
}

static void on_ringing(const struct shift *shift)
{
    agw_result result = new_result();

    /* While the user makes up his mind: the reject then takes one round trip. */
    if (shift->ask)
        agw_connect(shift->client, &result);
    if (!wanted(shift))
        return;
    result = new_result();
    agw_reject_agent_conf(shift->client, shift->agent_id, NULL, &result);
    show_result("rejectAgentConf", &result);
}

static void pause_after_failure(void)
{
    int ticks;

    for (ticks = 0; ticks < PAUSE_TICKS && !interrupted; ticks++)
        nap();
}

/* Whether to go on. */
static int wait_for_event(const struct shift *shift)
{
    agw_event event;
    agw_result result = new_result();
    agw_status status;

    memset(&event, 0, sizeof event);
    event.struct_size = (uint32_t)sizeof event;
    result.call_id = POLL;
    status = agw_next_event(shift->client, shift->agent_id, &event, &result);
    if (status == AGW_E_CANCELLED)
        return 0;
    if (status != AGW_OK) {
        show_result("getAgentEvent", &result);
        pause_after_failure();
        return status != AGW_E_SESSION;
    }
    if (event.type[0] != '\0')
        show(event.type, event.content);
    if (strcmp(event.type, AGW_EVENT_CONF_RINGING) == 0)
        on_ringing(shift);
    return 1;
}

THREAD_FUNCTION(work, argument)
{
    struct shift *shift = argument;

    while (!interrupted && wait_for_event(shift))
        continue;
    over = 1;
    return 0;
}

/* --- The shift ------------------------------------------------------------------------------ */

static int start_worker(thread_handle *thread, struct shift *shift)
{
#ifdef _WIN32
    *thread = CreateThread(NULL, 0, work, shift, 0, NULL);
    return *thread != NULL;
#else
    return pthread_create(thread, NULL, work, shift) == 0;
#endif
}

static void join_worker(thread_handle thread)
{
#ifdef _WIN32
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
#else
    pthread_join(thread, NULL);
#endif
}

static int sign_in(const struct shift *shift, const char *phone, int force)
{
    agw_sign_in_options options;
    agw_result result = new_result();

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.flags = force ? AGW_SIGN_IN_FORCE : 0;
    options.agent_id = shift->agent_id;
    options.password = getenv("AGW_PASSWORD"); /* other users can see the command line */
    options.phone = phone;
    agw_sign_in(shift->client, &options, &result);
    show_result("login", &result);
    return result.status == AGW_OK;
}

static int sign_out(const struct shift *shift)
{
    agw_result result = new_result();

    agw_sign_out(shift->client, shift->agent_id, &result);
    show_result("logout", &result);
    return result.status == AGW_OK;
}

/* Until Ctrl-C, or until the worker gives up. */
static int wait_for_end(struct shift *shift)
{
    thread_handle worker;

    if (!start_worker(&worker, shift))
        return 0;
    while (!interrupted && !over)
        nap();
    /* If the worker is between two polls, this ends the next one before it has begun. */
    agw_cancel_call(shift->client, POLL);
    join_worker(worker);
    return interrupted != 0;
}

static agw_client *make_client(const char *url, const char *ca)
{
    agw_client_options options;
    agw_result result = new_result();
    agw_client *client;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.base_url = url;
    options.ca = ca;
    options.tls_trust = AGW_TRUST_CA;
    if (agw_client_new(&options, &client, &result) != AGW_OK)
        show_result("client", &result);
    return client;
}

int main(int argc, char **argv)
{
    struct shift shift;
    int force = 0, good = 0;

    memset(&shift, 0, sizeof shift);
    for (; argc > 5; argc--) {
        if (strcmp(argv[argc - 1], "--ask") == 0)
            shift.ask = 1;
        else if (strcmp(argv[argc - 1], "--force") == 0)
            force = 1;
        else
            break;
    }
    if (argc != 5) {
        fprintf(stderr, "usage: shift URL CA-FILE AGENT-ID PHONE [--ask] [--force]\n");
        return 2;
    }
    shift.agent_id = argv[3];
    shift.client = make_client(argv[1], argv[2]);
    if (shift.client == NULL)
        return 1;
    signal(SIGINT, on_interrupt);
    if (sign_in(&shift, argv[4], force)) {
        good = wait_for_end(&shift);
        good = sign_out(&shift) && good;
    }
    agw_free(shift.client);
    return good ? 0 : 1;
}
