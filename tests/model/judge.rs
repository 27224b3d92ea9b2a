//! Compares what the callers were told with what the gateway did.

use std::collections::BTreeMap;

use crate::*;

/// What may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An answer was believed that was there before its request, or that nobody sent.
    Foreign,
    /// A connection was used again that must not be.
    UsedAgain,
    /// A request came twice, against the rule.
    Twice,
    /// MAYBE_SENT is missing.
    Missing,
    /// MAYBE_SENT is set where nothing was sent, or was refused.
    Idle,
    /// A caller did not get its answer.
    Lost,
    /// A call returned after its deadline or long after its cancel, or timed out before it.
    Late,
    /// An event reached another agent, or is not the answer's.
    Event,
    /// A Guid or a cookie of another agent's was kept or sent.
    Session,
    /// A call ended cancelled that nobody had cancelled, or one went on that was before it began.
    Cancelled,
}
use Fault::*;

impl Fault {
    pub const ALL: [Fault; 10] =
        [Foreign, UsedAgain, Twice, Missing, Idle, Lost, Late, Event, Session, Cancelled];
}

/// A thread may not get to run for so long between a deed and the look at its clock.
const DELAY: Duration = Duration::from_millis(300);

/// No machine stands still for so long.
const HANGS: Duration = Duration::from_secs(10);

/// What one or many worlds came to.
#[derive(Default)]
pub struct Findings {
    pub faults: Vec<(Fault, String)>,
    pub counts: BTreeMap<&'static str, usize>,
}

impl Findings {
    pub fn add(&mut self, other: Findings) {
        self.faults.extend(other.faults);
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }
}

/// A request as it came: on which connection, and after how many others there.
struct Copy<'a> {
    connection: &'a Connection,
    place: usize,
    request: &'a Request,
}

impl Copy<'_> {
    /// The place of its answer, if a byte of one was sent.
    fn answer(&self) -> Option<usize> {
        let own = |sent: &Sent| {
            !sent.unasked && sent.serial == self.request.serial && sent.requests == self.place + 1
        };
        self.connection.sent.iter().position(own)
    }

    /// It was refused with this retcode, or somebody else's refusal may have been taken for that.
    fn was_refused(&self, retcode: &str) -> bool {
        self.connection.sent.iter().any(|sent| {
            let place = self.place + usize::from(!sent.unasked);
            sent.form.retcode == retcode && sent.requests >= place && sent.whole.is_some()
        })
    }
}

/// The copies of each of a call's requests: it may ask once more after a refusal.
fn asks<'a, 'b>(call: &Call, copies: &'b [Copy<'a>]) -> [&'b [Copy<'a>]; 2] {
    let refusal = call.asked.goes_on_after();
    let refused = refusal.and_then(|retcode| copies.iter().position(|it| it.was_refused(retcode)));
    let (first, second) = copies.split_at(refused.map_or(copies.len(), |place| place + 1));
    [first, second]
}

type Copies<'a> = BTreeMap<u32, Vec<Copy<'a>>>;
type Verdict = Result<(), (Fault, &'static str)>;

struct Judge<'a> {
    plan: &'a Plan,
    findings: Findings,
}

pub fn judge(plan: &Plan, story: &Story) -> Findings {
    let mut copies = Copies::new();
    for connection in &story.connections {
        for (place, request) in connection.requests.iter().enumerate() {
            copies.entry(request.serial).or_default().push(Copy { connection, place, request });
        }
    }
    copies.values_mut().for_each(|copies| copies.sort_by_key(|copy| copy.request.read));
    let mut judge = Judge { plan, findings: Findings::default() };
    for call in &story.calls {
        let copies = copies.get(&call.serial).map_or([].as_slice(), Vec::as_slice);
        judge.call(call, copies, story);
        for copy in copies {
            judge.note(call, copies, used_again(plan, story, call, copy));
        }
        judge.session(call, copies, story);
    }
    for sent in story.connections.iter().flat_map(|connection| &connection.sent) {
        let known = sent.glued || sent.arrived.is_some();
        judge.count("unasked answers", sent.unasked);
        judge.count("unasked answers that came between calls for certain", sent.unasked && known);
    }
    judge.findings
}

impl Judge<'_> {
    fn call(&mut self, call: &Call, copies: &[Copy], story: &Story) {
        self.count("calls", true);
        self.count("calls one at a time", self.plan.quiet);
        self.count(call.outcome.status.name(), true);
        self.count("requests sent again", call.outcome.resent);
        self.count("requests to nobody", call.nowhere);
        let ended = call.cancelled.is_some() && call.outcome.status == Status::Cancelled;
        self.count("calls ended by their number", ended);
        self.count("calls whose number was cancelled too late", call.cancelled.is_some() && !ended);
        let ok = call.outcome.status == Status::Ok;
        self.count("sign-ins accepted", ok && call.asked == Asked::SignIn);
        self.count("sign-outs accepted", ok && call.asked == Asked::SignOut);
        self.count("polls that brought an event", call.outcome.event.is_some());
        self.count("calls that asked once more", !asks(call, copies)[1].is_empty());
        self.count("requests on a kept connection", copies.iter().any(|copy| copy.place > 0));
        if copies.iter().any(|copy| copy.request.agent != call.agent) {
            self.note(call, copies, Err((Foreign, "it was read as another agent's")));
        }
        let whose = self.whose_answer(call, copies, story);
        self.note(call, copies, whose);
        if call.outcome.event.is_some_and(|event| Some(event) != call.told()) {
            self.note(call, copies, Err((Event, "an event that is not in the answer")));
        }
        for ask in asks(call, copies) {
            self.note(call, copies, sent_again(self.plan, call, ask));
        }
        self.note(call, copies, maybe_sent(self.plan, story, call, copies));
        self.note(call, copies, lost(self.plan, story, call, copies));
        self.note(call, copies, in_time(self.plan, call));
        self.note(call, copies, cancelled(self.plan, call));
    }

    fn count(&mut self, what: &'static str, is_so: bool) {
        *self.findings.counts.entry(what).or_default() += usize::from(is_so);
    }

    fn note(&mut self, call: &Call, copies: &[Copy], verdict: Verdict) {
        let Err((fault, why)) = verdict else { return };
        let Call { asked, serial, agent, outcome, .. } = call;
        let (seed, over, quiet) = (self.plan.seed, self.plan.over.name(), self.plan.quiet);
        let took = (call.ended - call.began).as_secs_f64() * 1e3;
        let mut told = format!(
            "{why}: seed {seed}, {over}, quiet: {quiet}, agent {agent} {asked:?} {serial}, \
             {took:.2} ms: {} {:?} {:?} maybe sent: {}, resent: {}",
            outcome.status, outcome.retcode, outcome.message, outcome.maybe_sent, outcome.resent
        );
        for copy in copies {
            told += &format!("\n            on a connection{}", copy.connection.tell(call.began));
        }
        self.findings.faults.push((fault, told));
    }

    /// The answer is one that the gateway gave, on a connection that the request went over, to this
    /// request. To another only where HTTP/1.1 cannot tell: if it was complete, and its first byte
    /// is not known to have come before the call began.
    fn whose_answer(&mut self, call: &Call, copies: &[Copy], story: &Story) -> Verdict {
        // A sign-in that believed what brings no Guid says nothing of whose it was.
        let no_guid = call.asked == Asked::SignIn && call.outcome.status == Status::Protocol;
        if call.outcome.retcode.is_empty() || no_guid {
            return Ok(());
        }
        let told = call.told().ok_or((Foreign, "an answer that the gateway does not give"))?;
        if told.1 == call.serial && told.0 != call.agent {
            return Err((Foreign, "an answer to another agent"));
        }
        let own = told.1 == call.serial;
        let came = came(call, story, told.1, |sent| {
            // The last chunk ends an answer: the empty line behind it may go to nobody.
            let whole = sent.whole.is_some() || (own && sent.form.is_chunked());
            whole && sent.form.retcode == call.outcome.retcode
        });
        let came = came.ok_or((Foreign, "an answer that was not sent there"))?;
        self.count(
            "unasked answers believed that may have come before the request was written",
            came == Came::Meanwhile,
        );
        let behind = came == Came::Behind;
        self.count("unasked answers believed that came after the request was read", behind);
        match came {
            Came::Before => Err((Foreign, "an answer that came before the call")),
            // What comes behind a refusal may cross the next request.
            Came::Meanwhile
                if self.plan.quiet
                    && asks(call, copies)[1].is_empty()
                    && !story.connections.iter().any(|it| left_over(it, told.1)) =>
            {
                Err((Foreign, "an answer that came before the request was read"))
            }
            _ => Ok(()),
        }
    }

    /// Guids and cookies that are sent and kept are the agent's own: from the world, or from an answer
    /// that a call of the agent's may have believed.
    fn session(&mut self, call: &Call, copies: &[Copy], story: &Story) {
        let sent = copies.iter().map(|copy| (&copy.request.guid, &copy.request.cookies));
        let kept = call.kept.iter().map(|(guid, cookies)| (guid, cookies));
        for (guid, cookies) in sent.chain(kept) {
            let named = read_guid(guid).map(|(named, agent, serial)| {
                let brought = (named == Named::Brought).then_some(serial);
                (agent, brought)
            });
            let node = read_cookies(cookies).0.map(|(agent, serial)| (agent, Some(serial)));
            for (agent, brought) in [named, node].into_iter().flatten() {
                let believed = |serial| {
                    let own =
                        |other: &&Call| other.agent == call.agent && other.began <= call.began;
                    story.calls.iter().filter(own).any(|other| {
                        came(other, story, serial, |_| true).is_some_and(|came| came < Came::Before)
                    })
                };
                self.count("Guids and cookies that an answer had brought", brought.is_some());
                if agent != call.agent && !brought.is_some_and(believed) {
                    self.note(call, copies, Err((Session, "another agent's Guid or cookie")));
                }
            }
        }
    }
}

/// When the answer to this number came, of which so much had been sent, on a connection that the
/// call's request went over.
fn came(call: &Call, story: &Story, told: u32, sent: impl Fn(&Sent) -> bool) -> Option<Came> {
    let own = told == call.serial;
    let taken = story.got_its_own(told);
    let came = story.connections.iter().filter_map(|connection| {
        let read = connection.requests.iter().position(|request| request.serial == call.serial);
        let sent = connection.sent.iter().filter(|it| {
            let left_over = it.unasked || !taken || left_over(connection, told);
            let its = if own { read.is_some() } else { left_over };
            it.serial == told && sent(it) && its
        });
        let came = sent.map(|sent| match () {
            () if own => Came::Own,
            () if sent.waited_for(call.began, taken) => Came::Before,
            () if read.is_some_and(|place| sent.requests > place) => Came::Behind,
            () => Came::Meanwhile,
        });
        came.min()
    });
    came.min()
}

/// A call that asked twice here may have taken an answer that nobody had asked for as that to its
/// second request: then its own is left over for the next call.
fn left_over(connection: &Connection, serial: u32) -> bool {
    let asked = connection.requests.iter().filter(|it| it.serial == serial).count();
    let answers = connection.sent.iter().filter(|it| it.serial == serial).count();
    asked > 1 && answers > asked
}

/// When an answer came, the best excuse first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    Own,
    /// It began when the request had been read whole.
    Behind,
    /// Nobody can tell whether it was there before the request was written.
    Meanwhile,
    Before,
}

/// A connection is used again after a clear answer only, and if nothing has come since.
fn used_again(plan: &Plan, story: &Story, call: &Call, copy: &Copy) -> Verdict {
    let wrong = |why| Err((UsedAgain, why));
    for sent in copy.connection.sent.iter().filter(|sent| sent.unasked) {
        let waited = sent.waited_for(call.began, story.got_its_own(sent.serial));
        // A part of a record may be one of a ticket.
        let shows = copy.place > 0
            || plan.over == Over::Plain
            || sent.whole.is_some_and(|whole| whole <= copy.request.read);
        if sent.requests == copy.place && shows && waited {
            return wrong("used though something had come");
        }
    }
    let before = copy.place.checked_sub(1).map(|place| copy.connection.requests[place].serial);
    let Some(before) = before.and_then(|serial| story.call(serial)) else { return Ok(()) };
    // It went on after a refusal, perhaps elsewhere: the outcome is not this answer's. An unasked
    // refusal that came as the request did is taken for its own.
    let refused = |sent: &Sent| {
        let refusal = before.asked.goes_on_after() == Some(sent.form.retcode);
        let own = sent.serial == before.serial && sent.requests == copy.place;
        let as_it_came = (copy.place - 1..=copy.place).contains(&sent.requests);
        refusal && (own || sent.unasked && as_it_came)
    };
    if copy.connection.sent.iter().any(refused) {
        return Ok(());
    }
    if before.outcome.retcode.is_empty() {
        return wrong("used again after a failure");
    }
    let told = before.told().map(|told| told.1);
    let answer = copy.connection.sent.iter().find(|sent| {
        let its = sent.serial == before.serial && sent.requests == copy.place;
        !sent.unasked && its && told == Some(before.serial)
    });
    match answer.map(|answer| answer.form.reading) {
        Some(Reading::Once | Reading::ToTheEnd) => wrong("used again after its last answer"),
        Some(Reading::Unclear) => wrong("used again after an answer that can be read in two ways"),
        Some(Reading::Second) if call.began - before.ended > Duration::from_secs(1) => {
            wrong("kept for longer than the answer said")
        }
        _ => Ok(()),
    }
}

/// Once at most, on a new connection, and only if a kept one died before the first byte of the
/// answer and within a second.
fn sent_again(plan: &Plan, call: &Call, copies: &[Copy]) -> Verdict {
    let wrong = |why| Err((Twice, why));
    let [first, second, further @ ..] = copies else { return Ok(()) };
    let (dead, read) = (first.connection, first.request.read);
    let Some(closed) = dead.closed.filter(|closed| *closed <= second.request.read) else {
        return wrong("sent again without need");
    };
    // In the time of the call, but before the request was read.
    let early =
        |sent: &Sent| sent.unasked && sent.requests == first.place && sent.begun > call.began;
    let answered = dead.wrote.is_some_and(|wrote| wrote > read) || dead.sent.iter().any(early);
    match () {
        () if !further.is_empty() => wrong("sent a third time"),
        () if !call.outcome.resent => wrong("sent again without a word"),
        // In a quiet world it may have been made ahead.
        () if first.place == 0 && !plan.quiet => wrong("sent again, from a new connection"),
        () if second.place > 0 => wrong("sent again over a kept connection"),
        () if answered => wrong("sent again after a byte of the answer"),
        () if closed - read > Duration::from_secs(1) + DELAY => {
            wrong("sent again after more than a second")
        }
        () => Ok(()),
    }
}

/// This copy was not refused before the call went on: the gateway may have acted on it.
fn went_on(call: &Call, copy: &Copy) -> bool {
    !call.asked.goes_on_after().is_some_and(|retcode| copy.was_refused(retcode))
}

fn maybe_sent(plan: &Plan, story: &Story, call: &Call, copies: &[Copy]) -> Verdict {
    let Outcome { status, retcode, maybe_sent, resent, .. } = &call.outcome;
    let refused = !matches!(&**retcode, "" | "0");
    let several = *resent || asks(call, copies).iter().any(|ask| ask.len() > 1);
    let is_not_for = |connection: &Connection| {
        connection.is_not_for(call.serial, plan.over, call.began, call.ended)
    };
    match () {
        () if call.nowhere && !copies.is_empty() => Err((Idle, "a call to nobody was read")),
        () if *status == Status::Ok => Ok(()),
        () if refused && several != *maybe_sent => {
            Err((Idle, "MAYBE_SENT of a refusal, which speaks for the last copy alone"))
        }
        () if !maybe_sent
            && !refused
            && (several || copies.iter().any(|copy| went_on(call, copy))) =>
        {
            Err((Missing, "no MAYBE_SENT"))
        }
        () if *maybe_sent && (call.nowhere || story.connections.iter().all(is_not_for)) => {
            Err((Idle, "MAYBE_SENT, and nothing was sent"))
        }
        () => Ok(()),
    }
}

/// A request reaches a gateway that does nothing wrong, and a clear answer before which nothing
/// went wrong reaches its caller.
fn lost(plan: &Plan, story: &Story, call: &Call, copies: &[Copy]) -> Verdict {
    let broke = matches!(call.outcome.status, Status::Io | Status::Tls | Status::Protocol);
    let excused = |connection: &Connection| connection.excuses(call.began, call.ended);
    let in_time = call.ended - call.began < time_of(plan, call);
    if copies.is_empty() && broke && in_time && !story.connections.iter().any(excused) {
        return Err((Lost, "the request was not sent"));
    }
    let Some(copy) = copies.last().filter(|copy| !copy.connection.reset) else { return Ok(()) };
    let sent = &copy.connection.sent;
    let own = copy.answer().filter(|own| sent[*own].whole.is_some());
    let Some(own) = own else { return Ok(()) };
    if call.asked.goes_on_after() == Some(sent[own].form.retcode) {
        return Ok(());
    }
    let clear = match sent[own].form.reading {
        Reading::Unclear => false,
        Reading::ToTheEnd => own + 1 == sent.len(),
        _ => true,
    };
    if !clear || sent[..own].iter().any(|sent| sent.unasked) {
        return Ok(());
    }
    let told = call.told() == Some((call.agent, call.serial));
    match call.outcome.status {
        Status::Timeout => Ok(()),
        Status::Cancelled if plan.cancels || call.cancelled.is_some() => Ok(()),
        _ if told && call.outcome.retcode == sent[own].form.retcode => Ok(()),
        _ => Err((Lost, "the answer did not reach the caller")),
    }
}

/// How long the call may take: a poll has the gateway's ten seconds beside.
fn time_of(plan: &Plan, call: &Call) -> Duration {
    let polls = call.asked == Asked::NextEvent;
    plan.timeout + if polls { Duration::from_secs(10) } else { Duration::ZERO }
}

fn in_time(plan: &Plan, call: &Call) -> Verdict {
    let took = call.ended - call.began;
    // Setting up a connection has its own time-out, which is the same here for polls, too.
    if call.outcome.status == Status::Timeout && took < plan.timeout {
        return Err((Late, "a time-out before its time"));
    }
    let end = call.began + time_of(plan, call);
    let end = call.cancelled.map_or(end, |cancelled| end.min(cancelled.max(call.began)));
    let late = call.ended.saturating_duration_since(end);
    let at_fault = late > HANGS || !standstill::stood_still_since(call.began);
    if late > Duration::from_secs(1) && at_fault {
        return Err((Late, "not back by the deadline, or for long after the cancel"));
    }
    Ok(())
}

fn cancelled(plan: &Plan, call: &Call) -> Verdict {
    let ended = call.outcome.status == Status::Cancelled;
    // What is refused for its arguments leaves the cancel where it is.
    let begins = call.outcome.status != Status::InvalidAgentId;
    let early = begins && call.cancelled.is_some_and(|cancelled| cancelled <= call.began);
    match () {
        () if ended && !plan.cancels && call.cancelled.is_none() => {
            Err((Cancelled, "nobody had cancelled it"))
        }
        () if early && !ended => Err((Cancelled, "it was cancelled before it began")),
        () => Ok(()),
    }
}
