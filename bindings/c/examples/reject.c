/* reject: rejects the conference that rings at an agent.
 *
 * An example to copy from: make the options, make a client, call, look at the result, free the
 * client. Plain C89, also C++; nothing but agw.h and the standard library.
 *
 *     cc -o reject reject.c -lagw
 *     AGW_GUID=... ./reject --url https://gateway:8043 --ca ca.pem --agent 154
 *
 * On Windows main's arguments are in the ANSI code page, and agw takes paths in UTF-8: a program
 * that is to take others than ASCII has wmain and WideCharToMultiByte(CP_UTF8, ...).
 */
#ifdef _MSC_VER
#define _CRT_SECURE_NO_WARNINGS /* fopen and getenv are standard */
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw.h"

enum { ACCEPTED, WRONG_USAGE = 2, TOO_LATE, RENEW_SESSION, REFUSED, NO_ANSWER };

static const char *const HELP[] = {
    "usage: reject --url URL --agent ID [options]     (the Guid: see below)",
    "",
    "  --url URL             the gateway, such as https://gateway:8043",
    "  --agent ID            the agent at whom it rings",
    "  --guid-file FILE      read the Guid from the first line of FILE; - is standard input",
    "  --connect-only        only see whether a verified connection can be had",
    "  --ca FILE             trust the certificates in this PEM file, and no others",
    "  --pin SHA256          trust the certificate with this fingerprint, and no other",
    "  --danger-any          check nothing (for a laboratory)",
    "  --connect-to IP:PORT  connect to this address instead of the URL's",
    "  --proxy URL           http://user:password@host:port, or env",
    "  --timeout MS          for the whole call, default 10000",
    "  --max-agent-id N      default 59999; newer gateways go to 999999",
    "  --allow-http          take a URL with plain http",
    "  --log                 log lines to standard error",
    "",
    "The Guid is taken from --guid-file, or else from the environment variable AGW_GUID.",
    "Without --ca, --pin and --danger-any the system's certificate store is trusted.",
    "",
    "exit code  0  accepted (with --connect-only: the connection stands)",
    "           2  wrong usage or wrong options",
    "           3  too late, nothing is ringing at the agent",
    "           4  take the newest Guid or sign in again",
    "           5  the gateway refused for another reason",
    "           6  no answer from the gateway: network, certificate, time-out, ...",
};

struct settings {
    agw_client_options options;
    const char *agent_id;
    const char *guid_file;
    int connect_only;
    int danger_any;
};

/* --- Options ------------------------------------------------------------------------------ */

/* Runs in the thread that called the library. It must return, and may not call the client. */
static void AGW_CALL log_to_stderr(int32_t level, const char *message, void *user_data)
{
    static const char *const LEVELS[] = {"?", "ERROR", "WARN", "INFO", "DEBUG"};
    const char *name = level >= AGW_LOG_ERROR && level <= AGW_LOG_DEBUG ? LEVELS[level] : "?";

    (void)user_data;
    fprintf(stderr, "%-5s %s\n", name, message);
}

static int read_number(const char *text, uint32_t *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    /* strtoul takes blanks and signs, which are no numbers here. */
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value > 0xFFFFFFFFUL)
        return 0;
    *number = (uint32_t)value;
    return 1;
}

static int take_flag(struct settings *settings, const char *name)
{
    agw_client_options *options = &settings->options;

    if (strcmp(name, "--allow-http") == 0) {
        options->flags |= AGW_ALLOW_HTTP;
    } else if (strcmp(name, "--danger-any") == 0) {
        settings->danger_any = 1;
    } else if (strcmp(name, "--connect-only") == 0) {
        settings->connect_only = 1;
    } else if (strcmp(name, "--log") == 0) {
        options->log = log_to_stderr;
        options->log_level = AGW_LOG_DEBUG;
    } else {
        return 0;
    }
    return 1;
}

static int take_value(struct settings *settings, const char *name, const char *value)
{
    agw_client_options *options = &settings->options;

    if (strcmp(name, "--url") == 0)
        options->base_url = value;
    else if (strcmp(name, "--ca") == 0)
        options->ca = value;
    else if (strcmp(name, "--pin") == 0)
        options->pin_sha256 = value;
    else if (strcmp(name, "--connect-to") == 0)
        options->connect_to = value;
    else if (strcmp(name, "--proxy") == 0)
        options->proxy = value;
    else if (strcmp(name, "--agent") == 0)
        settings->agent_id = value;
    else if (strcmp(name, "--guid-file") == 0)
        settings->guid_file = value;
    else if (strcmp(name, "--timeout") == 0)
        return read_number(value, &options->timeout_ms);
    else if (strcmp(name, "--max-agent-id") == 0)
        return read_number(value, &options->max_agent_id);
    else
        return 0;
    return 1;
}

/* Trust exactly what was named. The library refuses what does not go together. */
static int32_t trust_of(const struct settings *settings)
{
    if (settings->danger_any)
        return AGW_TRUST_DANGER_ANY;
    if (settings->options.pin_sha256 != NULL)
        return AGW_TRUST_PIN;
    if (settings->options.ca != NULL)
        return AGW_TRUST_CA;
    return AGW_TRUST_SYSTEM;
}

static int read_arguments(struct settings *settings, int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++) {
        if (take_flag(settings, argv[i]))
            continue;
        if (i + 1 == argc || !take_value(settings, argv[i], argv[i + 1])) {
            fprintf(stderr, "reject: cannot use %s; see --help\n", argv[i]);
            return 0;
        }
        i++;
    }
    if (settings->options.base_url == NULL
        || (settings->agent_id == NULL && !settings->connect_only)) {
        fprintf(stderr, "reject: --url and --agent are needed; see --help\n");
        return 0;
    }
    settings->options.tls_trust = trust_of(settings);
    return 1;
}

/* --- The Guid ----------------------------------------------------------------------------- */

/* The Guid is as good as a password, and every user of a machine can see the command lines of
 * all its processes: hence a file or the environment, never an option. Both the bare Guid and
 * the whole value of a Set-GUID header will do. */
static int read_guid(const char *file_name, char *guid, size_t size)
{
    const char *variable = getenv("AGW_GUID");
    FILE *file;
    int found;

    if (file_name == NULL) {
        if (variable == NULL || strlen(variable) >= size)
            return 0;
        strcpy(guid, variable);
        return 1;
    }
    file = strcmp(file_name, "-") == 0 ? stdin : fopen(file_name, "r");
    if (file == NULL)
        return 0;
    found = fgets(guid, (int)size, file) != NULL;
    if (file != stdin)
        fclose(file);
    if (found)
        guid[strcspn(guid, "\r\n")] = '\0';
    return found;
}

/* --- The result --------------------------------------------------------------------------- */

/* For a person to read. A program decides by the number. */
static const char *name_of(agw_status status)
{
#define NAME(status) \
    case status:     \
        return #status
    switch (status) {
        NAME(AGW_OK);
        NAME(AGW_E_INVALID_ARGUMENT);
        NAME(AGW_E_STRUCT_SIZE);
        NAME(AGW_E_INVALID_HANDLE);
        NAME(AGW_E_REENTRANT);
        NAME(AGW_E_RESOURCES);
        NAME(AGW_E_INVALID_URL);
        NAME(AGW_E_INVALID_AGENT_ID);
        NAME(AGW_E_INVALID_GUID);
        NAME(AGW_E_TLS_CONFIG);
        NAME(AGW_E_POLLING);
        NAME(AGW_E_RESOLVE);
        NAME(AGW_E_CONNECT);
        NAME(AGW_E_TLS);
        NAME(AGW_E_TIMEOUT);
        NAME(AGW_E_IO);
        NAME(AGW_E_CANCELLED);
        NAME(AGW_E_PROXY);
        NAME(AGW_E_HTTP);
        NAME(AGW_E_PROTOCOL);
        NAME(AGW_E_TOO_LARGE);
        NAME(AGW_E_GATEWAY);
        NAME(AGW_E_SESSION);
        NAME(AGW_E_NO_CONFERENCE);
        NAME(AGW_E_BAD_REQUEST);
        NAME(AGW_E_GATEWAY_FAULT);
        NAME(AGW_E_GATEWAY_BUSY);
        NAME(AGW_E_INTERNAL);
    }
#undef NAME
    return "(made by a newer library)";
}

/* The gateway's text may hold anything, but a terminal should obey nobody else. */
static void print_text(const char *label, const char *text)
{
    printf("%-8s ", label);
    if (*text == '\0')
        putchar('-');
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        putchar(byte < 0x20 || byte == 0x7F ? ' ' : byte);
    }
    putchar('\n');
}

static void print_flags(uint32_t flags)
{
    const char *maybe_sent = flags & AGW_RESULT_MAYBE_SENT ? " maybe sent" : "";
    const char *resent = flags & AGW_RESULT_RESENT ? " resent" : "";
    const char *truncated = flags & AGW_RESULT_TRUNCATED ? " truncated" : "";

    printf("flags   %s%s%s%s\n", maybe_sent, resent, truncated, flags == 0 ? " -" : "");
}

static void print_result(const agw_result *result)
{
    printf("status   %ld %s\n", (long)result->status, name_of(result->status));
    printf("         %s\n", agw_strerror(result->status));
    print_text("retcode", result->retcode);
    print_text("message", result->message);
    print_text("detail", result->detail);
    printf("http     %ld\n", (long)result->http_status);
    print_flags(result->flags);
    if (result->os_error != 0)
        printf("os error %ld\n", (long)result->os_error);
    if (result->cti_code != 0)
        printf("cti code %ld\n", (long)result->cti_code);
    printf("time     %.1f ms\n", result->elapsed_us / 1000.0);
}

/* By classes, so that a status of a newer library finds its place, too. */
static int exit_code(agw_status status)
{
    if (status == AGW_OK)
        return ACCEPTED;
    if (status == AGW_E_NO_CONFERENCE)
        return TOO_LATE;
    if (status == AGW_E_SESSION)
        return RENEW_SESSION;
    if (status >= 300 && status < 400)
        return REFUSED;
    return status < 100 ? WRONG_USAGE : NO_ANSWER;
}

/* --- The call ----------------------------------------------------------------------------- */

static agw_status run(const struct settings *settings, const char *guid, agw_result *result)
{
    agw_client *client;
    agw_status status = agw_client_new(&settings->options, &client, result);

    if (status != AGW_OK)
        return status;

    /* A longer-lived program keeps its client: the next call then finds the connection open. It
     * would also call agw_connect() at sign-in, to learn of a wrong address or certificate before
     * a phone rings, and at AgentConf_Ringing, to have the connection ready for the reject. */
    if (settings->connect_only)
        status = agw_connect(client, result);
    else
        status = agw_reject_agent_conf(client, settings->agent_id, guid, result);

    agw_free(client);
    return status;
}

static void print_help(void)
{
    size_t line;

    printf("reject: rejects the conference that rings at an agent (agw %s)\n", agw_version());
    for (line = 0; line < sizeof HELP / sizeof HELP[0]; line++)
        puts(HELP[line]);
}

int main(int argc, char **argv)
{
    struct settings settings;
    agw_result result;
    char guid[512] = ""; /* what is longer is no Guid: the library takes 256 bytes */
    agw_status status;

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return ACCEPTED;
    }

    /* Zero is the default of every option, and of those to come in later versions. */
    memset(&settings, 0, sizeof settings);
    settings.options.struct_size = (uint32_t)sizeof settings.options;
    memset(&result, 0, sizeof result);
    result.struct_size = (uint32_t)sizeof result;

    if (!read_arguments(&settings, argc, argv))
        return WRONG_USAGE;
    if (!settings.connect_only && !read_guid(settings.guid_file, guid, sizeof guid)) {
        fprintf(stderr, "reject: no Guid in --guid-file or AGW_GUID; see --help\n");
        return WRONG_USAGE;
    }
    status = run(&settings, guid, &result);
    print_result(&result);
    return exit_code(status);
}
