/* What a Windows host does to a library, against a simulator that runs already:
 *
 *     host unload  DLL URL CA AGENT GUID   loads, calls and unloads it 40 times
 *     host threads DLL URL CA AGENT GUID   threads that come and go call one client, and cancel calls
 *     host paths   DLL URL CA AGENT GUID   a PEM file with letters of no code page in its path
 *     host errors  DLL URL CA AGENT GUID   what the system's error numbers come to
 *     host cancels DLL URL CA AGENT GUID   another thread ends a call over a kept connection
 *     host trusts  DLL URL CA AGENT GUID   the system's certificate store has the gateway's CA
 *     host refuses DLL URL CA AGENT GUID   and now it has not
 *     host stalls  DLL URL CA AGENT GUID   and now the system waits for a revocation list
 *
 * DLL may have such letters, too: it is taken from the command line as Windows has it.
 */
#define _WIN32_WINNT 0x0601
#include <winsock2.h>
#include <windows.h>
#include <stdio.h>
#include <string.h>

#include "agw.h"

enum { ROUNDS = 40, THREADS = 8, GENERATIONS = 5, CALLS = 10, PATH_BYTES = 1024 };

static int failures;

static void check(int holds, const char *what, const agw_result *result)
{
    if (holds)
        return;
    failures++;
    printf("failed: %s", what);
    if (result != NULL)
        printf("; status %ld, os_error %ld, %s", (long)result->status, (long)result->os_error,
               result->detail);
    printf("\n");
    fflush(stdout);
}

#define CHECK(what) check((what) ? 1 : 0, #what, NULL)
#define CHECK_RESULT(what, result) check((what) ? 1 : 0, #what, &(result))

/* --- The library, found by name ------------------------------------------------------------ */

static struct {
    HMODULE module;
    agw_status(AGW_CALL *client_new)(const agw_client_options *, agw_client **, agw_result *);
    agw_status(AGW_CALL *reject)(agw_client *, const char *, const char *, agw_result *);
    agw_status(AGW_CALL *connect)(agw_client *, agw_result *);
    agw_status(AGW_CALL *cancel_call)(agw_client *, uint32_t);
    agw_status(AGW_CALL *cancel)(agw_client *);
    agw_status(AGW_CALL *free)(agw_client *);
} agw;

static void find(const char *name, void *function)
{
    FARPROC found = GetProcAddress(agw.module, name);

    check(found != NULL, name, NULL);
    memcpy(function, &found, sizeof found);
}

static int load(const wchar_t *path)
{
    agw.module = LoadLibraryW(path);
    if (agw.module == NULL) {
        printf("LoadLibrary: error %lu\n", GetLastError());
        return 0;
    }
    find("agw_client_new", &agw.client_new);
    find("agw_reject_agent_conf", &agw.reject);
    find("agw_connect", &agw.connect);
    find("agw_cancel_call", &agw.cancel_call);
    find("agw_cancel", &agw.cancel);
    find("agw_free", &agw.free);
    return failures == 0;
}

static const char *url, *ca, *agent, *guid;
static uint32_t connect_timeout_ms; /* 0: the library's own */
static uint32_t flags;

static agw_result new_result(void)
{
    return (agw_result){.struct_size = sizeof(agw_result)};
}

static agw_client *new_client(const char *base_url, const char *trusted, agw_result *result)
{
    agw_client_options options = {
        .struct_size = sizeof options,
        .base_url = base_url,
        .ca = trusted,
        .timeout_ms = 60000, /* a name server may take its time to know nothing */
        .connect_timeout_ms = connect_timeout_ms,
        .flags = flags,
        .tls_trust = trusted != NULL ? AGW_TRUST_CA : AGW_TRUST_SYSTEM,
    };
    agw_client *client = NULL;

    *result = new_result();
    agw.client_new(&options, &client, result);
    return client;
}

/* Nothing rings at the agent, which only a gateway that was reached can say. */
static void call(agw_client *client)
{
    agw_result result = new_result();

    agw.reject(client, agent, guid, &result);
    CHECK_RESULT(result.status == AGW_E_NO_CONFERENCE, result);
}

static void make_call_and_free(const char *trusted)
{
    agw_result result;
    agw_client *client = new_client(url, trusted, &result);

    CHECK_RESULT(client != NULL, result);
    call(client);
    CHECK(agw.free(client) == AGW_OK);
}

/* agw_connect, with a client of its own. */
static agw_result connect_to(const char *base_url, const char *trusted)
{
    agw_result result;
    agw_client *client = new_client(base_url, trusted, &result);

    CHECK_RESULT(client != NULL, result);
    result = new_result();
    agw.connect(client, &result);
    CHECK(agw.free(client) == AGW_OK);
    return result;
}

/* --- Loading and unloading ----------------------------------------------------------------- */

static void unload(const wchar_t *dll)
{
    HMODULE first = agw.module;
    int round;

    for (round = 0; round < ROUNDS && failures == 0; round++) {
        make_call_and_free(ca);
        CHECK(FreeLibrary(agw.module));
        CHECK(load(dll) && agw.module == first);
    }
    CHECK(FreeLibrary(agw.module));
    CHECK(GetModuleHandleW(dll) == first); /* pinned */
    printf("%d rounds\n", round);
}

/* --- Threads ------------------------------------------------------------------------------- */

/* A number of its own for each. The cancel comes before its call, of which nothing is sent. */
static void cancelled_call(agw_client *client)
{
    static volatile LONG last_id;
    agw_result result = new_result();

    result.call_id = (uint32_t)InterlockedIncrement(&last_id);
    CHECK(agw.cancel_call(client, result.call_id) == AGW_OK);
    agw.reject(client, agent, guid, &result);
    CHECK_RESULT(result.status == AGW_E_CANCELLED && result.flags == 0, result);
}

static DWORD WINAPI work(void *client)
{
    int i;

    for (i = 0; i < CALLS; i++) {
        cancelled_call((agw_client *)client);
        call((agw_client *)client);
    }
    return 0;
}

static void threads(void)
{
    agw_result result;
    agw_client *client = new_client(url, ca, &result);
    HANDLE running[THREADS];
    int generation, i;

    CHECK_RESULT(client != NULL, result);
    for (generation = 0; generation < GENERATIONS; generation++) {
        for (i = 0; i < THREADS; i++)
            CHECK((running[i] = CreateThread(NULL, 0, work, client, 0, NULL)) != NULL);
        CHECK(WaitForMultipleObjects(THREADS, running, TRUE, 60000) == WAIT_OBJECT_0);
        for (i = 0; i < THREADS; i++)
            CloseHandle(running[i]);
    }
    CHECK(agw.free(client) == AGW_OK);
    printf("%d calls\n", THREADS * GENERATIONS * CALLS);
}

/* --- Paths --------------------------------------------------------------------------------- */

/* Zuerich with its umlaut, and "seat" in Chinese. */
static const wchar_t FOLDER[] = L"Z\u00FCrich-\u5EA7\u5E2D";

static void utf8(const wchar_t *wide, char *text)
{
    CHECK(WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, PATH_BYTES, NULL, NULL) > 0);
}

static void paths(void)
{
    static wchar_t wide_ca[PATH_BYTES], wide[PATH_BYTES];
    static char path[PATH_BYTES];

    CHECK(MultiByteToWideChar(CP_UTF8, 0, ca, -1, wide_ca, PATH_BYTES) > 0);
    CHECK(CreateDirectoryW(FOLDER, NULL) || GetLastError() == ERROR_ALREADY_EXISTS);
    swprintf(wide, PATH_BYTES, L"%ls\\\u0142\u00F3d\u017A.pem", FOLDER);
    CHECK(CopyFileW(wide_ca, wide, FALSE));
    utf8(wide, path);
    make_call_and_free(path);
    CHECK(GetFullPathNameW(wide, PATH_BYTES, wide_ca, NULL) > 0);
    utf8(wide_ca, path);
    make_call_and_free(path);
    CHECK(DeleteFileW(wide) && RemoveDirectoryW(FOLDER));
    printf("path of %d bytes\n", (int)strlen(path));
}

/* --- Error numbers ------------------------------------------------------------------------- */

static void no_client(const char *trusted, DWORD os_error)
{
    agw_result result;

    CHECK_RESULT(new_client(url, trusted, &result) == NULL, result);
    CHECK_RESULT(result.status == AGW_E_TLS_CONFIG, result);
    CHECK_RESULT(result.os_error == (int32_t)os_error, result);
}

static void errors(void)
{
    agw_result result;

    no_client("no such file.pem", ERROR_FILE_NOT_FOUND);
    no_client("no such folder\\ca.pem", ERROR_PATH_NOT_FOUND);
    no_client(".", 0); /* a folder is refused before Windows is asked for its content */

    result = connect_to("https://0.0.0.0:1", ca);
    CHECK_RESULT(result.status == AGW_E_CONNECT, result);
    CHECK_RESULT(result.os_error == WSAECONNREFUSED || result.os_error == WSAEADDRNOTAVAIL, result);

    result = connect_to("https://no-such-host.invalid:1", ca);
    CHECK_RESULT(result.status == AGW_E_RESOLVE, result);
    CHECK_RESULT(result.os_error == WSAHOST_NOT_FOUND || result.os_error == WSATRY_AGAIN
                     || result.os_error == WSANO_DATA,
                 result);
}

/* --- Cancel -------------------------------------------------------------------------------- */

/* Takes connections and says nothing. */
static SOCKET silent(char *base_url)
{
    WSADATA about;
    SOCKET port;
    struct sockaddr_in address = {.sin_family = AF_INET};
    int size = sizeof address;

    CHECK(WSAStartup(MAKEWORD(2, 2), &about) == 0);
    port = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(port, (struct sockaddr *)&address, size) == 0 && listen(port, 8) == 0);
    CHECK(getsockname(port, (struct sockaddr *)&address, &size) == 0);
    sprintf(base_url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return port;
}

static DWORD WINAPI wait_for_answer(void *client)
{
    agw_result result = new_result();

    agw.reject((agw_client *)client, agent, guid, &result);
    CHECK_RESULT(result.status == AGW_E_CANCELLED, result);
    CHECK_RESULT(result.flags == AGW_RESULT_MAYBE_SENT, result);
    return 0;
}

static DWORD time_to_cancel(agw_client *client)
{
    agw_result result = new_result();
    HANDLE caller;
    DWORD cancelled;

    CHECK_RESULT(agw.connect(client, &result) == AGW_OK, result);
    caller = CreateThread(NULL, 0, wait_for_answer, client, 0, NULL);
    Sleep(100);
    cancelled = GetTickCount();
    CHECK(agw.cancel(client) == AGW_OK);
    CHECK(WaitForSingleObject(caller, 60000) == WAIT_OBJECT_0);
    CloseHandle(caller);
    return GetTickCount() - cancelled;
}

static void cancels(void)
{
    enum { ATTEMPTS = 5, AT_ONCE_MS = 500 };
    char base_url[64];
    SOCKET port = silent(base_url);
    agw_result result;
    agw_client *client;
    DWORD best = INFINITE;
    int i;

    flags = AGW_ALLOW_HTTP;
    client = new_client(base_url, NULL, &result);
    CHECK_RESULT(client != NULL, result);
    for (i = 0; i < ATTEMPTS && best >= AT_ONCE_MS; i++) {
        DWORD took = time_to_cancel(client);

        best = took < best ? took : best;
    }
    printf("took %lu ms\n", best);
    CHECK(best < AT_ONCE_MS);
    CHECK(agw.free(client) == AGW_OK);
    closesocket(port);
}

/* --- The system's certificates ------------------------------------------------------------- */

static agw_status connect_with_system(void)
{
    agw_result result = connect_to(url, NULL);

    printf("system: status %ld %s\n", (long)result.status, result.detail);
    return result.status;
}

/* The system has ten seconds for the list, the call has not. */
static void stalls(void)
{
    enum { SLACK_MS = 6000 };
    DWORD started = GetTickCount(), took;

    connect_timeout_ms = 3000;
    CHECK(connect_with_system() == AGW_E_TIMEOUT);
    took = GetTickCount() - started;
    printf("took %lu ms\n", took);
    CHECK(took < connect_timeout_ms + SLACK_MS);
}

int __cdecl main(int argc, char **argv)
{
    const wchar_t *dll;
    int count;

    if (argc != 7)
        return 2;
    dll = CommandLineToArgvW(GetCommandLineW(), &count)[2];
    url = argv[3];
    ca = argv[4];
    agent = argv[5];
    guid = argv[6];
    if (!load(dll))
        return 1;
    if (strcmp(argv[1], "unload") == 0)
        unload(dll);
    else if (strcmp(argv[1], "threads") == 0)
        threads();
    else if (strcmp(argv[1], "paths") == 0)
        paths();
    else if (strcmp(argv[1], "errors") == 0)
        errors();
    else if (strcmp(argv[1], "cancels") == 0)
        cancels();
    else if (strcmp(argv[1], "trusts") == 0)
        CHECK(connect_with_system() == AGW_OK);
    else if (strcmp(argv[1], "refuses") == 0)
        CHECK(connect_with_system() == AGW_E_TLS);
    else if (strcmp(argv[1], "stalls") == 0)
        stalls();
    else
        return 2;
    printf("host.c: %s: %d checks failed\n", argv[1], failures);
    return failures != 0;
}
