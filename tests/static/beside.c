/* agw and another Rust library in one program: each catches a panic of its own. Prints how often
 * the other one did, and the status of a call where nobody listens. */
#include <stdio.h>
#include <string.h>

#include <agw.h>

extern int other_catches(void);

int main(void)
{
    agw_client_options options;
    agw_client *client;
    agw_status status;
    int caught = other_catches();

    memset(&options, 0, sizeof options);
    options.struct_size = (uint32_t)sizeof options;
    options.flags = AGW_ALLOW_HTTP;
    options.base_url = "http://127.0.0.1:9";
    status = agw_client_new(&options, &client, NULL);
    if (status == AGW_OK) {
        status = agw_reject_agent_conf(client, "154", "no-guid-of-anybody", NULL);
        agw_free(client);
    }
    caught += other_catches();
    printf("%d %ld\n", caught, (long)status);
    return 0;
}
