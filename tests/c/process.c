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
 *     process numbers URL      cancels calls by number, in the parent and in a forked child
 *     process sessions N URL   forks beside threads that poll, reject and renew Guids, N times
 *     process look-up          cancels one of two look-ups by number (AGW_FAULT=look-up-hangs)
 *     process signals          a signal comes while a name is looked up (AGW_FAULT=look-up-hangs)
 *     process getenv URL       counts who reads the environment after agw_client_new
 *     process connect URL      one agw_connect with the system's certificate store
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

#define GUID "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1"

enum { PATIENCE_S = 60 };

static agw_log_fn log_line;

static agw_status make_client(const char *url, const char *ca, uint32_t timeout_ms,
                              agw_client **client, agw_result *result)
{
    agw_client_options options;

    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.base_url = url;
    options.flags = AGW_ALLOW_HTTP;
    options.timeout_ms = timeout_ms;
    options.ca = ca;
    options.tls_trust = ca != NULL ? AGW_TRUST_CA : AGW_TRUST_SYSTEM;
    options.log = log_line;
    options.log_level = AGW_LOG_DEBUG;
    memset(result, 0, sizeof *result);
    result->struct_size = sizeof *result;
    return agw_client_new(&options, client, result);
}

static agw_client *client_of(const char *url, uint32_t timeout_ms)
{
    agw_client *client;
    agw_result result;

    if (make_client(url, NULL, timeout_ms, &client, &result) != AGW_OK) {
        printf("agw_client_new: %s\n", result.detail);
        exit(2);
    }
    return client;
}

static agw_result reject_numbered(agw_client *client, const char *agent, uint32_t call_id)
{
    agw_result result;

    memset(&result, 0, sizeof result);
    result.struct_size = sizeof result;
    result.call_id = call_id;
    agw_reject_agent_conf(client, agent, GUID, &result);
    return result;
}

static agw_result reject(agw_client *client, const char *agent)
{
    return reject_numbered(client, agent, 0);
}

static int expect(const char *what, long is, long should)
{
    if (is != should)
        printf("%s is %ld, not %ld\n", what, is, should);
    return is != should;
}

static int said(const agw_result *result, agw_status status, const char *words)
{
    int failed = expect("status", result->status, status);

    if (strstr(result->detail, words) == NULL) {
        printf("no \"%s\" in: %s\n", words, result->detail);
        failed = 1;
    }
    return failed;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static pthread_t start(void *(*work)(void *), void *argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, argument) != 0)
        exit(2);
    return thread;
}

/* --- first -------------------------------------------------------------------------------- */

static pthread_barrier_t together;

static int first_call(const char *url)
{
    agw_client *client = client_of(url, 0);
    agw_result result = reject(client, "154");

    return agw_free(client) != AGW_OK || result.status != AGW_E_CONNECT;
}

static void *calls_first(void *url)
{
    pthread_barrier_wait(&together);
    return first_call(url) ? url : NULL;
}

/* In a process of its own, which never called before: a first use happens once. */
static int fork_in_first_call(char *url, long after_ns)
{
    double end;
    int status = -1;
    pthread_t thread;
    pid_t child;
    void *failed;

    pthread_barrier_init(&together, NULL, 2);
    thread = start(calls_first, url);
    pthread_barrier_wait(&together);
    for (end = now() + after_ns * 1e-9; now() < end;)
        ;
    child = fork();
    if (child == 0) {
        alarm(10);
        _exit(first_call(url));
    }
    waitpid(child, &status, 0);
    pthread_join(thread, &failed);
    return failed != NULL ? 3 : WIFSIGNALED(status) ? 4 : WEXITSTATUS(status);
}

static int first(int times, char *url)
{
    int hung = 0, failed = 0, i;

    srand(11);
    for (i = 0; i < times; i++) {
        long after_ns = rand() % 250000;
        int status = -1;
        pid_t process = fork();

        if (process == 0)
            _exit(fork_in_first_call(url, after_ns));
        waitpid(process, &status, 0);
        hung += WIFEXITED(status) && WEXITSTATUS(status) == 4;
        failed += status != 0;
    }
    printf("%d forks in a first call: %d children hang, %d runs failed\n", times, hung, failed);
    return failed != 0;
}

/* --- cancel ------------------------------------------------------------------------------- */

static void AGW_CALL cancel_thread(int32_t level, const char *message, void *user_data)
{
    (void)level;
    (void)message;
    (void)user_data;
    pthread_cancel(pthread_self());
    usleep(1000);
}

/* Where the thread came to: cancellation must wait for the end of each call. */
static atomic_int calls_returned;

static void *pending(void *url)
{
    agw_client *client = NULL;
    agw_result result;
    int state;

    pthread_cancel(pthread_self());
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    calls_returned += make_client(url, NULL, 0, &client, &result) == AGW_OK;
    calls_returned += agw_connect(client, NULL) == AGW_OK;
    calls_returned += agw_reject_agent_conf(client, "154", GUID, NULL) == AGW_OK;
    calls_returned += agw_free(client) == AGW_OK;
    pthread_testcancel();
    return NULL;
}

static void *waits(void *client)
{
    calls_returned += agw_reject_agent_conf(client, "155", GUID, NULL) == AGW_E_TIMEOUT;
    pthread_testcancel();
    return NULL;
}

static int cancel(char *url)
{
    agw_client *client;
    void *outcome = NULL;
    pthread_t thread;
    int failed = 0;

    pthread_join(start(pending, url), &outcome);
    failed |= expect("pending: cancelled", outcome == PTHREAD_CANCELED, 1);
    failed |= expect("pending: calls that returned", calls_returned, 4);

    log_line = cancel_thread;
    calls_returned = 0;
    pthread_join(start(pending, url), &outcome);
    failed |= expect("log callback: cancelled", outcome == PTHREAD_CANCELED, 1);
    failed |= expect("log callback: calls that returned", calls_returned, 4);
    log_line = NULL;

    calls_returned = 0;
    client = client_of(url, 400);
    thread = start(waits, client);
    usleep(100000);
    pthread_cancel(thread);
    pthread_join(thread, &outcome);
    failed |= expect("waiting: cancelled", outcome == PTHREAD_CANCELED, 1);
    failed |= expect("waiting: calls that returned", calls_returned, 1);
    return failed || agw_free(client) != AGW_OK;
}

/* --- gate --------------------------------------------------------------------------------- */

static pthread_t slow_one;
static atomic_int in_callback, other_returned, callback_saw_it;
static int callback_waits;

/* In the first thread only: sleeps, or waits for the other thread's call. */
static void AGW_CALL slow_line(int32_t level, const char *message, void *user_data)
{
    double end = now() + 3;

    (void)level;
    (void)user_data;
    if (!pthread_equal(pthread_self(), slow_one) || strstr(message, "retcode") == NULL)
        return;
    in_callback = 1;
    while (now() < end && !(callback_waits && other_returned))
        usleep(1000);
    callback_saw_it = other_returned;
}

static void *calls_slowly(void *client)
{
    slow_one = pthread_self();
    reject(client, "154");
    return NULL;
}

static void *calls_beside(void *client)
{
    static double took;
    double begun = now();

    reject(client, "155");
    took = now() - begun;
    other_returned = 1;
    return &took;
}

static void *frees(void *client)
{
    return agw_free(client) == AGW_OK ? NULL : client;
}

static int gate_once(char *url, int waits_for_it)
{
    agw_client *client;
    pthread_t slow, beside, free;
    void *took, *unfreed;
    int failed;

    in_callback = other_returned = callback_saw_it = 0;
    callback_waits = waits_for_it;
    client = client_of(url, 500);
    beside = start(calls_beside, client);
    usleep(50000);
    slow = start(calls_slowly, client);
    while (!in_callback)
        usleep(1000);
    free = start(frees, client);
    pthread_join(beside, &took);
    pthread_join(slow, NULL);
    pthread_join(free, &unfreed);
    printf("the call beside took %.2f s\n", *(double *)took);
    failed = expect("freed", unfreed == NULL, 1) | expect("callback saw it", callback_saw_it, 1);
    return failed || *(double *)took >= 2;
}

static int gate(char *url)
{
    log_line = slow_line;
    return gate_once(url, 0) | gate_once(url, 1);
}

/* --- numbers ------------------------------------------------------------------------------ */

/* A call in a thread of its own. */
struct call {
    agw_client *client;
    uint32_t id;
    agw_result result;
    pthread_t thread;
};

static void *makes_call(void *argument)
{
    struct call *call = argument;

    call->result = reject_numbered(call->client, "155", call->id);
    return NULL;
}

/* Into the wait for the gateway, which says nothing to agent 155, or for the look-up. */
static void begin(struct call *call, agw_client *client, uint32_t id)
{
    call->client = client;
    call->id = id;
    call->thread = start(makes_call, call);
    usleep(200000);
}

static agw_result end(struct call *call)
{
    pthread_join(call->thread, NULL);
    return call->result;
}

/* One that comes before its call, then one that comes in the middle of it. */
static int cancel_by_number(const char *who, agw_client *client, uint32_t early, uint32_t id)
{
    agw_result result = reject_numbered(client, "154", early);
    struct call call;
    int failed = said(&result, AGW_E_CANCELLED, "cancelled");

    failed |= expect("early: flags", result.flags, 0);
    result = reject_numbered(client, "154", early);
    failed |= expect("the cancel is used up: status", result.status, AGW_OK);
    begin(&call, client, id);
    failed |= expect("agw_cancel_call", agw_cancel_call(client, id), AGW_OK);
    result = end(&call);
    failed |= said(&result, AGW_E_CANCELLED, "cancelled");
    if (failed) {
        printf("%s failed\n", who);
        fflush(stdout);
    }
    return failed;
}

static int numbers(char *url)
{
    enum { EARLY = 1, PARENTS, CHILDS, OTHERS };
    agw_client *client = client_of(url, 1000 * PATIENCE_S);
    struct call call;
    agw_result result;
    int failed, status = -1;
    pid_t child;

    begin(&call, client, PARENTS);
    agw_cancel_call(client, EARLY);
    child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        agw_cancel_call(client, PARENTS);
        _exit(cancel_by_number("the child", client, EARLY, CHILDS));
    }
    waitpid(child, &status, 0);
    /* What the child cancelled was not the parent's. */
    failed = expect("child", status, 0);
    failed |= cancel_by_number("the parent", client, EARLY, OTHERS);
    agw_cancel_call(client, PARENTS);
    result = end(&call);
    failed |= said(&result, AGW_E_CANCELLED, "cancelled");
    result = reject_numbered(client, "154", PARENTS);
    return failed | expect("after: status", result.status, AGW_OK);
}

static int look_up(void)
{
    enum { ONE = 1, OTHER };
    agw_client *client = client_of("http://gateway.test", 1000 * PATIENCE_S);
    struct call one, other;
    agw_result result;
    int failed;

    begin(&other, client, OTHER);
    begin(&one, client, ONE);
    agw_cancel_call(client, ONE);
    result = end(&one);
    failed = said(&result, AGW_E_CANCELLED, "cancelled");
    result = end(&other);
    /* The look-up fails in the end. */
    return failed | said(&result, AGW_E_RESOLVE, "planted fault");
}

/* --- sessions ----------------------------------------------------------------------------- */

enum { POLLED = 8, CALLED = 4, AT_A_TIME = 30 };

static const char *const agents[POLLED + CALLED] = {"101", "102", "103", "104", "105", "106",
                                                    "107", "108", "109", "110", "111", "112"};
/* Nobody calls for this one. */
static const char quiet_agent[] = "113";

static agw_client *shift;
static atomic_int shift_is_over, shift_failed;

static agw_status next_event(const char *agent)
{
    agw_event event;

    memset(&event, 0, sizeof event);
    event.struct_size = sizeof event;
    return agw_next_event(shift, agent, &event, NULL);
}

static agw_session session_of(const char *agent)
{
    agw_session session;

    memset(&session, 0, sizeof session);
    session.struct_size = sizeof session;
    agw_get_session(shift, agent, &session, NULL);
    return session;
}

static void *polls(void *agent)
{
    while (!shift_is_over)
        shift_failed |= next_event(agent) != AGW_OK;
    return NULL;
}

/* Each answer renews the Guid. */
static void *calls(void *agent)
{
    while (!shift_is_over)
        shift_failed |= agw_reject_agent_conf(shift, agent, NULL, NULL) != AGW_OK;
    return NULL;
}

/* Without a pause, so that a fork finds it in the middle. */
static void *keeps(void *agent)
{
    while (!shift_is_over)
        shift_failed |= agw_set_session(shift, agent, "114-kept", "NODE=b", NULL) != AGW_OK;
    return NULL;
}

static int is_kept(const char *agent, const agw_session *before)
{
    agw_session session = session_of(agent);
    size_t length = strlen(agent);

    /* The agent, and a number that grows. */
    return strncmp(session.guid, agent, length) == 0 && session.guid[length] == '-'
        && strcmp(session.guid, before->guid) >= 0;
}

/* The parent's thread polls for the same agent, and goes on. */
static int in_child(int turn, const agw_session *before, const agw_session *quiet_before)
{
    const char *polled = agents[turn % POLLED], *called = agents[POLLED + turn % CALLED];
    agw_session quiet = session_of(quiet_agent);
    int failed = expect("child: what is kept", is_kept(polled, before), 1);

    failed |= expect("child: the same Guid", strcmp(quiet.guid, quiet_before->guid), 0);
    failed |= expect("child: the same cookies", strcmp(quiet.cookie, quiet_before->cookie), 0);
    failed |= expect("child: reject", agw_reject_agent_conf(shift, called, NULL, NULL), AGW_OK);
    failed |= expect("child: poll", next_event(polled), AGW_OK);
    failed |= expect("child: sign-out", agw_sign_out(shift, polled, NULL), AGW_OK);
    failed |= expect("child: signed out", next_event(polled), AGW_E_SESSION);
    agw_set_session(shift, quiet_agent, "the-childs", "", NULL);
    fflush(stdout);
    return failed;
}

static int fork_children(int turn, int count, int *hung)
{
    agw_session quiet = session_of(quiet_agent);
    pid_t children[AT_A_TIME];
    int failed = 0, i;

    for (i = 0; i < count; i++) {
        agw_session before = session_of(agents[(turn + i) % POLLED]);

        usleep((useconds_t)(rand() % 5000));
        children[i] = fork();
        if (children[i] == 0) {
            alarm(20);
            _exit(in_child(turn + i, &before, &quiet));
        }
    }
    for (i = 0; i < count; i++) {
        int status = -1;

        waitpid(children[i], &status, 0);
        *hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        failed += status != 0;
    }
    return failed;
}

static int sessions(int times, char *url)
{
    pthread_t threads[POLLED + CALLED], keeper;
    agw_session quiet;
    int hung = 0, failed = 0, i;

    srand(7);
    shift = client_of(url, 1000 * PATIENCE_S);
    agw_set_session(shift, quiet_agent, "113-quiet", "NODE=a; X=1", NULL);
    for (i = 0; i < POLLED + CALLED; i++) {
        agw_sign_in_options sign_in;

        memset(&sign_in, 0, sizeof sign_in);
        sign_in.struct_size = sizeof sign_in;
        sign_in.agent_id = agents[i];
        failed |= expect("sign-in", agw_sign_in(shift, &sign_in, NULL), AGW_OK);
        threads[i] = start(i < POLLED ? polls : calls, (void *)agents[i]);
    }
    keeper = start(keeps, "114");
    for (i = 0; i < times && failed == 0; i += AT_A_TIME)
        failed += fork_children(i, times - i < AT_A_TIME ? times - i : AT_A_TIME, &hung);
    shift_is_over = 1;
    pthread_join(keeper, NULL);
    for (i = 0; i < POLLED + CALLED; i++) {
        pthread_join(threads[i], NULL);
        failed |= expect("kept", session_of(agents[i]).guid[0], '1');
    }
    quiet = session_of(quiet_agent);
    failed |= expect("the parent's own", strcmp(quiet.guid, "113-quiet"), 0);
    failed |= expect("a call that failed", shift_failed, 0);
    printf("%d forks in a shift: %d children hang, %d failed\n", times, hung, failed);
    return failed != 0 || agw_free(shift) != AGW_OK;
}

/* --- the rest ----------------------------------------------------------------------------- */

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
    agw_result result;
    int i;

    close(2);
    log_line = write_to_standard_error;
    client = client_of(url, 0);
    for (i = 0; i < 3; i++) {
        result = reject(client, "154");
        if (result.status != AGW_OK)
            return 1;
    }
    return agw_free(client) != AGW_OK;
}

static int full(char *url, char *by_name, char *ca)
{
    agw_client *client = client_of(url, 0), *named = client_of(by_name, 0), *none;
    struct rlimit few = {64, 64};
    agw_result result;
    int failed = 0;

    setrlimit(RLIMIT_NOFILE, &few);
    while (dup(0) >= 0)
        ;
    result = reject(client, "154");
    failed |= said(&result, AGW_E_RESOURCES, "no file descriptor is left");
    failed |= expect("os_error", result.os_error, EMFILE);
    result = reject(named, "154");
    failed |= said(&result, AGW_E_RESOURCES, "no file descriptor is left");
    make_client("https://gw", ca, 0, &none, &result);
    failed |= said(&result, AGW_E_RESOURCES, "no file descriptor is left");
    close(63);
    result = reject(client, "154");
    return failed | expect("with one descriptor: status", result.status, AGW_OK);
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
    agw_result result = reject(client, "154");
    int failed = expect("before: status", result.status, AGW_OK), status = -1;
    pid_t child = fork();

    if (child == 0) {
        failed = expect("child: sockets it came with", open_sockets(), 1);
        result = reject(client, "154");
        failed |= expect("child: status", result.status, AGW_OK);
        failed |= expect("child: sockets", open_sockets(), 1);
        fflush(stdout);
        _exit(failed);
    }
    waitpid(child, &status, 0);
    result = reject(client, "154");
    return failed | expect("child", status, 0) | expect("after: status", result.status, AGW_OK);
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
    struct sigaction action;
    sigset_t set;
    pthread_t thread;
    int in_call;

    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
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
    static char *(*original)(const char *);

    if (original == NULL)
        *(void **)&original = dlsym(RTLD_NEXT, "getenv");
    readings += strcmp(name, "AGW_FAULT") != 0;
    return original(name);
}

static int reads_environment(char *url)
{
    agw_client_options options;
    agw_client *client;
    int failed, i;

    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.base_url = url;
    options.flags = AGW_ALLOW_HTTP;
    options.proxy = "env";
    agw_client_new(&options, &client, NULL);
    failed = expect("getenv is counted", readings > 0, 1);
    agw_free(client);
    client = client_of(url, 0);
    for (i = 0; i < 3; i++) {
        agw_result result;

        readings = 0;
        result = reject(client, "154");
        failed |= expect("status", result.status, AGW_OK);
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

static const struct {
    const char *name;
    int (*go)(char *word);
} PARTS[] = {
    {"cancel", cancel},
    {"gate", gate},
    {"locale", locale},
    {"closed", closed},
    {"daemon", as_daemon},
    {"numbers", numbers},
    {"getenv", reads_environment},
    {"connect", connects},
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
