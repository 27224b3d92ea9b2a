/* What the driver knows of a client. Each is a shared library that exports `client_api`, so that
 * all are loaded, called and measured by the same code. */
#ifndef CLIENT_H
#define CLIENT_H

#define TIMEOUT_MS 10000
#define CONNECT_TIMEOUT_MS 5000
#define MAX_AGENT_ID 999999
#define MAX_ANSWER 4096
#define EVENTS "/agentgateway/resource/agentevent/%s"
#define RESOURCE "/agentgateway/resource/agentconf/%s/rejectagentconf"

struct client;

struct client_api {
    /* One client serves all threads; otherwise each thread has one of its own. */
    int serves_threads;
    /* `new_connections`: one for each call, closed after it. The CA is all that is trusted. */
    struct client *(*open)(const char *url, const char *ca, int new_connections);
    /* Makes sure that a live connection stands ready, without a request; NULL: cannot. */
    int (*connect)(struct client *client);
    /* Gives 0 if the gateway accepted (retcode "0"). */
    int (*call)(struct client *client, const char *agent, const char *guid);
    void (*close)(struct client *client);
};

extern const struct client_api client_api;

/* Of a client that can wait for an agent's events, too. */
struct client_polls {
    /* It waits by itself before it asks again too soon. */
    int has_a_pace;
    int (*keep)(struct client *client, const char *agent, const char *guid);
    int (*poll)(struct client *client, const char *agent);
};

extern const struct client_polls client_polls;

#endif
