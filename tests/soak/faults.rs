//! What is to go wrong: rows of the fault table, each played for a call that asks for it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use agw::Status;
use support::faults::row::{Act, Expect, Row, Site};
use support::faults::table;
use support::gateway::{Gateway, Order, Script, Step};
use support::tls::Over;
use support::{GUID, http, lock};

use crate::tag::Tag;

/// What the gateway speaks, one port each.
pub const OVERS: [Over; 3] = [Over::Plain, Over::Tls12, Over::Tls13];

/// A fault, and where it is met.
pub struct Fault {
    pub name: Cow<'static, str>,
    pub kind: &'static str,
    pub over: Vec<Over>,
    /// What the call comes to, if nothing else disturbs it.
    pub expect: Expect,
    pub at: At,
}

/// Where a fault is met.
pub enum At {
    /// At the gateway, once it has read the request: the rest of the row's script.
    Request { steps: Vec<Step>, stays: bool },
    /// At an address of its own, before there is a request.
    Address(Row),
    /// At the gateway, whose certificate this client does not trust.
    Distrust,
}

/// The list of faults; a call names one by its place, from 1 on.
pub struct Faults {
    pub list: Vec<Fault>,
    /// Where redirects lead; nobody may come.
    pub forbidden: Vec<Arc<Gateway>>,
}

impl Faults {
    pub fn of_the_table() -> Self {
        let rows = table::rows();
        let forbidden = rows.iter().filter_map(|row| row.forbidden.clone()).collect();
        let mut list: Vec<_> = rows.into_iter().filter_map(fault).collect();
        list.push(Fault {
            name: "certificate not trusted".into(),
            kind: "TLS: certificate not trusted",
            over: vec![Over::Tls12, Over::Tls13],
            expect: support::faults::row::fails(Status::Tls, 0, ""),
            at: At::Distrust,
        });
        Faults { list, forbidden }
    }

    /// What the gateway does with a request; it tells when the first bytes of an answer are out.
    pub fn order(&self, request: &str, answered: &Arc<Mutex<Vec<u32>>>) -> Order {
        let Some(tag) = Tag::of(request) else {
            return Order { steps: Vec::new(), stays: false };
        };
        let place = usize::from(tag.fault).checked_sub(1);
        let (mut steps, stays) = match place.and_then(|place| self.list.get(place)) {
            Some(Fault { at: At::Request { steps, stays }, .. }) => {
                (steps.iter().map(|step| with_guid(step, &tag.guid())).collect(), *stays)
            }
            _ => (vec![Step::Send(accepted(tag.number))], true),
        };
        if let [Step::Send(_), ..] = steps[..] {
            let answered = answered.clone();
            let tell = move || lock(&answered).push(tag.number);
            steps.insert(1, Step::Tell(Arc::new(tell)));
        }
        Order { steps, stays }
    }
}

/// The answer to a call without a fault names the call: a mixed-up answer shows.
fn accepted(number: u32) -> Vec<u8> {
    let body = format!(r#"{{"result":{{}},"message":"{number}","retcode":"0"}}"#);
    http("200 OK", &body).into_bytes()
}

/// Where a row echoes the Guid, it is this call's.
fn with_guid(step: &Step, guid: &str) -> Step {
    let Step::Send(bytes) = step else {
        return step.clone();
    };
    let found = bytes.windows(GUID.len()).position(|part| part == GUID.as_bytes());
    let mut bytes = bytes.clone();
    if let Some(start) = found {
        bytes[start..start + guid.len()].copy_from_slice(guid.as_bytes());
    }
    Step::Send(bytes)
}

/// Rows that go wrong at the first call, without a proxy or a planted fault of the library's own.
fn fault(row: Row) -> Option<Fault> {
    let Some(Act::Reject(expect)) = row.acts.first().cloned() else {
        return None;
    };
    if row.proxy.is_some() || row.planted.is_some() || row.between.is_some() {
        return None;
    }
    let (name, over) = (row.name.clone(), row.over.to_vec());
    let (kind, at) = match &row.site {
        Site::Follows(scripts) => match scripts.first()? {
            Script::Http(steps) if !row.client_certificate => {
                let (steps, stays) = after_the_request(steps)?;
                (kind_of_answer(&expect, &steps), At::Request { steps, stays })
            }
            _ => (kind_of_set_up(&expect), At::Address(row)),
        },
        Site::Nobody => ("nobody listens", At::Address(row)),
        Site::Full => ("SYN swallowed", At::Address(row)),
    };
    Some(Fault { name, kind, over, expect, at })
}

/// The steps behind the first reading, and whether the connection goes on afterwards.
fn after_the_request(steps: &[Step]) -> Option<(Vec<Step>, bool)> {
    match steps {
        [Step::Serve(answer)] => Some((vec![Step::Send(answer.clone())], true)),
        [Step::Read, rest @ ..] if !burns(rest) && !speaks_twice(rest) => {
            Some((rest.to_vec(), false))
        }
        _ => None,
    }
}

/// Sends one more answer when the next request comes. Whether its first bytes were there before is a
/// race among threads here; the fault table waits in between, and `make model` has the races.
fn speaks_twice(steps: &[Step]) -> bool {
    steps.iter().skip(1).any(|step| {
        matches!(step, Step::SendRest)
            || matches!(step, Step::Send(bytes) if *bytes == table::stale())
    })
}

/// Sends as fast as it can until the time-out: fair once, not a thousand times.
fn burns(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Repeat(bytes, _) if bytes.starts_with(b"HTTP")))
}

fn kind_of_answer(expect: &Expect, steps: &[Step]) -> &'static str {
    let any = |wanted: fn(&Step) -> bool| steps.iter().any(wanted);
    let slow = any(|step| matches!(step, Step::Drip(..) | Step::Beat(..)));
    let reset = any(|step| matches!(step, Step::Reset));
    let dies = any(|step| matches!(step, Step::Await | Step::Read));
    match expect.status {
        Status::Ok if reset => "answered, then reset",
        Status::Ok if dies => "answered, then dead as the next call comes",
        Status::Ok if slow => "slow answer",
        Status::Ok => "odd answer, right all the same",
        Status::Timeout if slow => "answer too slow",
        Status::Timeout => "stalled",
        Status::TooLarge => "answer too large",
        Status::Http => "HTTP error or redirect",
        Status::Protocol => "garbage",
        Status::Io if reset => "reset",
        Status::Io => "closed",
        _ => "refused by retcode",
    }
}

fn kind_of_set_up(expect: &Expect) -> &'static str {
    match expect.status {
        Status::Timeout => "TLS: handshake stalled",
        Status::Tls => "TLS: handshake broken",
        _ => "TLS port, spoken to in plain",
    }
}
