/* agw through its C ABI, as a C programmer uses it. */
#include <stdlib.h>
#ifdef PLANTED
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <agw.h>

#include "client.h"

static struct client *open_client(const char *url, const char *ca, int new_connections)
{
    agw_client_options options = {.struct_size = sizeof options};
    agw_result result = {.struct_size = sizeof result};
    agw_client *client;

    options.base_url = url;
    options.tls_trust = AGW_TRUST_CA;
    options.ca = ca;
    options.timeout_ms = TIMEOUT_MS;
    options.connect_timeout_ms = CONNECT_TIMEOUT_MS;
    options.max_agent_id = MAX_AGENT_ID;
    options.flags = new_connections ? AGW_NO_KEEP_ALIVE : 0;
    agw_client_new(&options, &client, &result);
    return (struct client *)client;
}

static int make_ready(struct client *client)
{
    agw_result result = {.struct_size = sizeof result};

    return agw_connect((agw_client *)client, &result);
}

#ifdef PLANTED
/* A creep that `make counts` must find: work, an allocation and a system call more in each call. */
static void creep(void)
{
    void *volatile more = malloc(1000);

    for (volatile int i = 0; i < 1000; i++) {
    }
    free(more);
    syscall(SYS_getppid);
}
#else
#define creep()
#endif

static int call(struct client *client, const char *agent, const char *guid)
{
    agw_result result = {.struct_size = sizeof result};

    creep();
    return agw_reject_agent_conf((agw_client *)client, agent, guid, &result);
}

static void close_client(struct client *client)
{
    agw_free((agw_client *)client);
}

static int keep(struct client *client, const char *agent, const char *guid)
{
    return agw_set_session((agw_client *)client, agent, guid, NULL, NULL);
}

static int poll_once(struct client *client, const char *agent)
{
    agw_event event = {.struct_size = sizeof event};
    agw_result result = {.struct_size = sizeof result};

    return agw_next_event((agw_client *)client, agent, &event, &result);
}

const struct client_polls client_polls = {1, keep, poll_once};

const struct client_api client_api = {1, open_client, make_ready, call, close_client};
