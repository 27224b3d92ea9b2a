//! The types and option numbers of the C header; the status numbers are in `status.rs`.
#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};

/// The version of the library that this header was made for: 0x010203 is 1.2.3.
pub const AGW_VERSION_NUM: u32 = 0x010000;

/// Flag in `agw_result.flags`, on a failure: a byte of the request was sent, so the gateway may have
/// acted all the same.
pub const AGW_RESULT_MAYBE_SENT: u32 = 1;
/// Flag in `agw_result.flags`: a kept connection proved dead before the first byte of an answer, so
/// the request went out once more on a new one. AGW_E_NO_CONFERENCE may then be the success of the
/// first copy.
pub const AGW_RESULT_RESENT: u32 = 2;
/// Flag in `agw_result.flags`: a text was cut to fit.
pub const AGW_RESULT_TRUNCATED: u32 = 4;

/// The system's certificate store, plus `ca` if given. Windows and macOS may ask the network about
/// the certificate; the call does not wait for that past its time-out.
pub const AGW_TRUST_SYSTEM: i32 = 0;
/// `ca` alone.
pub const AGW_TRUST_CA: i32 = 1;
/// `pin_sha256` alone: names, dates and chains are not looked at, the handshake's signature is.
pub const AGW_TRUST_PIN: i32 = 2;
/// Nothing is checked: whoever is on the network path can read the Guid. For a laboratory.
pub const AGW_TRUST_DANGER_ANY: i32 = 3;

/// Option flag: take a `base_url` with plain http. Options about certificates are refused with one.
pub const AGW_ALLOW_HTTP: u32 = 1;
/// Option flag: a new connection for each call.
pub const AGW_NO_KEEP_ALIVE: u32 = 2;

/// Flag in `agw_sign_in_options.flags`: where the agent is signed in already (100-002), signs in all
/// the same and ends that session.
pub const AGW_SIGN_IN_FORCE: u32 = 1;
/// Flag in `agw_event.flags`: `content`, or another text, was cut to fit.
pub const AGW_EVENT_TRUNCATED: u32 = 1;

/// Log level: a bug in the library.
pub const AGW_LOG_ERROR: i32 = 1;
/// Log level: a failed call that somebody has to look at, an option that is dangerous, or (from
/// agw_connect()) a certificate that ends within 14 days.
pub const AGW_LOG_WARN: i32 = 2;
/// Log level: each call, also one that came too late (AGW_E_NO_CONFERENCE), but for polls without an
/// event.
pub const AGW_LOG_INFO: i32 = 3;
/// Log level: each step of a call, and polls without an event.
pub const AGW_LOG_DEBUG: i32 = 4;

/// One of the numbers AGW_OK and AGW_E_*. Compare with the names; new ones may be added.
pub type agw_status = i32;

/// A client: the handle that agw_client_new() issues. It is a ticket, not an address.
pub struct agw_client {
    _opaque: (),
}

/// The log callback's type, written out by hand in the header for its calling convention.
pub type agw_log_fn =
    Option<unsafe extern "C" fn(level: i32, message: *const c_char, user_data: *mut c_void)>;

/// What a client is made from. Zero the whole struct, then set `struct_size` and `base_url`: zero
/// is the default of everything else. Strings are NUL-terminated UTF-8 and copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct agw_client_options {
    /// sizeof(agw_client_options).
    pub struct_size: u32,
    /// AGW_ALLOW_HTTP | AGW_NO_KEEP_ALIVE.
    pub flags: u32,
    /// The whole call, name look-up included, in milliseconds. 0: 10000. agw_next_event() has 10000
    /// more.
    pub timeout_ms: u32,
    /// TCP and TLS set-up, in milliseconds. 0: 5000.
    pub connect_timeout_ms: u32,
    /// Largest agent ID taken, from 101. 0: 59999. Gateways documented since late 2025: 999999.
    pub max_agent_id: u32,
    /// One of AGW_TRUST_*. 0: AGW_TRUST_SYSTEM, also where `ca` is given. `ca` and `pin_sha256` are
    /// refused where they would have no effect.
    pub tls_trust: i32,
    /// "https://host:port", and a path prefix if there is one; agw adds /agentgateway. Without a port:
    /// 443. Required.
    pub base_url: *const c_char,
    /// "ip:port", an IPv6 address in brackets, to connect to instead, or several of one service, comma
    /// between, in order of preference; or NULL. The certificate must still be for base_url's host.
    pub connect_to: *const c_char,
    /// Certificates to trust: PEM text, or the path of a file in PEM (UTF-8 or UTF-16) or DER; or
    /// NULL. Each must be good. With AGW_TRUST_CA they alone are trusted, with AGW_TRUST_SYSTEM the
    /// system's, too.
    pub ca: *const c_char,
    /// SHA-256 fingerprints of the gateway's certificate, for AGW_TRUST_PIN: hex, colons allowed, as
    /// `openssl x509 -fingerprint -sha256` prints them, comma between several; or NULL.
    pub pin_sha256: *const c_char,
    /// Client certificate chain, text or path as `ca`, the client's own first, if the gateway wants
    /// one; or NULL.
    pub client_cert: *const c_char,
    /// Its private key, text or path as `ca`, not encrypted: RSA of 2048, 3072 or 4096 bits,
    /// P-256, P-384 or Ed25519. NULL: looked for in client_cert.
    pub client_key: *const c_char,
    /// NULL: no proxy. "env": from the first that is set of https_proxy, HTTPS_PROXY, all_proxy and
    /// ALL_PROXY, or for http of http_proxy, all_proxy and ALL_PROXY, unless no_proxy or NO_PROXY
    /// names the gateway's host. Else "http://user:password@host:port", with
    /// special characters in user and password as %XX. Without a port: 80.
    pub proxy: *const c_char,
    /// Receives log lines, or NULL. See agw_log_fn.
    pub log: agw_log_fn,
    /// Handed to `log` as it is.
    pub log_user_data: *mut c_void,
    /// The most verbose AGW_LOG_* wanted. 0: AGW_LOG_WARN.
    pub log_level: i32,
    /// 0.
    pub reserved: u32,
}

/// What a call came to. Zero the whole struct before the call, set `struct_size`, and `call_id` if you
/// like; the rest is filled in whatever the outcome. It holds no pointer: copy it, keep it, nothing is
/// to be freed. Texts are NUL-terminated, valid UTF-8, and cut only at a character's edge.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct agw_result {
    /// sizeof(agw_result).
    pub struct_size: u32,
    /// What the function returned.
    pub status: i32,
    /// The HTTP status; 0: no answer.
    pub http_status: i32,
    /// errno or GetLastError behind a failure, or 0.
    pub os_error: i32,
    /// AGW_RESULT_*.
    pub flags: u32,
    /// The whole call in microseconds; saturates.
    pub elapsed_us: u32,
    /// NNNNN of a message "Unknown ERROR._NNNNN": the platform's own code; or 0.
    pub cti_code: i32,
    /// Yours, read before the call and left as it is: 0, or a number for this call, by which another
    /// thread can end it. See agw_cancel_call().
    pub call_id: u32,
    /// The gateway's error code as sent: "0", "100-006"; "" if none came.
    pub retcode: [c_char; 32],
    /// The gateway's text; "" if none came.
    pub message: [c_char; 512],
    /// What the library adds, for a log or a support call. Never holds the Guid.
    pub detail: [c_char; 512],
}

/// What an agent signs in with. Zero the whole struct, then set `struct_size` and `agent_id`. Strings
/// are NUL-terminated UTF-8, and borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct agw_sign_in_options {
    /// sizeof(agw_sign_in_options).
    pub struct_size: u32,
    /// AGW_SIGN_IN_FORCE, or 0.
    pub flags: u32,
    /// Agent ID in decimal digits. Required.
    pub agent_id: *const c_char,
    /// A secret, 256 bytes at most, without control characters. NULL: empty.
    pub password: *const c_char,
    /// The agent's phone ("phonenum"), 256 bytes at most, without control characters. NULL: left out,
    /// which a gateway may refuse (100-001).
    pub phone: *const c_char,
    /// Further members of the body, as the text of a JSON object of 16 KiB at most; they replace
    /// those above, and "autoanswer": false, which agw sends because with true nothing rings. Or NULL.
    pub fields: *const c_char,
}

/// What happened to an agent. Zero the whole struct and set `struct_size` before the call. It holds no
/// pointer: copy it, keep it, nothing is to be freed. Texts are as in agw_result.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct agw_event {
    /// sizeof(agw_event).
    pub struct_size: u32,
    /// AGW_EVENT_TRUNCATED, or 0.
    pub flags: u32,
    /// `content.confId`: the conference; or 0.
    pub conf_id: i64,
    /// `eventGenTime`: milliseconds since 1970, by the gateway's clock; or 0.
    pub generated_ms: i64,
    /// `eventType` as sent: AGW_EVENT_CONF_RINGING or another; "": nothing happened.
    pub r#type: [c_char; 64],
    /// `workNo` as sent: the agent.
    pub work_no: [c_char; 32],
    /// `content` as JSON text, as sent; "" if there is none or it is null.
    pub content: [c_char; 3976],
}

/// What a client keeps for an agent. Zero the whole struct and set `struct_size` before the call. It
/// holds secrets: clear it after use.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct agw_session {
    /// sizeof(agw_session).
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The newest Guid.
    pub guid: [c_char; 264],
    /// A load balancer's cookies, "name=value; name=value"; "" if there are none.
    pub cookie: [c_char; 1776],
}

const _: () = {
    assert!(size_of::<agw_client_options>() == 32 + 9 * size_of::<*const ()>());
    assert!(size_of::<agw_result>() == 1088);
    assert!(size_of::<agw_sign_in_options>() == 8 + 4 * size_of::<*const ()>());
    assert!(size_of::<agw_event>() == 4096);
    assert!(size_of::<agw_session>() == 2048);
};
