/* struct_size. */

/* No header will ever have a larger struct. */
enum { LARGEST = 8 * 1024 };

static const uint32_t GARBAGE[] = {0xCCCCCCCCU, 0xCDCDCDCDU, 0xFEEEFEEEU, 0xBAADF00DU, 0xFFFFFFFFU,
                                   0x80000000U, 0x7FFFFFFFU, 0x10000U,    LARGEST + 1};

static int all_bytes_are(const unsigned char *bytes, size_t count, int value)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (bytes[i] != value)
            return 0;
    return 1;
}

static unsigned char *block_of(size_t size, int value)
{
    unsigned char *block = (unsigned char *)malloc(size == 0 ? 1 : size);

    if (block == NULL) {
        printf("abi.c: no memory\n");
        exit(EXIT_FAILURE);
    }
    memset(block, value, size);
    return block;
}

static void set_size(unsigned char *block, size_t size)
{
    uint32_t struct_size = (uint32_t)size;

    memcpy(block, &struct_size, sizeof struct_size);
}

/* Options that claim `size` bytes and have no more than that, but never fewer than the claim. */
static agw_status new_with_size(size_t size, int tail)
{
    agw_client_options options = plain_options(nobody_url);
    size_t known = size < sizeof options ? size : sizeof options;
    unsigned char *block = block_of(size < 4 ? 4 : size, 0);
    agw_client *client = (agw_client *)(void *)&checks;
    agw_result result = stale_result();
    agw_status status;

    memcpy(block, &options, known);
    set_size(block, size);
    if (size > sizeof options)
        block[size - 1] = (unsigned char)tail;
    status = agw_client_new((const agw_client_options *)(void *)block, &client, &result);
    check_result(&result, status, status, HERE);
    CHECK((client != NULL) == (status == AGW_OK));
    CHECK(agw_free(client) == AGW_OK);
    free(block);
    return status;
}

static void sizes_of_the_options(void)
{
    agw_client_options options;
    char text[32];
    size_t size, i;

    for (size = 0; size < sizeof(agw_client_options); size++) {
        sprintf(text, "struct_size %lu", (unsigned long)size);
        about = text;
        CHECK(new_with_size(size, 0) == AGW_E_STRUCT_SIZE);
    }
    about = "";
    CHECK(new_with_size(sizeof options, 0) == AGW_OK);
    for (size = sizeof options + 1; size < sizeof options + 40; size++) {
        CHECK(new_with_size(size, 0) == AGW_OK);
        CHECK(new_with_size(size, 1) == AGW_E_STRUCT_SIZE);
        CHECK(new_with_size(size, CANARY) == AGW_E_STRUCT_SIZE);
    }
    CHECK(new_with_size(LARGEST, 0) == AGW_OK);
    options = plain_options(nobody_url);
    for (i = 0; i < COUNT(GARBAGE); i++) {
        options.struct_size = GARBAGE[i];
        REFUSED(&options, AGW_E_STRUCT_SIZE, "options: ");
    }
}

/* What lies behind the struct is the caller's, and may look like anything. */
static void nothing_is_read_past_the_options(void)
{
    agw_client_options options = plain_options(nobody_url);
    unsigned char *block = block_of(sizeof options + CANARIES, CANARY);
    agw_client *client = NULL;

    memcpy(block, &options, sizeof options);
    CHECK(agw_client_new((const agw_client_options *)(void *)block, &client, NULL) == AGW_OK);
    CHECK(agw_connect(client, NULL) == AGW_E_CONNECT);
    CHECK(agw_free(client) == AGW_OK);
    CHECK(memcmp(block, &options, sizeof options) == 0);
    CHECK(all_bytes_are(block + sizeof options, CANARIES, CANARY));
    free(block);
}

/* Each way to get a result, with the status that it should hold. */
static agw_status fill(int way, agw_client *client, agw_result *result)
{
    agw_client *none;

    switch (way) {
    case 0:
        return agw_client_new(NULL, &none, result);
    case 1:
        return agw_connect(NULL, result);
    case 2:
        return agw_connect(client, result);
    default:
        return agw_reject_agent_conf(client, "154", GUID, result);
    }
}

static const agw_status FILLED[] = {AGW_E_INVALID_ARGUMENT, AGW_E_INVALID_HANDLE, AGW_E_CONNECT,
                                    AGW_E_CONNECT};

static void result_with_size(size_t size, int way, agw_client *client)
{
    size_t room = size + CANARIES;
    size_t full = sizeof(agw_result);
    unsigned char *tight = block_of(size, 0);
    unsigned char *roomy = block_of(room, CANARY);
    int32_t status;

    /* In a block of its own a write too far is the memory checker's, in the other one ours. */
    set_size(tight, size);
    CHECK(fill(way, client, (agw_result *)(void *)tight) == FILLED[way]);
    set_size(roomy, size);
    if (size > full)
        memset(roomy + full, 0, size - full);
    CHECK(fill(way, client, (agw_result *)(void *)roomy) == FILLED[way]);
    memcpy(&status, roomy + offsetof(agw_result, status), sizeof status);
    CHECK(status == FILLED[way]);
    CHECK(all_bytes_are(roomy + size, room - size, CANARY));
    CHECK(size <= full || all_bytes_are(roomy + full, size - full, 0));
    free(tight);
    free(roomy);
}

/* A result whose struct_size makes no sense is not touched, and nothing is done. */
static void result_refused(size_t size, int way, agw_client *client)
{
    unsigned char *block = block_of(sizeof(agw_result) + CANARIES, CANARY);

    set_size(block, size);
    CHECK(fill(way, client, (agw_result *)(void *)block) == AGW_E_STRUCT_SIZE);
    CHECK(all_bytes_are(block + 4, sizeof(agw_result) + CANARIES - 4, CANARY));
    free(block);
}

/* A newer result that asks for what this library does not know: told so in the known part. */
static void result_with_tail(size_t size, int way, agw_client *client)
{
    unsigned char *block = block_of(size, 0);
    agw_result result;

    set_size(block, size);
    block[size - 1] = CANARY;
    CHECK(fill(way, client, (agw_result *)(void *)block) == AGW_E_STRUCT_SIZE);
    memcpy(&result, block, sizeof result);
    CHECK(result.status == AGW_E_STRUCT_SIZE && result.detail[0] != '\0');
    CHECK(all_bytes_are(block + sizeof result, size - 1 - sizeof result, 0));
    CHECK(block[size - 1] == CANARY);
    free(block);
}

static void sizes_of_the_result(void)
{
    agw_client *client = client_at(nobody_url);
    char text[32];
    size_t size, i;
    int way;

    for (way = 0; way < (int)COUNT(FILLED); way++) {
        for (size = 0; size < sizeof(agw_result); size++) {
            sprintf(text, "struct_size %lu", (unsigned long)size);
            about = text;
            result_refused(size, way, client);
        }
        about = "";
        result_with_size(sizeof(agw_result), way, client);
        for (size = sizeof(agw_result) + 1; size < sizeof(agw_result) + 20; size++) {
            result_with_size(size, way, client);
            result_with_tail(size, way, client);
        }
        result_with_size(LARGEST, way, client);
        result_with_tail(LARGEST, way, client);
        for (i = 0; i < COUNT(GARBAGE); i++)
            result_refused(GARBAGE[i], way, client);
    }
    CHECK(agw_free(client) == AGW_OK);
}

/* A call that cannot tell its outcome does not do anything: no client is made and lost. */
static void no_client_without_a_usable_result(void)
{
    agw_client_options options = plain_options(nobody_url);
    agw_client *client = (agw_client *)(void *)&checks;
    agw_result result = stale_result();

    result.struct_size = 4;
    CHECK(agw_client_new(&options, &client, &result) == AGW_E_STRUCT_SIZE);
    CHECK(client == NULL);
}
