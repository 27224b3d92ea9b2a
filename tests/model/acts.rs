//! What a world is like and what its gateway may do, drawn from dice.

use std::iter;

use crate::*;

/// What one world is like: a gateway, its clients and their agents.
pub struct Plan {
    pub seed: u64,
    pub over: Over,
    pub agents: u32,
    pub clients: usize,
    pub calls: usize,
    /// One call at a time, and none before the gateway has done what it does between calls: what
    /// came before a call is known exactly.
    pub quiet: bool,
    pub cancels: bool,
    /// Calls are cancelled by their number.
    pub cancels_calls: bool,
    pub timeout: Duration,
}

impl Plan {
    pub fn new(seed: u64, overs: &[Over]) -> Self {
        let mut dice = Dice::new(seed, 0);
        let quiet = dice.chance(70);
        let slow = dice.chance(9);
        let cancels = !quiet && dice.chance(30);
        Plan {
            seed,
            over: dice.one(overs),
            agents: 3 + dice.below(4) as u32,
            clients: 1 + dice.below(2),
            calls: if slow { 16 } else { 60 },
            quiet,
            cancels,
            cancels_calls: !cancels && dice.chance(40),
            timeout: Duration::from_millis(if slow { 3000 } else { dice.one(&[120, 200, 300]) }),
        }
    }

    /// There is time for a connection to die late.
    pub fn is_slow(&self) -> bool {
        self.timeout > Duration::from_secs(1)
    }
}

/// What an answer looks like.
pub struct Form {
    weight: usize,
    /// "": it has none that can be read.
    pub retcode: &'static str,
    pub reading: Reading,
    text: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The caller has to get it, and the connection may be used again.
    Kept,
    /// Kept for no longer than a second.
    Second,
    /// The caller has to get it, and the connection may not be used again.
    Once,
    /// The same, and it ends with the connection.
    ToTheEnd,
    /// It can be read in two ways or not at all: the connection may not be used again.
    Unclear,
}

use Reading::{Kept, Once, Second, ToTheEnd, Unclear};

const fn form(weight: usize, retcode: &'static str, reading: Reading, text: &'static str) -> Form {
    Form { weight, retcode, reading, text }
}

/// The Guid is stale.
pub const STALE: &str = "100-006";

/// The agent has signed in already.
pub const SIGNED_IN: &str = "100-002";

#[rustfmt::skip]
pub const FORMS: &[Form] = &[
    form(50, "0", Kept, "HTTP/1.1 200 OK\nContent-Length: {length}\n\n{json}"),
    form(15, "101-001", Kept, "HTTP/1.1 200 OK\nContent-Length: {length}\n\n{json}"),
    form(8, STALE, Kept, "HTTP/1.1 200 OK\nContent-Length: {length}\n\n{json}"),
    form(3, SIGNED_IN, Kept, "HTTP/1.1 200 OK\nContent-Length: {length}\n\n{json}"),
    form(4, "999-001", Kept, "HTTP/1.1 500 Oops\nContent-Length: {length}\n\n{json}"),
    form(6, "0", Kept, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n{chunk}"),
    form(3, "0", Kept, "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\nContent-Length: {length}\n\n{json}"),
    form(4, "0", Second, "HTTP/1.1 200 OK\nKeep-Alive: timeout=1\nContent-Length: {length}\n\n{json}"),
    form(2, "0", Once, "HTTP/1.1 200 OK\nConnection: close\nContent-Length: {length}\n\n{json}"),
    form(2, "0", ToTheEnd, "HTTP/1.1 200 OK\nConnection: close\n\n{json}"),
    form(2, "", Unclear, "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 12\n\n<p>Login</p>"),
    form(2, "", Unclear, "HTTP/1.1 502 Bad Gateway\nContent-Length: 10\n\n<p>Bad</p>"),
    form(2, "", Unclear, "HTTP/1.1 204 No Content\n\n"),
    form(2, "", Unclear, "HTTP/1.1 302 Found\nLocation: /login\nContent-Length: 0\n\n"),
    form(2, "0", Unclear, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: {length}\n\n{chunk}"),
    form(2, "0", Unclear, "HTTP/1.1 200 OK\nContent-Length: {length}\nTransfer-Encoding: chunked\n\n{chunk}"),
    form(1, "0", Unclear, "HTTP/1.1 200 OK\nContent-Length: {length}\nContent-Length: 9\n\n{json}"),
    form(1, "0", Unclear, "HTTP/1.1 200 OK\nContent-Length:\n {length}\n\n{json}"),
    form(1, "0", Unclear, "HTTP/1.1 200 OK\nTransfer-Encoding:\n chunked\n\n{chunk}"),
];

impl Form {
    /// Where there is time to wait a second, more often the one that is kept for a second.
    pub fn drawn(dice: &mut Dice, plan: &Plan) -> &'static Form {
        if plan.is_slow() && dice.chance(40) {
            return FORMS.iter().find(|form| form.reading == Second).expect("one of the table");
        }
        let weights = FORMS.iter().map(|form| form.weight).sum();
        let mut by_weight = FORMS.iter().flat_map(|form| iter::repeat_n(form, form.weight));
        by_weight.nth(dice.below(weights)).expect("the dice stay below the sum")
    }

    pub fn is_chunked(&self) -> bool {
        self.text.contains("{chunk}")
    }

    /// The message tells whose answer it is, and so does all that it brings: an event, a Guid, a cookie.
    pub fn text(&self, whose: Whose) -> Vec<u8> {
        let (Whose { agent, serial, .. }, retcode) = (whose, self.retcode);
        let event = if whose.brings_event {
            format!(
                r#""event":{{"eventType":"E","workNo":"{agent}","content":{{"confId":{serial}}}}},"#
            )
        } else {
            String::new()
        };
        let json = format!(
            r#"{{"message":"agent {agent} request {serial}",{event}"result":{{}},"retcode":"{retcode}"}}"#
        );
        let chunk = format!("{:x}\n{json}\n0\n\n", json.len());
        // Behind the last line of the head, not of an interim one.
        let (head, body) = self.text.rsplit_once("\n\n").expect("a head ends");
        let brought = if whose.brings_guid {
            let guid = guid(Named::Brought, agent, serial);
            format!("\nSet-GUID: JSESSIONID={guid}\nSet-Cookie: {NODE}={agent}.{serial}")
        } else {
            String::new()
        };
        let text = format!("{head}{brought}\n\n{body}");
        let text = text.replace("{length}", &json.len().to_string());
        let text = text.replace("{chunk}", &chunk).replace("{json}", &json);
        text.replace('\n', "\r\n").into_bytes()
    }
}

/// To whom an answer is, and what it brings beside the message.
#[derive(Clone, Copy)]
pub struct Whose {
    pub agent: u32,
    pub serial: u32,
    pub brings_guid: bool,
    pub brings_event: bool,
}

/// The balancer's cookie.
pub const NODE: &str = "NODE";

/// The world's own cookie, by which the gateway knows the call.
pub const CALL: &str = "CALL";

/// Where a Guid comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Handed over with the call of that number.
    Given,
    /// Kept by the world for the agent.
    Set,
    /// In the answer to that call.
    Brought,
}

/// The third part of a Guid.
const MARKS: [(Named, &str); 3] =
    [(Named::Given, "3000"), (Named::Set, "4000"), (Named::Brought, "5000")];

pub fn guid(named: Named, agent: u32, serial: u32) -> String {
    let (_, mark) = MARKS.iter().find(|(it, _)| *it == named).expect("each has one");
    format!("{serial:08x}-{agent:04x}-{mark}-9000-c0ffee00c0de.AgentGateway1")
}

/// What a Guid tells.
pub fn read_guid(guid: &str) -> Option<(Named, u32, u32)> {
    let mut parts = guid.split('-');
    let serial = u32::from_str_radix(parts.next()?, 16).ok()?;
    let agent = u32::from_str_radix(parts.next()?, 16).ok()?;
    let mark = parts.next()?;
    let (named, _) = MARKS.iter().find(|(_, it)| *it == mark)?;
    Some((*named, agent, serial))
}

/// The values of `NODE` (agent and number of the call) and `CALL` in what is sent or kept.
pub fn read_cookies(cookies: &str) -> (Option<(u32, u32)>, Option<u32>) {
    let value = |wanted: &str| {
        let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    let node = value(NODE).map(|node| {
        let whose =
            node.split_once('.').and_then(|(a, s)| Some((a.parse().ok()?, s.parse().ok()?)));
        whose.unwrap_or_default()
    });
    (node, value(CALL).and_then(|call| call.parse().ok()))
}

/// What a message tells.
pub fn addressee(message: &str) -> Option<(u32, u32)> {
    let (agent, serial) = message.strip_prefix("agent ")?.split_once(" request ")?;
    Some((agent.parse().ok()?, serial.parse().ok()?))
}

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Stays,
    /// TLS's goodbye and TCP's.
    Closed,
    /// TCP's alone.
    Cut,
    Reset,
    /// TLS's alone.
    Goodbye,
}

impl End {
    pub fn drawn(dice: &mut Dice) -> Self {
        dice.one(&[End::Closed, End::Cut, End::Reset, End::Goodbye])
    }
}

/// What becomes of a request that was read.
pub enum Fate {
    /// In so many pieces. `twin`: and once more.
    Answered { form: &'static Form, pieces: usize, twin: bool, end: End },
    /// The client has gone by then, but for one that polls.
    Late,
    /// Up to somewhere in the middle.
    Broken { end: End },
    /// Not a byte, until the client goes.
    Silence,
    /// The connection ends after so long, without an answer.
    Death { after: Duration, end: End },
}

impl Fate {
    /// A poll is never left without an end: its deadline is far.
    pub fn drawn(dice: &mut Dice, plan: &Plan, polls: bool) -> Self {
        let end = End::drawn(dice);
        match dice.below(100) {
            0..=7 => Fate::Death { after: dice.pause(3), end },
            8..=11 => match plan.is_slow() {
                true => Fate::Death { after: dice.pause(800) + Duration::from_millis(1400), end },
                false => Fate::Death { after: dice.pause(20), end },
            },
            12..=14 => {
                let stays = !plan.is_slow() && dice.chance(20);
                let end = if stays { End::Stays } else { end };
                // In the middle of a record a goodbye is no end.
                let endless = polls && matches!(end, End::Stays | End::Goodbye);
                Fate::Broken { end: if endless { End::Cut } else { end } }
            }
            15 if !plan.is_slow() && !polls => Fate::Silence,
            15..=16 if !plan.is_slow() => Fate::Late,
            _ => {
                let form = Form::drawn(dice, plan);
                let twin = dice.chance(25);
                let end = match form.reading {
                    ToTheEnd => End::Closed,
                    _ if dice.chance(15) => end,
                    _ => End::Stays,
                };
                Fate::Answered { form, pieces: dice.one(&[1, 1, 1, 2, 3]), twin, end }
            }
        }
    }
}

/// How much of what nobody asked for goes out in one write with what comes before, and how much
/// before the next request; the rest comes once that was read.
pub fn cuts(dice: &mut Dice, length: usize) -> (usize, usize) {
    let (one, other) = (1 + dice.below(length - 1), 1 + dice.below(length - 1));
    match dice.below(10) {
        0..=1 => (length, length),
        2..=4 => (0, length),
        5 => (0, 0),
        6 => (one, one),
        7..=8 => (0, one),
        _ => (one.min(other), one.max(other)),
    }
}
