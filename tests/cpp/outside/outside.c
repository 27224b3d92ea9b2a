/* A small outside program: calls where nobody listens, and prints the status. */
#include <stdio.h>
#include <string.h>

#include <agw.h>

int main(void)
{
    agw_client_options options;
    agw_client *client;
    agw_status status;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.base_url = "https://127.0.0.1:9";
    options.tls_trust = AGW_TRUST_DANGER_ANY;
    status = agw_client_new(&options, &client, NULL);
    if (status == AGW_OK) {
        status = agw_reject_agent_conf(client, "154", "no-guid-of-anybody", NULL);
        agw_free(client);
    }
    printf("%ld %s\n", (long)status, agw_version());
    return 0;
}
