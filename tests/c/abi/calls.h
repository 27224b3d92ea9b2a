/* Agents, Guids and calls. */
static void expect(agw_client *client, const char *agent_id, const char *guid, agw_status wanted)
{
    agw_result result;

    EXPECT(wanted, agw_reject_agent_conf(client, agent_id, guid, &result));
    CHECK(result.http_status == 0 && result.flags == 0);
    CHECK(agw_reject_agent_conf(client, agent_id, guid, NULL) == wanted);
}

static void agents_that_are_not_sent(void)
{
    /* clang-format off */
    static const char *const BAD[] = {
        "", "0", "1", "100", "60000", "999999", "99999999999", "4294967450", "18446744073709551770",
        "0154", "+154", "-154", " 154", "154 ", "154/x", "154/../155", "154?x=y", "154#x", "154%32",
        "154\r\nX: y", "154\n", "154\t", "0x9A", "1e3", "15.4", "abc", "..",
        "\xD9\xA1\xD9\xA5\xD9\xA4"
    };
    /* clang-format on */
    agw_client *client = client_at(watched_url);
    size_t i;

    for (i = 0; i < COUNT(BAD); i++) {
        about = BAD[i];
        expect(client, BAD[i], GUID, AGW_E_INVALID_AGENT_ID);
    }
    about = "";
    CHECK(agw_free(client) == AGW_OK);
}

static void agents_that_are_in_range(void)
{
    agw_client_options options = plain_options(nobody_url);
    agw_client *client = client_of(&options);

    expect(client, "101", GUID, AGW_E_CONNECT);
    expect(client, "59999", GUID, AGW_E_CONNECT);
    CHECK(agw_free(client) == AGW_OK);
    options.max_agent_id = 999999;
    client = client_of(&options);
    expect(client, "999999", GUID, AGW_E_CONNECT);
    expect(client, "1000000", GUID, AGW_E_INVALID_AGENT_ID);
    CHECK(agw_free(client) == AGW_OK);
    options.max_agent_id = 101;
    client = client_of(&options);
    expect(client, "101", GUID, AGW_E_CONNECT);
    expect(client, "102", GUID, AGW_E_INVALID_AGENT_ID);
    CHECK(agw_free(client) == AGW_OK);
}

static void guids_that_are_not_sent(void)
{
    /* clang-format off */
    static const char *const BAD[] = {
        "", "JSESSIONID=", " ", "\t", GUID " ", " " GUID, GUID "\r\n", GUID "\r\nX: y", GUID "\n",
        GUID "\r", GUID "\x7F", GUID "\x01", GUID "\xC3\xA9", "\xE5\xBA\xA7\xE5\xB8\xAD"
    };
    /* clang-format on */
    agw_client *client = client_at(watched_url);
    char guid[300];
    size_t i;

    for (i = 0; i < COUNT(BAD); i++) {
        about = BAD[i];
        expect(client, "154", BAD[i], AGW_E_INVALID_GUID);
    }
    about = "";
    memset(guid, 'g', sizeof guid);
    guid[257] = '\0';
    expect(client, "154", guid, AGW_E_INVALID_GUID);
    guid[sizeof guid - 1] = '\0';
    expect(client, "154", guid, AGW_E_INVALID_GUID);
    CHECK(agw_free(client) == AGW_OK);

    client = client_at(nobody_url);
    memset(guid, 'g', sizeof guid);
    guid[256] = '\0';
    expect(client, "154", guid, AGW_E_CONNECT);
    memcpy(guid, "JSESSIONID=", 11);
    memset(guid + 11, 'g', 256);
    guid[11 + 256] = '\0';
    expect(client, "154", guid, AGW_E_CONNECT);
    expect(client, "154", SET_GUID, AGW_E_CONNECT);
    CHECK(agw_free(client) == AGW_OK);
}

/* --- Calls -------------------------------------------------------------------------------- */

static void refused_connection(void)
{
    agw_client *client = client_at(nobody_url);
    agw_result result;
    int round;

    EXPECT(AGW_E_CONNECT, agw_reject_agent_conf(client, "154", GUID, &result));
    CHECK(result.os_error != 0);
#ifndef _WIN32
    CHECK(result.os_error == ECONNREFUSED);
#endif
    CHECK(result.http_status == 0 && result.cti_code == 0 && result.flags == 0);
    CHECK(result.retcode[0] == '\0' && result.message[0] == '\0');
    CHECK(result.elapsed_us > 0 && result.elapsed_us < 5000000);
    for (round = 0; round < 3; round++) {
        CHECK(agw_cancel(client) == AGW_OK);
        EXPECT(AGW_E_CONNECT, agw_connect(client, &result));
    }
    CHECK(agw_free(client) == AGW_OK);
}

static void a_call_is_cancelled_by_its_number(void)
{
    agw_client *client = client_at(nobody_url);
    agw_result result = stale_result();

    CHECK(agw_cancel_call(client, 0) == AGW_E_INVALID_ARGUMENT);
    CHECK(agw_cancel_call(client, CALL_ID) == AGW_OK);
    /* What is refused for its arguments leaves the cancel there, and so do other numbers and none. */
    CHECK(agw_reject_agent_conf(client, "100", GUID, &result) == AGW_E_INVALID_AGENT_ID);
    result.call_id = CALL_ID + 1;
    CHECK(agw_reject_agent_conf(client, "154", GUID, &result) == AGW_E_CONNECT);
    CHECK(result.call_id == CALL_ID + 1);
    CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
    EXPECT(AGW_E_CANCELLED, agw_reject_agent_conf(client, "154", GUID, &result));
    CHECK(result.flags == 0 && result.http_status == 0);
    CHECK(agw_reject_agent_conf(client, "154", GUID, &result) == AGW_E_CONNECT);
    CHECK(agw_cancel_call(client, ~(uint32_t)0) == AGW_OK);
    result.call_id = ~(uint32_t)0;
    CHECK(agw_connect(client, &result) == AGW_E_CANCELLED);
    CHECK(agw_free(client) == AGW_OK);
}

/* The newest 1,024 cancels that came before their calls are remembered, each for one call. */
static void early_cancels_are_remembered(void)
{
    enum { MOST = 1024, ROUNDS = 2 };
    agw_client *client = client_at(nobody_url), *other = client_at(nobody_url);
    agw_result result = stale_result();
    uint32_t id;
    int round, cancelled;

    for (id = 1; id <= MOST + 1; id++)
        CHECK(agw_cancel_call(client, id) == AGW_OK);
    for (round = 0; round < ROUNDS; round++) {
        cancelled = 0;
        for (id = 1; id <= MOST + 1; id++) {
            agw_status status;

            result.call_id = id;
            status = agw_connect(client, &result);
            CHECK(result.call_id == id);
            CHECK(status == (id == 1 || round > 0 ? AGW_E_CONNECT : AGW_E_CANCELLED));
            cancelled += status == AGW_E_CANCELLED;
        }
        CHECK(cancelled == (round > 0 ? 0 : MOST));
    }
    /* The same number again is not one more, and another client's is not this one's. */
    for (id = 1; id <= MOST; id++)
        CHECK(agw_cancel_call(client, id) == AGW_OK);
    CHECK(agw_cancel_call(client, MOST) == AGW_OK);
    result.call_id = 1;
    CHECK(agw_connect(other, &result) == AGW_E_CONNECT);
    CHECK(agw_connect(client, &result) == AGW_E_CANCELLED);
    CHECK(agw_free(client) == AGW_OK && agw_free(other) == AGW_OK);
}

static void strings_are_copied(void)
{
    char url[64];
    agw_client_options options;
    agw_client *client;

    strcpy(url, nobody_url);
    options = plain_options(url);
    client = client_of(&options);
    memset(url, CANARY, sizeof url);
    memset(&options, CANARY, sizeof options);
    CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
    CHECK(agw_free(client) == AGW_OK);
}

/* A text too long is cut, says so, and ends with a whole character. */
static void long_details_are_cut(void)
{
    agw_client_options options = tls_options(AGW_TRUST_CA);
    char path[3 * 300 + 1];
    agw_client *client;
    agw_result result;
    size_t shift, i, length;

    for (shift = 1; shift < 4; shift++) {
        memset(path, '.', shift); /* what has no dot is not shown as a path */
        for (i = 0; i < 290; i++)
            memcpy(path + shift + 3 * i, "\xE5\xBA\xA7", 3);
        path[shift + 3 * i] = '\0';
        options.ca = path;
        EXPECT(AGW_E_TLS_CONFIG, agw_client_new(&options, &client, &result));
        CHECK(result.flags == AGW_RESULT_TRUNCATED);
        length = strlen(result.detail);
        CHECK(length >= 509);
        CHECK(strcmp(result.detail + length - 3, "\xE5\xBA\xA7") == 0);
    }
}
