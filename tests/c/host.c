/* What a POSIX host does to a library: forks among its threads, and leaves SIGPIPE alone.
 *
 *     host threads URL   forks again and again while other threads call
 *     host sigpipe URL   calls a gateway that resets its connections; SIGPIPE kills by default
 *     host ending URL    calls from the destructors of threads that are ending
 */
#define _POSIX_C_SOURCE 200112L

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agw.h"

enum { CALLS = 20, THREADS = 4, FORKS = 100, PATIENCE_S = 60 };

static agw_client *client;
static atomic_int stop;

static agw_status reject(agw_result *result)
{
    *result = (agw_result){.struct_size = sizeof *result};
    return agw_reject_agent_conf(client, "154", "a-guid-of-a-simulated-agent", result);
}

static int make_client(const char *url)
{
    agw_client_options options = {
        .struct_size = sizeof options,
        .base_url = url,
        .flags = AGW_ALLOW_HTTP,
        .tls_trust = AGW_TRUST_DANGER_ANY,
    };
    agw_result result = {.struct_size = sizeof result};

    if (agw_client_new(&options, &client, &result) == AGW_OK)
        return 1;
    printf("agw_client_new: %s\n", result.detail);
    return 0;
}

/* 0 if it was accepted. */
static int call(const char *who)
{
    agw_result result;

    if (reject(&result) == AGW_OK)
        return 0;
    printf("%s: %ld %s\n", who, (long)result.status, result.detail);
    fflush(stdout);
    return 1;
}

/* The child's part: calls, and frees the client, which must not touch the parent's. */
static pid_t fork_caller(void)
{
    pid_t child = fork();

    if (child == 0) {
        int failed;

        alarm(PATIENCE_S);
        failed = call("child");
        _exit(failed || agw_free(client) != AGW_OK);
    }
    return child;
}

static int ended_well(pid_t child)
{
    int status = 0;

    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status)
        && WEXITSTATUS(status) == 0;
}

static void *work(void *unused)
{
    void *failed = NULL;

    while (!stop && failed == NULL)
        if (call("thread"))
            failed = &client;
    (void)unused;
    return failed;
}

static int fork_among_threads(void)
{
    pthread_t threads[THREADS];
    int i, failures = 0;

    for (i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 1;
    for (i = 0; i < FORKS; i++)
        failures += !ended_well(fork_caller());
    stop = 1;
    for (i = 0; i < THREADS; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        failures += failed != NULL;
    }
    printf("%d forks among %d threads, %d failures\n", FORKS, THREADS, failures);
    return failures != 0;
}

static int meet_resets(void)
{
    agw_result result;
    int i;

    signal(SIGPIPE, SIG_DFL);
    for (i = 0; i < 10 * CALLS; i++)
        if (reject(&result) == AGW_OK)
            return 1;
    printf("alive after %d calls: %s\n", i, result.detail);
    return 0;
}

static pthread_key_t key;

/* A client of its own connects anew. 0 if all was well. */
static int call_anew(const char *who, const char *url)
{
    agw_client *shared = client;
    int failed = !make_client(url) || call(who) || agw_free(client) != AGW_OK;

    client = shared;
    return failed;
}

/* By then the library's own thread-local data is gone. */
static void at_the_end(void *url)
{
    if (call_anew("an ending thread", url))
        _exit(1);
}

/* By name the call before the end looks it up, too: a thread that starts its first one at its end,
 * to look a name up, leaves 32 bytes of glibc's and Rust's behind. */
static void *end(void *url)
{
    int by_name = strstr(url, "localhost") != NULL;
    int failed = by_name ? call_anew("a thread", url) : call("a thread");

    pthread_setspecific(key, url);
    return failed ? &client : NULL;
}

static int end_threads(char *url)
{
    int i;

    if (pthread_key_create(&key, at_the_end) != 0)
        return 1;
    for (i = 0; i < CALLS; i++) {
        pthread_t thread;
        void *failed = NULL;

        if (pthread_create(&thread, NULL, end, url) != 0)
            return 1;
        pthread_join(thread, &failed);
        if (failed != NULL)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 2;

    if (argc != 3 || !make_client(argv[2]))
        return failed;
    alarm(PATIENCE_S);
    if (strcmp(argv[1], "threads") == 0)
        failed = fork_among_threads();
    else if (strcmp(argv[1], "sigpipe") == 0)
        failed = meet_resets();
    else if (strcmp(argv[1], "ending") == 0)
        failed = end_threads(argv[2]);
    if (agw_free(client) != AGW_OK)
        failed = 1;
    return failed;
}
