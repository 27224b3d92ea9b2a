// What the test programs share: a check that says where it failed, and the gateway's address.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "agw.hpp"

static std::atomic<int> checks(0); // in several threads
static std::atomic<int> failures(0);

#define CHECK(condition) check(static_cast<bool>(condition), #condition, __LINE__)

inline void check(bool holds, const char *condition, int line)
{
    ++checks;
    if (holds)
        return;
    ++failures;
    std::printf("line %d: not so: %s\n", line, condition);
}

inline int verdict()
{
    std::printf("%d checks passed, %d failed\n", checks - failures, failures.load());
    return failures == 0 ? 0 : 1;
}

const char *version_seen_elsewhere(); // of other.cpp

// The agents of tests/cpp.rs.
static const char *const RINGING = "154"; // a conference rings
static const char *const STALE = "155";   // the Guid is stale
static const char *const SLOW = "156";    // the answer takes half a minute
static const char *const FAULTY = "157";  // the platform behind the gateway fails

struct gateway {
    const char *url;
    const char *ca;
    const char *ringing_guid;
    const char *stale_guid;
    const char *slow_guid;
    const char *faulty_guid;

    agw::options trusted() const { return agw::options(url).set_ca(ca).set_trust(agw::trust::ca); }
};

inline agw::client make(const agw::options &options)
{
    agw::client client;
    const agw::result made = agw::client::try_make(options, client);
    CHECK(made && client);
    return client;
}

#if AGW_HPP_EXCEPTIONS

// What a call throws; agw::status::ok and no texts if it throws nothing.
inline agw::result thrown(const std::function<void()> &call)
{
    try {
        call();
    } catch (const agw::error &error) {
        const std::string told = error.what();
        CHECK(told.find(error.sentence()) == 0);
        CHECK(told.find(error.detail()) != std::string::npos);
        CHECK(error.number() == error.result().number());
        return error.result();
    }
    return agw::result();
}

#endif

// Of the arguments URL CA-FILE RINGING-GUID STALE-GUID SLOW-GUID FAULTY-GUID.
inline gateway gateway_of(int argc, char **argv)
{
    if (argc != 7)
        std::exit(2);
    return gateway{argv[1], argv[2], argv[3], argv[4], argv[5], argv[6]};
}

#endif
