/* Calls from the destructors of threads that are ending. */
static pthread_key_t key;
static agw_client *of_all_threads;

/* A client of its own connects anew. */
static int call_anew(const char *url, const char *who)
{
    agw_client *client = client_of(url, 0);
    int accepted = is_accepted(client, who);

    return agw_free(client) == AGW_OK && accepted;
}

/* By then the library's own thread-local data is gone. */
static void at_the_end(void *url)
{
    if (!call_anew(url, "an ending thread"))
        _exit(1);
}

/* By name the call before the end looks it up, too: a thread that starts its first one at its end,
 * to look a name up, leaves 32 bytes of glibc's and Rust's behind. */
static void *ends(void *url)
{
    int by_name = strstr(url, "localhost") != NULL;
    int accepted = by_name ? call_anew(url, "a thread") : is_accepted(of_all_threads, "a thread");

    pthread_setspecific(key, url);
    return accepted ? NULL : url;
}

static int end_threads(char *url)
{
    void *failed = NULL;
    int i;

    trust = AGW_TRUST_DANGER_ANY;
    of_all_threads = client_of(url, 0);
    pthread_key_create(&key, at_the_end);
    for (i = 0; i < 20 && failed == NULL; i++)
        pthread_join(start(ends, url), &failed);
    return failed != NULL || agw_free(of_all_threads) != AGW_OK;
}
