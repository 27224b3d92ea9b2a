/* A floor: OpenSSL with a request and an answer by hand, nothing sent again, nothing looked at
 * twice. It dials IP addresses only. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "client.h"

struct client {
    SSL_CTX *context;
    SSL *tls;
    SSL_SESSION *session;
    int socket;
    int new_connections;
    char host[64];
    int port;
};

/* Keeps the newest session for the next connection. */
static int keep_session(SSL *tls, SSL_SESSION *session)
{
    struct client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

    SSL_SESSION_free(client->session);
    client->session = session;
    return 1;
}

static struct client *open_client(const char *url, const char *ca, int new_connections)
{
    struct client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return NULL;
    client->new_connections = new_connections;
    client->socket = -1;
    if (sscanf(url, "https://%63[^:]:%d", client->host, &client->port) != 2)
        return NULL;
    signal(SIGPIPE, SIG_IGN);
    client->context = SSL_CTX_new(TLS_client_method());
    if (client->context == NULL)
        return NULL;
    if (SSL_CTX_load_verify_file(client->context, ca) != 1)
        return NULL;
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(client->context, 1);
    SSL_CTX_set_session_cache_mode(client->context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->context, keep_session);
    SSL_CTX_set_app_data(client->context, client);
    return client;
}

static void disconnect(struct client *client)
{
    if (client->tls != NULL) {
        SSL_set_quiet_shutdown(client->tls, 1);
        SSL_shutdown(client->tls);
        SSL_free(client->tls);
    }
    if (client->socket >= 0)
        close(client->socket);
    client->tls = NULL;
    client->socket = -1;
}

static int dial(struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(client->port)};
    struct timeval wait = {.tv_sec = CONNECT_TIMEOUT_MS / 1000};
    int on = 1;

    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0 || inet_pton(AF_INET, client->host, &address.sin_addr) != 1)
        return 1;
    setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(client->socket, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(client->socket, (struct sockaddr *)&address, sizeof address);
}

static int make_ready(struct client *client)
{
    disconnect(client);
    if (dial(client) != 0)
        return 1;
    client->tls = SSL_new(client->context);
    if (client->tls == NULL)
        return 2;
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(client->tls), client->host);
    if (client->session != NULL)
        SSL_set_session(client->tls, client->session);
    SSL_set_fd(client->tls, client->socket);
    return SSL_connect(client->tls) == 1 ? 0 : 3;
}

static int accepted(const char *body)
{
    const char *retcode = strstr(body, "\"retcode\":");

    return retcode != NULL && strncmp(strchr(retcode, ':') + 1, "\"0\"", 3) == 0;
}

static int receive(struct client *client)
{
    char answer[MAX_ANSWER + 1];
    const char *body = NULL;
    size_t filled = 0, length = 0;

    while (body == NULL || strlen(body) < length) {
        int taken = SSL_read(client->tls, answer + filled, (int)(MAX_ANSWER - filled));
        const char *end;

        if (taken <= 0)
            return 11;
        filled += (size_t)taken;
        answer[filled] = '\0';
        end = strstr(answer, "\r\n\r\n");
        if (body == NULL && end != NULL) {
            const char *field = strstr(answer, "\r\nContent-Length:");

            if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || field == NULL)
                return 12;
            length = strtoul(field + 17, NULL, 10);
            body = end + 4;
        }
    }
    return accepted(body) ? 0 : 13;
}

static int exchange(struct client *client, const char *agent, const char *guid)
{
    char request[1024];
    int length = snprintf(request, sizeof request,
                          "POST " RESOURCE " HTTP/1.1\r\n"
                          "Host: %s:%d\r\n"
                          "Guid: %s\r\n"
                          "Content-Type: application/json; charset=UTF-8\r\n"
                          "Content-Length: 0\r\n"
                          "Accept: application/json\r\n\r\n",
                          agent, client->host, client->port, guid);

    if (length < 0 || (size_t)length >= sizeof request)
        return 21;
    if (SSL_write(client->tls, request, length) != length)
        return 22;
    return receive(client);
}

static int call(struct client *client, const char *agent, const char *guid)
{
    int outcome = client->tls == NULL ? make_ready(client) : 0;

    if (outcome == 0)
        outcome = exchange(client, agent, guid);
    if (outcome != 0 || client->new_connections)
        disconnect(client);
    return outcome;
}

static void close_client(struct client *client)
{
    disconnect(client);
    SSL_SESSION_free(client->session);
    SSL_CTX_free(client->context);
    free(client);
}

const struct client_api client_api = {0, open_client, make_ready, call, close_client};
