//! The return codes with which the simulated gateway refuses a request, and why it does.

use std::borrow::Cow;

/// A refusal that the simulator decides on by itself. Any other code can be had on demand,
/// see [`Script`](super::state::Script).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 000-002: the agent id, the content type or the body is wrong.
    BadParameter,
    /// 000-003: the Guid is wrong or stale, as some gateways say it.
    GuidRefused,
    /// 100-001: the body of a sign-in lacks something.
    SignInParameters,
    /// 100-002: the agent is signed in already.
    AlreadySignedIn,
    /// 100-006: not signed in, or, as the other gateways say it, the Guid is wrong or stale.
    NotSignedIn,
    /// 100-008: the agent is signed out already.
    AlreadySignedOut,
    /// 101-001: no conference rings at the agent.
    NoConference,
}

impl Refusal {
    pub fn code(self) -> &'static str {
        match self {
            Self::BadParameter => "000-002",
            Self::GuidRefused => "000-003",
            Self::SignInParameters => "100-001",
            Self::AlreadySignedIn => "100-002",
            Self::NotSignedIn => "100-006",
            Self::AlreadySignedOut => "100-008",
            Self::NoConference => "101-001",
        }
    }

    /// The `message` of the answer. The wording is the simulator's own.
    pub fn message(self) -> &'static str {
        match self {
            Self::BadParameter => "The parameter is invalid.",
            Self::GuidRefused => "The Guid is invalid.",
            Self::SignInParameters => "The sign-in parameters are invalid.",
            Self::AlreadySignedIn => "The agent has signed in.",
            Self::NotSignedIn => "The agent has not signed in.",
            Self::AlreadySignedOut => "The agent has signed out.",
            Self::NoConference => "The agent has no conference call.",
        }
    }
}

/// A refusal, and why, in words for the log. They never hold a Guid.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub refusal: Refusal,
    pub why: Cow<'static, str>,
}

impl Refused {
    pub fn new(refusal: Refusal, why: impl Into<Cow<'static, str>>) -> Self {
        Self { refusal, why: why.into() }
    }
}
