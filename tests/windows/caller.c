/* Makes the calls that tests/support/src/faults/elsewhere.rs asks for, where the library under test is: a line
 * in, a line out. Texts are in hex, "-" stands for NULL.
 *
 *     new FLAGS TIMEOUT CONNECT-TIMEOUT TRUST BASE-URL CA PROXY
 *     reject AGENT GUID
 *     connect
 *     sign-in AGENT PASSWORD FLAGS
 *     next-event AGENT
 *     sign-out AGENT
 *     set-session AGENT GUID
 *     get-session AGENT
 *     cancel CALL-ID MILLISECONDS      agw_cancel_call, in another thread if it is not for now
 *     free
 *
 * The answer: what the function returned, the microseconds it took, the bytes of the result, and the
 * type of the event or the session's Guid, "-" for none.
 */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

enum { MOST_WORDS = 8, LINE_BYTES = 64 * 1024 };

/* The number of every call, as in tests/support/src/faults/abi.rs. */
#define CALL_ID 0x7F7F0001u

static agw_client *client;
static agw_result result;
static agw_event event;
static agw_session session;

/* A cancel that is to come; the next one waits for it. */
static struct {
    agw_client *client;
    uint32_t call_id;
    DWORD after_ms;
    HANDLE thread;
} later;

/* In place: two digits become a byte. */
static char *text(char *hex)
{
    size_t i;

    if (strcmp(hex, "-") == 0)
        return NULL;
    for (i = 0; hex[2 * i] != '\0'; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        hex[i] = (char)strtoul(digits, NULL, 16);
    }
    hex[i] = '\0';
    return hex;
}

static uint32_t number(const char *word)
{
    return (uint32_t)strtoul(word, NULL, 10);
}

static agw_status make(char **words)
{
    agw_client_options options = {
        .struct_size = sizeof options,
        .flags = number(words[1]),
        .timeout_ms = number(words[2]),
        .connect_timeout_ms = number(words[3]),
        .tls_trust = (int32_t)number(words[4]),
        .base_url = text(words[5]),
        .ca = text(words[6]),
        .proxy = text(words[7]),
    };

    return agw_client_new(&options, &client, &result);
}

static agw_status sign_in(char **words)
{
    agw_sign_in_options options = {
        .struct_size = sizeof options,
        .agent_id = text(words[1]),
        .password = text(words[2]),
        .flags = number(words[3]),
    };

    return agw_sign_in(client, &options, &result);
}

static DWORD WINAPI cancel_later(void *unused)
{
    (void)unused;
    Sleep(later.after_ms);
    return (DWORD)agw_cancel_call(later.client, later.call_id);
}

static agw_status cancel(uint32_t call_id, DWORD after_ms)
{
    if (after_ms == 0)
        return agw_cancel_call(client, call_id);
    if (later.thread != NULL) {
        WaitForSingleObject(later.thread, INFINITE);
        CloseHandle(later.thread);
    }
    later.client = client;
    later.call_id = call_id;
    later.after_ms = after_ms;
    later.thread = CreateThread(NULL, 0, cancel_later, NULL, 0, NULL);
    return later.thread != NULL ? AGW_OK : AGW_E_RESOURCES;
}

static agw_status call(char **words, int count)
{
    if (count == 8 && strcmp(words[0], "new") == 0)
        return make(words);
    if (count == 3 && strcmp(words[0], "reject") == 0)
        return agw_reject_agent_conf(client, text(words[1]), text(words[2]), &result);
    if (count == 1 && strcmp(words[0], "connect") == 0)
        return agw_connect(client, &result);
    if (count == 4 && strcmp(words[0], "sign-in") == 0)
        return sign_in(words);
    if (count == 2 && strcmp(words[0], "next-event") == 0)
        return agw_next_event(client, text(words[1]), &event, &result);
    if (count == 2 && strcmp(words[0], "sign-out") == 0)
        return agw_sign_out(client, text(words[1]), &result);
    if (count == 3 && strcmp(words[0], "set-session") == 0)
        return agw_set_session(client, text(words[1]), text(words[2]), NULL, &result);
    if (count == 2 && strcmp(words[0], "get-session") == 0)
        return agw_get_session(client, text(words[1]), &session, &result);
    if (count == 3 && strcmp(words[0], "cancel") == 0)
        return cancel(number(words[1]), number(words[2]));
    if (count == 1 && strcmp(words[0], "free") == 0)
        return agw_free(client);
    exit(2);
}

static int64_t ticks(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return now.QuadPart;
}

static void print_hex(const void *bytes, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++)
        printf("%02x", ((const unsigned char *)bytes)[i]);
    printf(length > 0 ? " " : "- ");
}

static void answer(char **words, int count)
{
    const char *brought = "";
    LARGE_INTEGER a_second;
    agw_status status;
    int64_t started;

    QueryPerformanceFrequency(&a_second);
    memset(&result, 0x7F, sizeof result); /* what is right afterwards the library wrote */
    result.struct_size = sizeof result;
    result.call_id = CALL_ID;
    memset(&event, 0x7F, sizeof event);
    event.struct_size = sizeof event;
    memset(&session, 0x7F, sizeof session);
    session.struct_size = sizeof session;
    session.reserved = 0;
    started = ticks();
    status = call(words, count);
    printf("%ld %ld ", (long)status, (long)((ticks() - started) * 1000000 / a_second.QuadPart));
    print_hex(&result, sizeof result);
    if (strcmp(words[0], "next-event") == 0)
        brought = event.type;
    if (strcmp(words[0], "get-session") == 0)
        brought = session.guid;
    print_hex(brought, strlen(brought));
    printf("\n");
    fflush(stdout);
}

int __cdecl main(void)
{
    static char line[LINE_BYTES];

    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[MOST_WORDS], *word = strtok(line, " \r\n");
        int count = 0;

        for (; word != NULL && count < MOST_WORDS; word = strtok(NULL, " \r\n"))
            words[count++] = word;
        if (count > 0)
            answer(words, count);
    }
    return 0;
}
