/* Layout, numbers, texts. */
#define AT(field) offsetof(agw_client_options, field)
#define POINTER(n) (24 + (n) * sizeof(void *))

static void layout_of_the_options(void)
{
    CHECK(sizeof(agw_status) == 4);
    CHECK(sizeof(agw_log_fn) == sizeof(void *));
    CHECK(sizeof(agw_client_options) == (sizeof(void *) == 8 ? 104 : 68));
    CHECK(AT(struct_size) == 0);
    CHECK(AT(flags) == 4);
    CHECK(AT(timeout_ms) == 8);
    CHECK(AT(connect_timeout_ms) == 12);
    CHECK(AT(max_agent_id) == 16);
    CHECK(AT(tls_trust) == 20);
    CHECK(AT(base_url) == POINTER(0));
    CHECK(AT(connect_to) == POINTER(1));
    CHECK(AT(ca) == POINTER(2));
    CHECK(AT(pin_sha256) == POINTER(3));
    CHECK(AT(client_cert) == POINTER(4));
    CHECK(AT(client_key) == POINTER(5));
    CHECK(AT(proxy) == POINTER(6));
    CHECK(AT(log) == POINTER(7));
    CHECK(AT(log_user_data) == POINTER(8));
    CHECK(AT(log_level) == POINTER(9));
    CHECK(AT(reserved) == POINTER(9) + 4);
}

#undef AT
#define AT(field) offsetof(agw_result, field)

static void layout_of_the_result(void)
{
    CHECK(sizeof(agw_result) == 1088);
    CHECK(AT(struct_size) == 0);
    CHECK(AT(status) == 4);
    CHECK(AT(http_status) == 8);
    CHECK(AT(os_error) == 12);
    CHECK(AT(flags) == 16);
    CHECK(AT(elapsed_us) == 20);
    CHECK(AT(cti_code) == 24);
    CHECK(AT(call_id) == 28);
    CHECK(AT(retcode) == 32);
    CHECK(AT(message) == 64);
    CHECK(AT(detail) == 576);
}

#undef AT

static void layout_of_the_session_structs(void)
{
#define AT(field) offsetof(agw_sign_in_options, field)
    CHECK(sizeof(agw_sign_in_options) == 8 + 4 * sizeof(void *));
    CHECK(AT(struct_size) == 0 && AT(flags) == 4);
    CHECK(AT(agent_id) == 8 + 0 * sizeof(void *) && AT(password) == 8 + 1 * sizeof(void *));
    CHECK(AT(phone) == 8 + 2 * sizeof(void *) && AT(fields) == 8 + 3 * sizeof(void *));
#undef AT
#define AT(field) offsetof(agw_event, field)
    CHECK(sizeof(agw_event) == 4096);
    CHECK(AT(struct_size) == 0 && AT(flags) == 4 && AT(conf_id) == 8 && AT(generated_ms) == 16);
    CHECK(AT(type) == 24 && AT(work_no) == 88 && AT(content) == 120);
#undef AT
#define AT(field) offsetof(agw_session, field)
    CHECK(sizeof(agw_session) == 2048);
    CHECK(AT(struct_size) == 0 && AT(reserved) == 4 && AT(guid) == 8 && AT(cookie) == 272);
#undef AT
}

static const struct {
    const char *name;
    long value;
    long expected;
} NUMBERS[] = {
#define NUMBER(name, expected) {#name, name, expected}
    NUMBER(AGW_OK, 0),
    NUMBER(AGW_E_INVALID_ARGUMENT, 1),
    NUMBER(AGW_E_STRUCT_SIZE, 2),
    NUMBER(AGW_E_INVALID_HANDLE, 3),
    NUMBER(AGW_E_REENTRANT, 4),
    NUMBER(AGW_E_RESOURCES, 5),
    NUMBER(AGW_E_INVALID_URL, 6),
    NUMBER(AGW_E_INVALID_AGENT_ID, 7),
    NUMBER(AGW_E_INVALID_GUID, 8),
    NUMBER(AGW_E_TLS_CONFIG, 9),
    NUMBER(AGW_E_POLLING, 10),
    NUMBER(AGW_E_RESOLVE, 100),
    NUMBER(AGW_E_CONNECT, 101),
    NUMBER(AGW_E_TLS, 102),
    NUMBER(AGW_E_TIMEOUT, 103),
    NUMBER(AGW_E_IO, 104),
    NUMBER(AGW_E_CANCELLED, 105),
    NUMBER(AGW_E_PROXY, 106),
    NUMBER(AGW_E_HTTP, 200),
    NUMBER(AGW_E_PROTOCOL, 201),
    NUMBER(AGW_E_TOO_LARGE, 202),
    NUMBER(AGW_E_GATEWAY, 300),
    NUMBER(AGW_E_SESSION, 301),
    NUMBER(AGW_E_NO_CONFERENCE, 302),
    NUMBER(AGW_E_BAD_REQUEST, 303),
    NUMBER(AGW_E_GATEWAY_FAULT, 304),
    NUMBER(AGW_E_GATEWAY_BUSY, 305),
    NUMBER(AGW_E_INTERNAL, 900), /* the last one of those that have a sentence */
    NUMBER(AGW_RESULT_MAYBE_SENT, 1),
    NUMBER(AGW_RESULT_RESENT, 2),
    NUMBER(AGW_RESULT_TRUNCATED, 4),
    NUMBER(AGW_TRUST_SYSTEM, 0),
    NUMBER(AGW_TRUST_CA, 1),
    NUMBER(AGW_TRUST_PIN, 2),
    NUMBER(AGW_TRUST_DANGER_ANY, 3),
    NUMBER(AGW_ALLOW_HTTP, 1),
    NUMBER(AGW_NO_KEEP_ALIVE, 2),
    NUMBER(AGW_SIGN_IN_FORCE, 1),
    NUMBER(AGW_EVENT_TRUNCATED, 1),
    NUMBER(AGW_LOG_ERROR, 1),
    NUMBER(AGW_LOG_WARN, 2),
    NUMBER(AGW_LOG_INFO, 3),
    NUMBER(AGW_LOG_DEBUG, 4)
#undef NUMBER
};

enum { STATUSES = 28 };

static void numbers(void)
{
    size_t i;

    for (i = 0; i < COUNT(NUMBERS); i++) {
        about = NUMBERS[i].name;
        CHECK(NUMBERS[i].value == NUMBERS[i].expected);
    }
    about = "";
    CHECK(NUMBERS[STATUSES - 1].value == AGW_E_INTERNAL);
}

static void versions(void)
{
    uint32_t number = agw_version_num();
    char text[64];

    sprintf(text, "%lu.%lu.%lu", (unsigned long)(number >> 16), (unsigned long)(number >> 8 & 255),
            (unsigned long)(number & 255));
    CHECK(number >= AGW_VERSION_NUM);
    CHECK(number >> 16 == 1);
    CHECK(strcmp(agw_version(), text) == 0);
    CHECK(agw_version() == agw_version());
}

static void sentences(void)
{
    static const agw_status UNKNOWN[] = {
        -1, 11, 99, 107, 199, 203, 299, 306, 899, 901, 999, 0x7FFFFFFF, -0x7FFFFFFF - 1};
    const char *unknown = agw_strerror(-1);
    size_t i, j;

    for (i = 0; i < STATUSES; i++) {
        const char *sentence = agw_strerror((agw_status)NUMBERS[i].value);

        about = NUMBERS[i].name;
        CHECK(sentence != NULL && strlen(sentence) > 10);
        CHECK(strcmp(sentence, unknown) != 0);
        CHECK(sentence == agw_strerror((agw_status)NUMBERS[i].value));
        for (j = 0; j < i; j++)
            CHECK(strcmp(sentence, agw_strerror((agw_status)NUMBERS[j].value)) != 0);
    }
    about = "";
    /* Success is told of sign-ins, polls and sign-outs, too. */
    CHECK(strstr(agw_strerror(AGW_OK), "reject") == NULL);
    for (i = 0; i < COUNT(UNKNOWN); i++)
        CHECK(agw_strerror(UNKNOWN[i]) != NULL && strcmp(agw_strerror(UNKNOWN[i]), unknown) == 0);
    CHECK(strlen(unknown) > 10);
}
