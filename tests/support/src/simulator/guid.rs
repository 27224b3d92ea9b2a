//! The Guids of a signed-in agent: how they look, when they are renewed, when they die.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};

/// How the gateway authenticates its agents (its setting `AUTHMODE`). By default it is dynamic, 2: an
/// event poll's answer brings a new Guid now and then, and the old one dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuidRules {
    /// The first poll answered this long after a Guid was issued brings the next one.
    pub renew_after: Duration,
    /// A Guid dies this long after it was issued, renewed or not.
    pub expire_after: Duration,
}

impl Default for GuidRules {
    fn default() -> Self {
        Self { renew_after: Duration::from_secs(60), expire_after: Duration::from_secs(120) }
    }
}

impl fmt::Display for GuidRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::STATIC {
            return f.write_str("static");
        }
        let (renew, expire) = (self.renew_after.as_secs_f64(), self.expire_after.as_secs_f64());
        write!(f, "dynamic: new after {renew} s, dead after {expire} s")
    }
}

impl GuidRules {
    /// `AUTHMODE` 1: the Guid of the sign-in answer stays good until the agent signs out.
    pub const STATIC: Self = Self { renew_after: Duration::MAX, expire_after: Duration::MAX };

    /// When a Guid dies by itself, if it does.
    pub fn dies(&self, issued: Instant) -> Option<Instant> {
        issued.checked_add(self.expire_after)
    }
}

/// A node of the gateway. The Guids that it issues end with its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Node {
    #[default]
    One = 1,
    Two = 2,
}

impl Node {
    const ALL: [Self; 2] = [Self::One, Self::Two];

    pub fn of_number(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|node| node.to_string() == text)
    }

    pub fn of_guid(guid: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|node| guid.ends_with(&node.suffix()))
    }

    pub fn other(self) -> Self {
        match self {
            Self::One => Self::Two,
            Self::Two => Self::One,
        }
    }

    fn suffix(self) -> String {
        format!(".AgentGateway{self}")
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", *self as u8)
    }
}

struct Guid {
    value: String,
    issued: Instant,
}

impl Guid {
    fn is_older(&self, limit: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.issued) >= limit
    }
}

/// One that is good no more.
struct Dead {
    value: String,
    at: Instant,
    how: &'static str,
}

/// Of so many dead Guids it is still known how they died.
const MAX_DEAD: usize = 100;

/// What stands in the place of a Guid that the fault `dead-guid` has struck.
pub const STRUCK: &str = "dead-guid";

/// The Guids of one agent, oldest first. Between a renewal and the old Guid's death two are good.
pub struct Guids {
    node: Node,
    issued: Vec<Guid>,
    dead: VecDeque<Dead>,
}

impl Guids {
    /// The first Guid, of a sign-in by a node, as all that follow.
    pub fn new(node: Node, value: String, now: Instant) -> Self {
        Self { node, issued: vec![Guid { value, issued: now }], dead: VecDeque::new() }
    }

    /// That of a forced sign-in; those that were good die.
    pub fn issue_anew(&mut self, node: Node, now: Instant) {
        self.bury(now, "died by a forced sign-in");
        self.node = node;
        self.push(now);
    }

    fn push(&mut self, now: Instant) {
        self.issued.push(Guid { value: random_guid(self.node), issued: now });
        self.dead.drain(..self.dead.len().saturating_sub(MAX_DEAD));
    }

    pub fn issued(&self) -> Option<Instant> {
        self.issued.last().map(|guid| guid.issued)
    }

    /// Why a request may not use a Guid that [`Guids::accepts`] refuses.
    pub fn why_not(&self, value: Option<&str>, rules: &GuidRules, now: Instant) -> String {
        let Some(value) = value else { return "no header Guid".to_owned() };
        if value == STRUCK {
            return format!("Guid struck by the fault {STRUCK}");
        }
        let expired = self.issued.iter().find(|guid| guid.value == value);
        let expired = expired.and_then(|guid| Some(("expired", rules.dies(guid.issued)?)));
        let dead = self.dead.iter().find(|guid| guid.value == value);
        match expired.or(dead.map(|guid| (guid.how, guid.at))) {
            Some((how, at)) => format!("Guid {how} {}", ago(at, now)),
            None => "Guid was never the agent's in this session".to_owned(),
        }
    }

    fn bury(&mut self, at: Instant, how: &'static str) {
        let dead = self.issued.drain(..).map(|guid| Dead { value: guid.value, at, how });
        self.dead.extend(dead);
    }

    /// The newest Guid, good or dead; none after [`Guids::kill`].
    pub fn current(&self) -> Option<&str> {
        self.issued.last().map(|guid| guid.value.as_str())
    }

    /// Whether `value` is the agent's, even if its time has run out meanwhile.
    pub fn knows(&self, value: &str) -> bool {
        self.issued.iter().any(|guid| guid.value == value)
    }

    /// Whether a request may use `value` now.
    pub fn accepts(&self, value: &str, rules: &GuidRules, now: Instant) -> bool {
        self.issued
            .iter()
            .any(|guid| guid.value == value && !guid.is_older(rules.expire_after, now))
    }

    /// Issues the next Guid if it is time to, and forgets those that have died.
    pub fn renew_if_due(&mut self, rules: &GuidRules, now: Instant) {
        if self.issued.last().is_some_and(|guid| guid.is_older(rules.renew_after, now)) {
            let expired = self.issued.partition_point(|it| it.is_older(rules.expire_after, now));
            for Guid { value, issued } in self.issued.drain(..expired) {
                let at = issued + rules.expire_after;
                self.dead.push_back(Dead { value, at, how: "expired" });
            }
            self.push(now);
        }
    }

    pub fn kill(&mut self, now: Instant) {
        self.bury(now, "was made to expire");
    }
}

/// Such as `12 s ago`.
pub fn ago(then: Instant, now: Instant) -> String {
    let since = now.saturating_duration_since(then);
    if since < Duration::from_secs(1) {
        return format!("{} ms ago", since.as_millis());
    }
    format!("{} s ago", since.as_secs())
}

/// A Guid of the form that the gateway's examples show, made of 122 random bits.
pub fn random_guid(node: Node) -> String {
    let mut bytes: [u8; 16] = random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex(&bytes);
    let (a, b, c) = (&hex[..8], &hex[8..12], &hex[12..16]);
    let (d, e) = (&hex[16..20], &hex[20..]);
    format!("{a}-{b}-{c}-{d}-{e}{}", node.suffix())
}

/// A part of a file's name that no one guesses.
pub fn random_name() -> String {
    hex(&random::<8>())
}

fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    SystemRandom::new().fill(&mut bytes).expect("the system provides random numbers");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
