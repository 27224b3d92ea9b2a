//! The return codes with which the simulated gateway refuses a request, and why it does.

/// A refusal that the simulator decides on by itself. Any other code can be had on demand,
/// see [`Script`](super::state::Script).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The agent id, the content type or the body is wrong.
    BadParameter,
    /// The Guid is wrong or stale, as some gateways say it.
    GuidRefused,
    /// The body of a sign-in lacks something.
    SignInParameters,
    AlreadySignedIn,
    /// Not signed in, or, as the other gateways say it, the Guid is wrong or stale.
    NotSignedIn,
    AlreadySignedOut,
    /// No conference rings at the agent.
    NoConference,
}

impl Refusal {
    /// The `retcode` and the `message` of the answer. The wording is the simulator's own.
    pub fn answer(self) -> (&'static str, &'static str) {
        match self {
            Self::BadParameter => ("000-002", "The parameter is invalid."),
            Self::GuidRefused => ("000-003", "The Guid is invalid."),
            Self::SignInParameters => ("100-001", "The sign-in parameters are invalid."),
            Self::AlreadySignedIn => ("100-002", "The agent has signed in."),
            Self::NotSignedIn => ("100-006", "The agent has not signed in."),
            Self::AlreadySignedOut => ("100-008", "The agent has signed out."),
            Self::NoConference => ("101-001", "The agent has no conference call."),
        }
    }
}

/// A refusal, and why, in words for the log. They never hold a Guid.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub refusal: Refusal,
    pub why: String,
}

/// What a request is given, if it is not refused.
pub type Allowed<T> = Result<T, Refused>;

impl Refused {
    pub fn new(refusal: Refusal, why: impl Into<String>) -> Self {
        Self { refusal, why: why.into() }
    }
}
