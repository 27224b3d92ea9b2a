/* Sessions. */
static agw_sign_in_options sign_in_of(const char *agent_id)
{
    agw_sign_in_options options;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.agent_id = agent_id;
    return options;
}

static agw_event stale_event(void)
{
    agw_event event;

    memset(&event, CANARY, sizeof event);
    event.struct_size = (uint32_t)sizeof event;
    return event;
}

static agw_session stale_session(void)
{
    agw_session session;

    memset(&session, CANARY, sizeof session);
    session.struct_size = (uint32_t)sizeof session;
    return session;
}

/* What an agent signs in with is refused, nothing is sent, and the detail names the field. */
static void refused_sign_in(const agw_sign_in_options *options, agw_status expected,
                            const char *field, const char *where)
{
    agw_client *client = client_at(watched_url);
    agw_result result = stale_result();

    check_result(&result, agw_sign_in(client, options, &result), expected, where);
    check(starts_with(result.detail, field), "the detail names the field", where);
    check(strstr(result.detail, "s3cr3t") == NULL, "the detail has no secret", where);
    CHECK(agw_free(client) == AGW_OK);
}

static void sign_ins_that_are_not_sent(void)
{
    static char longer[300], fields[17 * 1024];
    agw_sign_in_options options = sign_in_of("154");

    memset(longer, 'x', sizeof longer - 1);
    memset(fields, ' ', sizeof fields - 1);
    fields[0] = '{';
    fields[1] = '}';
    refused_sign_in(NULL, AGW_E_INVALID_ARGUMENT, "options: ", HERE);
    options.struct_size--;
    refused_sign_in(&options, AGW_E_STRUCT_SIZE, "options: ", HERE);
    options = sign_in_of(NULL);
    refused_sign_in(&options, AGW_E_INVALID_ARGUMENT, "agent_id: ", HERE);
    options = sign_in_of("60000");
    refused_sign_in(&options, AGW_E_INVALID_AGENT_ID, "agent_id: ", HERE);
#define REFUSED_FIELD(field, value) \
    options = sign_in_of("154");    \
    options.field = value;          \
    refused_sign_in(&options, AGW_E_INVALID_ARGUMENT, #field ": ", HERE)
    REFUSED_FIELD(flags, 2);
    REFUSED_FIELD(password, "s3cr3t\n");
    REFUSED_FIELD(password, "s3cr3t\xFF");
    REFUSED_FIELD(password, longer);
    REFUSED_FIELD(phone, "s3cr3t\x7F");
    REFUSED_FIELD(phone, longer);
    REFUSED_FIELD(password, "s3cr3t\xC2\x85");
    REFUSED_FIELD(fields, "");
    REFUSED_FIELD(fields, "null");
    REFUSED_FIELD(fields, "\"s3cr3t\"");
    REFUSED_FIELD(fields, "{\"s3cr3t\":1");
    REFUSED_FIELD(fields, "{} {}");
    REFUSED_FIELD(fields, "[1]");
    REFUSED_FIELD(fields, "{\"s3cr3t\":}");
    REFUSED_FIELD(fields, fields);
#undef REFUSED_FIELD
}

static void outputs_are_empty_on_failure(void)
{
    agw_client *client = client_at(watched_url);
    agw_event event = stale_event();
    agw_session session = stale_session();
    agw_result result;

    EXPECT(AGW_E_SESSION, agw_next_event(client, "154", &event, &result));
    CHECK(result.http_status == 0 && result.flags == 0);
    CHECK(event.struct_size == sizeof event && event.flags == 0);
    CHECK(event.conf_id == 0 && event.generated_ms == 0);
    CHECK(all_bytes_are((unsigned char *)event.type, sizeof event - 24, 0));
    CHECK(agw_get_session(client, "154", &session, NULL) == AGW_E_SESSION);
    CHECK(session.struct_size == sizeof session);
    CHECK(all_bytes_are((unsigned char *)&session.reserved, sizeof session - 4, 0));

    /* Whatever is wrong with the rest of the call. */
    event = stale_event();
    CHECK(agw_next_event(NULL, "154", &event, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(event.type[0] == '\0' && event.content[0] == '\0');
    event = stale_event();
    CHECK(agw_next_event(client, NULL, &event, NULL) == AGW_E_INVALID_ARGUMENT);
    CHECK(event.type[0] == '\0');
    CHECK(agw_next_event(client, "154", NULL, NULL) == AGW_E_INVALID_ARGUMENT);
    CHECK(agw_get_session(client, "154", NULL, NULL) == AGW_E_INVALID_ARGUMENT);
    event = stale_event();
    event.struct_size = 100;
    CHECK(agw_next_event(client, "154", &event, NULL) == AGW_E_STRUCT_SIZE);
    CHECK((unsigned char)event.type[0] == CANARY);
    EXPECT(AGW_E_SESSION, agw_sign_out(client, "154", &result));
    CHECK(agw_free(client) == AGW_OK);
}

/* As of an event whose agent is waited for again. */
static void texts_may_lie_in_what_is_filled_in(void)
{
    agw_client *client = client_at(watched_url);
    agw_event event = stale_event();
    agw_session session = stale_session();
    agw_result result = stale_result();

    strcpy(event.work_no, "154");
    EXPECT(AGW_E_SESSION, agw_next_event(client, event.work_no, &event, &result));
    CHECK(event.work_no[0] == '\0');
    strcpy(result.message, "154");
    strcpy(result.detail, GUID);
    CHECK(agw_set_session(client, result.message, result.detail, NULL, &result) == AGW_OK);
    strcpy(session.cookie, "154");
    EXPECT(AGW_OK, agw_get_session(client, session.cookie, &session, &result));
    CHECK(strcmp(session.guid, GUID) == 0 && session.cookie[0] == '\0');
    CHECK(agw_free(client) == AGW_OK);
}

/* Larger structs are taken while what is new in them is zero, and not written beyond what is known. */
static void sizes_of_the_outputs(void)
{
    agw_client *client = client_at(watched_url);
    size_t size = sizeof(agw_session) + 16;
    unsigned char *block = block_of(size + CANARIES, CANARY);

    CHECK(agw_set_session(client, "154", GUID, NULL, NULL) == AGW_OK);
    memset(block + sizeof(agw_session), 0, 16);
    set_size(block, size);
    CHECK(agw_get_session(client, "154", (agw_session *)(void *)block, NULL) == AGW_OK);
    CHECK(all_bytes_are(block + sizeof(agw_session), 16, 0));
    CHECK(all_bytes_are(block + size, CANARIES, CANARY));
    block[size - 1] = 1;
    CHECK(agw_get_session(client, "154", (agw_session *)(void *)block, NULL) == AGW_E_STRUCT_SIZE);
    free(block);
    CHECK(agw_free(client) == AGW_OK);
}

static void sessions_are_kept(void)
{
    static const char *const NO_COOKIES[] = {"no pair",     "a=1; b", "=1",     "a=\xC3\xA9",
                                             "a=1\r\nX: y", "a=\t1",  "a=1\x7F"};
    size_t i;
    agw_client *client = client_at(watched_url);
    agw_session session = stale_session();
    agw_result result;

    EXPECT(AGW_OK,
           agw_set_session(client, "154", SET_GUID "; Path=/", " NODE = a ;; X=1; ", &result));
    EXPECT(AGW_OK, agw_get_session(client, "154", &session, &result));
    CHECK(session.struct_size == sizeof session && session.reserved == 0);
    CHECK(strcmp(session.guid, GUID) == 0 && strcmp(session.cookie, "NODE=a; X=1") == 0);
    CHECK(agw_get_session(client, "155", &session, NULL) == AGW_E_SESSION);
    CHECK(session.guid[0] == '\0' && session.cookie[0] == '\0');
    /* NULL keeps the cookies, "" drops them; what is refused changes nothing. */
    CHECK(agw_set_session(client, "154", "other", NULL, NULL) == AGW_OK);
    CHECK(agw_set_session(client, "154", "a b", "", &result) == AGW_E_INVALID_GUID);
    for (i = 0; i < COUNT(NO_COOKIES); i++) {
        EXPECT(AGW_E_INVALID_ARGUMENT,
               agw_set_session(client, "154", "third", NO_COOKIES[i], &result));
        CHECK(starts_with(result.detail, "cookie: "));
    }
    CHECK(agw_set_session(client, "99", "third", NULL, &result) == AGW_E_INVALID_AGENT_ID);
    CHECK(agw_set_session(client, NULL, "third", NULL, &result) == AGW_E_INVALID_ARGUMENT);
    CHECK(agw_get_session(client, "154", &session, NULL) == AGW_OK);
    CHECK(strcmp(session.guid, "other") == 0 && strcmp(session.cookie, "NODE=a; X=1") == 0);
    CHECK(agw_set_session(client, "154", "other", "", NULL) == AGW_OK);
    CHECK(agw_get_session(client, "154", &session, NULL) == AGW_OK && session.cookie[0] == '\0');
    CHECK(agw_set_session(client, "154", NULL, NULL, NULL) == AGW_OK);
    CHECK(agw_get_session(client, "154", &session, NULL) == AGW_E_SESSION);
    CHECK(agw_free(client) == AGW_OK);
}
