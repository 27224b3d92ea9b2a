/* Options. */
static void numbers_out_of_range(void)
{
    static const uint32_t FLAGS[] = {4, 8, 0x80000000U, 0xFFFFFFFFU};
    static const int32_t TRUSTS[] = {-1, 4, 0x7FFFFFFF};
    static const int32_t LEVELS[] = {-1, 5, 0x7FFFFFFF};
    agw_client_options options;
    size_t i;

#define WRONG(field, value) \
    REFUSED_WITH(plain_options(nobody_url), field, value, AGW_E_INVALID_ARGUMENT)
    for (i = 0; i < COUNT(FLAGS); i++)
        WRONG(flags, FLAGS[i]);
    for (i = 0; i < COUNT(TRUSTS); i++)
        WRONG(tls_trust, TRUSTS[i]);
    for (i = 0; i < COUNT(LEVELS); i++)
        WRONG(log_level, LEVELS[i]);
    WRONG(reserved, 1);
    WRONG(max_agent_id, 100);
    WRONG(max_agent_id, 1);
#undef WRONG
}

static void texts_that_are_not_utf8(void)
{
    static const char *const BAD[] = {"\xFF", "gateway\xC3", "\xC0\xAF", "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80"};
    agw_client *client = client_at(watched_url);
    agw_client_options options;
    agw_result result;
    size_t i;

    for (i = 0; i < COUNT(BAD); i++) {
#define NOT_UTF8(field) \
    REFUSED_WITH(tls_options(AGW_TRUST_SYSTEM), field, BAD[i], AGW_E_INVALID_ARGUMENT)
        NOT_UTF8(base_url);
        NOT_UTF8(connect_to);
        NOT_UTF8(ca);
        NOT_UTF8(pin_sha256);
        NOT_UTF8(client_cert);
        NOT_UTF8(client_key);
        NOT_UTF8(proxy);
#undef NOT_UTF8
        EXPECT(AGW_E_INVALID_ARGUMENT, agw_reject_agent_conf(client, BAD[i], GUID, &result));
        CHECK(starts_with(result.detail, "agent_id: "));
        EXPECT(AGW_E_INVALID_ARGUMENT, agw_reject_agent_conf(client, "154", BAD[i], &result));
        CHECK(starts_with(result.detail, "guid: "));
    }
    CHECK(agw_free(client) == AGW_OK);
}

static void wrong_urls(void)
{
    /* clang-format off */
    static const char *const BASE_URLS[] = {
        "", "/", "gateway", "gateway:8043", "//gateway", "https://", "https://:8043",
        "https:gateway", "ftp://gateway", "ws://gateway", "file:///etc/hosts",
        "https://user:hunter2@gateway",
        "https://user@gateway", "https://gateway/?a=b", "https://gateway/#a", "https://gateway:0",
        "https://gateway:65536", "https://gateway:x", "https://gate way", " https://gateway",
        "https://gateway ", "https://gateway\r\nX: y", "https://gateway/a\nb",
        "https://gateway/agentgateway", "https://gateway/agentgateway/",
        "https://gateway/agentgateway/resource/agentconf", "https://[::1", "https://gateway/a b"
    };
    static const char *const CONNECT_TO[] = {
        "", "gateway:8043", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", ":8043",
        "::1:8043x", "127.0.0.1:8043/x", " 127.0.0.1:8043", "[fe80::1%2]:8043", "127.0.0.1:9,",
        "127.0.0.1:9 [::1]:10"
    };
    /* One with a slash in it must not go to the host "user". */
    static const char *const PROXIES[] = {
        "", "http://", "socks5://user:hunter2@proxy:1080", "https://user:hunter2@proxy:3128",
        "ftp://proxy", "http://proxy:99999", "http://u:p@proxy:0", "http://[::1]:+80", "proxy:",
        "http://user:8080/word@proxy.test:3128", "http://user:8080?word@proxy.test:3128",
        "http://user:8080#word@proxy.test:3128", "http://user:8080\\word@proxy.test:3128",
        "user:8080/word@proxy.test:3128", "http://proxy:3128/path", "http://[zz]:3128",
        "http://proxy:3128,other:3128", "http://proxy,other"
    };
    /* clang-format on */
    agw_client_options options;
    size_t i;

#define EACH_IS_WRONG(field, values)                                                  \
    for (i = 0; i < COUNT(values); i++) {                                             \
        about = values[i];                                                            \
        REFUSED_WITH(plain_options(nobody_url), field, values[i], AGW_E_INVALID_URL); \
    }
    EACH_IS_WRONG(base_url, BASE_URLS)
    EACH_IS_WRONG(connect_to, CONNECT_TO)
    EACH_IS_WRONG(proxy, PROXIES)
#undef EACH_IS_WRONG
    about = "";
    options = plain_options(nobody_url);
    options.flags = AGW_NO_KEEP_ALIVE;
    REFUSED(&options, AGW_E_INVALID_URL, "base_url: ");
    options.flags = AGW_NO_KEEP_ALIVE | AGW_ALLOW_HTTP;
    options.base_url = "http://[::1]:1/a/prefix/";
    options.connect_to = "[::1]:1";
    options.proxy = "http://user:hunter2@127.0.0.1:3128";
    CHECK(agw_free(client_of(&options)) == AGW_OK);
}

static void shows_no_secret(const agw_client_options *options, agw_status wanted,
                            const char *culprit)
{
    agw_client *client;
    agw_result result;

    EXPECT(wanted, agw_client_new(options, &client, &result));
    CHECK(strstr(result.detail, culprit) != NULL && strstr(result.detail, "hunter2") == NULL);
}

static void secrets_stay_out_of_details(void)
{
    agw_client_options options = plain_options("https://user:hunter2@gateway");

    shows_no_secret(&options, AGW_E_INVALID_URL, "");
    options.base_url = nobody_url;
    options.proxy = "socks5://user:hunter2@proxy:1080";
    shows_no_secret(&options, AGW_E_INVALID_URL, "");
    options = tls_options(AGW_TRUST_DANGER_ANY);
    options.client_cert = CERTIFICATE;
    options.client_key = "-----BEGIN PRIVATE KEY-----\nhunter2!\n-----END PRIVATE KEY-----\n";
    shows_no_secret(&options, AGW_E_TLS_CONFIG, "");
    /* A key whose BEGIN line was lost is taken for a path. */
    options.client_key = "MC4CAQAwBQYDK2VwBCIEIhunter2AAAA";
    shows_no_secret(&options, AGW_E_TLS_CONFIG, "client_key: ");
}

static void wrong_tls_options(void)
{
    static const char BROKEN[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    static const char PRIVATE_KEY[] =
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    /* clang-format off */
    static const char *const BAD_PINS[] = {
        "", ",", "00", "not hex", "00:11:22",
        "0000000000000000000000000000000000000000000000000000000000000000,",
        "000000000000000000000000000000000000000000000000000000000000000g",
        "00000000000000000000000000000000000000000000000000000000000000000"
    };
    /* clang-format on */
    static const char NO_FILE[] = "no-such-folder/no-such-file.pem";
    agw_client_options options;
    agw_client *client;
    agw_result result = stale_result();
    size_t i;

    REFUSED_WITH(tls_options(AGW_TRUST_CA), ca, NULL, AGW_E_TLS_CONFIG);
    ALSO_REFUSED(ca, NO_FILE, AGW_E_TLS_CONFIG);
    CHECK(agw_client_new(&options, &client, &result) == AGW_E_TLS_CONFIG);
    CHECK(result.os_error != 0);
    ALSO_REFUSED(ca, "", AGW_E_TLS_CONFIG);
    options.ca = BROKEN;
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca");
    ALSO_REFUSED(ca, PRIVATE_KEY, AGW_E_TLS_CONFIG);
    REFUSED_WITH(tls_options(AGW_TRUST_SYSTEM), ca, NO_FILE, AGW_E_TLS_CONFIG);

    REFUSED_WITH(tls_options(AGW_TRUST_PIN), pin_sha256, NULL, AGW_E_TLS_CONFIG);
    for (i = 0; i < COUNT(BAD_PINS); i++) {
        about = BAD_PINS[i];
        ALSO_REFUSED(pin_sha256, BAD_PINS[i], AGW_E_TLS_CONFIG);
    }
    about = "";

    REFUSED_WITH(tls_options(AGW_TRUST_DANGER_ANY), client_key, NO_FILE, AGW_E_TLS_CONFIG);
    ALSO_REFUSED(client_cert, NO_FILE, AGW_E_TLS_CONFIG);
    options.client_cert = CERTIFICATE;
    REFUSED(&options, AGW_E_TLS_CONFIG, "client_key: ");
    ALSO_REFUSED(client_key, CERTIFICATE, AGW_E_TLS_CONFIG);
    options.client_key = NULL;
    REFUSED(&options, AGW_E_TLS_CONFIG, "client_cert: ");
    ALSO_REFUSED(client_cert, "-----BEGIN", AGW_E_TLS_CONFIG);
}

/* Whoever gives an option that would not be looked at believes in a check that is not made. */
static void tls_options_without_effect(void)
{
    static const char PIN[] = "AA:bb:CC:dd:EE:ff:00:11:22:33:44:55:66:77:88:99:"
                              "AA:bb:CC:dd:EE:ff:00:11:22:33:44:55:66:77:88:99";
    agw_client_options options = tls_options(AGW_TRUST_CA);

    options.ca = CERTIFICATE;
    CHECK(agw_free(client_of(&options)) == AGW_OK);
    options.tls_trust = AGW_TRUST_SYSTEM;
    CHECK(agw_free(client_of(&options)) == AGW_OK);
    options.tls_trust = AGW_TRUST_DANGER_ANY;
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");
    options.tls_trust = AGW_TRUST_PIN;
    options.pin_sha256 = PIN;
    REFUSED(&options, AGW_E_TLS_CONFIG, "ca: ");
    options.ca = NULL;
    CHECK(agw_free(client_of(&options)) == AGW_OK);
    options.tls_trust = AGW_TRUST_SYSTEM;
    REFUSED(&options, AGW_E_TLS_CONFIG, "pin_sha256: ");
    options.tls_trust = AGW_TRUST_DANGER_ANY;
    REFUSED(&options, AGW_E_TLS_CONFIG, "pin_sha256: ");
}
