//! What a call comes back with.

use std::fmt;

use crate::{Status, retcode};

/// The gateway's answer to a call that it accepted. What comes of a reject shows as events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub http_status: u16,
    /// The gateway's error code as sent: "0".
    pub retcode: &'static str,
    /// The gateway's text; may be empty.
    pub message: String,
    /// A kept connection proved dead before the first byte of an answer, so the request went out once
    /// more on a new one.
    pub resent: bool,
}

/// Why a call failed, with all that is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Details {
    pub status: Status,
    pub http_status: Option<u16>,
    pub os_error: Option<i32>,
    pub maybe_sent: bool,
    pub resent: bool,
    pub retcode: Option<String>,
    pub message: String,
    pub detail: String,
}

impl Error {
    pub(crate) fn new(status: Status, detail: impl Into<String>) -> Self {
        Error(Box::new(Details {
            status,
            http_status: None,
            os_error: None,
            maybe_sent: false,
            resent: false,
            retcode: None,
            message: String::new(),
            // A path, or what a server has sent, may hold anything.
            detail: detail.into().replace(char::is_control, "\u{FFFD}"),
        }))
    }

    pub(crate) fn with_os_error(mut self, os_error: Option<i32>) -> Self {
        self.0.os_error = os_error;
        self
    }

    pub(crate) fn with_http_status(mut self, http_status: u16) -> Self {
        self.0.http_status = Some(http_status);
        self
    }

    pub(crate) fn details_mut(&mut self) -> &mut Details {
        &mut self.0
    }

    /// The class of the failure; decide by this.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The HTTP status, if an answer came.
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// The operating system's error number behind it (`errno`, `GetLastError`), if there is one.
    pub fn os_error(&self) -> Option<i32> {
        self.0.os_error
    }

    /// The gateway may have acted all the same.
    pub fn maybe_sent(&self) -> bool {
        self.0.maybe_sent
    }

    /// The request went out once more on a new connection before this failure.
    pub fn resent(&self) -> bool {
        self.0.resent
    }

    /// The gateway's error code as sent, such as "100-006".
    pub fn retcode(&self) -> Option<&str> {
        self.0.retcode.as_deref()
    }

    /// The gateway's text; may be empty.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the library adds, for a log or a support call. Never holds the Guid.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// NNNNN of a message `Unknown ERROR._NNNNN`: the platform's own code.
    pub fn cti_code(&self) -> Option<i32> {
        retcode::cti_code(&self.0.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status().sentence())?;
        if let Some(retcode) = self.retcode() {
            write!(f, " Retcode {retcode}.")?;
        }
        if !self.detail().is_empty() {
            write!(f, " ({})", self.detail())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for Error {}
