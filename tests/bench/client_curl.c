/* libcurl with a reused easy handle and jansson: what a C programmer would pick instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <jansson.h>

#include "client.h"

struct client {
    CURL *easy;
    char *url;
    char *guid;
    struct curl_slist *headers;
    size_t filled;
    char answer[MAX_ANSWER];
};

static size_t receive(char *bytes, size_t size, size_t count, void *user_data)
{
    struct client *client = user_data;
    size_t length = size * count;

    if (length > sizeof client->answer - client->filled)
        return 0;
    memcpy(client->answer + client->filled, bytes, length);
    client->filled += length;
    return length;
}

static struct client *open_client(const char *url, const char *ca, int new_connections)
{
    struct client *client = calloc(1, sizeof *client);

    if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    client->url = strdup(url);
    client->easy = curl_easy_init();
    if (client->url == NULL || client->easy == NULL)
        return NULL;
    curl_easy_setopt(client->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(client->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(client->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(client->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(client->easy, CURLOPT_CAINFO, ca);
    curl_easy_setopt(client->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE, 0L);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(client->easy, CURLOPT_FORBID_REUSE, (long)new_connections);
    curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, client);
    return client;
}

/* The list of headers is made anew only for another Guid. */
static void set_headers(struct client *client, const char *guid)
{
    char line[320];

    if (client->guid != NULL && strcmp(client->guid, guid) == 0)
        return;
    free(client->guid);
    client->guid = strdup(guid);
    curl_slist_free_all(client->headers);
    snprintf(line, sizeof line, "Guid: %s", guid);
    client->headers = curl_slist_append(NULL, line);
    curl_slist_append(client->headers, "Content-Type: application/json; charset=UTF-8");
    curl_slist_append(client->headers, "Accept: application/json");
    curl_slist_append(client->headers, "Expect:");
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, client->headers);
}

static int accepted(const struct client *client)
{
    json_t *answer = json_loadb(client->answer, client->filled, 0, NULL);
    const char *retcode = json_string_value(json_object_get(answer, "retcode"));
    const char *message = json_string_value(json_object_get(answer, "message"));
    int yes = retcode != NULL && message != NULL && strcmp(retcode, "0") == 0;

    json_decref(answer);
    return yes;
}

static int perform(struct client *client, const char *resource, const char *agent)
{
    char path[192], url[256];
    long status = 0;
    int length;

    snprintf(path, sizeof path, resource, agent);
    length = snprintf(url, sizeof url, "%s%s", client->url, path);
    if (length < 0 || (size_t)length >= sizeof url)
        return 1;
    curl_easy_setopt(client->easy, CURLOPT_URL, url);
    client->filled = 0;
    if (curl_easy_perform(client->easy) != CURLE_OK)
        return 2;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return 3;
    return accepted(client) ? 0 : 4;
}

static int call(struct client *client, const char *agent, const char *guid)
{
    set_headers(client, guid);
    return perform(client, RESOURCE, agent);
}

/* An easy handle that only polls. */
static int keep(struct client *client, const char *agent, const char *guid)
{
    (void)agent;
    set_headers(client, guid);
    return curl_easy_setopt(client->easy, CURLOPT_HTTPGET, 1L) != CURLE_OK;
}

static int poll_once(struct client *client, const char *agent)
{
    return perform(client, EVENTS, agent);
}

static void close_client(struct client *client)
{
    curl_easy_cleanup(client->easy);
    curl_slist_free_all(client->headers);
    free(client->guid);
    free(client->url);
    free(client);
}

const struct client_polls client_polls = {0, keep, poll_once};

const struct client_api client_api = {0, open_client, NULL, call, close_client};
