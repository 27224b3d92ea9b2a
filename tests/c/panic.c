/* Shows that a panic inside the library stays there: the caller gets AGW_E_INTERNAL, the log
 * callback a line, standard error nothing, and the client goes on working.
 *
 * Needs a debug build of the library: only that panics on demand (environment: AGW_FAULT).
 */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200112L
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

#include "check.h"

#ifdef _WIN32
#include <io.h>
#define dup _dup
#define dup2 _dup2
#define close _close
#define fileno _fileno
#define set_fault(value) _putenv_s("AGW_FAULT", value)
#else
#include <unistd.h>
#define set_fault(value) (*(value) ? setenv("AGW_FAULT", value, 1) : unsetenv("AGW_FAULT"))
#endif

#define GUID "5ec4e700-feed-4bad-beef-c0ffee5ec4e7.AgentGateway1"

enum { STANDARD_ERROR = 2 };

struct diary {
    int errors;
    int others;
    int guids;
};

static void AGW_CALL write_diary(int32_t level, const char *message, void *user_data)
{
    struct diary *diary = (struct diary *)user_data;

    if (level == AGW_LOG_ERROR)
        diary->errors++;
    else
        diary->others++;
    diary->guids += strstr(message, GUID) != NULL;
}

/* Makes the call with standard error led into a file; gives the number of bytes in it. */
static long reject_and_listen(agw_client *client, agw_result *result, agw_status *status)
{
    FILE *caught = tmpfile();
    int saved = dup(STANDARD_ERROR);
    long bytes;

    CHECK(caught != NULL && saved >= 0);
    if (caught == NULL)
        return -1;
    fflush(stderr);
    CHECK(dup2(fileno(caught), STANDARD_ERROR) >= 0);
    *status = agw_reject_agent_conf(client, "154", GUID, result);
    fflush(stderr);
    CHECK(dup2(saved, STANDARD_ERROR) >= 0);
    close(saved);
    CHECK(fseek(caught, 0, SEEK_END) == 0);
    bytes = ftell(caught);
    fclose(caught);
    return bytes;
}

static void a_panic_stays_inside(agw_client *client, struct diary *diary)
{
    agw_result result = {.struct_size = sizeof result};
    agw_status status = -1;

    memset(diary, 0, sizeof *diary);
    CHECK(set_fault("panic") == 0);
    CHECK(reject_and_listen(client, &result, &status) == 0);
    CHECK(set_fault("") == 0);
    if (status == AGW_E_CONNECT)
        printf("panic.c: this library does not panic on demand; it needs a debug build\n");
    CHECK(status == AGW_E_INTERNAL);
    CHECK(result.status == AGW_E_INTERNAL);
    CHECK(result.flags == AGW_RESULT_MAYBE_SENT); /* the panic may have come behind the request */
    CHECK(strstr(result.detail, "panic at fault.rs:") == result.detail);
    CHECK(strstr(result.detail, "planted") == NULL && strstr(result.detail, GUID) == NULL);
    CHECK(diary->errors == 1 && diary->others == 0 && diary->guids == 0);
}

static void the_client_still_works(agw_client *client, struct diary *diary)
{
    memset(diary, 0, sizeof *diary);
    CHECK(agw_reject_agent_conf(client, "154", GUID, NULL) == AGW_E_CONNECT);
    CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
    CHECK(agw_cancel(client) == AGW_OK);
    CHECK(diary->errors == 0 && diary->others == 2 && diary->guids == 0);
}

int main(void)
{
    struct diary diary;
    agw_client_options options = {
        .struct_size = sizeof options,
        .flags = AGW_ALLOW_HTTP,
        .base_url = "http://127.0.0.1:1", /* nobody listens there */
        .log = write_diary,
        .log_user_data = &diary,
    };
    agw_client *client = NULL;
    int round;

    CHECK(agw_client_new(&options, &client, NULL) == AGW_OK);
    for (round = 0; round < 3; round++) {
        a_panic_stays_inside(client, &diary);
        the_client_still_works(client, &diary);
    }
    CHECK(agw_free(client) == AGW_OK);
    return verdict("panic.c");
}
