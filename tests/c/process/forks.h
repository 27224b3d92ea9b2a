/* Forks among threads that call. */
enum { CALLERS = 4, FORKS = 100 };

static atomic_int forks_are_over;

static int is_accepted(agw_client *client, const char *who)
{
    agw_result result = reject(client, "154");

    if (result.status == AGW_OK)
        return 1;
    printf("%s: %ld %s\n", who, (long)result.status, result.detail);
    fflush(stdout);
    return 0;
}

/* The child frees the client, too, which must not touch the parent's. */
static int child_fails(agw_client *client)
{
    pid_t child = fork();

    if (child == 0) {
        alarm(PATIENCE_S);
        _exit(!is_accepted(client, "child") || agw_free(client) != AGW_OK);
    }
    return ended(child) != 0;
}

static void *calls_beside_forks(void *client)
{
    while (!forks_are_over)
        if (!is_accepted(client, "thread"))
            return client;
    return NULL;
}

static int fork_among_threads(char *url)
{
    agw_client *client = client_of(url, 0);
    pthread_t threads[CALLERS];
    int i, failures = 0;

    for (i = 0; i < CALLERS; i++)
        threads[i] = start(calls_beside_forks, client);
    for (i = 0; i < FORKS; i++)
        failures += child_fails(client);
    forks_are_over = 1;
    for (i = 0; i < CALLERS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        failures += failed != NULL;
    }
    printf("%d forks among %d threads, %d failures\n", FORKS, CALLERS, failures);
    return failures != 0 || agw_free(client) != AGW_OK;
}

static pid_t forked_in_callback = -1;

static void AGW_CALL fork_at_dead_connection(int32_t level, const char *line, void *user_data)
{
    (void)level;
    (void)user_data;
    if (strstr(line, "the kept connection was dead") != NULL)
        forked_in_callback = fork();
}

/* The call is the parent's. */
static int fork_in_callback(char *url)
{
    agw_client *client;
    agw_result result;
    int status = -1;

    log_line = fork_at_dead_connection;
    client = client_of(url, 0);
    is_accepted(client, "first");
    result = reject(client, "154");
    if (forked_in_callback == 0) {
        status = said(&result, AGW_E_IO, "this process was forked during the call");
        fflush(stdout);
        _exit(status);
    }
    waitpid(forked_in_callback, &status, 0);
    return expect("parent: status", result.status, AGW_OK) | expect("child", status, 0);
}
