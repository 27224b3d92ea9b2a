/* The log callback. */
struct diary {
    agw_client *client;
    int lines;
    int reentered;
    int32_t last_level;
    int guids;
    int torn;
    char last[1024];
};

static void AGW_CALL write_diary(int32_t level, const char *message, void *user_data)
{
    struct diary *diary = (struct diary *)user_data;

    diary->lines++;
    diary->last_level = level;
    diary->guids += strstr(message, GUID) != NULL || strstr(message, "5ec4e7") != NULL;
    diary->torn += strpbrk(message, "\r\n") != NULL;
    diary->last[0] = '\0';
    strncat(diary->last, message, sizeof diary->last - 1);
}

static void AGW_CALL call_back(int32_t level, const char *message, void *user_data)
{
    struct diary *diary = (struct diary *)user_data;
    agw_client_options options = plain_options(nobody_url);
    agw_client *other = NULL;
    agw_result result;

    write_diary(level, message, user_data);
    if (diary->client == NULL)
        return;
    diary->reentered++;
    none_takes(diary->client, AGW_E_REENTRANT);
    CHECK(agw_free(diary->client) == AGW_E_REENTRANT);

    EXPECT(AGW_OK, agw_client_new(&options, &other, &result));
    CHECK(agw_connect(other, NULL) == AGW_E_REENTRANT);
    CHECK(agw_free(other) == AGW_E_REENTRANT);
    CHECK(strlen(agw_strerror(AGW_E_REENTRANT)) > 0);
    CHECK(strlen(agw_version()) > 0 && agw_version_num() > 0);
    diary->client = other; /* for whoever may free it */
}

/* A client that logs into a diary which is empty. */
static agw_client *logging(agw_client_options options, agw_log_fn log, int32_t level,
                           struct diary *diary)
{
    memset(diary, 0, sizeof *diary);
    options.log = log;
    options.log_user_data = diary;
    options.log_level = level;
    return client_of(&options);
}

static void a_dangerous_option_is_logged(void)
{
    struct diary diary;
    agw_client *client = logging(tls_options(AGW_TRUST_DANGER_ANY), write_diary, 0, &diary);

    CHECK(diary.lines == 1);
    CHECK(diary.last_level == AGW_LOG_WARN);
    CHECK(strstr(diary.last, "DANGER_ANY") != NULL);
    CHECK(agw_free(client) == AGW_OK);

    client = logging(tls_options(AGW_TRUST_DANGER_ANY), write_diary, AGW_LOG_ERROR, &diary);
    CHECK(diary.lines == 0);
    CHECK(agw_free(client) == AGW_OK);
}

static void calls_are_logged_without_the_guid(void)
{
    struct diary diary;
    agw_client *client = logging(plain_options(nobody_url), write_diary, AGW_LOG_DEBUG, &diary);

    expect(client, "154", GUID, AGW_E_CONNECT);
    CHECK(diary.lines > 0 && diary.last_level == AGW_LOG_WARN);
    CHECK(strstr(diary.last, "rejectAgentConf") != NULL && strstr(diary.last, "154") != NULL);
    CHECK(strstr(diary.last, "AGW_E_CONNECT") != NULL);
    expect(client, "154", GUID "\r\n", AGW_E_INVALID_GUID);
    expect(client, "154", SET_GUID, AGW_E_CONNECT);
    /* The two mixed up: the Guid is where the agent should be. */
    expect(client, GUID, "154", AGW_E_INVALID_AGENT_ID);
    CHECK(diary.guids == 0 && diary.torn == 0);
    CHECK(agw_free(client) == AGW_OK);

    diary.lines = 0;
    CHECK(agw_connect(client, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(diary.lines == 0);
}

static void no_way_back_in_from_the_callback(void)
{
    struct diary diary;
    agw_client *client = logging(plain_options(nobody_url), call_back, 0, &diary);

    diary.client = client;
    CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
    CHECK(diary.lines == 1 && diary.reentered == 1);
    /* The one made inside the callback is a client like any other. */
    CHECK(diary.client != client && agw_connect(diary.client, NULL) == AGW_E_CONNECT);
    CHECK(agw_free(diary.client) == AGW_OK);
    diary.client = NULL;
    CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
    CHECK(diary.lines == 2);
    CHECK(agw_free(client) == AGW_OK);
}
