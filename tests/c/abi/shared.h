/* What the tests share. */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define GUID "5ec4e700-feed-4bad-beef-c0ffee5ec4e7.AgentGateway1"
#define SET_GUID "JSESSIONID=" GUID

/* The number of the calls. */
enum { CALL_ID = 7 };

enum { CANARY = 0xA5, CANARIES = 64 };

/* Where nobody listens, and where somebody would notice a connection. What stands here is for
 * Windows, which tries a refused port again for two seconds, but refuses this one at once. */
static char nobody_url[64] = "http://0.0.0.0:1";
static char watched_url[64] = "http://0.0.0.0:1";

/* For options that must be readable; its key was thrown away. */
static const char CERTIFICATE[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBLjCB4aADAgECAhQmK7gJwODakVh2QVna+kZ2Cbe3ujAFBgMrZXAwDDEKMAgG\n"
    "A1UEAwwBeDAgFw0yNjExMjIyMTE5NTlaGA8yMTI2MTAyOTIxMTk1OVowDDEKMAgG\n"
    "A1UEAwwBeDAqMAUGAytlcAMhAI27FuUJX2icH5AGxBTWuyGGFfwZZgq6zJOUtngM\n"
    "gMaqo1MwUTAdBgNVHQ4EFgQUaoGA8V1ZDoKRxV4ZST885qy0TzkwHwYDVR0jBBgw\n"
    "FoAUaoGA8V1ZDoKRxV4ZST885qy0TzkwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXAD\n"
    "QQA2T5LAd++0CfBNLzSBcn+73hv/9x2vR9aCAgIoKL9+el0dxXycao5YpddKe4Ly\n"
    "9nByL/BoblgFZq1gWtuMt0IM\n"
    "-----END CERTIFICATE-----\n";

static agw_client_options plain_options(const char *base_url)
{
    agw_client_options options;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.flags = AGW_ALLOW_HTTP;
    options.timeout_ms = 5000;
    options.base_url = base_url;
    return options;
}

static agw_client_options tls_options(int32_t trust)
{
    agw_client_options options = plain_options("https://gateway.test:8043");

    options.flags = 0;
    options.tls_trust = trust;
    return options;
}

/* A result full of rubbish: every byte of it has to be the library's afterwards, but for the number
 * that is the caller's. */
static agw_result stale_result(void)
{
    agw_result result;

    memset(&result, CANARY, sizeof result);
    result.struct_size = (uint32_t)sizeof result;
    result.call_id = CALL_ID;
    return result;
}

static int is_text(const char *field, size_t size)
{
    return memchr(field, '\0', size) != NULL;
}

/* What is true of every result; whether the outcome is the one wanted. */
static void check_result(const agw_result *result, agw_status returned, agw_status wanted,
                         const char *where)
{
    check(returned == wanted, "the status is the one wanted", where);
    check(result->struct_size == sizeof *result, "struct_size is left alone", where);
    check(result->status == returned, "status is what the function returned", where);
    check(result->call_id == CALL_ID, "call_id is left alone", where);
    check((result->flags & ~(uint32_t)7) == 0, "flags are known", where);
    check(is_text(result->retcode, sizeof result->retcode), "retcode is a text", where);
    check(is_text(result->message, sizeof result->message), "message is a text", where);
    check(is_text(result->detail, sizeof result->detail), "detail is a text", where);
    check((returned == AGW_OK) == (result->detail[0] == '\0'), "a failure has a detail", where);
    check(strstr(result->retcode, GUID) == NULL, "retcode does not hold the Guid", where);
    check(strstr(result->message, GUID) == NULL, "message does not hold the Guid", where);
    check(strstr(result->detail, GUID) == NULL, "detail does not hold the Guid", where);
}

/* A call that is given &result, which the function must have. */
#define EXPECT(wanted, call) (result = stale_result(), check_result(&result, call, wanted, HERE))

static int starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static agw_client *client_of(const agw_client_options *options)
{
    agw_client *client = NULL;

    CHECK(agw_client_new(options, &client, NULL) == AGW_OK);
    CHECK(client != NULL);
    return client;
}

static agw_client *client_at(const char *base_url)
{
    agw_client_options options = plain_options(base_url);

    return client_of(&options);
}

/* agw_client_new() fails with this status, and its detail begins with the name of the culprit. */
static void refused(const agw_client_options *options, agw_status wanted, const char *culprit,
                    const char *where)
{
    agw_client *client = (agw_client *)(void *)&checks;
    agw_result result = stale_result();
    agw_status status = agw_client_new(options, &client, &result);

    check_result(&result, status, wanted, where);
    check(client == NULL, "the client is NULL", where);
    check(starts_with(result.detail, culprit), "the detail names it", where);
    check(result.http_status == 0 && result.retcode[0] == '\0', "no answer", where);
    if (status != wanted || !starts_with(result.detail, culprit))
        printf("    wanted %ld '%s', got %ld '%s'\n", (long)wanted, culprit, (long)status,
               result.detail);
    CHECK(agw_client_new(options, &client, NULL) == wanted);
}

#define REFUSED(options, status, culprit) refused(options, status, culprit, HERE)

/* The same with one more field of these options, which is wrong. */
#define ALSO_REFUSED(field, value, status) \
    (options.field = value, REFUSED(&options, status, #field ": "))

/* With one field that is wrong in options which are right. */
#define REFUSED_WITH(right, field, value, status) \
    (options = right, ALSO_REFUSED(field, value, status))
