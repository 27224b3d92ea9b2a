/* Calls that are cancelled by number. */
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

enum { EARLY = 1, PARENTS, CHILDS, OTHERS };

/* One that comes before its call, then one that comes in the middle of it. */
static int cancel_by_number(const char *who, agw_client *client, uint32_t id)
{
    agw_result result = reject_numbered(client, "154", EARLY);
    struct call call;
    int failed = said(&result, AGW_E_CANCELLED, "cancelled");

    failed |= expect("early: flags", result.flags, 0);
    result = reject_numbered(client, "154", EARLY);
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
    agw_client *client = client_of(url, 1000 * PATIENCE_S);
    struct call call;
    agw_result result;
    int failed;
    pid_t child;

    begin(&call, client, PARENTS);
    agw_cancel_call(client, EARLY);
    child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        agw_cancel_call(client, PARENTS);
        _exit(cancel_by_number("the child", client, CHILDS));
    }
    /* What the child cancelled was not the parent's. */
    failed = expect("child", ended(child), 0);
    failed |= cancel_by_number("the parent", client, OTHERS);
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
