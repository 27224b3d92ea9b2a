/* Threads that are cancelled in calls, or that a log callback holds up. */
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
