// agw.hpp: rejects an agent conference call on an agent gateway, from C++11 or newer.
//
// Edited by hand; everything is inline over the C functions of agw.h, which is the manual.
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// IN SHORT
//
//     try {
//         agw::client client{agw::options("https://gateway:8043")
//                                .set_trust(agw::trust::ca).set_ca("gateway-ca.pem")};
//         client.reject_agent_conf("154", guid);
//     } catch (const agw::error &error) {
//         if (error.status() != agw::status::no_conference) // too late: nothing rings any more
//             std::cerr << error.what() << '\n';
//     }
//
// ERRORS
//
// Each call comes in two forms. The plain one throws agw::error unless the gateway accepted. The
// other one takes std::nothrow, is noexcept, and returns the outcome as an agw::result, to be
// looked at; client::try_make() is that form of the constructor. Without exceptions
// (-fno-exceptions) only the second form is there, and agw::error is not. Nothing here aborts.
//
// Files compiled with and without exceptions may be linked into one program, and each keeps to its
// own; only an agw object cannot be handed from the one kind to the other: the linker refuses it.
//
// THREADS
//
// A const member function may be called from any thread, at any time, also on the same client: a
// thread each for a thousand agents is fine, and so is cancel() while they call. As with any other
// object, construction, assignment, swap and destruction belong to one thread, while no other one
// uses the client: cancel(), join the threads, then destroy.
//
// Nothing here may be called from a signal handler. Let that set a flag or write to a pipe, and a
// thread that sees it call cancel().
//
// CANCELLING ONE CALL
//
//     agw::cancel_token token;          // copies of it are the same token
//     agw::result outcome;              // what the call came to, once the thread is joined
//     std::thread caller([&client, &outcome, token, guid] {
//         outcome = client.reject_agent_conf("154", guid, std::nothrow, token);
//     });
//     token.cancel();                   // no other call is disturbed
//
// SESSIONS
//
//     client.sign_in(agw::sign_in("154").set_phone("40038"));
//     while (!token.cancelled()) { // in a thread for each agent
//         agw::optional_event event;
//         const agw::result polled = client.next_event("154", event, std::nothrow, token);
//         if (polled.status() == agw::status::session)
//             break; // over: sign in again
//         if (!polled)
//             std::this_thread::sleep_for(std::chrono::seconds(1));
//         else if (event && event->is(agw::event_type::conf_ringing))
//             show(client.reject_agent_conf("154", std::nothrow)); // with the Guid that it keeps
//     }
//     client.sign_out("154");
//
// next_event() waits for about ten seconds. Its token ends it at once, and sign_out() does, too.
//
// OWNERSHIP
//
// A client owns its handle and its log function, and can be moved, not copied. A client that was
// moved from, or made by client(), is empty: its calls fail with status::invalid_handle. Texts in
// are borrowed for the call; a result and an error hold copies of all that they tell.
//
// TEXTS
//
// Texts in are UTF-8. One with a NUL inside is refused with status::invalid_argument as if it were
// not UTF-8, instead of being cut there. Texts out are NUL-terminated UTF-8.
#ifndef AGW_HPP
#define AGW_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "agw.h"

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define AGW_HPP_EXCEPTIONS 1
#define AGW_HPP_MODE throwing
#define AGW_HPP_LOG agw_hpp_log
#else
#define AGW_HPP_EXCEPTIONS 0
#define AGW_HPP_MODE nothrowing
#define AGW_HPP_LOG agw_hpp_log_nothrow
#endif

// Without exceptions a dropped outcome hides a failure: the compiler warns.
#if __cplusplus >= 201703L
#define AGW_HPP_OUTCOME [[nodiscard]]
#elif defined(__GNUC__)
#define AGW_HPP_OUTCOME __attribute__((warn_unused_result))
#else
#define AGW_HPP_OUTCOME
#endif

namespace agw {
// Names of their own for each mode: of functions of one name the linker keeps only one.
inline namespace AGW_HPP_MODE {

// --- Numbers: those of agw.h --------------------------------------------------------------------

/// What a call came to. A newer library may give a number that has no name here.
enum class status : std::int32_t {
    ok = AGW_OK,
    invalid_argument = AGW_E_INVALID_ARGUMENT,
    struct_size = AGW_E_STRUCT_SIZE,
    invalid_handle = AGW_E_INVALID_HANDLE,
    reentrant = AGW_E_REENTRANT,
    resources = AGW_E_RESOURCES,
    invalid_url = AGW_E_INVALID_URL,
    invalid_agent_id = AGW_E_INVALID_AGENT_ID,
    invalid_guid = AGW_E_INVALID_GUID,
    tls_config = AGW_E_TLS_CONFIG,
    polling = AGW_E_POLLING,
    resolve = AGW_E_RESOLVE,
    connect = AGW_E_CONNECT,
    tls = AGW_E_TLS,
    timeout = AGW_E_TIMEOUT,
    io = AGW_E_IO,
    cancelled = AGW_E_CANCELLED,
    proxy = AGW_E_PROXY,
    http = AGW_E_HTTP,
    protocol = AGW_E_PROTOCOL,
    too_large = AGW_E_TOO_LARGE,
    gateway = AGW_E_GATEWAY,
    session = AGW_E_SESSION,
    no_conference = AGW_E_NO_CONFERENCE,
    bad_request = AGW_E_BAD_REQUEST,
    gateway_fault = AGW_E_GATEWAY_FAULT,
    gateway_busy = AGW_E_GATEWAY_BUSY,
    internal = AGW_E_INTERNAL
};

/// What the gateway's certificate is checked against.
enum class trust : std::int32_t {
    system = AGW_TRUST_SYSTEM,        ///< The system's store, plus options::ca if given.
    ca = AGW_TRUST_CA,                ///< options::ca alone.
    pin = AGW_TRUST_PIN,              ///< options::pin_sha256 alone.
    danger_any = AGW_TRUST_DANGER_ANY ///< Nothing is checked. For a laboratory.
};

/// How much a log line matters; in options: the most verbose level wanted.
enum class log_level : std::int32_t {
    standard = 0,          ///< In options: as if it were warn.
    error = AGW_LOG_ERROR, ///< A bug in the library.
    warn = AGW_LOG_WARN,   ///< A failed call, a dangerous option, a certificate that ends soon.
    info = AGW_LOG_INFO,   ///< Each call, but for polls without an event.
    debug = AGW_LOG_DEBUG  ///< Each step of a call, and the other polls.
};

/// What an event may be: event::is() compares with these. The gateway has others, too.
namespace event_type {
/// A conference rings at the agent.
constexpr const char *conf_ringing = AGW_EVENT_CONF_RINGING;
/// The agent's phone was hung up, by the agent or the platform.
constexpr const char *phone_release = AGW_EVENT_PHONE_RELEASE;
/// The agent is ready.
constexpr const char *ready = AGW_EVENT_READY;
/// Somebody joined a conference, or left it.
constexpr const char *conf_participant_changed = AGW_EVENT_CONF_PARTICIPANT_CHANGED;
} // namespace event_type

/// Says in an English sentence what a status means and what to do. Never NULL.
inline const char *sentence(status of) noexcept
{
    return agw_strerror(static_cast<agw_status>(of));
}

/// The version of the library that is running, such as "1.0.0". Never NULL.
inline const char *version() noexcept
{
    return agw_version();
}

/// The same as a number, to compare with AGW_VERSION_NUM of the header: 0x010203 is 1.2.3.
inline std::uint32_t version_number() noexcept
{
    return agw_version_num();
}

// --- Texts and log lines ------------------------------------------------------------------------

/// A text that is borrowed for a call: made from a C string, which may be NULL, or a std::string.
class text {
public:
    text(const char *borrowed) noexcept : chars_(borrowed) {}
    text(const std::string &borrowed) noexcept : chars_(whole(borrowed)) {}

    /// What goes to the library.
    const char *c_str() const noexcept { return chars_; }

private:
    // A NUL inside would end the text early, unseen: give the library what it refuses instead.
    static const char *whole(const std::string &borrowed) noexcept
    {
        return borrowed.find('\0') == std::string::npos ? borrowed.c_str() : "\xFF";
    }

    const char *chars_;
};

/// Receives log lines: one line each, without a line feed, valid during the call of the function.
///
/// It runs in the thread that called the library, also in several at once, and blocks that call
/// meanwhile. What the function throws is dropped. Inside, a client may be made, and sentence(),
/// version() and version_number() called; what else is called there fails with status::reentrant.
using log_function = std::function<void(log_level, const char *)>;

namespace detail {

inline void assign(std::string &field, text value)
{
    field = value.c_str() == nullptr ? "" : value.c_str();
}

inline const char *or_null(const std::string &option) noexcept
{
    return option.empty() ? nullptr : text(option).c_str();
}

} // namespace detail

// --- Options ------------------------------------------------------------------------------------

/// What a client is made from. Zero or an empty text is the default of everything but base_url.
/// The setters can be chained: `agw::options(url).set_ca(file).set_trust(agw::trust::ca)`.
struct options {
    std::string base_url{};    ///< "https://host:port" and a path prefix, if any. Required.
    std::string connect_to{};  ///< "ip:port" to connect to instead, or several, comma between.
    std::string ca{};          ///< Certificates to trust: PEM text, or the path of a file in
                               ///< PEM or DER. With trust::ca they alone, with trust::system
                               ///< the system's, too.
    std::string pin_sha256{};  ///< SHA-256 fingerprints of the gateway's certificate, comma
                               ///< between several. For trust::pin.
    std::string client_cert{}; ///< Client certificate chain, text or path as ca.
    std::string client_key{};  ///< Its private key, as ca, if it is not in client_cert.
    std::string proxy{};       ///< "env", or "http://user:password@host:port"; empty: none.

    std::uint32_t timeout_ms = 0;         ///< The whole call. 0: 10000. next_event(): 10000 more.
    std::uint32_t connect_timeout_ms = 0; ///< TCP and TLS set-up. 0: 5000.
    std::uint32_t max_agent_id = 0;       ///< Largest agent ID taken. 0: 59999.
    trust tls_trust = trust::system;      ///< What the certificate is checked against.
    bool allow_http = false;              ///< Take a base_url with plain http.
    bool no_keep_alive = false;           ///< A new connection for each call.

    /// Receives log lines, or NULL. Clients share it and keep it alive.
    std::shared_ptr<const log_function> log{};
    log_level verbosity = log_level::standard; ///< The most verbose level wanted.

    options() = default;
    explicit options(text url) { set_base_url(url); }

    options &set_base_url(text value) { return set(base_url, value); }
    options &set_connect_to(text value) { return set(connect_to, value); }
    options &set_ca(text value) { return set(ca, value); }
    options &set_pin_sha256(text value) { return set(pin_sha256, value); }
    options &set_client_cert(text value) { return set(client_cert, value); }
    options &set_client_key(text value) { return set(client_key, value); }
    options &set_proxy(text value) { return set(proxy, value); }
    options &set_timeout_ms(std::uint32_t value) noexcept { return set(timeout_ms, value); }
    options &set_connect_timeout_ms(std::uint32_t value) noexcept
    {
        return set(connect_timeout_ms, value);
    }
    options &set_max_agent_id(std::uint32_t value) noexcept { return set(max_agent_id, value); }
    options &set_trust(trust value) noexcept { return set(tls_trust, value); }
    options &set_allow_http(bool value = true) noexcept { return set(allow_http, value); }
    options &set_no_keep_alive(bool value = true) noexcept { return set(no_keep_alive, value); }

    /// An empty function is none.
    options &set_log(log_function function, log_level most_verbose = log_level::standard)
    {
        log.reset();
        if (function)
            log = std::make_shared<const log_function>(std::move(function));
        return set(verbosity, most_verbose);
    }

private:
    options &set(std::string &field, text value)
    {
        detail::assign(field, value);
        return *this;
    }

    template <class T> options &set(T &field, T value) noexcept
    {
        field = value;
        return *this;
    }
};

// --- Results ------------------------------------------------------------------------------------

/// What a call came to. It holds no pointer: copy it, keep it.
class result {
public:
    /// An outcome with nothing to tell beyond its status.
    explicit result(agw::status outcome = agw::status::ok) noexcept
    {
        raw_.struct_size = static_cast<std::uint32_t>(sizeof raw_);
        raw_.status = static_cast<agw_status>(outcome);
    }

    explicit operator bool() const noexcept { return status() == agw::status::ok; }
    agw::status status() const noexcept { return static_cast<agw::status>(raw_.status); }
    /// The status as one of the numbers of agw.h, for a log.
    std::int32_t number() const noexcept { return raw_.status; }
    /// What the status means and what to do. Never NULL.
    const char *sentence() const noexcept { return agw::sentence(status()); }

    /// The HTTP status; 0: no answer.
    std::int32_t http_status() const noexcept { return raw_.http_status; }
    /// errno or GetLastError behind a failure, or 0.
    std::int32_t os_error() const noexcept { return raw_.os_error; }
    /// NNNNN of a message "Unknown ERROR._NNNNN": the platform's own code; or 0.
    std::int32_t cti_code() const noexcept { return raw_.cti_code; }
    /// The whole call in microseconds; saturates.
    std::uint32_t elapsed_us() const noexcept { return raw_.elapsed_us; }

    /// All of AGW_RESULT_*, also those without a function here.
    std::uint32_t flags() const noexcept { return raw_.flags; }
    /// On a failure: the gateway may have acted all the same.
    bool maybe_sent() const noexcept { return (raw_.flags & AGW_RESULT_MAYBE_SENT) != 0; }
    /// A kept connection proved dead before the first byte of an answer, so the request went out
    /// once more on a new one.
    bool resent() const noexcept { return (raw_.flags & AGW_RESULT_RESENT) != 0; }
    /// A text was cut to fit.
    bool truncated() const noexcept { return (raw_.flags & AGW_RESULT_TRUNCATED) != 0; }

    /// The gateway's error code as sent: "0", "100-006"; "" if none came.
    const char *retcode() const noexcept { return raw_.retcode; }
    /// The gateway's text; "" if none came.
    const char *message() const noexcept { return raw_.message; }
    /// What the library adds, for a log or a support call. Never holds the Guid.
    const char *detail() const noexcept { return raw_.detail; }

    /// The number of the call, by which its token ends it; 0: it has none.
    std::uint32_t call_id() const noexcept { return raw_.call_id; }

    /// The C struct, to be read or to be handed to a C function.
    const agw_result &raw() const noexcept { return raw_; }
    agw_result &raw() noexcept { return raw_; }

private:
    agw_result raw_{};
};

// --- Sessions -----------------------------------------------------------------------------------

/// What an agent signs in with: `agw::sign_in("154").set_phone("40038")`. It holds a password:
/// keep it no longer than needed.
struct sign_in {
    std::string agent_id{}; ///< Agent ID in decimal digits. Required.
    std::string password{}; ///< A secret; empty: an empty one.
    std::string phone{}; ///< The agent's phone; empty: left out, which may be refused (100-001).
    std::string fields{}; ///< Further members of the body, as the text of a JSON object.
    bool force = false; ///< Sign in though signed in already (100-002), and end that session.

    explicit sign_in(text agent) { detail::assign(agent_id, agent); }

    sign_in &set_password(text value) { return set(password, value); }
    sign_in &set_phone(text value) { return set(phone, value); }
    sign_in &set_fields(text value) { return set(fields, value); }
    sign_in &set_force(bool value = true) noexcept
    {
        force = value;
        return *this;
    }

private:
    sign_in &set(std::string &field, text value)
    {
        detail::assign(field, value);
        return *this;
    }
};

/// What happened to an agent. It holds no pointer: copy it, keep it.
class event {
public:
    event() noexcept { raw_.struct_size = static_cast<std::uint32_t>(sizeof raw_); }

    /// The type as sent; "" in one that is empty.
    const char *type() const noexcept { return raw_.type; }
    /// Whether it is of this type, such as event_type::conf_ringing.
    bool is(const char *wanted) const noexcept { return std::strcmp(raw_.type, wanted) == 0; }
    /// The agent, as sent.
    const char *work_no() const noexcept { return raw_.work_no; }
    /// The content as JSON text, as sent; "" if there is none.
    const char *content() const noexcept { return raw_.content; }
    /// The conference; or 0.
    std::int64_t conf_id() const noexcept { return raw_.conf_id; }
    /// Milliseconds since 1970, by the gateway's clock; or 0.
    std::int64_t generated_ms() const noexcept { return raw_.generated_ms; }

    /// All of AGW_EVENT_*, also those without a function here.
    std::uint32_t flags() const noexcept { return raw_.flags; }
    /// The content, or another text, was cut to fit.
    bool truncated() const noexcept { return (raw_.flags & AGW_EVENT_TRUNCATED) != 0; }

    /// The C struct, to be read or to be handed to a C function.
    const agw_event &raw() const noexcept { return raw_; }
    agw_event &raw() noexcept { return raw_; }

private:
    agw_event raw_{};
};

/// An event; or none, if nothing happened while client::next_event() waited.
class optional_event {
public:
    optional_event() noexcept = default;
    optional_event(const event &happened) noexcept : event_(happened) {}

    explicit operator bool() const noexcept { return *event_.type() != '\0'; }
    /// Of none it is an event that is empty.
    const event &operator*() const noexcept { return event_; }
    const event *operator->() const noexcept { return &event_; }

private:
    event event_{};
};

/// What a client keeps for an agent. It holds secrets, and clears them when it ends.
class session {
public:
    session() noexcept { raw_.struct_size = static_cast<std::uint32_t>(sizeof raw_); }

    ~session()
    {
        // An ordinary memset would be left out, as nobody reads what it wrote.
        volatile char *const bytes = reinterpret_cast<volatile char *>(&raw_);
        for (std::size_t i = 0; i < sizeof raw_; i++)
            bytes[i] = 0;
    }

    session(const session &) = default;
    session &operator=(const session &) = default;

    /// The newest Guid.
    const char *guid() const noexcept { return raw_.guid; }
    /// A load balancer's cookies, "name=value; name=value"; "" if there are none.
    const char *cookie() const noexcept { return raw_.cookie; }

    /// The C struct, to be read or to be handed to a C function.
    const agw_session &raw() const noexcept { return raw_; }
    agw_session &raw() noexcept { return raw_; }

private:
    agw_session raw_{};
};

#if AGW_HPP_EXCEPTIONS

/// A call that failed. what() is the sentence of the status, then the detail.
class error : public std::runtime_error {
public:
    explicit error(const agw::result &outcome)
        : std::runtime_error(described(outcome)), result_(outcome)
    {
    }

    agw::status status() const noexcept { return result_.status(); }
    std::int32_t number() const noexcept { return result_.number(); }
    const char *sentence() const noexcept { return result_.sentence(); }
    std::int32_t http_status() const noexcept { return result_.http_status(); }
    std::int32_t os_error() const noexcept { return result_.os_error(); }
    std::int32_t cti_code() const noexcept { return result_.cti_code(); }
    std::uint32_t elapsed_us() const noexcept { return result_.elapsed_us(); }
    std::uint32_t flags() const noexcept { return result_.flags(); }
    bool maybe_sent() const noexcept { return result_.maybe_sent(); }
    bool resent() const noexcept { return result_.resent(); }
    bool truncated() const noexcept { return result_.truncated(); }
    const char *retcode() const noexcept { return result_.retcode(); }
    const char *message() const noexcept { return result_.message(); }
    const char *detail() const noexcept { return result_.detail(); }

    /// All of it, such as to be kept or to be treated like that of a call which does not throw.
    const agw::result &result() const noexcept { return result_; }

private:
    static std::string described(const agw::result &outcome)
    {
        std::string told = outcome.sentence();
        if (*outcome.detail() != '\0')
            told.append(" ").append(outcome.detail());
        return told;
    }

    agw::result result_;
};

#endif // AGW_HPP_EXCEPTIONS

// --- Between C++ and C --------------------------------------------------------------------------

namespace detail {

/// What the library gets as log_user_data.
struct log_target {
    std::shared_ptr<const log_function> function;
};

extern "C" inline void AGW_CALL AGW_HPP_LOG(std::int32_t level, const char *line, void *target)
{
    const log_function &function = *static_cast<const log_target *>(target)->function;
#if AGW_HPP_EXCEPTIONS
    try {
        function(static_cast<log_level>(level), line);
    } catch (...) {
        // There is nobody to tell: the call that is being logged goes on.
    }
#else
    function(static_cast<log_level>(level), line);
#endif
}

/// Borrows from the options and from `target`, which may be NULL.
inline agw_client_options to_c(const options &from, log_target *target) noexcept
{
    agw_client_options c;
    std::memset(&c, 0, sizeof c);
    c.struct_size = static_cast<std::uint32_t>(sizeof c);
    c.flags = (from.allow_http ? std::uint32_t{AGW_ALLOW_HTTP} : 0u)
        | (from.no_keep_alive ? std::uint32_t{AGW_NO_KEEP_ALIVE} : 0u);
    c.timeout_ms = from.timeout_ms;
    c.connect_timeout_ms = from.connect_timeout_ms;
    c.max_agent_id = from.max_agent_id;
    c.tls_trust = static_cast<std::int32_t>(from.tls_trust);
    c.base_url = text(from.base_url).c_str();
    c.connect_to = or_null(from.connect_to);
    c.ca = or_null(from.ca);
    c.pin_sha256 = or_null(from.pin_sha256);
    c.client_cert = or_null(from.client_cert);
    c.client_key = or_null(from.client_key);
    c.proxy = or_null(from.proxy);
    c.log = target == nullptr ? nullptr : AGW_HPP_LOG;
    c.log_user_data = target;
    c.log_level = static_cast<std::int32_t>(from.verbosity);
    return c;
}

/// Borrows from what an agent signs in with.
inline agw_sign_in_options to_c(const sign_in &from) noexcept
{
    agw_sign_in_options c;
    std::memset(&c, 0, sizeof c);
    c.struct_size = static_cast<std::uint32_t>(sizeof c);
    c.flags = from.force ? std::uint32_t{AGW_SIGN_IN_FORCE} : 0u;
    c.agent_id = text(from.agent_id).c_str();
    c.password = or_null(from.password);
    c.phone = or_null(from.phone);
    c.fields = or_null(from.fields);
    return c;
}

} // namespace detail

// --- Cancelling one call ------------------------------------------------------------------------

namespace detail {

/// The next number for a call, counted upward in this process; never 0, which is none.
inline std::uint32_t next_call_id() noexcept
{
    static std::atomic<std::uint32_t> last(0);
    const std::uint32_t id = last.fetch_add(1) + 1;
    return id == 0 ? next_call_id() : id;
}

/// Where a call stands that a token can end; used again by a later call. A cancel may read the
/// client of one call and the number of another: that ends none, as no number is used twice.
struct call_place {
    std::atomic<bool> taken{true};
    std::atomic<agw_client *> client{nullptr};
    std::atomic<std::uint32_t> call_id{0};
    call_place *next = nullptr;
};

/// What the copies of a token share. Without a lock: not every compiler for Windows has a mutex.
class cancel_state {
public:
    cancel_state() = default;
    cancel_state(const cancel_state &) = delete;
    cancel_state &operator=(const cancel_state &) = delete;

    ~cancel_state()
    {
        for (call_place *place = places_; place != nullptr;) {
            call_place *const next = place->next;
            delete place;
            place = next;
        }
    }

    bool cancelled() const noexcept { return cancelled_; }

    void cancel() noexcept
    {
        cancelled_ = true;
        for (call_place *place = places_; place != nullptr; place = place->next) {
            const std::uint32_t id = place->call_id;
            if (id != 0)
                agw_cancel_call(place->client, id);
        }
    }

    /// Enters a call that is about to begin; NULL if memory is lacking.
    call_place *enter(agw_client *client, std::uint32_t id) noexcept
    {
        call_place *const place = free_place();
        if (place != nullptr) {
            place->client = client;
            place->call_id = id;
            // A cancel sees the number, or is seen here. Then it comes before its call.
            if (cancelled_)
                agw_cancel_call(client, id);
        }
        return place;
    }

    void leave(call_place *place) noexcept
    {
        place->call_id = 0;
        place->taken = false;
    }

private:
    call_place *free_place() noexcept
    {
        for (call_place *place = places_; place != nullptr; place = place->next) {
            if (!place->taken.exchange(true))
                return place;
        }
        call_place *const fresh = new (std::nothrow) call_place;
        if (fresh != nullptr) {
            fresh->next = places_;
            while (!places_.compare_exchange_weak(fresh->next, fresh)) {
            }
        }
        return fresh;
    }

    std::atomic<bool> cancelled_{false};
    std::atomic<call_place *> places_{nullptr};
};

/// While it lives, a token can end the call whose number is in the result.
class cancellable {
public:
    cancellable(const std::shared_ptr<cancel_state> &state, agw_client *client,
                agw_result &outcome) noexcept
        : state_(state)
    {
        if (state_) {
            outcome.call_id = next_call_id();
            place_ = state_->enter(client, outcome.call_id);
        }
    }

    ~cancellable()
    {
        if (place_ != nullptr)
            state_->leave(place_);
    }

    cancellable(const cancellable &) = delete;
    cancellable &operator=(const cancellable &) = delete;

    explicit operator bool() const noexcept { return !state_ || place_ != nullptr; }

private:
    std::shared_ptr<cancel_state> state_;
    call_place *place_ = nullptr;
};

} // namespace detail

/// Ends the calls that it is given to, and no others: on whatever clients, in whatever threads.
///
/// A copy is the same token: keep one, give the others away. It may outlive the clients, and they
/// may outlive it. cancel() and cancelled() may be called from any thread, at any time. One that
/// was moved from is as none().
class cancel_token {
public:
    cancel_token() : state_(std::make_shared<detail::cancel_state>()) {}

    /// One that never cancels.
    static cancel_token none() noexcept { return cancel_token(nullptr); }

    /// Makes the calls in progress that have this token end soon with status::cancelled, and those
    /// to come at once, before anything is sent: there is no way back. Gives ok; inside the log
    /// function reentrant, and nothing is done.
    status cancel() const noexcept
    {
        // Asked first, as there the library would end no call.
        if (agw_cancel(nullptr) == AGW_E_REENTRANT)
            return status::reentrant;
        if (state_)
            state_->cancel();
        return status::ok;
    }

    bool cancelled() const noexcept { return state_ && state_->cancelled(); }

private:
    friend class client;

    explicit cancel_token(std::nullptr_t) noexcept {}

    std::shared_ptr<detail::cancel_state> state_{};
};

// --- The client ---------------------------------------------------------------------------------

/// A client of one gateway, for any number of agents and threads: make one for each gateway and
/// share it. See THREADS and OWNERSHIP above.
class client {
public:
    /// An empty client.
    client() noexcept = default;

    client(client &&other) noexcept : handle_(other.handle_), log_(std::move(other.log_))
    {
        other.handle_ = nullptr;
    }

    client &operator=(client &&other) noexcept
    {
        client taken(std::move(other));
        swap(taken);
        return *this;
    }

    client(const client &) = delete;
    client &operator=(const client &) = delete;

    /// Frees the handle. Not to be reached from inside the log function: the library cannot free
    /// a client there, so this one then stays to the end of the process.
    ~client()
    {
        // The library still logs to the target of a client that it could not free.
        if (handle_ != nullptr && agw_free(handle_) == AGW_E_REENTRANT)
            static_cast<void>(log_.release());
    }

    /// Makes a client without throwing. `made` is replaced, on failure by an empty client.
    /// Opens no connection, but reads and checks every option there and then.
    AGW_HPP_OUTCOME
    static result try_make(const options &from, client &made) noexcept
    {
        made = client();
        client fresh;
        if (from.log && *from.log) {
            fresh.log_.reset(new (std::nothrow) detail::log_target{from.log});
            if (!fresh.log_)
                return result(status::resources);
        }
        const agw_client_options c = detail::to_c(from, fresh.log_.get());
        result outcome;
        agw_client_new(&c, &fresh.handle_, &outcome.raw());
        if (outcome)
            made.swap(fresh);
        return outcome;
    }

    /// Rejects the conference that rings at an agent (rejectAgentConf). See agw.h.
    /// @param agent_id  Agent ID in decimal digits, from 101 to options::max_agent_id.
    /// @param guid      The agent's Guid, bare or as the whole value of a Set-GUID header.
    ///                  Without it, or NULL: the one that the client keeps for the agent.
    /// @param token     Ends this call.
    AGW_HPP_OUTCOME
    result reject_agent_conf(text agent_id, text guid, std::nothrow_t,
                             const cancel_token &token = cancel_token::none()) const noexcept
    {
        return run(token, [&](agw_result *outcome) {
            agw_reject_agent_conf(handle_, agent_id.c_str(), guid.c_str(), outcome);
        });
    }

    AGW_HPP_OUTCOME
    result reject_agent_conf(text agent_id, std::nothrow_t,
                             const cancel_token &token = cancel_token::none()) const noexcept
    {
        return reject_agent_conf(agent_id, nullptr, std::nothrow, token);
    }

    /// Signs an agent in (login), and keeps its Guid and cookies for its calls. See agw.h.
    AGW_HPP_OUTCOME
    result sign_in(const agw::sign_in &with, std::nothrow_t,
                   const cancel_token &token = cancel_token::none()) const noexcept
    {
        const agw_sign_in_options c = detail::to_c(with);
        return run(token, [&](agw_result *outcome) { agw_sign_in(handle_, &c, outcome); });
    }

    /// Waits for the next event of an agent that is signed in (getAgentEvent): about ten seconds.
    /// `next` is replaced, by none on failure. See SESSIONS above, and agw.h. After a result with
    /// maybe_sent() or resent() an event may be missing.
    AGW_HPP_OUTCOME
    result next_event(text agent_id, optional_event &next, std::nothrow_t,
                      const cancel_token &token = cancel_token::none()) const noexcept
    {
        event happened;
        const result outcome = run(token, [&](agw_result *told) {
            agw_next_event(handle_, agent_id.c_str(), &happened.raw(), told);
        });
        next = happened;
        return outcome;
    }

    /// Signs an agent out (logout), and ends a next_event() that waits for it. See agw.h.
    AGW_HPP_OUTCOME
    result sign_out(text agent_id, std::nothrow_t,
                    const cancel_token &token = cancel_token::none()) const noexcept
    {
        return run(token,
                   [&](agw_result *outcome) { agw_sign_out(handle_, agent_id.c_str(), outcome); });
    }

    /// Keeps a Guid and cookies for an agent whom the program signs in by itself. Sends nothing.
    /// @param guid    The newest Guid; NULL: forgets the session.
    /// @param cookie  "name=value", `;` between several: at most 32, of 1775 bytes together.
    ///                NULL: those that are kept stay; "": they are dropped.
    AGW_HPP_OUTCOME
    result set_session(text agent_id, text guid, text cookie, std::nothrow_t) const noexcept
    {
        result outcome;
        agw_set_session(handle_, agent_id.c_str(), guid.c_str(), cookie.c_str(), &outcome.raw());
        return outcome;
    }

    AGW_HPP_OUTCOME
    result set_session(text agent_id, text guid, std::nothrow_t) const noexcept
    {
        return set_session(agent_id, guid, nullptr, std::nothrow);
    }

    /// Shows the newest Guid and the cookies that are kept for an agent: the one place that shows
    /// them. `kept` is replaced.
    AGW_HPP_OUTCOME
    result session(text agent_id, agw::session &kept, std::nothrow_t) const noexcept
    {
        result outcome;
        kept = agw::session();
        agw_get_session(handle_, agent_id.c_str(), &kept.raw(), &outcome.raw());
        return outcome;
    }

    /// Makes sure that a verified connection stands ready, without sending a request. On success
    /// the detail describes it: the TLS version, the gateway's certificate, what that was checked
    /// against, and the proxy if there is one.
    AGW_HPP_OUTCOME
    result connect(std::nothrow_t, const cancel_token &token = cancel_token::none()) const noexcept
    {
        return run(token, [&](agw_result *outcome) { agw_connect(handle_, outcome); });
    }

    /// Makes the calls now in progress on this client end soon with status::cancelled. It stays
    /// usable. Gives ok, invalid_handle or reentrant; there is no form that throws.
    status cancel() const noexcept { return static_cast<status>(agw_cancel(handle_)); }

#if AGW_HPP_EXCEPTIONS
    /// As try_make(). Throws agw::error.
    explicit client(const options &from) { or_throw(try_make(from, *this)); }

    /// As above. Throws agw::error unless the gateway accepted; returns its answer.
    result reject_agent_conf(text agent_id, text guid,
                             const cancel_token &token = cancel_token::none()) const
    {
        return or_throw(reject_agent_conf(agent_id, guid, std::nothrow, token));
    }

    result reject_agent_conf(text agent_id, const cancel_token &token = cancel_token::none()) const
    {
        return or_throw(reject_agent_conf(agent_id, std::nothrow, token));
    }

    /// As above. Throws agw::error unless the gateway accepted; returns its answer.
    result sign_in(const agw::sign_in &with, const cancel_token &token = cancel_token::none()) const
    {
        return or_throw(sign_in(with, std::nothrow, token));
    }

    /// As above. Throws agw::error; returns the event, or none.
    optional_event next_event(text agent_id, const cancel_token &token = cancel_token::none()) const
    {
        optional_event next;
        or_throw(next_event(agent_id, next, std::nothrow, token));
        return next;
    }

    /// As above. Throws agw::error unless the gateway accepted; returns its answer.
    result sign_out(text agent_id, const cancel_token &token = cancel_token::none()) const
    {
        return or_throw(sign_out(agent_id, std::nothrow, token));
    }

    /// As above. Throws agw::error.
    result set_session(text agent_id, text guid, text cookie = nullptr) const
    {
        return or_throw(set_session(agent_id, guid, cookie, std::nothrow));
    }

    /// As above. Throws agw::error; returns what is kept.
    agw::session session(text agent_id) const
    {
        agw::session kept;
        or_throw(session(agent_id, kept, std::nothrow));
        return kept;
    }

    /// As above. Throws agw::error.
    result connect(const cancel_token &token = cancel_token::none()) const
    {
        return or_throw(connect(std::nothrow, token));
    }
#endif

    /// Whether it holds a handle.
    explicit operator bool() const noexcept { return handle_ != nullptr; }

    /// The handle, still owned by this client, for the functions of agw.h. Where tokens are
    /// used, too, let agw_result.call_id be 0 there: their numbers count from 1.
    agw_client *handle() const noexcept { return handle_; }

    void swap(client &other) noexcept
    {
        std::swap(handle_, other.handle_);
        log_.swap(other.log_);
    }

private:
    template <class Call> result run(const cancel_token &token, Call call) const noexcept
    {
        result outcome;
        const detail::cancellable entered(token.state_, handle_, outcome.raw());
        if (!entered)
            return result(status::resources);
        call(&outcome.raw());
        return outcome;
    }

#if AGW_HPP_EXCEPTIONS
    static const result &or_throw(const result &outcome)
    {
        if (!outcome)
            throw error(outcome);
        return outcome;
    }
#endif

    agw_client *handle_ = nullptr;
    std::unique_ptr<detail::log_target> log_{};
};

inline void swap(client &one, client &other) noexcept
{
    one.swap(other);
}

} // inline namespace AGW_HPP_MODE
} // namespace agw

#endif // AGW_HPP
