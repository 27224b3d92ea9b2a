// The binding without exceptions: every call says what it came to.
#include <string>
#include <type_traits>
#include <utility>

#include "check.hpp"

static_assert(!std::is_copy_constructible<agw::client>::value, "a client is not copied");
static_assert(!std::is_copy_assignable<agw::client>::value, "a client is not copied");
static_assert(std::is_nothrow_move_constructible<agw::client>::value, "a client is moved");
static_assert(std::is_nothrow_move_assignable<agw::client>::value, "a client is moved");
static_assert(std::is_nothrow_destructible<agw::client>::value, "a client ends quietly");
static_assert(std::is_trivially_destructible<agw::result>::value, "a result holds no resource");
static_assert(sizeof(agw::result) == sizeof(agw_result), "a result is the C struct");

static agw::result refusal(const agw::options &options)
{
    agw::client client;
    return agw::client::try_make(options, client);
}

static bool names(const agw::result &outcome, const char *option)
{
    return std::string(outcome.detail()).find(option) != std::string::npos;
}

static void accepted_then_too_late(const gateway &at)
{
    const agw::client client = make(at.trusted());
    CHECK(client.connect(std::nothrow).status() == agw::status::ok);

    const agw::result accepted = client.reject_agent_conf(RINGING, at.ringing_guid, std::nothrow);
    CHECK(accepted && accepted.number() == AGW_OK && accepted.http_status() == 200);
    CHECK(std::string(accepted.retcode()) == "0" && accepted.elapsed_us() > 0);
    CHECK(!accepted.maybe_sent() && !accepted.resent() && !accepted.truncated());

    const std::string agent = RINGING, guid = at.ringing_guid;
    const agw::result late = client.reject_agent_conf(agent, guid, std::nothrow);
    CHECK(!late && late.status() == agw::status::no_conference);
    CHECK(std::string(late.retcode()) == "101-001" && *late.message() != '\0');
    CHECK(std::string(late.sentence()) == agw_strerror(AGW_E_NO_CONFERENCE));
}

static void refused_by_the_gateway(const gateway &at)
{
    const agw::client client = make(at.trusted());
    const agw::result stale = client.reject_agent_conf(STALE, at.stale_guid, std::nothrow);
    CHECK(stale.status() == agw::status::session && std::string(stale.retcode()) == "100-006");
    const agw::result fault = client.reject_agent_conf(FAULTY, at.faulty_guid, std::nothrow);
    CHECK(fault.status() == agw::status::gateway_fault && fault.cti_code() == 40302);
}

// Each option reaches the library: it refuses what is wrong and names it.
static void refused_options(const gateway &at)
{
    CHECK(refusal(agw::options()).status() == agw::status::invalid_url);
    CHECK(refusal(agw::options("http://gateway:8043")).status() == agw::status::invalid_url);
    CHECK(refusal(agw::options("http://gateway:8043").set_allow_http()));
    CHECK(names(refusal(at.trusted().set_connect_to("nowhere")), "connect_to"));
    CHECK(names(refusal(at.trusted().set_proxy("gopher://proxy")), "proxy"));
    CHECK(names(refusal(at.trusted().set_ca("no-such-file.pem")), "ca"));
    CHECK(names(refusal(at.trusted().set_pin_sha256("12:34")), "pin_sha256"));
    CHECK(names(refusal(at.trusted().set_client_cert("no-such-file.pem")), "client_cert"));
    CHECK(names(refusal(at.trusted().set_client_key("no-such-file.pem")), "client_key"));
    CHECK(names(refusal(at.trusted().set_trust(static_cast<agw::trust>(99))), "tls_trust"));
    CHECK(names(refusal(at.trusted().set_max_agent_id(1)), "max_agent_id"));
    const agw::log_level loud = static_cast<agw::log_level>(99);
    CHECK(names(refusal(at.trusted().set_log([](agw::log_level, const char *) {}, loud)),
                "log_level"));
}

static void options_that_are_kept(const gateway &at)
{
    const agw::client narrow = make(at.trusted().set_max_agent_id(120).set_no_keep_alive());
    const agw::result outcome = narrow.reject_agent_conf(RINGING, at.ringing_guid, std::nothrow);
    CHECK(outcome.status() == agw::status::invalid_agent_id);
    CHECK(narrow.connect(std::nothrow));

    const agw::client hasty = make(at.trusted().set_timeout_ms(3000).set_connect_timeout_ms(2000));
    const agw::result late = hasty.reject_agent_conf(SLOW, at.slow_guid, std::nothrow);
    CHECK(late.status() == agw::status::timeout && late.maybe_sent());
    CHECK((late.flags() & AGW_RESULT_MAYBE_SENT) != 0 && late.raw().flags == late.flags());
}

static void texts(const gateway &at)
{
    const agw::client client = make(at.trusted());
    const std::string cut("154\0009", 5);
    const agw::result inside = client.reject_agent_conf(cut, at.ringing_guid, std::nothrow);
    CHECK(inside.status() == agw::status::invalid_argument);
    const agw::result null = client.reject_agent_conf(RINGING, nullptr, std::nothrow);
    CHECK(null.status() == agw::status::session && null.http_status() == 0); // none is kept
    const agw::result unset = refusal(at.trusted().set_ca(nullptr));
    CHECK(unset.status() == agw::status::tls_config && names(unset, "ca"));
    CHECK(refusal(at.trusted().set_ca(cut)).status() == agw::status::invalid_argument);
    CHECK(refusal(at.trusted().set_base_url(cut)).status() == agw::status::invalid_argument);
    CHECK(client.reject_agent_conf("12a", at.ringing_guid, std::nothrow).status()
          == agw::status::invalid_agent_id);
    CHECK(client.reject_agent_conf(RINGING, "", std::nothrow).status()
          == agw::status::invalid_guid);
}

static void not_trusted(const gateway &at)
{
    const agw::client client = make(agw::options(at.url));
    const agw::result refused = client.reject_agent_conf(RINGING, at.ringing_guid, std::nothrow);
    CHECK(refused.status() == agw::status::tls && *refused.detail() != '\0');
    CHECK(refused.http_status() == 0 && !refused.maybe_sent());
}

static void moved_and_empty(const gateway &at)
{
    agw::client first = make(at.trusted());
    agw_client *const handle = first.handle();
    agw::client second(std::move(first));
    CHECK(second.handle() == handle && first.handle() == nullptr && !first);
    CHECK(first.connect(std::nothrow).status() == agw::status::invalid_handle);
    CHECK(first.cancel() == agw::status::invalid_handle);

    agw::client third = make(at.trusted());
    agw_client *const replaced = third.handle();
    third = std::move(second);
    CHECK(third.handle() == handle && third.connect(std::nothrow));
    CHECK(agw_free(replaced) == AGW_E_INVALID_HANDLE);

    CHECK(!agw::client::try_make(agw::options(), third) && !third);
    CHECK(agw_free(handle) == AGW_E_INVALID_HANDLE);

    agw_client *freed;
    {
        const agw::client scoped = make(at.trusted());
        freed = scoped.handle();
    }
    CHECK(agw_free(freed) == AGW_E_INVALID_HANDLE);
}

static void versions()
{
    CHECK(std::string(agw::version()) == agw_version());
    CHECK(agw::version_number() >= AGW_VERSION_NUM);
    CHECK(agw::version() == version_seen_elsewhere());
}

int main(int argc, char **argv)
{
    const gateway at = gateway_of(argc, argv);
    accepted_then_too_late(at);
    refused_by_the_gateway(at);
    refused_options(at);
    options_that_are_kept(at);
    texts(at);
    not_trusted(at);
    moved_and_empty(at);
    versions();
    return verdict();
}
