// The binding with exceptions, threads and log lines.
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"

static void accepted_then_too_late(const gateway &at)
{
    const agw::client client{at.trusted()};
    CHECK(std::string(client.connect().detail()).find("TLS 1.") == 0);
    const agw::result accepted = client.reject_agent_conf(RINGING, at.ringing_guid);
    CHECK(accepted && std::string(accepted.retcode()) == "0");

    try {
        client.reject_agent_conf(RINGING, at.ringing_guid);
        CHECK(false); // it should have thrown
    } catch (const std::runtime_error &caught) {
        const agw::error &error = dynamic_cast<const agw::error &>(caught);
        CHECK(error.status() == agw::status::no_conference && error.http_status() == 200);
        CHECK(std::string(error.retcode()) == "101-001" && *error.message() != '\0');
        CHECK(error.os_error() == 0 && error.cti_code() == 0 && error.elapsed_us() > 0);
        CHECK(!error.maybe_sent() && !error.resent() && !error.truncated() && error.flags() == 0);
        CHECK(std::string(error.what()).find(error.sentence()) == 0);
    }
}

static void refusals(const gateway &at)
{
    const agw::client client{at.trusted()};
    const agw::result stale = thrown([&] { client.reject_agent_conf(STALE, at.stale_guid); });
    CHECK(stale.status() == agw::status::session);

    const agw::client distrustful{agw::options(at.url)};
    const agw::result refused = thrown([&] { distrustful.connect(); });
    CHECK(refused.status() == agw::status::tls && *refused.detail() != '\0');

    const agw::result unusable = thrown([] { agw::client{agw::options("gopher://gateway")}; });
    CHECK(unusable.status() == agw::status::invalid_url);

    agw::client moved{at.trusted()};
    const agw::client taken(std::move(moved));
    const agw::result empty = thrown([&] { moved.reject_agent_conf(RINGING, at.ringing_guid); });
    CHECK(taken && empty.status() == agw::status::invalid_handle);
}

static void cancelled_from_another_thread(const gateway &at)
{
    const agw::client client{at.trusted().set_timeout_ms(20000)};
    std::atomic<bool> ended(false);
    agw::result outcome;
    std::thread caller([&] {
        outcome = thrown([&] { client.reject_agent_conf(SLOW, at.slow_guid); });
        ended = true;
    });
    // The call may not have begun yet: cancel until it has ended.
    while (!ended) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        CHECK(client.cancel() == agw::status::ok);
    }
    caller.join();
    CHECK(outcome.status() == agw::status::cancelled && outcome.elapsed_us() < 10000000);
    client.connect();
}

static void a_token_ends_its_call(const gateway &at)
{
    const agw::client client{at.trusted().set_timeout_ms(20000)};
    const agw::cancel_token token;
    agw::result outcome;
    std::thread caller([&, token] {
        outcome = thrown([&] { client.reject_agent_conf(SLOW, at.slow_guid, token); });
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(token.cancel() == agw::status::ok);
    caller.join();
    CHECK(outcome.status() == agw::status::cancelled && outcome.elapsed_us() < 10000000);
    CHECK(outcome.call_id() != 0);
    const agw::result early = thrown([&] { client.connect(token); });
    CHECK(early.status() == agw::status::cancelled && !early.maybe_sent());
    client.connect(agw::cancel_token());
}

// What the function captured shows how long it lives.
static void log_lines_and_how_long_the_function_lives(const gateway &at)
{
    const auto kept = std::make_shared<std::vector<std::string>>();
    const std::weak_ptr<std::vector<std::string>> watched = kept;
    {
        agw::client client;
        {
            agw::options options = at.trusted();
            const auto captured = kept;
            options.set_log([captured](agw::log_level level, const char *line) {
                CHECK(level >= agw::log_level::error && level <= agw::log_level::debug);
                captured->push_back(line);
            }, agw::log_level::debug);
            client = agw::client(options);
        }
        CHECK(watched.use_count() == 2);
        CHECK(!client.reject_agent_conf(RINGING, at.ringing_guid, std::nothrow)); // too late
    }
    CHECK(watched.use_count() == 1 && !kept->empty());
    bool told = false;
    for (const std::string &line : *kept) {
        told = told || line.find("rejectAgentConf") != std::string::npos;
        CHECK(line.find(at.ringing_guid) == std::string::npos);
    }
    CHECK(told);
}

static void a_log_function_that_throws(const gateway &at)
{
    int called = 0;
    const agw::client client{at.trusted().set_log([&](agw::log_level, const char *) {
        ++called;
        throw std::runtime_error("nobody catches this");
    }, agw::log_level::debug)};
    const agw::result late = client.reject_agent_conf(RINGING, at.ringing_guid, std::nothrow);
    CHECK(late.status() == agw::status::no_conference && called > 0);
    CHECK(client.connect().status() == agw::status::ok);
}

// Inside the log function the client answers that it cannot be called, and can be lost unharmed.
static void calls_inside_the_log_function(const gateway &at)
{
    agw::client client;
    int lines = 0;
    agw::status inside = agw::status::ok;
    client = agw::client(at.trusted().set_log([&](agw::log_level, const char *) {
        ++lines;
        inside = client.cancel();
    }, agw::log_level::debug));
    const agw_client *const handle = client.handle();
    CHECK(!client.reject_agent_conf(RINGING, at.ringing_guid, std::nothrow)); // too late
    CHECK(lines > 0 && inside == agw::status::reentrant && client.handle() == handle);
}

static void a_client_lost_inside_the_log_function(const gateway &at)
{
    std::unique_ptr<agw::client> client(new agw::client);
    agw_client *handle = nullptr;
    int lines = 0;
    *client = agw::client(at.trusted().set_log([&](agw::log_level, const char *) {
        ++lines;
        client.reset();
    }, agw::log_level::debug));
    handle = client->handle();
    agw_connect(handle, nullptr);
    CHECK(!client && lines > 1);
    CHECK(agw_free(handle) == AGW_OK);
}

static void no_log_function(const gateway &at)
{
    const agw::client client{at.trusted().set_log(agw::log_function(), agw::log_level::debug)};
    client.connect();
    CHECK(agw::version() == version_seen_elsewhere());
}

int main(int argc, char **argv)
{
    const gateway at = gateway_of(argc, argv);
    accepted_then_too_late(at);
    refusals(at);
    cancelled_from_another_thread(at);
    a_token_ends_its_call(at);
    log_lines_and_how_long_the_function_lives(at);
    a_log_function_that_throws(at);
    calls_inside_the_log_function(at);
    a_client_lost_inside_the_log_function(at);
    no_log_function(at);
    return verdict();
}
