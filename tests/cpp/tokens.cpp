// Tokens: what they end, and what they do not. With exceptions or without.
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "check.hpp"

// What nothing here takes, short of the time-out of a call that no cancel has reached.
static const std::uint32_t TOO_LONG_US = 10000000;

static agw::client patient(const gateway &at)
{
    return make(at.trusted().set_timeout_ms(30000));
}

static bool ended_soon(const agw::result &outcome)
{
    return outcome.status() == agw::status::cancelled && outcome.elapsed_us() < TOO_LONG_US;
}

static void sleep_us(std::uint32_t time)
{
    std::this_thread::sleep_for(std::chrono::microseconds(time));
}

// Copies of one token in four calls on two clients.
static void one_token_for_many_calls(const gateway &at)
{
    const agw::client clients[] = {patient(at), patient(at)};
    const agw::cancel_token token;
    std::vector<agw::result> outcomes(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < outcomes.size(); i++) {
        threads.emplace_back([&, token, i] {
            outcomes[i] = clients[i % 2].reject_agent_conf(SLOW, at.slow_guid, std::nothrow, token);
        });
    }
    sleep_us(200000);
    CHECK(!token.cancelled() && token.cancel() == agw::status::ok && token.cancelled());
    for (std::thread &thread : threads)
        thread.join();
    for (const agw::result &outcome : outcomes)
        CHECK(ended_soon(outcome) && outcome.call_id() != 0);
    for (const agw::client &client : clients)
        CHECK(client.connect(std::nothrow));
}

// Nobody listens there, so that a call that began would end otherwise.
static void cancelled_before_the_call()
{
    const agw::client client =
        make(agw::options("https://127.0.0.1:9").set_trust(agw::trust::danger_any));
    const agw::cancel_token token;
    CHECK(token.cancel() == agw::status::ok && token.cancel() == agw::status::ok);
    for (int i = 0; i < 3; i++) {
        const agw::result early = client.reject_agent_conf(SLOW, "guid", std::nothrow, token);
        CHECK(ended_soon(early) && !early.maybe_sent());
        CHECK(client.connect(std::nothrow, token).status() == agw::status::cancelled);
    }
    CHECK(client.connect(std::nothrow).status() == agw::status::connect);
    CHECK(client.connect(std::nothrow, agw::cancel_token()).status() == agw::status::connect);
    CHECK(client.reject_agent_conf("12a", "guid", std::nothrow, token).status()
          == agw::status::invalid_agent_id);
    CHECK(agw::client().connect(std::nothrow, token).status() == agw::status::invalid_handle);
}

static void tokens_and_clients_outlive_each_other(const gateway &at)
{
    agw::client client = patient(at);
    agw::cancel_token token;
    CHECK(client.connect(std::nothrow, token));
    CHECK(client.connect(std::nothrow, agw::cancel_token()));
    client = agw::client();
    CHECK(token.cancel() == agw::status::ok);
    client = patient(at);
    CHECK(client.connect(std::nothrow, token).status() == agw::status::cancelled);

    const agw::cancel_token taken(std::move(token));
    CHECK(taken.cancelled() && !token.cancelled() && token.cancel() == agw::status::ok);
    CHECK(client.connect(std::nothrow, token) && client.connect(std::nothrow));
}

static void a_call_ends_when_its_client_is_freed(const gateway &at)
{
    const agw::cancel_token token;
    agw::client client = patient(at);
    agw::result outcome;
    std::thread caller(
        [&] { outcome = client.reject_agent_conf(SLOW, at.slow_guid, std::nothrow, token); });
    sleep_us(200000);
    agw_free(client.handle());
    CHECK(token.cancel() == agw::status::ok);
    caller.join();
    CHECK(ended_soon(outcome));
}

static void cancelled_inside_the_log_function(const gateway &at)
{
    const agw::cancel_token token;
    agw::status inside = agw::status::ok;
    const agw::client client = make(at.trusted().set_log(
        [&](agw::log_level, const char *) { inside = token.cancel(); }, agw::log_level::debug));
    CHECK(client.connect(std::nothrow, token));
    CHECK(inside == agw::status::reentrant && !token.cancelled());
}

// Every third is cancelled at any moment from before its beginning on; the others have tokens, too.
static void calls_in_one_thread(const gateway &at, const agw::client &client, std::uint32_t seed)
{
    for (int i = 0; i < 63; i++) {
        const agw::cancel_token token;
        if (i % 3 != 0) {
            const agw::result late =
                client.reject_agent_conf(RINGING, at.ringing_guid, std::nothrow, token);
            CHECK(late.status() == agw::status::no_conference);
            continue;
        }
        seed = seed * 1664525 + 1013904223;
        const std::uint32_t moment = (seed >> 16) % 20000;
        std::thread canceller([token, moment] {
            sleep_us(moment);
            token.cancel();
        });
        CHECK(ended_soon(client.reject_agent_conf(SLOW, at.slow_guid, std::nothrow, token)));
        canceller.join();
    }
}

static void a_thousand_calls(const gateway &at)
{
    const agw::client client = patient(at);
    CHECK(client.reject_agent_conf(RINGING, at.ringing_guid, std::nothrow)); // then it is too late
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < 16; i++)
        threads.emplace_back([&, i] { calls_in_one_thread(at, client, i); });
    for (std::thread &thread : threads)
        thread.join();
}

int main(int argc, char **argv)
{
    const gateway at = gateway_of(argc, argv);
    one_token_for_many_calls(at);
    cancelled_before_the_call();
    tokens_and_clients_outlive_each_other(at);
    a_call_ends_when_its_client_is_freed(at);
    cancelled_inside_the_log_function(at);
    a_thousand_calls(at);
    CHECK(agw::version() == version_seen_elsewhere());
    return verdict();
}
