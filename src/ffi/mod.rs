//! The C ABI: translates between C and the client, and holds all that is unsafe.
//!
//! Every function has the same rhythm: the guard, the arguments, the client's own method, the
//! result. The texts here are those of the header.
//!
//! # Safety
//! Of a caller every function demands the same: a pointer to a struct is NULL or points to a struct
//! of its `struct_size`; a pointer to a handle is NULL or points to one; a string, also one in a
//! struct, is NULL or NUL-terminated. A handle may be anything.
#![allow(unsafe_code, clippy::missing_safety_doc)]

mod guard;
mod handles;
mod options;
mod outputs;
mod strings;
mod structs;
mod types;

use std::ffi::c_char;
use std::ptr;

use crate::sys::{fork, panics, process};
use crate::{CallId, Client, Status};
use guard::{Entry, enter, with_client};
use options::{read_options, read_sign_in};
use outputs::Success;
use strings::{borrowed, invalid, required};
use structs::Output;
pub use types::*;

// The calling convention gets into the header's prototypes by the names of the return types.
type StatusCall = agw_status;
type TextCall = *const c_char;
type NumberCall = u32;

/// Makes a client of one gateway.
///
/// Opens no connection, but reads and checks every option there and then: URLs, certificates,
/// keys, fingerprints. One client serves any number of agents and threads; make one for each
/// gateway and share it.
///
/// Of a gateway's TLS agw needs: version 1.3, or 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305 (no
/// CBC, no RSA key exchange, no renegotiation); X25519, P-256 or P-384 as the curve; keys of RSA (2048
/// to 8192 bits), P-256, P-384 or Ed25519, in the CAs above it, too; signatures with SHA-256 or more,
/// ECDSA's with SHA-256 or SHA-384; certificates of X.509 version 3.
///
/// @param options  What to make it from; see agw_client_options. Required, borrowed for the call.
/// @param client   Receives the handle, to be freed with agw_free(); NULL on failure. Required.
/// @param result   Receives what went wrong; or NULL.
/// @return AGW_OK; AGW_E_INVALID_ARGUMENT, AGW_E_STRUCT_SIZE, AGW_E_INVALID_URL,
///         AGW_E_TLS_CONFIG: `detail` names the option; AGW_E_RESOURCES: more than 65536 clients, or
///         no file descriptor is left.
/// @note Any thread, also from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_client_new(
    options: *const agw_client_options,
    client: *mut *mut agw_client,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as the module demands.
    unsafe {
        if !client.is_null() {
            client.write_unaligned(ptr::null_mut());
        }
        enter(Entry::ClientNew, ptr::null_mut(), result, |_| {
            set_up();
            if client.is_null() {
                return Err(invalid("client: NULL"));
            }
            let options = read_options(options)?;
            client.write_unaligned(handles::issue(Client::new(&options)?)?);
            Ok(Success::Nothing)
        })
    }
}

/// Rejects the conference that rings at an agent (`rejectAgentConf`).
///
/// Blocks until the gateway's answer, the time-out, or a cancel. AGW_OK means that the gateway
/// accepted; the outcome shows as the events AgentOther_PhoneRelease and AgentState_Ready. The
/// request carries no conference: the gateway takes whatever rings at the agent just then, so
/// nothing is sent again after a time-out.
///
/// @param client    The client.
/// @param agent_id  Agent ID in decimal digits, from 101 to max_agent_id. Required, borrowed.
/// @param guid      The agent's Guid, bare or as the whole value of a Set-GUID header; visible
///                  ASCII, 256 bytes at most. Borrowed, and never shown in any text. NULL: the one
///                  that the client keeps for the agent; see SESSIONS.
/// @param result    Receives the answer or what went wrong; or NULL.
/// @return AGW_OK or any AGW_E_*. AGW_E_NO_CONFERENCE: too late, nothing is ringing.
///         AGW_E_SESSION: take the newest Guid or sign in again; with http_status 0: no session is
///         kept, nothing was sent. A failure with AGW_RESULT_MAYBE_SENT in `flags` may have been
///         acted upon.
/// @note Any thread, also many at once on one client; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_reject_agent_conf(
    client: *mut agw_client,
    agent_id: *const c_char,
    guid: *const c_char,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as the module demands.
    unsafe {
        with_client(Entry::Request, client, result, |client| {
            let (agent_id, guid) = (required("agent_id", agent_id)?, borrowed("guid", guid)?);
            client.reject_agent_conf(agent_id, guid).map(Success::Answer)
        })
    }
}

/// Signs an agent in (`login`), and keeps the Guid and a load balancer's cookies for its calls.
///
/// An accepted sign-in takes the place of the session that was kept before, a refused one leaves it.
/// Where the agent is signed in already (100-002) and AGW_SIGN_IN_FORCE is set, it is asked once more
/// in the same call (`forceLogin`).
///
/// @param client   The client.
/// @param options  What to sign in with; see agw_sign_in_options. Required, borrowed for the call.
/// @param result   Receives the answer or what went wrong; or NULL.
/// @return AGW_OK or any AGW_E_*. AGW_E_INVALID_ARGUMENT: `detail` names the field, nothing was sent.
///         AGW_E_GATEWAY: see the retcode, such as 100-004 (wrong name or password).
///         AGW_E_PROTOCOL: also where the answer brings no Guid.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_sign_in(
    client: *mut agw_client,
    options: *const agw_sign_in_options,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as the module demands.
    unsafe {
        with_client(Entry::Request, client, result, |client| {
            client.sign_in(&read_sign_in(options)?).map(Success::Answer)
        })
    }
}

/// Waits for the next event of an agent that is signed in (`getAgentEvent`).
///
/// The gateway answers at once if there is an event, else after about 10 s; the time-out counts on top
/// of that. The call begins with a wait until 200 ms have passed since the agent's last one ended, so a
/// loop needs no pause of its own; after a failure wait a second, after AGW_E_SESSION sign in again. A
/// thread for each agent is enough. A stack of 64 KiB is enough, too: on Linux a call needs half of it.
/// Add what the log callback needs. A newer Guid that comes along is kept, at once for all threads.
///
/// @param client    The client.
/// @param agent_id  Agent ID in decimal digits. Required, borrowed.
/// @param event     Receives the event; `type` "": nothing happened. Empty on failure. Required.
/// @param result    Receives the answer or what went wrong; or NULL.
/// @return AGW_OK or any AGW_E_*. AGW_E_POLLING: another thread waits for this agent's events.
///         AGW_E_SESSION: the session is over, or, with http_status 0, none is kept.
///         AGW_E_CANCELLED: also by agw_sign_out(). After AGW_RESULT_MAYBE_SENT, or with
///         AGW_RESULT_RESENT, an event may be missing: the gateway hands out each one once.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_next_event(
    client: *mut agw_client,
    agent_id: *const c_char,
    event: *mut agw_event,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as the module demands.
    unsafe {
        let output = Output::open("event", event);
        with_client(Entry::Request, client, result, |client| {
            let output = output?;
            let poll = client.next_event(required("agent_id", agent_id)?)?;
            if let Some(event) = &poll.event {
                output.fill(event);
            }
            Ok(Success::Answer(poll.answer))
        })
    }
}

/// Signs an agent out (`logout`), and forgets its session where that is over.
///
/// A call of agw_next_event() that waits for the agent ends with AGW_E_CANCELLED. The session is kept
/// where the gateway was busy, failed, or was not reached, so that it can be tried again.
///
/// @param client    The client.
/// @param agent_id  Agent ID in decimal digits. Required, borrowed.
/// @param result    Receives the answer or what went wrong; or NULL.
/// @return AGW_OK or any AGW_E_*. AGW_E_SESSION, or AGW_E_GATEWAY with retcode 100-008: there is
///         nothing to sign out of.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_sign_out(
    client: *mut agw_client,
    agent_id: *const c_char,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as the module demands.
    unsafe {
        with_client(Entry::Request, client, result, |client| {
            client.sign_out(required("agent_id", agent_id)?).map(Success::Answer)
        })
    }
}

/// Keeps a Guid and cookies for an agent: for a program that signs in or polls by itself.
///
/// Sends nothing. Behind a load balancer its cookies go along with each call of the agent. A Guid that
/// is handed to a call is used instead of the one kept.
///
/// @param client    The client.
/// @param agent_id  Agent ID in decimal digits. Required, borrowed.
/// @param guid      The newest Guid, bare or as the whole value of a Set-GUID header. NULL: forgets the
///                  session.
/// @param cookie    "name=value", `;` between several: at most 32, of 1775 bytes together, visible ASCII
///                  and blanks. NULL: the cookies that are kept stay; "": they are dropped.
/// @param result    Receives what went wrong; or NULL.
/// @return AGW_OK, AGW_E_INVALID_ARGUMENT, AGW_E_STRUCT_SIZE, AGW_E_INVALID_HANDLE, AGW_E_REENTRANT,
///         AGW_E_INVALID_AGENT_ID, AGW_E_INVALID_GUID.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_set_session(
    client: *mut agw_client,
    agent_id: *const c_char,
    guid: *const c_char,
    cookie: *const c_char,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as the module demands.
    unsafe {
        with_client(Entry::Other, client, result, |client| {
            let (agent_id, guid) = (required("agent_id", agent_id)?, borrowed("guid", guid)?);
            client.client.set_session(agent_id, guid, borrowed("cookie", cookie)?)?;
            Ok(Success::Nothing)
        })
    }
}

/// Shows the newest Guid and the cookies that are kept for an agent: for a program that calls other
/// interfaces of the gateway by its own client. The one place that shows them.
///
/// @param client    The client.
/// @param agent_id  Agent ID in decimal digits. Required, borrowed.
/// @param session   Receives them; clear it after use. Empty on failure. Required.
/// @param result    Receives what went wrong; or NULL.
/// @return AGW_OK, AGW_E_INVALID_ARGUMENT, AGW_E_STRUCT_SIZE, AGW_E_INVALID_HANDLE, AGW_E_REENTRANT,
///         AGW_E_INVALID_AGENT_ID; AGW_E_SESSION: none is kept.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_get_session(
    client: *mut agw_client,
    agent_id: *const c_char,
    session: *mut agw_session,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as the module demands.
    unsafe {
        let output = Output::open("session", session);
        with_client(Entry::Other, client, result, |client| {
            let output = output?;
            output.fill(&client.client.session(required("agent_id", agent_id)?)?);
            Ok(Success::Nothing)
        })
    }
}

/// Makes sure that a verified connection to the gateway stands ready, without sending a request.
///
/// At sign-in it finds a wrong address or certificate before a phone rings. When AgentConf_Ringing
/// arrives it makes the reject that follows one round trip instead of three. A kept connection counts
/// only if it was made, or an answer came over it, within the last two seconds; otherwise a new one is
/// made. On success `detail` describes the connection: TLS version, the certificate's names, SHA-256
/// fingerprint, first and last day and issuer, what it was checked against, and the proxy if there is
/// one.
///
/// @param client  The client.
/// @param result  Receives what stands ready, or what went wrong, in `detail`; or NULL.
/// @return AGW_OK, or what a call would fail with: AGW_E_RESOLVE, AGW_E_CONNECT, AGW_E_TLS,
///         AGW_E_TIMEOUT, AGW_E_IO (closed at once), AGW_E_CANCELLED, AGW_E_PROXY, AGW_E_RESOURCES.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_connect(
    client: *mut agw_client,
    result: *mut agw_result,
) -> StatusCall {
    // SAFETY: as the module demands.
    unsafe {
        with_client(Entry::Other, client, result, |client| client.connect().map(Success::Detail))
    }
}

/// Makes the calls now in progress on a client end soon with AGW_E_CANCELLED.
///
/// Calls that begin afterwards are not touched; the client stays usable.
///
/// @param client  The client.
/// @return AGW_OK, AGW_E_INVALID_HANDLE, AGW_E_REENTRANT.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_cancel(client: *mut agw_client) -> StatusCall {
    // SAFETY: there is no result to write.
    unsafe {
        with_client(Entry::Other, client, ptr::null_mut(), |client| {
            client.client.cancel();
            Ok(Success::Nothing)
        })
    }
}

/// Makes one call on a client end soon with AGW_E_CANCELLED: that whose result has this `call_id`.
///
/// Ends all the calls in progress that have the number. Where there is none, the client's next call
/// with that number ends at once, before anything is sent: a cancel may come before its call. The
/// newest 1024 such early cancels of a client are remembered, one for each number. What is refused before
/// it begins (arguments, AGW_E_POLLING, no session) leaves them there, as do agw_set_session() and
/// agw_get_session(). So count upward: use a number again only when no cancel for it can still come. No
/// other call is disturbed.
///
/// @param client   The client.
/// @param call_id  The number that stands in `agw_result.call_id` of the call; not 0.
/// @return AGW_OK, also where there is no such call; AGW_E_INVALID_ARGUMENT: 0;
///         AGW_E_INVALID_HANDLE, AGW_E_REENTRANT.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_cancel_call(client: *mut agw_client, call_id: u32) -> StatusCall {
    // SAFETY: there is no result to write.
    unsafe {
        with_client(Entry::Other, client, ptr::null_mut(), |client| {
            let id = CallId::from_number(call_id).ok_or_else(|| invalid("call_id: 0"))?;
            client.client.cancel_call(id);
            Ok(Success::Nothing)
        })
    }
}

/// Frees a client. Calls in progress on it end soon with AGW_E_CANCELLED.
///
/// Once it has returned, the log callback is not called again for that client; it waits for a
/// callback that is under way in another thread. The handle is not issued again, so a second
/// agw_free() is harmless.
///
/// @param client  The client; NULL is AGW_OK.
/// @return AGW_OK, AGW_E_INVALID_HANDLE, AGW_E_REENTRANT.
/// @note Any thread; not from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn agw_free(client: *mut agw_client) -> StatusCall {
    let call = |_| {
        if !client.is_null() {
            handles::remove(client)?.close();
        }
        Ok(Success::Nothing)
    };
    // SAFETY: there is no result to write.
    unsafe { enter(Entry::Other, client, ptr::null_mut(), call) }
}

/// Says in an English sentence what a status means and what to do.
///
/// @param status  Any number, known or not.
/// @return A text in static storage, never NULL, never to be freed.
/// @note Any thread, also from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub extern "C" fn agw_strerror(status: agw_status) -> TextCall {
    let known = Status::from_number(status).map(Status::c_sentence);
    known.unwrap_or(c"A status that this version of agw does not know.").as_ptr()
}

/// The version of the library that is running, such as "1.0.0".
///
/// @return A text in static storage, never NULL, never to be freed.
/// @note Any thread, also from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub extern "C" fn agw_version() -> TextCall {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that is running as a number: 0x010203 is 1.2.3.
///
/// @return At least AGW_VERSION_NUM of the header, if the library is not older than it.
/// @note Any thread, also from inside the log callback.
/// @since 1.0
#[unsafe(no_mangle)]
pub extern "C" fn agw_version_num() -> NumberCall {
    AGW_VERSION_NUM
}

/// What the process needs once. Nothing in it waits for another thread, since that would not be there
/// in a child that is forked meanwhile.
extern "C" fn set_up() {
    process::keep_loaded();
    panics::install_hook();
    fork::watch();
}

/// In the C library, when it is loaded: no fork can come in the middle. Not in a Rust program, whose
/// panic hook it would take.
#[cfg(all(feature = "c-library", any(target_os = "linux", target_os = "android")))]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = set_up;
