/* A small outside program: calls where nobody listens, and prints the status. */
#include <stdio.h>
#include <string.h>

#include <agw.h>

int main(void)
{
    agw_client_options options;
    agw_client *client;
    agw_result result;

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.base_url = "https://127.0.0.1:9";
    options.tls_trust = AGW_TRUST_DANGER_ANY;
    memset(&result, 0, sizeof result);
    result.struct_size = (uint32_t)sizeof result;
    if (agw_client_new(&options, &client, &result) == AGW_OK) {
        agw_reject_agent_conf(client, "154", "no-guid-of-anybody", &result);
        agw_free(client);
    }
    printf("%ld %s\n", (long)result.status, agw_version());
    return 0;
}
