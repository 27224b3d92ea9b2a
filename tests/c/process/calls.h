/* A client, its calls, and what they should say. */
#define GUID "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1"

enum { PATIENCE_S = 60 };

static agw_log_fn log_line;
static int32_t trust = AGW_TRUST_SYSTEM; /* where there is no CA */

static agw_status make_client(const char *url, const char *ca, uint32_t timeout_ms,
                              agw_client **client, agw_result *result)
{
    agw_client_options options = {
        .struct_size = sizeof options,
        .base_url = url,
        .flags = AGW_ALLOW_HTTP,
        .timeout_ms = timeout_ms,
        .ca = ca,
        .tls_trust = ca != NULL ? AGW_TRUST_CA : trust,
        .log = log_line,
        .log_level = AGW_LOG_DEBUG,
    };

    *result = (agw_result){.struct_size = sizeof *result};
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
    agw_result result = {.struct_size = sizeof result, .call_id = call_id};

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

/* How a child ended. */
static int ended(pid_t child)
{
    int status = -1;

    waitpid(child, &status, 0);
    return status;
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
