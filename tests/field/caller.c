/* A client in its namespace, by agw or by libcurl. It does what its standard input says, a line each,
 * and says how long that took and what came of it.
 *
 *     caller agw URL CA CONNECT-TO         caller libcurl URL CA HOST:PORT:ADDRESSES
 *
 *     tcp ADDRESS PORT | connect | click GUID | suspend SECONDS   ->   STATUS FLAGS MICROSECONDS WORDS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <agw.h>
#include <curl/curl.h>

#define AGENT "154"
#define MOST_SECONDS 30 /* a call that hangs ends the program */

struct outcome {
    int status;
    unsigned flags;
    char words[600];
};

struct client {
    void (*open)(const char *url, const char *ca, const char *route);
    void (*connect)(struct outcome *outcome); /* agw's only */
    void (*click)(const char *guid, struct outcome *outcome);
};

static void give_up(const char *words)
{
    fprintf(stderr, "caller: %s\n", words);
    exit(2);
}

/* agw, all at its defaults. */

static agw_client *handle;

static void tell(const agw_result *result, struct outcome *outcome)
{
    outcome->status = result->status;
    outcome->flags = result->flags;
    snprintf(outcome->words, sizeof outcome->words, "%s", result->detail);
}

static void agw_open(const char *url, const char *ca, const char *route)
{
    agw_client_options options = {.struct_size = sizeof options, .tls_trust = AGW_TRUST_CA};
    agw_result result = {.struct_size = sizeof result};

    options.base_url = url;
    options.ca = ca;
    options.connect_to = *route ? route : NULL;
    if (agw_client_new(&options, &handle, &result) != AGW_OK)
        give_up(result.detail);
}

static void agw_ready(struct outcome *outcome)
{
    agw_result result = {.struct_size = sizeof result};

    agw_connect(handle, &result);
    tell(&result, outcome);
}

static void agw_click(const char *guid, struct outcome *outcome)
{
    agw_result result = {.struct_size = sizeof result};

    agw_reject_agent_conf(handle, AGENT, guid, &result);
    tell(&result, outcome);
}

/* libcurl, at its defaults, with a handle that is used again. By default it would wait for minutes. */

#define CURL_TIMEOUT_MS 5000L

static CURL *easy;
static char answer[4096];

static size_t receive(char *bytes, size_t size, size_t count, void *filled)
{
    size_t *length = filled;

    if (size * count >= sizeof answer - *length)
        return 0;
    memcpy(answer + *length, bytes, size * count);
    *length += size * count;
    answer[*length] = '\0';
    return size * count;
}

static void curl_open(const char *url, const char *ca, const char *route)
{
    char whole[256];

    snprintf(whole, sizeof whole, "%s/agentgateway/resource/agentconf/" AGENT "/rejectagentconf",
             url);
    easy = curl_easy_init();
    if (easy == NULL)
        give_up("no handle of libcurl's");
    curl_easy_setopt(easy, CURLOPT_URL, whole);
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, CURL_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    if (*route)
        curl_easy_setopt(easy, CURLOPT_RESOLVE, curl_slist_append(NULL, route));
}

static void curl_click(const char *guid, struct outcome *outcome)
{
    char line[256];
    size_t filled = 0;
    struct curl_slist *headers;

    snprintf(line, sizeof line, "Guid: %s", guid);
    headers = curl_slist_append(NULL, line);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &filled);
    outcome->status = (int)curl_easy_perform(easy);
    snprintf(outcome->words, sizeof outcome->words, "%s",
             curl_easy_strerror((CURLcode)outcome->status));
    if (outcome->status == 0 && strstr(answer, "\"retcode\":\"0\"") == NULL)
        outcome->status = -1;
    curl_slist_free_all(headers);
}

/* What is no client's. */

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One round trip, whatever there is between. */
static void connect_tcp(const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, address, &to.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        give_up("no connection to measure the round trip by");
    close(fd);
}

void suspend(long seconds); /* of suspend.c */

static void sleep_through(long time)
{
    double asleep = seconds(CLOCK_BOOTTIME), awake = seconds(CLOCK_MONOTONIC);

    suspend(time);
    asleep = seconds(CLOCK_BOOTTIME) - asleep;
    awake = seconds(CLOCK_MONOTONIC) - awake;
    if (asleep - awake < (double)time - 0.5)
        give_up("the clocks did not move");
}

static void obey(const struct client *client, const char *line)
{
    struct outcome outcome = {0};
    char text[256];
    int port;
    long time;
    double begun = seconds(CLOCK_MONOTONIC);

    alarm(MOST_SECONDS);
    if (strcmp(line, "connect\n") == 0)
        client->connect(&outcome);
    else if (sscanf(line, "click %255s", text) == 1)
        client->click(text, &outcome);
    else if (sscanf(line, "suspend %ld", &time) == 1)
        sleep_through(time);
    else if (sscanf(line, "tcp %255s %d", text, &port) == 2)
        connect_tcp(text, port);
    else
        give_up(line);
    printf("%d %u %.0f %s\n", outcome.status, outcome.flags,
           (seconds(CLOCK_MONOTONIC) - begun) * 1e6, outcome.words);
    fflush(stdout);
    alarm(0);
}

int main(int argc, char **argv)
{
    static const struct client by_agw = {agw_open, agw_ready, agw_click};
    static const struct client by_curl = {curl_open, NULL, curl_click};
    const struct client *client;
    char line[512];

    if (argc != 5)
        give_up("takes a client, a URL, a CA and a route");
    client = strcmp(argv[1], "agw") == 0 ? &by_agw : &by_curl;
    client->open(argv[2], argv[3], argv[4]);
    while (fgets(line, sizeof line, stdin) != NULL)
        obey(client, line);
    return 0;
}
