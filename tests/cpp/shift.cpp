// A shift: sign in, events, a rejection with the Guid that is kept, sign out. With exceptions or
// without.
#include <chrono>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "check.hpp"

static_assert(sizeof(agw::event) == sizeof(agw_event), "an event is the C struct");
static_assert(sizeof(agw::optional_event) == sizeof(agw_event), "or none of it");
static_assert(sizeof(agw::session) == sizeof(agw_session), "a session is the C struct");
static_assert(std::is_trivially_copyable<agw::event>::value, "an event holds no resource");

static const char *const NEW = "158"; // not signed in

static bool has(const char *told, const char *words)
{
    return std::strstr(told, words) != nullptr;
}

static agw::status kept(const agw::client &client, const char *agent)
{
    agw::session session;
    return client.session(agent, session, std::nothrow).status();
}

// RINGING is signed in elsewhere: without force that stays.
static void signed_in_by_force(const gateway &at, const agw::client &client)
{
    agw::optional_event event;
    const agw::result early = client.next_event(RINGING, event, std::nothrow);
    CHECK(early.status() == agw::status::session && early.http_status() == 0 && !event);
    CHECK(client.reject_agent_conf(RINGING, std::nothrow).status() == agw::status::session);

    agw::sign_in with = agw::sign_in(RINGING).set_password("secret").set_phone("40038");
    const agw::result refused = client.sign_in(with, std::nothrow);
    CHECK(std::string(refused.retcode()) == "100-002" && !has(refused.detail(), "secret"));
    CHECK(kept(client, RINGING) == agw::status::session);
    CHECK(client.sign_in(with.set_force(), std::nothrow));

    agw::session session;
    CHECK(client.session(RINGING, session, std::nothrow));
    CHECK(*session.guid() != '\0' && std::string(session.guid()) != at.ringing_guid);
    CHECK(*session.cookie() == '\0');
}

static void rejected_when_it_rings(const agw::client &client)
{
    agw::optional_event event;
    CHECK(client.next_event(RINGING, event, std::nothrow));
    CHECK(event && event->is(agw::event_type::conf_ringing));
    CHECK((*event).conf_id() > 0 && has(event->content(), "confId"));
    CHECK(std::string(event->work_no()) == RINGING && event->generated_ms() == 0);
    CHECK(!event->truncated() && event->flags() == 0);
    CHECK(client.reject_agent_conf(RINGING, std::nothrow));
    for (const char *type : {agw::event_type::phone_release, agw::event_type::ready}) {
        CHECK(client.next_event(RINGING, event, std::nothrow));
        CHECK(event && event->is(type) && std::string(event->type()) == type);
    }
    CHECK(*event->content() == '\0' && event->conf_id() == 0);
    CHECK(client.reject_agent_conf(RINGING, std::nothrow).status() == agw::status::no_conference);
}

// A thread that waits for events, as soon as no other one does.
static std::thread waiting(const agw::client &client, agw::result &outcome,
                           const agw::cancel_token &token)
{
    std::thread waiter([&client, &outcome, token] {
        agw::optional_event event;
        do
            outcome = client.next_event(RINGING, event, std::nothrow, token);
        while (outcome.status() == agw::status::polling);
        CHECK(!event);
    });
    // One that is cancelled before it begins waits for nothing, but sees that another one waits.
    const agw::cancel_token cancelled;
    cancelled.cancel();
    agw::status seen;
    do {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        agw::optional_event event;
        seen = client.next_event(RINGING, event, std::nothrow, cancelled).status();
        CHECK(seen == agw::status::cancelled || seen == agw::status::polling);
    } while (seen != agw::status::polling);
    return waiter;
}

// By its token, which ends no other call; and by the end of the session.
static void a_wait_is_ended(const agw::client &client)
{
    const agw::cancel_token token;
    agw::result outcome;
    std::thread waiter = waiting(client, outcome, token);
    CHECK(client.reject_agent_conf(RINGING, std::nothrow).status() == agw::status::no_conference);
    CHECK(token.cancel() == agw::status::ok);
    waiter.join();
    CHECK(outcome.status() == agw::status::cancelled && outcome.elapsed_us() < 9000000);

    waiter = waiting(client, outcome, agw::cancel_token::none());
    CHECK(client.sign_out(RINGING, std::nothrow));
    waiter.join();
    CHECK(outcome.status() == agw::status::cancelled && outcome.elapsed_us() < 9000000);
    CHECK(kept(client, RINGING) == agw::status::session);
    const agw::result again = client.sign_out(RINGING, std::nothrow);
    CHECK(again.status() == agw::status::session && again.http_status() == 0);
}

static void each_field_reaches_the_gateway(const agw::client &client)
{
    const agw::result none = client.sign_in(agw::sign_in(NEW), std::nothrow);
    CHECK(std::string(none.retcode()) == "100-001"); // the simulator wants a phone
    const std::string phone = "{\"phonenum\":\"40039\"}";
    CHECK(client.sign_in(agw::sign_in(NEW).set_fields(phone), std::nothrow));
    CHECK(client.sign_out(NEW, std::nothrow));

    const std::string cut("4\0009", 3);
    const agw::sign_in wrong[] = {
        agw::sign_in(NEW).set_fields("[]"),
        agw::sign_in(NEW).set_fields(cut),
        agw::sign_in(NEW).set_phone("4\n"),
        agw::sign_in(NEW).set_phone(std::string(257, '4')),
        agw::sign_in(NEW).set_password("secret\n"),
    };
    for (const agw::sign_in &with : wrong) {
        const agw::result refused = client.sign_in(with, std::nothrow);
        CHECK(refused.status() == agw::status::invalid_argument
              && !has(refused.detail(), "secret"));
    }
    CHECK(client.sign_in(agw::sign_in("12a"), std::nothrow).status()
          == agw::status::invalid_agent_id);
    CHECK(client.sign_in(agw::sign_in(nullptr), std::nothrow).status()
          == agw::status::invalid_agent_id);
}

// A program that signs in by itself hands over what it got.
static void handed_over(const gateway &at, const agw::client &client)
{
    CHECK(client.set_session(STALE, at.stale_guid, "NODE=a; X=1", std::nothrow));
    CHECK(client.set_session(STALE, at.stale_guid, std::nothrow)); // the cookies stay
    agw::session session;
    CHECK(client.session(STALE, session, std::nothrow));
    CHECK(std::string(session.guid()) == at.stale_guid);
    CHECK(std::string(session.cookie()) == "NODE=a; X=1");
    agw::optional_event event;
    const agw::result stale = client.next_event(STALE, event, std::nothrow);
    CHECK(stale.status() == agw::status::session && std::string(stale.retcode()) == "100-006");
    CHECK(client.set_session(STALE, nullptr, std::nothrow));
    CHECK(kept(client, STALE) == agw::status::session);

    CHECK(client.set_session(STALE, "a b", std::nothrow).status() == agw::status::invalid_guid);
    CHECK(client.set_session(STALE, "guid", "=", std::nothrow).status()
          == agw::status::invalid_argument);
    CHECK(client.set_session("12a", "guid", std::nothrow).status()
          == agw::status::invalid_agent_id);
    CHECK(agw::client().set_session(STALE, "guid", std::nothrow).status()
          == agw::status::invalid_handle);
}

static void a_session_is_cleared_at_its_end(const gateway &at, const agw::client &client)
{
    alignas(agw::session) unsigned char room[sizeof(agw::session)];
    agw::session *const session = new (room) agw::session;
    CHECK(client.set_session(STALE, at.stale_guid, "NODE=a", std::nothrow));
    CHECK(client.session(STALE, *session, std::nothrow));
    CHECK(std::string(session->guid()) == at.stale_guid);
    session->~session();
    CHECK(std::vector<unsigned char>(room, room + sizeof room)
          == std::vector<unsigned char>(sizeof room));
}

#if AGW_HPP_EXCEPTIONS

static void the_twins_that_throw(const gateway &at)
{
    const agw::client client{at.trusted()};
    const agw::cancel_token token;
    CHECK(std::string(client.sign_in(agw::sign_in(NEW).set_phone("40038"), token).retcode())
          == "0");
    CHECK(*client.session(NEW).guid() != '\0');
    CHECK(thrown([&] { client.reject_agent_conf(NEW); }).status() == agw::status::no_conference);
    CHECK(thrown([&] { client.sign_in(agw::sign_in(NEW).set_phone("4")); }).status()
          == agw::status::gateway);
    token.cancel();
    CHECK(thrown([&] { client.next_event(NEW, token); }).status() == agw::status::cancelled);
    CHECK(client.sign_out(NEW));
    CHECK(thrown([&] { client.sign_out(NEW); }).status() == agw::status::session);
    CHECK(thrown([&] { client.session(NEW); }).status() == agw::status::session);

    client.set_session(FAULTY, at.faulty_guid);
    client.set_session(FAULTY, at.faulty_guid, "NODE=b");
    CHECK(std::string(client.session(FAULTY).cookie()) == "NODE=b");
    CHECK(thrown([&] { client.reject_agent_conf(FAULTY); }).status() == agw::status::gateway_fault);
    CHECK(thrown([&] { client.set_session(FAULTY, ""); }).status() == agw::status::invalid_guid);
}

#endif

int main(int argc, char **argv)
{
    const gateway at = gateway_of(argc, argv);
    const agw::client client = make(at.trusted());
    signed_in_by_force(at, client);
    rejected_when_it_rings(client);
    a_wait_is_ended(client);
    each_field_reaches_the_gateway(client);
    handed_over(at, client);
    a_session_is_cleared_at_its_end(at, client);
#if AGW_HPP_EXCEPTIONS
    the_twins_that_throw(at);
#endif
    CHECK(agw::version() == version_seen_elsewhere());
    return verdict();
}
