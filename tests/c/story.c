/* Calls a running gateway as a host would; see usage(). For POSIX systems.
 *
 * The Guids are on the command line because they are a simulator's: never do that with real ones,
 * every user of the machine can read them there.
 */
#define _POSIX_C_SOURCE 200112L

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

enum { CALLS_PER_THREAD = 50, MAX_THREADS = 256 };

/* Of all calls. */
static agw_client *client;

static int usage(void)
{
    printf("usage: story URL CA reject STATUS AGENT GUID  (the status that it must have)\n"
           "       story URL CA threads N AGENT GUID [AGENT GUID ...]\n"
           "       story URL CA shift AGENT GUID PHONE  (signed in, and a conference rings)\n"
           "       (CA is a PEM file)\n");
    return 2;
}

static agw_result new_result(void)
{
    return (agw_result){.struct_size = sizeof(agw_result)};
}

static void print_result(const char *what, const agw_result *result)
{
    printf("%s: status=%ld retcode=%s http=%ld flags=%lu time_us=%lu", what, (long)result->status,
           *result->retcode ? result->retcode : "-", (long)result->http_status,
           (unsigned long)result->flags, (unsigned long)result->elapsed_us);
    printf(" message=\"%s\" detail=\"%s\"\n", result->message, result->detail);
}

static int make_client(const char *url, const char *ca)
{
    agw_client_options options = {
        .struct_size = sizeof options,
        .base_url = url,
        .ca = ca,
        .tls_trust = AGW_TRUST_CA,
        .timeout_ms = 10000,
    };
    agw_result result = new_result();

    if (agw_client_new(&options, &client, &result) != AGW_OK)
        print_result("client", &result);
    return client != NULL;
}

static int reject(const char *wanted, const char *agent, const char *guid)
{
    agw_status expected = (agw_status)atoi(wanted);
    agw_result result = new_result();
    agw_status status = agw_reject_agent_conf(client, agent, guid, &result);

    print_result(agent, &result);
    if (status == expected && result.status == status)
        return 0;
    printf("expected %ld: %s\n", (long)expected, agw_strerror(expected));
    return 1;
}

/* --- Many calls at once ------------------------------------------------------------------- */

struct worker {
    pthread_t thread;
    const char *agent_id;
    const char *guid;
    unsigned first;
};

static atomic_uint connects, accepted, no_conference, others;

/* Every third call is a connect; the threads begin at different places of that. */
static void *work(void *argument)
{
    const struct worker *worker = argument;
    unsigned call;

    for (call = 0; call < CALLS_PER_THREAD; call++) {
        int connecting = (worker->first + call) % 3 == 0;
        agw_result result = new_result();
        agw_status status = connecting
            ? agw_connect(client, &result)
            : agw_reject_agent_conf(client, worker->agent_id, worker->guid, &result);

        if (status == AGW_OK && connecting) {
            connects++;
        } else if (status == AGW_OK) {
            accepted++;
        } else if (status == AGW_E_NO_CONFERENCE && !connecting) {
            no_conference++;
        } else {
            others++;
            print_result(connecting ? "connect" : worker->agent_id, &result);
        }
    }
    return NULL;
}

static int threads(int wanted, char **pairs, int count)
{
    static struct worker workers[MAX_THREADS];
    int started, i;

    for (started = 0; started < wanted; started++) {
        struct worker *worker = &workers[started];
        int refused;

        worker->agent_id = pairs[2 * (started % count)];
        worker->guid = pairs[2 * (started % count) + 1];
        worker->first = (unsigned)started;
        refused = pthread_create(&worker->thread, NULL, work, worker);
        if (refused != 0) {
            printf("no thread: %s\n", strerror(refused));
            break;
        }
    }
    for (i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    printf("threads: calls=%u ok=%u no_conference=%u connects=%u accepted=%u others=%u\n",
           connects + accepted + no_conference + others, connects + accepted, no_conference,
           connects, accepted, others);
    return others == 0 && started == wanted ? 0 : 1;
}

/* --- A shift ------------------------------------------------------------------------------ */

enum { POLL = 7 };

static const char *agent_id;
static int checks, failures;

static void expect(int holds, const char *what, const agw_result *result)
{
    checks++;
    failures += !holds;
    if (!holds)
        print_result(what, result);
}

static void expect_event(const char *type)
{
    agw_event event = {.struct_size = sizeof event};
    agw_result result = new_result();

    agw_next_event(client, agent_id, &event, &result);
    expect(result.status == AGW_OK && strcmp(event.type, type) == 0, type, &result);
    expect(strcmp(event.work_no, agent_id) == 0, event.work_no, &result);
    expect((event.conf_id != 0) == (strcmp(type, AGW_EVENT_CONF_RINGING) == 0), event.content,
           &result);
}

/* The Guid that somebody else's sign-in brought. */
static void take_over(const char *guid)
{
    agw_session session = {.struct_size = sizeof session};
    agw_result result = new_result();

    agw_set_session(client, agent_id, guid, NULL, &result);
    expect(result.status == AGW_OK, "agw_set_session", &result);
    agw_get_session(client, agent_id, &session, &result);
    expect(strcmp(session.guid, guid) == 0 && session.cookie[0] == '\0', "agw_get_session",
           &result);
}

static void expect_rejected(agw_status status)
{
    agw_result result = new_result();

    agw_connect(client, &result);
    expect(result.status == AGW_OK, "agw_connect", &result);
    agw_reject_agent_conf(client, agent_id, NULL, &result);
    expect(result.status == status && (result.http_status == 200) == (status == AGW_OK),
           "agw_reject_agent_conf", &result);
}

static void expect_signed_in(const char *phone, uint32_t flags, agw_status status)
{
    agw_sign_in_options options = {
        .struct_size = sizeof options,
        .flags = flags,
        .agent_id = agent_id,
        .phone = phone,
    };
    agw_result result = new_result();

    agw_sign_in(client, &options, &result);
    expect(result.status == status, "agw_sign_in", &result);
}

static void *wait_for_nothing(void *unused)
{
    agw_event event = {.struct_size = sizeof event};
    agw_result result = new_result();

    result.call_id = POLL;
    agw_next_event(client, agent_id, &event, &result);
    expect(result.status == AGW_E_CANCELLED, "agw_next_event", &result);
    return unused;
}

/* Whether the cancel finds the poll, or comes before it. */
static int cancel_poll(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_for_nothing, NULL) != 0)
        return 0;
    agw_cancel_call(client, POLL);
    return pthread_join(thread, NULL) == 0;
}

static int shift(const char *agent, const char *guid, const char *phone)
{
    agw_result result = new_result();

    agent_id = agent;
    take_over(guid);
    expect_event(AGW_EVENT_CONF_RINGING);
    expect_rejected(AGW_OK);
    expect_event(AGW_EVENT_PHONE_RELEASE);
    expect_event(AGW_EVENT_READY);
    expect_signed_in(phone, 0, AGW_E_GATEWAY);
    expect_signed_in(phone, AGW_SIGN_IN_FORCE, AGW_OK);
    expect(cancel_poll(), "a second thread", &result);
    agw_sign_out(client, agent_id, &result);
    expect(result.status == AGW_OK, "agw_sign_out", &result);
    expect_rejected(AGW_E_SESSION);
    printf("shift: %d checks, %d failed\n", checks, failures);
    return failures != 0;
}

/* ------------------------------------------------------------------------------------------ */

static int run(char **words, int count)
{
    int wanted = count > 1 ? atoi(words[1]) : 0;

    if (strcmp(words[0], "reject") == 0 && count == 4)
        return reject(words[1], words[2], words[3]);
    if (strcmp(words[0], "threads") == 0 && count >= 4 && count % 2 == 0 && wanted > 0
        && wanted <= MAX_THREADS)
        return threads(wanted, words + 2, count / 2 - 1);
    if (strcmp(words[0], "shift") == 0 && count == 4)
        return shift(words[1], words[2], words[3]);
    return usage();
}

int main(int argc, char **argv)
{
    int code;

    if (argc < 4)
        return usage();
    if (!make_client(argv[1], argv[2]))
        return 1;
    code = run(argv + 3, argc - 3);
    if (agw_free(client) != AGW_OK) {
        printf("agw_free failed\n");
        return 1;
    }
    return code;
}
