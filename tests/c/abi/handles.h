/* Pointers and handles. */
static void null_pointers(void)
{
    agw_client_options options = plain_options(nobody_url);
    agw_result result;
    agw_client *client;

    REFUSED(NULL, AGW_E_INVALID_ARGUMENT, "options: ");
    REFUSED_WITH(plain_options(nobody_url), base_url, NULL, AGW_E_INVALID_ARGUMENT);
    options.base_url = nobody_url;
    EXPECT(AGW_E_INVALID_ARGUMENT, agw_client_new(&options, NULL, &result));
    CHECK(starts_with(result.detail, "client: "));
    CHECK(agw_client_new(&options, NULL, NULL) == AGW_E_INVALID_ARGUMENT);
    CHECK(agw_client_new(NULL, NULL, NULL) == AGW_E_INVALID_ARGUMENT);

    client = client_of(&options);
    EXPECT(AGW_E_INVALID_ARGUMENT, agw_reject_agent_conf(client, NULL, GUID, &result));
    CHECK(starts_with(result.detail, "agent_id: "));
    EXPECT(AGW_E_SESSION, agw_reject_agent_conf(client, "154", NULL, &result)); /* none is kept */
    CHECK(result.http_status == 0 && result.flags == 0 && result.retcode[0] == '\0');
    CHECK(agw_reject_agent_conf(client, NULL, NULL, NULL) == AGW_E_INVALID_ARGUMENT);
    CHECK(agw_reject_agent_conf(client, "154", GUID, NULL) == AGW_E_CONNECT);
    CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
    CHECK(agw_free(client) == AGW_OK);
    CHECK(agw_free(NULL) == AGW_OK);
}

/* What every function but agw_free says of a client that it is not to take. */
static void none_takes(agw_client *client, agw_status wanted)
{
    agw_result result;

    EXPECT(wanted, agw_reject_agent_conf(client, "154", GUID, &result));
    EXPECT(wanted, agw_connect(client, &result));
    CHECK(agw_reject_agent_conf(client, NULL, NULL, NULL) == wanted);
    CHECK(agw_connect(client, NULL) == wanted);
    CHECK(agw_sign_in(client, NULL, NULL) == wanted);
    CHECK(agw_next_event(client, NULL, NULL, NULL) == wanted);
    CHECK(agw_sign_out(client, NULL, NULL) == wanted);
    CHECK(agw_set_session(client, NULL, NULL, NULL, NULL) == wanted);
    CHECK(agw_get_session(client, NULL, NULL, NULL) == wanted);
    CHECK(agw_cancel(client) == wanted);
    CHECK(agw_cancel_call(client, CALL_ID) == wanted);
}

/* Every function that takes a client recognises that this is none. */
static void no_client(agw_client *forged)
{
    none_takes(forged, AGW_E_INVALID_HANDLE);
    CHECK(agw_free(forged) == (forged == NULL ? AGW_OK : AGW_E_INVALID_HANDLE));
}

static void handles(void)
{
    agw_client *client = client_at(nobody_url);
    uintptr_t ticket = (uintptr_t)client;
    char text[] = "not a client";
    int number;

    no_client(NULL);
    for (number = 1; number < 70; number++)
        no_client((agw_client *)(uintptr_t)number);
    no_client((agw_client *)~(uintptr_t)0);
    no_client((agw_client *)(~(uintptr_t)0 >> 1));
    no_client((agw_client *)(void *)&client);
    no_client((agw_client *)(void *)text);
    no_client((agw_client *)(ticket + 1));
    no_client((agw_client *)(ticket - 1));
    no_client((agw_client *)~ticket);

    CHECK(agw_cancel(client) == AGW_OK);
    CHECK(agw_free(client) == AGW_OK);
    no_client(client);
    CHECK(agw_free(client) == AGW_E_INVALID_HANDLE);
}

static int AGW_CALL by_address(const void *left, const void *right)
{
    uintptr_t a = *(const uintptr_t *)left, b = *(const uintptr_t *)right;

    return a < b ? -1 : a > b;
}

static void tickets_are_never_issued_twice(void)
{
    static uintptr_t tickets[1000];
    agw_client *lives = client_at(nobody_url);
    size_t i;

    for (i = 0; i < COUNT(tickets); i++) {
        agw_client *client = client_at(nobody_url);

        tickets[i] = (uintptr_t)client;
        CHECK(client != lives);
        CHECK(agw_free(client) == AGW_OK);
    }
    qsort(tickets, COUNT(tickets), sizeof tickets[0], by_address);
    for (i = 1; i < COUNT(tickets); i++)
        CHECK(tickets[i - 1] != tickets[i]);
    CHECK(agw_cancel(lives) == AGW_OK);
    CHECK(agw_free(lives) == AGW_OK);
}
