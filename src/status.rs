//! The status table: every number of the ABI, its name and its sentence, in one place.

use std::ffi::CStr;
use std::fmt;

/// The call succeeded; a gateway that was asked answered retcode "0". What comes of a reject shows as
/// events.
pub const AGW_OK: i32 = 0;
/// A pointer is NULL, a text is not UTF-8, or a field is out of range; `detail` names it.
pub const AGW_E_INVALID_ARGUMENT: i32 = 1;
/// `struct_size` is not that of a struct this library knows.
pub const AGW_E_STRUCT_SIZE: i32 = 2;
/// The handle is NULL, freed, or was never issued.
pub const AGW_E_INVALID_HANDLE: i32 = 3;
/// Called from inside the log callback.
pub const AGW_E_REENTRANT: i32 = 4;
/// Too many clients, or no thread, file descriptor or memory to be had.
pub const AGW_E_RESOURCES: i32 = 5;
/// `base_url`, `connect_to` or `proxy` cannot be used; or plain http without `AGW_ALLOW_HTTP`.
pub const AGW_E_INVALID_URL: i32 = 6;
/// The agent ID is not decimal or out of range: nothing was sent.
pub const AGW_E_INVALID_AGENT_ID: i32 = 7;
/// The Guid is empty, too long, or not visible ASCII: nothing was sent.
pub const AGW_E_INVALID_GUID: i32 = 8;
/// A certificate, key or fingerprint cannot be read or does not fit.
pub const AGW_E_TLS_CONFIG: i32 = 9;
/// Another thread waits for this agent's events already.
pub const AGW_E_POLLING: i32 = 10;
/// The gateway's name could not be looked up.
pub const AGW_E_RESOLVE: i32 = 100;
/// No TCP connection to the gateway.
pub const AGW_E_CONNECT: i32 = 101;
/// The gateway's certificate was refused, or the TLS handshake failed.
pub const AGW_E_TLS: i32 = 102;
/// `timeout_ms` or `connect_timeout_ms` passed.
pub const AGW_E_TIMEOUT: i32 = 103;
/// The connection broke.
pub const AGW_E_IO: i32 = 104;
/// Ended by `agw_cancel`, `agw_cancel_call` or `agw_free`; a wait for an event also by `agw_sign_out`.
pub const AGW_E_CANCELLED: i32 = 105;
/// The proxy could not be reached or refused.
pub const AGW_E_PROXY: i32 = 106;
/// An HTTP status other than 2xx without a readable retcode.
pub const AGW_E_HTTP: i32 = 200;
/// The answer is not the documented JSON, or not HTTP.
pub const AGW_E_PROTOCOL: i32 = 201;
/// The answer is larger than 64 KiB.
pub const AGW_E_TOO_LARGE: i32 = 202;
/// The gateway refused with a retcode that is in none of the next five classes.
pub const AGW_E_GATEWAY: i32 = 300;
/// Retcode 100-006, 000-003, 105-005, 105-006 or 105-007: take the newest Guid or sign in again.
pub const AGW_E_SESSION: i32 = 301;
/// Retcode 101-001: nothing is ringing at the agent, too late.
pub const AGW_E_NO_CONFERENCE: i32 = 302;
/// Retcode 000-002 or 000-006: the gateway finds a parameter or the address wrong.
pub const AGW_E_BAD_REQUEST: i32 = 303;
/// Retcode 100-007 or 999-001: the gateway or the platform behind it failed.
pub const AGW_E_GATEWAY_FAULT: i32 = 304;
/// Retcode 000-004, 000-007 or 105-001 to 105-004: try again shortly.
pub const AGW_E_GATEWAY_BUSY: i32 = 305;
/// A bug in the library; the client stays usable.
pub const AGW_E_INTERNAL: i32 = 900;

macro_rules! statuses {
    ($($variant:ident = $number:ident: $sentence:literal;)+) => {
        /// How a call ended. The numbers are those of the C ABI.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum Status {
            $(#[doc = concat!("`", stringify!($number), "`: ", $sentence)] $variant = $number,)+
        }

        impl Status {
            /// The status with this number in the C ABI, if there is one.
            pub fn from_number(number: i32) -> Option<Status> {
                match number {
                    $($number => Some(Status::$variant),)+
                    _ => None,
                }
            }

            /// The name in the C header, such as `AGW_E_TIMEOUT`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Status::$variant => stringify!($number),)+
                }
            }

            pub(crate) fn c_sentence(self) -> &'static CStr {
                let sentence = match self {
                    $(Status::$variant => concat!($sentence, "\0"),)+
                };
                CStr::from_bytes_with_nul(sentence.as_bytes()).unwrap_or_default()
            }
        }
    };
}

statuses! {
    Ok = AGW_OK: "The call succeeded.";
    InvalidArgument = AGW_E_INVALID_ARGUMENT: "An argument or option is not valid; the detail names it.";
    StructSize = AGW_E_STRUCT_SIZE: "struct_size is not right: zero the struct and set struct_size to its sizeof.";
    InvalidHandle = AGW_E_INVALID_HANDLE: "The client handle is NULL, was freed, or was never issued.";
    Reentrant = AGW_E_REENTRANT: "Called from inside the log callback; call it after the callback has returned.";
    Resources = AGW_E_RESOURCES: "Too many clients, or no thread, file descriptor or memory to be had; free what is no longer used.";
    InvalidUrl = AGW_E_INVALID_URL: "A URL or address option cannot be used; the detail names it.";
    InvalidAgentId = AGW_E_INVALID_AGENT_ID: "The agent ID is not a decimal number in the range allowed; nothing was sent.";
    InvalidGuid = AGW_E_INVALID_GUID: "The Guid is empty, too long, or holds a character that may not stand in a header; nothing was sent.";
    TlsConfig = AGW_E_TLS_CONFIG: "A certificate, key or fingerprint option cannot be read or does not fit; the detail names it.";
    Polling = AGW_E_POLLING: "Another thread waits for this agent's events already: one poll at a time for each agent.";
    Resolve = AGW_E_RESOLVE: "The gateway's name could not be looked up; check the host name and the DNS.";
    Connect = AGW_E_CONNECT: "No connection to the gateway; check address, port and firewall.";
    Tls = AGW_E_TLS: "The gateway's certificate was refused or the TLS handshake failed; the detail says why.";
    Timeout = AGW_E_TIMEOUT: "The time-out passed before the call was done; see what became of it before you repeat it.";
    Io = AGW_E_IO: "The connection to the gateway broke; see what became of the call before you repeat it.";
    Cancelled = AGW_E_CANCELLED: "The call was cancelled.";
    Proxy = AGW_E_PROXY: "The proxy could not be reached or refused the connection.";
    Http = AGW_E_HTTP: "The server answered with an HTTP error instead of a gateway answer; check base_url.";
    Protocol = AGW_E_PROTOCOL: "The answer is not what an agent gateway sends; check base_url.";
    TooLarge = AGW_E_TOO_LARGE: "The answer is larger than 64 KiB, so it is not from an agent gateway.";
    Gateway = AGW_E_GATEWAY: "The gateway refused; see retcode and message.";
    Session = AGW_E_SESSION: "The agent is not signed in or the Guid is stale: take the newest Guid or sign in again.";
    NoConference = AGW_E_NO_CONFERENCE: "Nothing is ringing at the agent any more: too late to reject.";
    BadRequest = AGW_E_BAD_REQUEST: "The gateway finds a parameter or the address wrong; see retcode and message.";
    GatewayFault = AGW_E_GATEWAY_FAULT: "The gateway or the platform behind it failed; tell the operator.";
    GatewayBusy = AGW_E_GATEWAY_BUSY: "The gateway is switching over, recovering or called too fast: try again shortly.";
    Internal = AGW_E_INTERNAL: "A bug in agw; the client stays usable. Please report it.";
}

impl Status {
    /// The number in the C ABI.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The sentence that `agw_strerror` gives.
    pub fn sentence(self) -> &'static str {
        self.c_sentence().to_str().unwrap_or_default()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
