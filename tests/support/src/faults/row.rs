//! A row of the table: what happens, and what the caller must see.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use agw::Status;

use crate::GUID;
use crate::gateway::{Gateway, Script};
use crate::tls::Over;

/// One fault, told from the outside.
#[derive(Clone, Default)]
pub struct Row {
    pub name: Cow<'static, str>,
    pub over: &'static [Over],
    pub site: Site,
    /// The HTTP proxy, and whether it is given user and password.
    pub proxy: Option<Site>,
    pub credentials: bool,
    pub client_certificate: bool,
    pub flags: u32,
    pub timeout_ms: u32,
    pub connect_timeout_ms: u32,
    /// The library's own fault in name look-ups.
    pub planted: Option<&'static str>,
    /// What happens between the connection and the request, in the log callback.
    pub between: Option<Between>,
    /// How often the client says TLS's goodbye, if it matters.
    pub goodbyes: Option<usize>,
    /// A gateway that nobody may come to.
    pub forbidden: Option<Arc<Gateway>>,
    pub acts: Vec<Act>,
    pub connections: usize,
    pub requests: usize,
    /// The Guid of each request, "" for none; `None`: all have the one of the tests.
    pub guids: Option<&'static [&'static str]>,
}

/// What there is at an address.
#[derive(Clone, Default)]
pub enum Site {
    Follows(Vec<Script>),
    /// The port is taken, so that nobody else gets it, and refuses.
    #[default]
    Nobody,
    /// A listener whose backlog is full: it swallows every SYN.
    Full,
}

/// What the host does while the library tells it that the connection stands.
#[derive(Clone, Copy, PartialEq)]
pub enum Between {
    Pause(Duration),
    /// `agw_cancel` in another thread.
    Cancel,
    /// `agw_cancel_call` with this number in another thread.
    CancelCall(u32),
    /// Forks; the child returns from the callback first, and its call must fail without a byte.
    Fork,
}

/// What is done, one after the other.
#[derive(Clone)]
pub enum Act {
    Reject(Expect),
    Connect(Expect),
    /// What needs or makes a session.
    Ask(Asked, Expect),
    /// `agw_set_session` with the Guid of the tests.
    SetSession,
    /// The Guid that `agw_get_session` must give, or that there is none.
    Kept(Option<&'static str>),
    /// Waits until the gateway has ended so many connections.
    AwaitEnded(usize),
    Pause(Duration),
    /// `agw_cancel_call` with this number, so much later.
    CancelCall(u32, Duration),
    /// The gateway takes no more connections and goes on with those it has.
    ClosePort,
    Stop,
    Restart,
}

/// What is asked for an agent, with the Guid that is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asked {
    SignIn,
    ForcedSignIn,
    NextEvent,
    Reject,
    SignOut,
}

/// What a call must come to.
#[derive(Clone)]
pub struct Expect {
    pub status: Status,
    pub flags: u32,
    /// Of the flags, those that may be missing: what they tell is decided by a race.
    pub doubtful: u32,
    pub http_status: i32,
    pub retcode: String,
    pub message: Option<String>,
    pub cti_code: i32,
    /// The operating system has a number for it.
    pub os_error: bool,
    /// Must be in `detail`, which is empty if a success has no word.
    pub word: &'static str,
    /// The type of the event that it brings.
    pub event: &'static str,
    /// When it must return; `None`: at once.
    pub deadline: Option<Duration>,
}

pub fn row(name: impl Into<Cow<'static, str>>, over: &'static [Over], site: Site) -> Row {
    Row { name: name.into(), over, site, timeout_ms: 5_000, ..Row::default() }
}

impl Row {
    pub fn flags(self, flags: u32) -> Self {
        Row { flags, ..self }
    }

    pub fn timeout(self, timeout_ms: u32) -> Self {
        Row { timeout_ms, ..self }
    }

    pub fn connect_timeout(self, connect_timeout_ms: u32) -> Self {
        Row { connect_timeout_ms, ..self }
    }

    pub fn planted(self, fault: &'static str) -> Self {
        Row { planted: Some(fault), ..self }
    }

    pub fn between(self, between: Between) -> Self {
        Row { between: Some(between), ..self }
    }

    pub fn says_goodbye(self, times: usize) -> Self {
        Row { goodbyes: Some(times), ..self }
    }

    pub fn wants_client_certificate(self) -> Self {
        Row { client_certificate: true, ..self }
    }

    pub fn through(self, site: Site) -> Self {
        Row { proxy: Some(site), ..self }
    }

    pub fn with_credentials(self) -> Self {
        Row { credentials: true, ..self }
    }

    pub fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }

    pub fn reject(self, expect: Expect) -> Self {
        self.act(Act::Reject(expect))
    }

    pub fn rejects(mut self, times: usize, expect: Expect) -> Self {
        self.acts.extend(vec![Act::Reject(expect); times]);
        self
    }

    /// The next call succeeds.
    pub fn rejects_once(self, expect: Expect) -> Self {
        self.reject(expect).reject(accepted())
    }

    pub fn connect(self, expect: Expect) -> Self {
        self.act(Act::Connect(expect))
    }

    pub fn asks(self, asked: Asked, expect: Expect) -> Self {
        self.act(Act::Ask(asked, expect))
    }

    pub fn kept(self, guid: Option<&'static str>) -> Self {
        self.act(Act::Kept(guid))
    }

    /// When the slowest call must return; `None`: at once.
    pub fn due(&self) -> Option<Duration> {
        let deadline = |act: &Act| match act {
            Act::Reject(expect) | Act::Connect(expect) | Act::Ask(_, expect) => expect.deadline,
            _ => None,
        };
        self.acts.iter().filter_map(deadline).max()
    }

    /// How many connections and complete requests the gateway must have seen in the end.
    pub fn sees(self, connections: usize, requests: usize) -> Self {
        Row { connections, requests, ..self }
    }

    pub fn with_guids(self, guids: &'static [&'static str]) -> Self {
        Row { guids: Some(guids), ..self }
    }

    /// The Guid of the request in this place.
    pub fn guid_of(&self, place: usize) -> &'static str {
        self.guids.map_or(GUID, |guids| guids.get(place).copied().unwrap_or("no such request"))
    }
}

/// The call succeeds.
pub fn accepted() -> Expect {
    Expect { http_status: 200, retcode: "0".into(), ..succeeded() }
}

/// `agw_connect` succeeds.
pub fn connected() -> Expect {
    Expect { word: "checked", ..succeeded() }
}

fn succeeded() -> Expect {
    Expect {
        status: Status::Ok,
        flags: 0,
        doubtful: 0,
        http_status: 0,
        retcode: String::new(),
        message: None,
        cti_code: 0,
        os_error: false,
        word: "",
        event: "",
        deadline: None,
    }
}

/// The call fails, before there is an HTTP status.
pub fn fails(status: Status, flags: u32, word: &'static str) -> Expect {
    Expect { status, flags, word, ..succeeded() }
}

/// The gateway says no.
pub fn refused(status: Status, retcode: &str) -> Expect {
    Expect { status, http_status: 200, retcode: retcode.into(), ..succeeded() }
}

impl Expect {
    pub fn with_flags(self, flags: u32) -> Self {
        Expect { flags, ..self }
    }

    pub fn or_without(self, doubtful: u32) -> Self {
        Expect { doubtful, ..self }
    }

    pub fn http(self, http_status: i32) -> Self {
        Expect { http_status, ..self }
    }

    pub fn retcode(self, retcode: &str) -> Self {
        Expect { retcode: retcode.into(), ..self }
    }

    pub fn event(self, event: &'static str) -> Self {
        Expect { event, ..self }
    }

    pub fn message(self, text: impl Into<String>) -> Self {
        Expect { message: Some(text.into()), ..self }
    }

    pub fn os_error(self) -> Self {
        Expect { os_error: true, ..self }
    }

    pub fn at(self, ms: u64) -> Self {
        Expect { deadline: Some(Duration::from_millis(ms)), ..self }
    }
}
