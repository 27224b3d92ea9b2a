/* Forks in the middle of a thread's first call. */
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
    int status;
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
    status = ended(child);
    pthread_join(thread, &failed);
    return failed != NULL ? 3 : WIFSIGNALED(status) ? 4 : WEXITSTATUS(status);
}

static int first(int times, char *url)
{
    int hung = 0, failed = 0, i;

    srand(11);
    for (i = 0; i < times; i++) {
        long after_ns = rand() % 250000;
        int status;
        pid_t process = fork();

        if (process == 0)
            _exit(fork_in_first_call(url, after_ns));
        status = ended(process);
        hung += WIFEXITED(status) && WEXITSTATUS(status) == 4;
        failed += status != 0;
    }
    printf("%d forks in a first call: %d children hang, %d runs failed\n", times, hung, failed);
    return failed != 0;
}
