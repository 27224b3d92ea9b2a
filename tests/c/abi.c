/* Holds the library to its C ABI: layout, numbers, and what misuse gives.
 *
 * Compiles as C89, C11 and C++. Uses loopback only; the part with sockets is for POSIX systems.
 * Structs handed over lie in blocks of exactly the size they claim, so that a memory checker sees
 * a byte read or written too far.
 */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200112L
#endif

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

#ifndef _WIN32
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

/* --- Checks ------------------------------------------------------------------------------- */

static unsigned long checks;
static unsigned long failures;
static const char *about = ""; /* what a check in a loop is about */

static void check(int holds, const char *what, int line)
{
    checks++;
    if (holds)
        return;
    failures++;
    printf("%s:%d: failed: %s%s%s\n", __FILE__, line, what, *about ? "   for " : "", about);
}

#define CHECK(what) check((what) ? 1 : 0, #what, __LINE__)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- What the tests share ----------------------------------------------------------------- */

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

static int holds_guid(const agw_result *result)
{
    return strstr(result->retcode, GUID) != NULL || strstr(result->message, GUID) != NULL
        || strstr(result->detail, GUID) != NULL;
}

/* What is true of every result, whatever the outcome. */
static void check_result(const agw_result *result, agw_status returned, int line)
{
    check(result->struct_size == sizeof *result, "struct_size is left alone", line);
    check(result->status == returned, "status is what the function returned", line);
    check(result->call_id == CALL_ID, "call_id is left alone", line);
    check((result->flags & ~(uint32_t)7) == 0, "flags are known", line);
    check(is_text(result->retcode, sizeof result->retcode), "retcode is a text", line);
    check(is_text(result->message, sizeof result->message), "message is a text", line);
    check(is_text(result->detail, sizeof result->detail), "detail is a text", line);
    check((returned == AGW_OK) == (result->detail[0] == '\0'), "a failure has a detail", line);
    check(!holds_guid(result), "no text holds the Guid", line);
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
                    int line)
{
    agw_client *client = (agw_client *)(void *)&checks;
    agw_result result = stale_result();
    agw_status status = agw_client_new(options, &client, &result);

    check_result(&result, status, line);
    check(status == wanted, "the status is the one wanted", line);
    check(client == NULL, "the client is NULL", line);
    check(strncmp(result.detail, culprit, strlen(culprit)) == 0, "the detail names it", line);
    check(result.http_status == 0 && result.retcode[0] == '\0', "no answer", line);
    if (status != wanted || strncmp(result.detail, culprit, strlen(culprit)) != 0)
        printf("    wanted %ld '%s', got %ld '%s'\n", (long)wanted, culprit, (long)status,
               result.detail);
    CHECK(agw_client_new(options, &client, NULL) == wanted);
}

#define REFUSED(options, status, culprit) refused(options, status, culprit, __LINE__)

/* --- Layout, numbers, texts --------------------------------------------------------------- */

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
    for (i = 0; i < COUNT(UNKNOWN); i++)
        CHECK(agw_strerror(UNKNOWN[i]) != NULL && strcmp(agw_strerror(UNKNOWN[i]), unknown) == 0);
    CHECK(strlen(unknown) > 10);
}

/* --- Pointers and handles ----------------------------------------------------------------- */

static void null_pointers(void)
{
    agw_client_options options = plain_options(nobody_url);
    agw_result result = stale_result();
    agw_client *client;
    agw_status status;

    REFUSED(NULL, AGW_E_INVALID_ARGUMENT, "options: ");
    options.base_url = NULL;
    REFUSED(&options, AGW_E_INVALID_ARGUMENT, "base_url: ");
    options.base_url = nobody_url;
    status = agw_client_new(&options, NULL, &result);
    CHECK(status == AGW_E_INVALID_ARGUMENT);
    CHECK(strncmp(result.detail, "client: ", 8) == 0);
    check_result(&result, status, __LINE__);
    CHECK(agw_client_new(&options, NULL, NULL) == AGW_E_INVALID_ARGUMENT);
    CHECK(agw_client_new(NULL, NULL, NULL) == AGW_E_INVALID_ARGUMENT);

    client = client_of(&options);
    result = stale_result();
    status = agw_reject_agent_conf(client, NULL, GUID, &result);
    CHECK(status == AGW_E_INVALID_ARGUMENT);
    CHECK(strncmp(result.detail, "agent_id: ", 10) == 0);
    check_result(&result, status, __LINE__);
    result = stale_result();
    status = agw_reject_agent_conf(client, "154", NULL, &result);
    CHECK(status == AGW_E_SESSION); /* no session is kept */
    CHECK(result.http_status == 0 && result.flags == 0 && result.retcode[0] == '\0');
    check_result(&result, status, __LINE__);
    CHECK(agw_reject_agent_conf(client, NULL, NULL, NULL) == AGW_E_INVALID_ARGUMENT);
    CHECK(agw_reject_agent_conf(client, "154", GUID, NULL) == AGW_E_CONNECT);
    CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
    CHECK(agw_free(client) == AGW_OK);
    CHECK(agw_free(NULL) == AGW_OK);
}

/* Every function that takes a client recognises that this is none. */
static void no_client(agw_client *forged)
{
    agw_result result = stale_result();
    agw_status status = agw_reject_agent_conf(forged, "154", GUID, &result);

    CHECK(status == AGW_E_INVALID_HANDLE);
    check_result(&result, status, __LINE__);
    result = stale_result();
    status = agw_connect(forged, &result);
    CHECK(status == AGW_E_INVALID_HANDLE);
    check_result(&result, status, __LINE__);
    CHECK(agw_reject_agent_conf(forged, NULL, NULL, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(agw_connect(forged, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(agw_sign_in(forged, NULL, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(agw_next_event(forged, NULL, NULL, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(agw_sign_out(forged, NULL, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(agw_set_session(forged, NULL, NULL, NULL, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(agw_get_session(forged, NULL, NULL, NULL) == AGW_E_INVALID_HANDLE);
    CHECK(agw_cancel(forged) == AGW_E_INVALID_HANDLE);
    CHECK(agw_cancel_call(forged, CALL_ID) == AGW_E_INVALID_HANDLE);
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

/* --- struct_size -------------------------------------------------------------------------- */

/* The sizes of the released versions. */
static const size_t OPTIONS_SIZES[] = {sizeof(agw_client_options)};

static const size_t RESULT_SIZES[] = {sizeof(agw_result)};

static const uint32_t GARBAGE[] = {0xCCCCCCCCU, 0xCDCDCDCDU, 0xFEEEFEEEU, 0xBAADF00DU,
                                   0xFFFFFFFFU, 0x80000000U, 0x7FFFFFFFU, 0x10000U};

static int is_among(size_t size, const size_t *sizes, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (sizes[i] == size)
            return 1;
    return 0;
}

static int all_bytes_are(const unsigned char *bytes, size_t count, int value)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (bytes[i] != value)
            return 0;
    return 1;
}

static unsigned char *block_of(size_t size, int value)
{
    unsigned char *block = (unsigned char *)malloc(size == 0 ? 1 : size);

    if (block == NULL) {
        printf("abi.c: no memory\n");
        exit(EXIT_FAILURE);
    }
    memset(block, value, size);
    return block;
}

static void set_size(unsigned char *block, size_t size)
{
    uint32_t struct_size = (uint32_t)size;

    memcpy(block, &struct_size, sizeof struct_size);
}

/* Options that claim `size` bytes and have no more than that, but never fewer than the claim. */
static agw_status new_with_size(size_t size, int tail)
{
    agw_client_options options = plain_options(nobody_url);
    size_t known = size < sizeof options ? size : sizeof options;
    unsigned char *block = block_of(size < 4 ? 4 : size, 0);
    agw_client *client = (agw_client *)(void *)&checks;
    agw_result result = stale_result();
    agw_status status;

    memcpy(block, &options, known);
    set_size(block, size);
    if (size > sizeof options)
        block[size - 1] = (unsigned char)tail;
    status = agw_client_new((const agw_client_options *)(void *)block, &client, &result);
    check_result(&result, status, __LINE__);
    CHECK((client != NULL) == (status == AGW_OK));
    CHECK(agw_free(client) == AGW_OK);
    free(block);
    return status;
}

static void sizes_of_the_options(void)
{
    agw_client_options options;
    char text[32];
    size_t size, i;

    for (size = 0; size < sizeof(agw_client_options); size++) {
        int known = is_among(size, OPTIONS_SIZES, COUNT(OPTIONS_SIZES));

        sprintf(text, "struct_size %lu", (unsigned long)size);
        about = text;
        CHECK(new_with_size(size, 0) == (known ? AGW_OK : AGW_E_STRUCT_SIZE));
    }
    about = "";
    CHECK(new_with_size(sizeof options, 0) == AGW_OK);
    for (size = sizeof options + 1; size < sizeof options + 40; size++) {
        CHECK(new_with_size(size, 0) == AGW_OK);
        CHECK(new_with_size(size, 1) == AGW_E_STRUCT_SIZE);
        CHECK(new_with_size(size, CANARY) == AGW_E_STRUCT_SIZE);
    }
    for (i = 0; i < COUNT(GARBAGE); i++) {
        options = plain_options(nobody_url);
        options.struct_size = GARBAGE[i];
        REFUSED(&options, AGW_E_STRUCT_SIZE, "options: ");
    }
}

/* What lies behind an older struct is the caller's, and may look like anything. */
static void nothing_is_read_past_the_options(void)
{
    size_t i;

    for (i = 0; i < COUNT(OPTIONS_SIZES); i++) {
        agw_client_options options = plain_options(nobody_url);
        unsigned char *block = block_of(sizeof options + CANARIES, CANARY);
        agw_client *client = NULL;

        memcpy(block, &options, OPTIONS_SIZES[i]);
        set_size(block, OPTIONS_SIZES[i]);
        CHECK(agw_client_new((const agw_client_options *)(void *)block, &client, NULL) == AGW_OK);
        CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
        CHECK(agw_free(client) == AGW_OK);
        CHECK(memcmp(block + 4, (unsigned char *)&options + 4, OPTIONS_SIZES[i] - 4) == 0);
        CHECK(all_bytes_are(block + OPTIONS_SIZES[i], sizeof options + CANARIES - OPTIONS_SIZES[i],
                            CANARY));
        free(block);
    }
}

/* Each way to get a result, with the status that it should hold. */
static agw_status fill(int way, agw_client *client, agw_result *result)
{
    agw_client *none;

    switch (way) {
    case 0:
        return agw_client_new(NULL, &none, result);
    case 1:
        return agw_connect(NULL, result);
    case 2:
        return agw_connect(client, result);
    default:
        return agw_reject_agent_conf(client, "154", GUID, result);
    }
}

static const agw_status FILLED[] = {AGW_E_INVALID_ARGUMENT, AGW_E_INVALID_HANDLE, AGW_E_CONNECT,
                                    AGW_E_CONNECT};

static void result_with_size(size_t size, int way, agw_client *client)
{
    size_t room = size + CANARIES;
    size_t full = sizeof(agw_result);
    unsigned char *tight = block_of(size, 0);
    unsigned char *roomy = block_of(room, CANARY);
    int32_t status;

    /* In a block of its own a write too far is the memory checker's, in the other one ours. */
    set_size(tight, size);
    CHECK(fill(way, client, (agw_result *)(void *)tight) == FILLED[way]);
    set_size(roomy, size);
    if (size > full)
        memset(roomy + full, 0, size - full);
    CHECK(fill(way, client, (agw_result *)(void *)roomy) == FILLED[way]);
    memcpy(&status, roomy + offsetof(agw_result, status), sizeof status);
    CHECK(status == FILLED[way]);
    CHECK(all_bytes_are(roomy + size, room - size, CANARY));
    CHECK(size <= full || all_bytes_are(roomy + full, size - full, 0));
    free(tight);
    free(roomy);
}

/* A result whose struct_size makes no sense is not touched, and nothing is done. */
static void result_refused(size_t size, int way, agw_client *client)
{
    unsigned char *block = block_of(sizeof(agw_result) + CANARIES, CANARY);

    set_size(block, size);
    CHECK(fill(way, client, (agw_result *)(void *)block) == AGW_E_STRUCT_SIZE);
    CHECK(all_bytes_are(block + 4, sizeof(agw_result) + CANARIES - 4, CANARY));
    free(block);
}

/* A newer result that asks for what this library does not know: told so in the known part. */
static void result_with_tail(size_t size, int way, agw_client *client)
{
    unsigned char *block = block_of(size, 0);
    agw_result result;

    set_size(block, size);
    block[size - 1] = CANARY;
    CHECK(fill(way, client, (agw_result *)(void *)block) == AGW_E_STRUCT_SIZE);
    memcpy(&result, block, sizeof result);
    CHECK(result.status == AGW_E_STRUCT_SIZE && result.detail[0] != '\0');
    CHECK(all_bytes_are(block + sizeof result, size - 1 - sizeof result, 0));
    CHECK(block[size - 1] == CANARY);
    free(block);
}

static void sizes_of_the_result(void)
{
    agw_client *client = client_at(nobody_url);
    char text[32];
    size_t size, i;
    int way;

    for (way = 0; way < (int)COUNT(FILLED); way++) {
        for (size = 0; size <= sizeof(agw_result); size++) {
            sprintf(text, "struct_size %lu", (unsigned long)size);
            about = text;
            if (is_among(size, RESULT_SIZES, COUNT(RESULT_SIZES)))
                result_with_size(size, way, client);
            else
                result_refused(size, way, client);
        }
        about = "";
        for (size = sizeof(agw_result) + 1; size < sizeof(agw_result) + 20; size++) {
            result_with_size(size, way, client);
            result_with_tail(size, way, client);
        }
        for (i = 0; i < COUNT(GARBAGE); i++)
            result_refused(GARBAGE[i], way, client);
    }
    CHECK(agw_free(client) == AGW_OK);
}

/* A call that cannot tell its outcome does not do anything: no client is made and lost. */
static void no_client_without_a_usable_result(void)
{
    agw_client_options options = plain_options(nobody_url);
    agw_client *client = (agw_client *)(void *)&checks;
    agw_result result = stale_result();

    result.struct_size = 4;
    CHECK(agw_client_new(&options, &client, &result) == AGW_E_STRUCT_SIZE);
    CHECK(client == NULL);
}

/* --- Options ------------------------------------------------------------------------------ */

static void numbers_out_of_range(void)
{
    static const uint32_t FLAGS[] = {4, 8, 0x80000000U, 0xFFFFFFFFU};
    static const int32_t TRUSTS[] = {-1, 4, 0x7FFFFFFF};
    static const int32_t LEVELS[] = {-1, 5, 0x7FFFFFFF};
    agw_client_options options;
    size_t i;

    for (i = 0; i < COUNT(FLAGS); i++) {
        options = plain_options(nobody_url);
        options.flags = FLAGS[i];
        REFUSED(&options, AGW_E_INVALID_ARGUMENT, "flags: ");
    }
    for (i = 0; i < COUNT(TRUSTS); i++) {
        options = plain_options(nobody_url);
        options.tls_trust = TRUSTS[i];
        REFUSED(&options, AGW_E_INVALID_ARGUMENT, "tls_trust: ");
    }
    for (i = 0; i < COUNT(LEVELS); i++) {
        options = plain_options(nobody_url);
        options.log_level = LEVELS[i];
        REFUSED(&options, AGW_E_INVALID_ARGUMENT, "log_level: ");
    }
    options = plain_options(nobody_url);
    options.reserved = 1;
    REFUSED(&options, AGW_E_INVALID_ARGUMENT, "reserved: ");
    options = plain_options(nobody_url);
    options.max_agent_id = 100;
    REFUSED(&options, AGW_E_INVALID_ARGUMENT, "max_agent_id: ");
    options.max_agent_id = 1;
    REFUSED(&options, AGW_E_INVALID_ARGUMENT, "max_agent_id: ");
}

static void texts_that_are_not_utf8(void)
{
    static const char *const BAD[] = {"\xFF", "gateway\xC3", "\xC0\xAF", "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80"};
    agw_client *client = client_at(watched_url);
    agw_result result;
    size_t i;

    for (i = 0; i < COUNT(BAD); i++) {
        agw_client_options options = plain_options(BAD[i]);

        REFUSED(&options, AGW_E_INVALID_ARGUMENT, "base_url: ");
#define NOT_UTF8(field)                      \
    options = tls_options(AGW_TRUST_SYSTEM); \
    options.field = BAD[i];                  \
    REFUSED(&options, AGW_E_INVALID_ARGUMENT, #field ": ")
        NOT_UTF8(connect_to);
        NOT_UTF8(ca);
        NOT_UTF8(pin_sha256);
        NOT_UTF8(client_cert);
        NOT_UTF8(client_key);
        NOT_UTF8(proxy);
#undef NOT_UTF8
        result = stale_result();
        CHECK(agw_reject_agent_conf(client, BAD[i], GUID, &result) == AGW_E_INVALID_ARGUMENT);
        CHECK(strncmp(result.detail, "agent_id: ", 10) == 0);
        result = stale_result();
        CHECK(agw_reject_agent_conf(client, "154", BAD[i], &result) == AGW_E_INVALID_ARGUMENT);
        CHECK(strncmp(result.detail, "guid: ", 6) == 0);
    }
    CHECK(agw_free(client) == AGW_OK);
}

static void wrong_urls(void)
{
    /* clang-format off */
    static const char *const BASE_URLS[] = {
        "", "/", "gateway", "gateway:8043", "//gateway", "https://", "https://:8043",
        "https:gateway", "ftp://gateway", "ws://gateway", "file:///etc/hosts",
        "https://user:hunter2@gateway",
        "https://user@gateway", "https://gateway/?a=b", "https://gateway/#a", "https://gateway:0",
        "https://gateway:65536", "https://gateway:x", "https://gate way", " https://gateway",
        "https://gateway ", "https://gateway\r\nX: y", "https://gateway/a\nb",
        "https://gateway/agentgateway", "https://gateway/agentgateway/",
        "https://gateway/agentgateway/resource/agentconf", "https://[::1", "https://gateway/a b"
    };
    static const char *const CONNECT_TO[] = {
        "", "gateway:8043", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", ":8043",
        "::1:8043x", "127.0.0.1:8043/x", " 127.0.0.1:8043"
    };
    /* clang-format on */
    static const char *const PROXIES[] = {"", "http://", "socks5://user:hunter2@proxy:1080",
                                          "https://user:hunter2@proxy:3128", "ftp://proxy"};
    agw_client_options options;
    agw_client *client;
    size_t i;

    for (i = 0; i < COUNT(BASE_URLS); i++) {
        about = BASE_URLS[i];
        options = plain_options(BASE_URLS[i]);
        REFUSED(&options, AGW_E_INVALID_URL, "base_url: ");
    }
    for (i = 0; i < COUNT(CONNECT_TO); i++) {
        about = CONNECT_TO[i];
        options = plain_options(nobody_url);
        options.connect_to = CONNECT_TO[i];
        REFUSED(&options, AGW_E_INVALID_URL, "connect_to: ");
    }
    for (i = 0; i < COUNT(PROXIES); i++) {
        about = PROXIES[i];
        options = plain_options(nobody_url);
        options.proxy = PROXIES[i];
        REFUSED(&options, AGW_E_INVALID_URL, "proxy: ");
    }
    about = "";
    options = plain_options(nobody_url);
    options.flags = AGW_NO_KEEP_ALIVE;
    REFUSED(&options, AGW_E_INVALID_URL, "base_url: ");
    options.flags = AGW_NO_KEEP_ALIVE | AGW_ALLOW_HTTP;
    options.base_url = "http://[::1]:1/a/prefix/";
    options.connect_to = "[::1]:1";
    options.proxy = "http://user:hunter2@127.0.0.1:3128";
    client = client_of(&options);
    CHECK(agw_free(client) == AGW_OK);
}

static void secrets_stay_out_of_details(void)
{
    agw_client_options options = plain_options("https://user:hunter2@gateway");
    agw_client *client;
    agw_result result = stale_result();

    CHECK(agw_client_new(&options, &client, &result) == AGW_E_INVALID_URL);
    CHECK(strstr(result.detail, "hunter2") == NULL);
    options.base_url = nobody_url;
    options.proxy = "socks5://user:hunter2@proxy:1080";
    result = stale_result();
    CHECK(agw_client_new(&options, &client, &result) == AGW_E_INVALID_URL);
    CHECK(strstr(result.detail, "hunter2") == NULL);
    options = tls_options(AGW_TRUST_DANGER_ANY);
    options.client_cert = CERTIFICATE;
    options.client_key = "-----BEGIN PRIVATE KEY-----\nhunter2!\n-----END PRIVATE KEY-----\n";
    result = stale_result();
    CHECK(agw_client_new(&options, &client, &result) == AGW_E_TLS_CONFIG);
    CHECK(strstr(result.detail, "hunter2") == NULL);
    /* A key whose BEGIN line was lost is taken for a path. */
    options.client_key = "MC4CAQAwBQYDK2VwBCIEIhunter2AAAA";
    result = stale_result();
    CHECK(agw_client_new(&options, &client, &result) == AGW_E_TLS_CONFIG);
    CHECK(strstr(result.detail, "client_key: ") != NULL);
    CHECK(strstr(result.detail, "hunter2") == NULL);
}

static void wrong_tls_options(void)
{
    static const char BROKEN[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    /* clang-format off */
    static const char *const BAD_PINS[] = {
        "", ",", "00", "not hex", "00:11:22",
        "0000000000000000000000000000000000000000000000000000000000000000,",
        "000000000000000000000000000000000000000000000000000000000000000g",
        "00000000000000000000000000000000000000000000000000000000000000000"
    };
    /* clang-format on */
    static const char NO_FILE[] = "no-such-folder/no-such-file.pem";
    agw_client_options options;
    agw_client *client;
    agw_result result = stale_result();
    size_t i;

    options = tls_options(AGW_TRUST_CA);
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");
    options.ca = NO_FILE;
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");
    CHECK(agw_client_new(&options, &client, &result) == AGW_E_TLS_CONFIG);
    CHECK(result.os_error != 0);
    options.ca = "";
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");
    options.ca = BROKEN;
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca");
    options.ca = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");
    options = tls_options(AGW_TRUST_SYSTEM);
    options.ca = NO_FILE;
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");

    options = tls_options(AGW_TRUST_PIN);
    REFUSED(&options, AGW_E_TLS_CONFIG, "pin_sha256: ");
    for (i = 0; i < COUNT(BAD_PINS); i++) {
        about = BAD_PINS[i];
        options.pin_sha256 = BAD_PINS[i];
        REFUSED(&options, AGW_E_TLS_CONFIG, "pin_sha256: ");
    }
    about = "";

    options = tls_options(AGW_TRUST_DANGER_ANY);
    options.client_key = NO_FILE;
    REFUSED(&options, AGW_E_TLS_CONFIG, "client_key: ");
    options.client_cert = NO_FILE;
    REFUSED(&options, AGW_E_TLS_CONFIG, "client_cert: ");
    options.client_cert = CERTIFICATE;
    REFUSED(&options, AGW_E_TLS_CONFIG, "client_key: ");
    options.client_key = CERTIFICATE;
    REFUSED(&options, AGW_E_TLS_CONFIG, "client_key: ");
    options.client_key = NULL;
    REFUSED(&options, AGW_E_TLS_CONFIG, "client_cert: ");
    options.client_cert = "-----BEGIN";
    REFUSED(&options, AGW_E_TLS_CONFIG, "client_cert: ");
}

/* Whoever gives an option that would not be looked at believes in a check that is not made. */
static void tls_options_without_effect(void)
{
    static const char PIN[] = "AA:bb:CC:dd:EE:ff:00:11:22:33:44:55:66:77:88:99:"
                              "AA:bb:CC:dd:EE:ff:00:11:22:33:44:55:66:77:88:99";
    agw_client_options options = tls_options(AGW_TRUST_CA);
    agw_client *client;

    options.ca = CERTIFICATE;
    client = client_of(&options);
    CHECK(agw_free(client) == AGW_OK);
    options.tls_trust = AGW_TRUST_SYSTEM;
    client = client_of(&options);
    CHECK(agw_free(client) == AGW_OK);
    options.tls_trust = AGW_TRUST_DANGER_ANY;
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");
    options.tls_trust = AGW_TRUST_PIN;
    options.pin_sha256 = PIN;
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");
    options.ca = NULL;
    client = client_of(&options);
    CHECK(agw_free(client) == AGW_OK);
    options.tls_trust = AGW_TRUST_SYSTEM;
    REFUSED(&options, AGW_E_TLS_CONFIG, "pin_sha256: ");
    options.tls_trust = AGW_TRUST_DANGER_ANY;
    REFUSED(&options, AGW_E_TLS_CONFIG, "pin_sha256: ");
}

/* --- Agents and Guids --------------------------------------------------------------------- */

static void expect(agw_client *client, const char *agent_id, const char *guid, agw_status wanted)
{
    agw_result result = stale_result();
    agw_status status = agw_reject_agent_conf(client, agent_id, guid, &result);

    CHECK(status == wanted);
    CHECK(agw_reject_agent_conf(client, agent_id, guid, NULL) == wanted);
    CHECK(result.http_status == 0 && result.flags == 0);
    check_result(&result, status, __LINE__);
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
    agw_result result = stale_result();
    agw_status status = agw_reject_agent_conf(client, "154", GUID, &result);
    int round;

    CHECK(status == AGW_E_CONNECT);
    check_result(&result, status, __LINE__);
    CHECK(result.os_error != 0);
#ifndef _WIN32
    CHECK(result.os_error == ECONNREFUSED);
#endif
    CHECK(result.http_status == 0 && result.cti_code == 0 && result.flags == 0);
    CHECK(result.retcode[0] == '\0' && result.message[0] == '\0');
    CHECK(result.elapsed_us > 0 && result.elapsed_us < 5000000);
    for (round = 0; round < 3; round++) {
        CHECK(agw_cancel(client) == AGW_OK);
        result = stale_result();
        status = agw_connect(client, &result);
        CHECK(status == AGW_E_CONNECT);
        check_result(&result, status, __LINE__);
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
    result = stale_result();
    CHECK(agw_reject_agent_conf(client, "154", GUID, &result) == AGW_E_CANCELLED);
    check_result(&result, AGW_E_CANCELLED, __LINE__);
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

static void a_result_of_success(void)
{
    agw_client_options options = plain_options(nobody_url);
    agw_client *client;
    agw_result result = stale_result();

    CHECK(agw_client_new(&options, &client, &result) == AGW_OK);
    check_result(&result, AGW_OK, __LINE__);
    CHECK(result.http_status == 0 && result.os_error == 0 && result.flags == 0);
    CHECK(result.cti_code == 0 && result.retcode[0] == '\0' && result.message[0] == '\0');
    CHECK(agw_free(client) == AGW_OK);
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
        result = stale_result();
        CHECK(agw_client_new(&options, &client, &result) == AGW_E_TLS_CONFIG);
        check_result(&result, AGW_E_TLS_CONFIG, __LINE__);
        CHECK(result.flags == AGW_RESULT_TRUNCATED);
        length = strlen(result.detail);
        CHECK(length >= 509);
        CHECK(strcmp(result.detail + length - 3, "\xE5\xBA\xA7") == 0);
    }
}

/* --- Sessions ------------------------------------------------------------------------------ */

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
                            const char *field, int line)
{
    agw_client *client = client_at(watched_url);
    agw_result result = stale_result();
    agw_status status = agw_sign_in(client, options, &result);

    check(status == expected, "it is refused", line);
    check(strncmp(result.detail, field, strlen(field)) == 0, "the detail names the field", line);
    check(strstr(result.detail, "s3cr3t") == NULL, "the detail has no secret", line);
    check_result(&result, status, line);
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
    refused_sign_in(NULL, AGW_E_INVALID_ARGUMENT, "options: ", __LINE__);
    options.struct_size--;
    refused_sign_in(&options, AGW_E_STRUCT_SIZE, "options: ", __LINE__);
    options = sign_in_of(NULL);
    refused_sign_in(&options, AGW_E_INVALID_ARGUMENT, "agent_id: ", __LINE__);
    options = sign_in_of("60000");
    refused_sign_in(&options, AGW_E_INVALID_AGENT_ID, "agent_id: ", __LINE__);
#define REFUSED_FIELD(field, value) \
    options = sign_in_of("154");    \
    options.field = value;          \
    refused_sign_in(&options, AGW_E_INVALID_ARGUMENT, #field ": ", __LINE__)
    REFUSED_FIELD(flags, 2);
    REFUSED_FIELD(password, "s3cr3t\n");
    REFUSED_FIELD(password, "s3cr3t\xFF");
    REFUSED_FIELD(password, longer);
    REFUSED_FIELD(phone, "s3cr3t\x7F");
    REFUSED_FIELD(phone, longer);
    REFUSED_FIELD(fields, "");
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
    agw_result result = stale_result();
    agw_status status = agw_next_event(client, "154", &event, &result);

    CHECK(status == AGW_E_SESSION);
    CHECK(result.http_status == 0 && result.flags == 0);
    check_result(&result, status, __LINE__);
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
    CHECK(agw_sign_out(client, "154", &result) == AGW_E_SESSION);
    check_result(&result, AGW_E_SESSION, __LINE__);
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
    agw_client *client = client_at(watched_url);
    agw_session session = stale_session();
    agw_result result = stale_result();

    CHECK(agw_set_session(client, "154", SET_GUID "; Path=/", "NODE=a;X=1", &result) == AGW_OK);
    check_result(&result, AGW_OK, __LINE__);
    CHECK(agw_get_session(client, "154", &session, &result) == AGW_OK);
    check_result(&result, AGW_OK, __LINE__);
    CHECK(session.struct_size == sizeof session && session.reserved == 0);
    CHECK(strcmp(session.guid, GUID) == 0 && strcmp(session.cookie, "NODE=a; X=1") == 0);
    CHECK(agw_get_session(client, "155", &session, NULL) == AGW_E_SESSION);
    CHECK(session.guid[0] == '\0' && session.cookie[0] == '\0');
    /* NULL keeps the cookies, "" drops them; what is refused changes nothing. */
    CHECK(agw_set_session(client, "154", "other", NULL, NULL) == AGW_OK);
    CHECK(agw_set_session(client, "154", "a b", "", &result) == AGW_E_INVALID_GUID);
    CHECK(agw_set_session(client, "154", "third", "no pair", &result) == AGW_E_INVALID_ARGUMENT);
    CHECK(strncmp(result.detail, "cookie: ", 8) == 0);
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

/* --- The log callback --------------------------------------------------------------------- */

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
    agw_result result = stale_result();

    write_diary(level, message, user_data);
    if (diary->client == NULL)
        return;
    diary->reentered++;
    CHECK(agw_reject_agent_conf(diary->client, "154", GUID, &result) == AGW_E_REENTRANT);
    check_result(&result, AGW_E_REENTRANT, __LINE__);
    result = stale_result();
    CHECK(agw_connect(diary->client, &result) == AGW_E_REENTRANT);
    check_result(&result, AGW_E_REENTRANT, __LINE__);
    CHECK(agw_sign_in(diary->client, NULL, NULL) == AGW_E_REENTRANT);
    CHECK(agw_next_event(diary->client, "154", NULL, NULL) == AGW_E_REENTRANT);
    CHECK(agw_sign_out(diary->client, "154", NULL) == AGW_E_REENTRANT);
    CHECK(agw_set_session(diary->client, "154", NULL, NULL, NULL) == AGW_E_REENTRANT);
    CHECK(agw_get_session(diary->client, "154", NULL, NULL) == AGW_E_REENTRANT);
    CHECK(agw_cancel(diary->client) == AGW_E_REENTRANT);
    CHECK(agw_cancel_call(diary->client, CALL_ID) == AGW_E_REENTRANT);
    CHECK(agw_free(diary->client) == AGW_E_REENTRANT);

    result = stale_result();
    CHECK(agw_client_new(&options, &other, &result) == AGW_OK);
    check_result(&result, AGW_OK, __LINE__);
    CHECK(agw_connect(other, NULL) == AGW_E_REENTRANT);
    CHECK(agw_free(other) == AGW_E_REENTRANT);
    CHECK(strlen(agw_strerror(AGW_E_REENTRANT)) > 0);
    CHECK(strlen(agw_version()) > 0 && agw_version_num() > 0);
    diary->client = other; /* for whoever may free it */
}

static void a_dangerous_option_is_logged(void)
{
    agw_client_options options = tls_options(AGW_TRUST_DANGER_ANY);
    struct diary diary;
    agw_client *client;

    memset(&diary, 0, sizeof diary);
    options.log = write_diary;
    options.log_user_data = &diary;
    client = client_of(&options);
    CHECK(diary.lines == 1);
    CHECK(diary.last_level == AGW_LOG_WARN);
    CHECK(strstr(diary.last, "DANGER_ANY") != NULL);
    CHECK(agw_free(client) == AGW_OK);

    memset(&diary, 0, sizeof diary);
    options.log_level = AGW_LOG_ERROR;
    client = client_of(&options);
    CHECK(diary.lines == 0);
    CHECK(agw_free(client) == AGW_OK);
}

static void calls_are_logged_without_the_guid(void)
{
    agw_client_options options = plain_options(nobody_url);
    struct diary diary;
    agw_client *client;

    memset(&diary, 0, sizeof diary);
    options.log = write_diary;
    options.log_user_data = &diary;
    options.log_level = AGW_LOG_DEBUG;
    client = client_of(&options);
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
    agw_client_options options = plain_options(nobody_url);
    struct diary diary;
    agw_client *client;

    memset(&diary, 0, sizeof diary);
    options.log = call_back;
    options.log_user_data = &diary;
    client = client_of(&options);
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

/* --- Sockets ------------------------------------------------------------------------------ */

#ifndef _WIN32

static int watched = -1;

/* A port of ours on the loopback: bound, so that nobody else gets it. */
static int take_port(char *url)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    sprintf(url, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return fd;
}

static int connections_seen(void)
{
    int seen = 0, fd;

    while ((fd = accept(watched, NULL, NULL)) >= 0) {
        close(fd);
        seen++;
    }
    return seen;
}

static void open_ports(void)
{
    take_port(nobody_url);
    watched = take_port(watched_url);
    CHECK(listen(watched, 16) == 0 && fcntl(watched, F_SETFL, O_NONBLOCK) == 0);
}

/* The tests above left nothing there; and had there been something, it would have been seen. */
static void nothing_was_sent(void)
{
    agw_client *client = client_at(watched_url);

    CHECK(connections_seen() == 0);
    CHECK(agw_connect(client, NULL) == AGW_OK);
    CHECK(connections_seen() == 1);
    CHECK(agw_free(client) == AGW_OK);
}

#else

static void open_ports(void)
{
}

static void nothing_was_sent(void)
{
}

#endif

int main(void)
{
    open_ports();
    layout_of_the_options();
    layout_of_the_result();
    layout_of_the_session_structs();
    numbers();
    versions();
    sentences();
    null_pointers();
    handles();
    tickets_are_never_issued_twice();
    sizes_of_the_options();
    nothing_is_read_past_the_options();
    sizes_of_the_result();
    no_client_without_a_usable_result();
    numbers_out_of_range();
    texts_that_are_not_utf8();
    wrong_urls();
    secrets_stay_out_of_details();
    wrong_tls_options();
    tls_options_without_effect();
    agents_that_are_not_sent();
    agents_that_are_in_range();
    guids_that_are_not_sent();
    refused_connection();
    a_call_is_cancelled_by_its_number();
    early_cancels_are_remembered();
    a_result_of_success();
    sign_ins_that_are_not_sent();
    outputs_are_empty_on_failure();
    sizes_of_the_outputs();
    sessions_are_kept();
    strings_are_copied();
    long_details_are_cut();
    a_dangerous_option_is_logged();
    calls_are_logged_without_the_guid();
    no_way_back_in_from_the_callback();
    nothing_was_sent();
    if (failures != 0) {
        printf("abi.c: %lu of %lu checks failed\n", failures, checks);
        return EXIT_FAILURE;
    }
    printf("abi.c: %lu checks passed\n", checks);
    return EXIT_SUCCESS;
}
