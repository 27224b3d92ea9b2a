/* A gateway that speaks TLS 1.2 and asks for one more handshake behind each request, as IIS, Apache
 * and Tomcat do where a client certificate is wanted for some paths only.
 *
 *     renegotiates CERTIFICATE-AND-KEY answers|asks-again|alerts|closes|falls-silent
 *
 * The word says what it does once the client has refused. Prints its port, then a line for each
 * request that it has read and for each refusal. It is GnuTLS because OpenSSL lets no program go on
 * behind a refusal.
 */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_LIFE = 120, REQUEST_BYTES = 4096 };

static const char *const ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 47\r\n\r\n"
                                  "{\"result\":{},\"message\":\"success\",\"retcode\":\"0\"}";

static void expect(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static int listener(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address;
    socklen_t size = sizeof address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    expect(bind(fd, (struct sockaddr *)&address, size) == 0, "bind");
    expect(listen(fd, 8) == 0, "listen");
    expect(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    return fd;
}

static int reads_request(gnutls_session_t tls)
{
    char request[REQUEST_BYTES];
    size_t length = 0;

    while (length < 4 || memcmp(request + length - 4, "\r\n\r\n", 4) != 0) {
        ssize_t more = gnutls_record_recv(tls, request + length, sizeof request - length);

        if (more <= 0)
            return 0;
        length += (size_t)more;
    }
    puts("request");
    return 1;
}

static void ask(gnutls_session_t tls)
{
    char byte;

    expect(gnutls_rehandshake(tls) == 0, "HelloRequest");
    if (gnutls_record_recv(tls, &byte, 1) == GNUTLS_E_WARNING_ALERT_RECEIVED
        && gnutls_alert_get(tls) == GNUTLS_A_NO_RENEGOTIATION)
        puts("refusal");
}

static void serve(gnutls_session_t tls, const char *how)
{
    char byte;

    while (reads_request(tls)) {
        ask(tls);
        if (strcmp(how, "answers") == 0)
            gnutls_record_send(tls, ANSWER, strlen(ANSWER));
        else if (strcmp(how, "asks-again") == 0)
            ask(tls);
        else if (strcmp(how, "alerts") == 0) /* as OpenSSL does */
            gnutls_alert_send(tls, GNUTLS_AL_FATAL, GNUTLS_A_HANDSHAKE_FAILURE);
        else if (strcmp(how, "falls-silent") == 0)
            gnutls_record_recv(tls, &byte, 1);
        if (strcmp(how, "answers") != 0)
            return;
    }
}

int main(int argc, char **argv)
{
    gnutls_certificate_credentials_t credentials;
    const char *pem = argv[1];
    int port;

    expect(argc == 3, "arguments");
    alarm(LONGEST_LIFE);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    expect(gnutls_certificate_allocate_credentials(&credentials) == 0, "credentials");
    expect(gnutls_certificate_set_x509_key_file(credentials, pem, pem, GNUTLS_X509_FMT_PEM) == 0,
           pem);
    port = listener();
    for (;;) {
        int fd = accept(port, NULL, NULL);
        gnutls_session_t tls;

        expect(fd >= 0, "accept");
        expect(gnutls_init(&tls, GNUTLS_SERVER | GNUTLS_NO_SIGNAL) == 0, "session");
        gnutls_priority_set_direct(tls, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL);
        gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, credentials);
        gnutls_transport_set_int(tls, fd);
        if (gnutls_handshake(tls) == 0)
            serve(tls, argv[2]);
        gnutls_deinit(tls);
        close(fd);
    }
}
