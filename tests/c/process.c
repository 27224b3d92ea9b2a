/* What a process does to a library in it, besides calling it. Each part ends with 0 if the library
 * took it well, and says on standard output what it met.
 *
 *     process first N URL      forks in the middle of a thread's first call, N times
 *     process cancel URL       pthread_cancel before and during calls, and in the log callback
 *     process gate URL         agw_free beside a slow log callback, and one that waits for a call
 *     process locale LOCALE    what refused connections and look-ups say in a host's language
 *     process closed URL       standard error is closed, and written to all the same
 *     process full URL CA      no file descriptor is left
 *     process daemon URL       goes on in a child, as daemon() does
 *     process logging URL      forks in the log callback, where a kept connection is dead
 *     process handlers URL     calls in fork handlers that are older than the library's
 *     process numbers URL      cancels calls by number, in the parent and in a forked child
 *     process sessions N URL   forks beside threads that poll, reject and renew Guids, N times
 *     process look-up          cancels one of two look-ups by number (AGW_FAULT=look-up-hangs)
 *     process signals          a signal comes while a name is looked up (AGW_FAULT=look-up-hangs)
 *     process getenv URL       counts who reads the environment after agw_client_new
 *     process connect URL      one agw_connect with the system's certificate store
 *     process threads URL      forks again and again while other threads call
 *     process sigpipe URL      calls a gateway that resets its connections; SIGPIPE kills by default
 *     process ending URL       calls from the destructors of threads that are ending
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agw.h"

#include "process/calls.h"
#include "process/first.h"
#include "process/forks.h"
#include "process/ending.h"
#include "process/threads.h"
#include "process/numbers.h"
#include "process/sessions.h"

static int locale(char *name)
{
    agw_result refused, not_found, no_file;
    agw_client *none;

    if (setlocale(LC_ALL, name) == NULL) {
        printf("there is no locale %s\n", name);
        return 2;
    }
    printf("the host says: %s\n", strerror(ECONNREFUSED));
    refused = reject(client_of("http://127.0.0.1:9", 0), "154");
    not_found = reject(client_of("http://no-such-host.invalid", 0), "154");
    make_client("https://gw", "no-such-folder/ca.pem", 0, &none, &no_file);
    printf("%s\n%s\n%s\n", refused.detail, not_found.detail, no_file.detail);
    return said(&refused, AGW_E_CONNECT, "connection refused")
        | said(&not_found, AGW_E_RESOLVE, "cannot look up no-such-host.invalid: ")
        | said(&no_file, AGW_E_TLS_CONFIG, "cannot be read: entity not found")
        | expect("os_error", refused.os_error, ECONNREFUSED)
        | expect("plain ASCII", strpbrk(not_found.detail, "\xef\xbf\xbd") == NULL, 1);
}

static void AGW_CALL write_to_standard_error(int32_t level, const char *message, void *user_data)
{
    (void)level;
    (void)user_data;
    (void)!write(2, message, strlen(message));
}

static int closed(char *url)
{
    agw_client *client;
    int i;

    close(2);
    log_line = write_to_standard_error;
    client = client_of(url, 0);
    for (i = 0; i < 3; i++)
        if (reject(client, "154").status != AGW_OK)
            return 1;
    return agw_free(client) != AGW_OK;
}

static atomic_int told_wrong;

static void *compete(void *url)
{
    agw_client *client;
    agw_result result;
    int i;

    for (i = 0; i < 200; i++) {
        client = client_of(url, 0);
        result = reject(client, "154");
        agw_free(client);
        if (result.status != AGW_OK && result.status != AGW_E_RESOURCES && told_wrong++ == 0)
            printf("status %d: %s\n", (int)result.status, result.detail);
    }
    return NULL;
}

static int full(char *url, char *by_name, char *ca)
{
    agw_client *client = client_of(url, 0), *named = client_of(by_name, 0), *none;
    struct rlimit few = {64, 64};
    pthread_t threads[8];
    agw_result result;
    int i, failed = 0;

    setrlimit(RLIMIT_NOFILE, &few);
    while (dup(0) >= 0)
        ;
    result = reject(client, "154");
    failed |= said(&result, AGW_E_RESOURCES, "no file descriptor is left");
    failed |= expect("os_error", result.os_error, EMFILE);
    result = reject(named, "154");
    failed |= said(&result, AGW_E_RESOURCES, "no file descriptor is left");
    /* Where ca is NULL, the system's store. */
    for (i = 0; i < 2; i++) {
        make_client("https://gw", i == 0 ? ca : NULL, 0, &none, &result);
        failed |= said(&result, AGW_E_RESOURCES, "no file descriptor is left");
    }
    close(63);
    failed |= expect("with one descriptor: status", reject(client, "154").status, AGW_OK);
    agw_free(client);
    /* What a look-up lacked, another thread may have given back by its end. */
    for (i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, compete, by_name);
    for (i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    return failed | expect("told wrong among threads", told_wrong, 0);
}

static int open_sockets(void)
{
    char path[64], target[64];
    int found = 0, i;

    for (i = 3; i < 256; i++) {
        ssize_t length;

        snprintf(path, sizeof path, "/proc/self/fd/%d", i);
        length = readlink(path, target, sizeof target - 1);
        found += length > 7 && memcmp(target, "socket:", 7) == 0;
    }
    return found;
}

static int as_daemon(char *url)
{
    agw_client *client = client_of(url, 0);
    int failed = expect("before: status", reject(client, "154").status, AGW_OK);
    pid_t child = fork();

    if (child == 0) {
        failed = expect("child: sockets it came with", open_sockets(), 1);
        failed |= expect("child: status", reject(client, "154").status, AGW_OK);
        failed |= expect("child: sockets", open_sockets(), 1);
        fflush(stdout);
        _exit(failed);
    }
    failed |= expect("child", ended(child), 0);
    return failed | expect("after: status", reject(client, "154").status, AGW_OK);
}

static agw_client *of_handlers;
static int failed_in_handlers;

static void calls_in_a_fork(void)
{
    if (of_handlers == NULL)
        return;
    failed_in_handlers |= expect("in a handler: status", reject(of_handlers, "154").status, AGW_OK);
    failed_in_handlers |= expect("in a handler: free", agw_free(client_of("http://gw", 0)), AGW_OK);
}

static int handlers(char *url)
{
    pid_t child;

    /* The library's are registered by its first client, where it does not do so as it is loaded. */
    pthread_atfork(calls_in_a_fork, calls_in_a_fork, calls_in_a_fork);
    of_handlers = client_of(url, 0);
    failed_in_handlers |= expect("before: status", reject(of_handlers, "154").status, AGW_OK);
    child = fork();
    failed_in_handlers |= expect("after: status", reject(of_handlers, "154").status, AGW_OK);
    fflush(stdout);
    if (child == 0)
        _exit(failed_in_handlers);
    return failed_in_handlers | expect("child", ended(child), 0);
}

static atomic_int handled;
static pthread_t handled_in;

static void handle(int number)
{
    (void)number;
    handled_in = pthread_self();
    handled = 1;
}

static void *signals_meanwhile(void *unused)
{
    usleep(500000);
    kill(getpid(), SIGUSR1);
    return unused;
}

/* Every thread of the host's has the signal blocked, so that only one of the library's could be in
 * its way; once the call is over, it must still be there. */
static int signals(void)
{
    agw_client *client = client_of("http://gateway.test", 1500);
    struct sigaction action = {.sa_handler = handle};
    sigset_t set;
    pthread_t thread;
    int in_call;

    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    thread = start(signals_meanwhile, NULL);
    reject(client, "154");
    in_call = handled;
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return expect("handled in the call", in_call, 0) | expect("handled afterwards", handled, 1)
        | expect("in this thread", pthread_equal(handled_in, pthread_self()) != 0, 1);
}

static atomic_int readings;

/* Takes the place of the C library's for everything that is linked dynamically. A debug build of
 * the library looks for planted faults. */
char *getenv(const char *name)
{
    static atomic_uintptr_t original;

    if (original == 0)
        original = (uintptr_t)dlsym(RTLD_NEXT, "getenv");
    readings += strcmp(name, "AGW_FAULT") != 0;
    return ((char *(*)(const char *))original)(name);
}

static int reads_environment(char *url)
{
    agw_client_options options = {
        .struct_size = sizeof options, .base_url = url, .flags = AGW_ALLOW_HTTP, .proxy = "env"};
    agw_client *client;
    int failed, i;

    agw_client_new(&options, &client, NULL);
    failed = expect("getenv is counted", readings > 0, 1);
    agw_free(client);
    client = client_of(url, 0);
    for (i = 0; i < 3; i++) {
        readings = 0;
        failed |= expect("status", reject(client, "154").status, AGW_OK);
        failed |= expect("readings of the environment", readings, 0);
    }
    return failed | expect("connection of its own", agw_connect(client, NULL), AGW_OK);
}

static int connects(char *url)
{
    agw_client *client;
    agw_result result;

    if (make_client(url, NULL, 0, &client, &result) == AGW_OK)
        agw_connect(client, &result);
    printf("%ld %s\n", (long)result.status, result.detail);
    return result.status != AGW_OK;
}

static int meet_resets(char *url)
{
    agw_client *client;
    agw_result result;
    int i;

    signal(SIGPIPE, SIG_DFL);
    trust = AGW_TRUST_DANGER_ANY;
    client = client_of(url, 0);
    for (i = 0; i < 200; i++) {
        result = reject(client, "154");
        if (result.status == AGW_OK)
            return 1;
    }
    printf("alive after %d calls: %s\n", i, result.detail);
    return agw_free(client) != AGW_OK;
}

static const struct {
    const char *name;
    int (*go)(char *word);
} PARTS[] = {
    /* clang-format off */
    {"cancel", cancel},
    {"gate", gate},
    {"locale", locale},
    {"closed", closed},
    {"daemon", as_daemon},
    {"logging", fork_in_callback},
    {"handlers", handlers},
    {"numbers", numbers},
    {"getenv", reads_environment},
    {"connect", connects},
    {"threads", fork_among_threads},
    {"sigpipe", meet_resets},
    {"ending", end_threads},
    /* clang-format on */
};

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
    size_t i;

    alarm(5 * PATIENCE_S);
    if (strcmp(part, "first") == 0 && argc == 4)
        return first(atoi(argv[2]), argv[3]);
    alarm(PATIENCE_S);
    if (strcmp(part, "full") == 0 && argc == 5)
        return full(argv[2], argv[3], argv[4]);
    if (strcmp(part, "sessions") == 0 && argc == 4)
        return sessions(atoi(argv[2]), argv[3]);
    if (strcmp(part, "look-up") == 0 && argc == 2)
        return look_up();
    if (strcmp(part, "signals") == 0 && argc == 2)
        return signals();
    for (i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++)
        if (strcmp(part, PARTS[i].name) == 0 && argc == 3)
            return PARTS[i].go(argv[2]);
    return 2;
}
