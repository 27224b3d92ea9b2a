/* Whether something was sent. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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
