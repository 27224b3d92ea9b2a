/* Forks in the middle of a shift. */
enum { POLLED = 8, CALLED = 4, AT_A_TIME = 30 };

static const char *const agents[POLLED + CALLED] = {"101", "102", "103", "104", "105", "106",
                                                    "107", "108", "109", "110", "111", "112"};
/* Nobody calls for this one. */
static const char quiet_agent[] = "113";

static agw_client *shift;
static atomic_int shift_is_over, shift_failed;

static agw_status next_event(const char *agent)
{
    agw_event event = {.struct_size = sizeof event};

    return agw_next_event(shift, agent, &event, NULL);
}

static agw_session session_of(const char *agent)
{
    agw_session session = {.struct_size = sizeof session};

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
        int status = ended(children[i]);

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
        agw_sign_in_options sign_in = {.struct_size = sizeof sign_in, .agent_id = agents[i]};

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
