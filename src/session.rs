//! What a client keeps for its agents: the newest Guid, a load balancer's cookies, the pace of polls.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, SET_COOKIE};
use zeroize::Zeroizing;

use crate::request::{AgentId, bare_guid};
use crate::sys::clock::Moment;
use crate::sys::fork;
use crate::sys::lock::lock;
use crate::{Error, Status};

/// How long after an agent's poll the next one may begin.
const PAUSE: Duration = Duration::from_millis(200);

/// An agent's session, for a host that calls other interfaces of the gateway by its own client.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    guid: Zeroizing<String>,
    cookies: Zeroizing<String>,
}

impl Session {
    /// The newest Guid: a secret.
    pub fn guid(&self) -> &str {
        &self.guid
    }

    /// `name=value; name=value`; empty if there are none. Secrets.
    pub fn cookie(&self) -> &str {
        &self.cookies
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// What a request goes out with.
pub(crate) struct Pass<'a> {
    pub agent: AgentId<'a>,
    /// Which session it is from: a new sign-in makes another. None: the agent has none.
    serial: Option<u64>,
    /// The caller's own Guid.
    pub given: Option<&'a str>,
    kept: Option<Zeroizing<String>>,
    pub cookies: Cookies,
}

impl Pass<'_> {
    /// Empty before a first sign-in.
    pub fn guid(&self) -> &str {
        self.given.or(self.kept.as_ref().map(|kept| kept.as_str())).unwrap_or_default()
    }
}

/// All agents' sessions. A forked child has them as they were.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Book>);

#[derive(Default)]
struct Book {
    last_serial: u64,
    agents: BTreeMap<u32, Agent>,
}

#[derive(Default)]
struct Agent {
    kept: Option<Kept>,
    /// When the last poll ended, however it ended.
    polled: Option<Moment>,
}

struct Kept {
    serial: u64,
    guid: Zeroizing<String>,
    cookies: Cookies,
}

impl Sessions {
    /// What the agent's next request goes out with. `given`: the caller's own Guid.
    pub fn pass<'a>(&self, agent: AgentId<'a>, given: Option<&'a str>) -> Result<Pass<'a>, Error> {
        let pass = self.any_pass(agent, given);
        if pass.given.is_none() && pass.serial.is_none() {
            let detail =
                "no session is kept for this agent: sign in with this client, or hand over a Guid";
            return Err(Error::new(Status::Session, detail));
        }
        Ok(pass)
    }

    /// The same where there may be no session yet.
    pub fn any_pass<'a>(&self, agent: AgentId<'a>, given: Option<&'a str>) -> Pass<'a> {
        self.with(|book| {
            let kept = book.agents.get(&agent.number).and_then(|agent| agent.kept.as_ref());
            let own = kept.filter(|_| given.is_none());
            Pass {
                agent,
                serial: kept.map(|kept| kept.serial),
                given,
                kept: own.map(|kept| kept.guid.clone()),
                cookies: kept.map(|kept| kept.cookies.clone()).unwrap_or_default(),
            }
        })
    }

    /// Takes the Guid and the cookies that an answer brought into the session that its request was
    /// sent with, unless a newer one has taken that one's place.
    pub fn renew(&self, pass: &Pass, headers: &HeaderMap) {
        if pass.serial.is_none() {
            return;
        }
        // An echo of what was sent is no news.
        let guid = new_guid(headers).filter(|guid| guid.as_str() != pass.guid());
        if guid.is_none() && !headers.contains_key(SET_COOKIE) {
            return;
        }
        self.with(|book| {
            let agent = book.agents.get_mut(&pass.agent.number);
            let kept = agent.and_then(|agent| agent.kept.as_mut());
            if let Some(kept) = kept.filter(|kept| Some(kept.serial) == pass.serial) {
                kept.cookies.take(headers);
                if let Some(guid) = guid {
                    kept.guid = guid;
                }
            }
        });
    }

    /// What to try with again, if another Guid is kept by now than the one that was refused.
    pub fn newer<'a>(&self, refused: &Pass<'a>) -> Option<Pass<'a>> {
        self.pass(refused.agent, None).ok().filter(|pass| pass.guid() != refused.guid())
    }

    /// Takes the place of what was kept.
    pub fn replace(&self, agent: u32, guid: Zeroizing<String>, cookies: Option<Cookies>) {
        self.with(|book| {
            book.last_serial += 1;
            let serial = book.last_serial;
            let agent = book.agents.entry(agent).or_default();
            let before = agent.kept.take().map(|kept| kept.cookies);
            let cookies = cookies.or(before).unwrap_or_default();
            agent.kept = Some(Kept { serial, guid, cookies });
        });
    }

    /// Forgets an agent's session; where it is told what a request was `sent` with, that one alone.
    pub fn forget(&self, agent: u32, sent: Option<&Pass>) {
        self.with(|book| {
            let Some(entry) = book.agents.get_mut(&agent) else { return };
            entry.kept.take_if(|kept| sent.is_none_or(|pass| pass.serial == Some(kept.serial)));
            let paused = entry.polled.is_some_and(|polled| polled.elapsed() < PAUSE);
            if entry.kept.is_none() && !paused {
                book.agents.remove(&agent);
            }
        });
    }

    pub fn show(&self, agent: AgentId) -> Result<Session, Error> {
        let pass = self.pass(agent, None)?;
        Ok(Session { guid: pass.kept.unwrap_or_default(), cookies: pass.cookies.0 })
    }

    /// How long the agent's next poll has to wait.
    pub fn pause(&self, agent: u32) -> Duration {
        let polled = self.with(|book| book.agents.get(&agent).and_then(|agent| agent.polled));
        polled.map_or(Duration::ZERO, |polled| PAUSE.saturating_sub(polled.elapsed()))
    }

    /// A poll ended, however it ended.
    pub fn polled(&self, agent: u32) {
        let now = Moment::now();
        self.with(|book| book.agents.entry(agent).or_default().polled = Some(now));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        let _whole = fork::held_off();
        work(&mut lock(&self.0))
    }
}

/// The Guid that an answer brings. Most gateways say `Set-GUID`, one recent build `Guid`.
pub(crate) fn new_guid(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let (mut set, mut plain) = (None, None);
    // Once through all of them is cheaper than to look for two names that are seldom there.
    for (name, value) in headers {
        let place = match name.as_str() {
            "set-guid" => &mut set,
            "guid" => &mut plain,
            _ => continue,
        };
        *place = value.to_str().ok().and_then(|value| bare_guid(value.trim()).ok()).or(*place);
    }
    set.or(plain).map(|guid| Zeroizing::new(guid.to_owned()))
}

/// A load balancer's cookies as they are sent, `name=value; name=value`: what it needs to find the
/// agent's node again.
#[derive(Clone, Default)]
pub(crate) struct Cookies(Zeroizing<String>);

impl Deref for Cookies {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Cookies {
    /// What fits into `agw_session.cookie`.
    const MAX_BYTES: usize = 1775;
    const MAX_NUMBER: usize = 32;

    /// `name=value`, `;` between, as a host hands them over.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |why| Error::new(Status::InvalidArgument, format!("cookie: {why}"));
        let mut cookies = Cookies::default();
        for pair in text.split(';').filter(|pair| !pair.trim_matches(' ').is_empty()) {
            let (name, value) = pair_of(pair).ok_or_else(|| {
                refuse("not name=value in visible ASCII and blanks, with ; between several")
            })?;
            if !cookies.set(name, Some(value)) {
                return Err(refuse("more than 32 cookies, or longer than 1775 bytes"));
            }
        }
        Ok(cookies)
    }

    /// Takes in what an answer sets and drops. What does not fit is left out.
    pub fn take(&mut self, headers: &HeaderMap) {
        for text in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            if let Some((name, value)) = pair_of(pair) {
                let stays = !value.is_empty() && !has_expired(attributes);
                self.set(name, stays.then_some(value));
            }
        }
    }

    /// Sets one where it stands, or drops it. Whether there was room for it.
    fn set(&mut self, name: &str, value: Option<&str>) -> bool {
        let pairs = self.0.split("; ").filter_map(|pair| pair.split_once('='));
        let mut pairs = pairs.collect::<Vec<_>>();
        match (pairs.iter().position(|(kept, _)| *kept == name), value) {
            (Some(place), Some(value)) => pairs[place].1 = value,
            (Some(place), None) => drop(pairs.remove(place)),
            (None, Some(value)) => pairs.push((name, value)),
            (None, None) => {}
        }
        let parts = pairs.iter().flat_map(|(name, value)| ["; ", name, "=", value]).skip(1);
        // As long as all of them from the start: what grows would leave a copy behind.
        let text = Zeroizing::new(parts.collect::<Vec<_>>().concat());
        let fits = pairs.len() <= Self::MAX_NUMBER && text.len() <= Self::MAX_BYTES;
        if fits {
            self.0 = text;
        }
        fits
    }
}

fn pair_of(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim_matches(' '), value.trim_matches(' '));
    let plain = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    (!name.is_empty() && plain(name) && plain(value)).then_some((name, value))
}

/// `Max-Age=0`, or an `Expires` in the past; the first wins.
fn has_expired(attributes: &str) -> bool {
    let value = |wanted: &str| {
        let attributes = attributes.split(';').filter_map(|one| one.split_once('='));
        let of_name = |(name, _): &(&str, &str)| name.trim().eq_ignore_ascii_case(wanted);
        attributes.filter(of_name).map(|(_, value)| value.trim()).next_back()
    };
    match value("max-age").and_then(|seconds| seconds.parse::<i64>().ok()) {
        Some(seconds) => seconds <= 0,
        None => value("expires").and_then(cookie_date).is_some_and(|end| end <= SystemTime::now()),
    }
}

/// Also as older gateways and balancers write it: `Thu, 01-Jan-1970 00:00:10 GMT`, or `-70`.
fn cookie_date(text: &str) -> Option<SystemTime> {
    let words = text.split([',', ' ', '-']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
    let [weekday, day, month, year, time, "GMT"] = words[..] else {
        return httpdate::parse_http_date(text).ok();
    };
    let century = match (year.len(), year < "70") {
        (2, true) => "20",
        (2, false) => "19",
        _ => "",
    };
    let weekday = weekday.get(..3)?;
    let date = format!("{weekday}, {day:0>2} {month} {century}{year} {time} GMT");
    httpdate::parse_http_date(&date).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use http::HeaderValue;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn guid(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn the_guid_is_read_under_both_names() {
        for (lines, expected) in [
            (vec![("Set-GUID", "JSESSIONID=a.b")], Some("a.b")),
            (vec![("set-guid", " a.b; Path=/ ")], Some("a.b")),
            (vec![("Guid", "JSESSIONID=a.b")], Some("a.b")),
            (vec![("Guid", "old"), ("SET-GUID", "new")], Some("new")),
            (vec![("Set-GUID", "first"), ("Set-GUID", "second")], Some("second")),
            (vec![("Set-GUID", "JSESSIONID="), ("Guid", "b")], Some("b")),
            (vec![("Set-GUID", "two words")], None),
            (vec![], None),
        ] {
            let found = new_guid(&headers(&lines));
            assert_eq!(found.as_deref().map(String::as_str), expected, "{lines:?}");
        }
    }

    const AGENT: AgentId = AgentId { text: "154", number: 154 };

    /// The Guid and the cookies that are kept.
    fn kept(sessions: &Sessions) -> String {
        let shown = sessions.show(AGENT).expect("kept");
        format!("{} {}", shown.guid(), shown.cookie())
    }

    #[test]
    fn an_answer_renews_the_session_that_its_request_was_sent_with() {
        let sessions = Sessions::default();
        sessions.replace(154, guid("one"), None);
        let first = sessions.pass(AGENT, None).expect("kept");
        let brings = headers(&[("Set-GUID", "two"), ("Set-Cookie", "NODE=a; Path=/")]);
        sessions.renew(&first, &brings);
        assert_eq!(kept(&sessions), "two NODE=a");
        assert_eq!(sessions.newer(&first).as_ref().map(Pass::guid), Some("two"));
        sessions.renew(&first, &headers(&[("Set-GUID", "one")]));
        assert_eq!(kept(&sessions), "two NODE=a", "an echo of what was sent");
        // A newer session is nobody else's to renew or to forget; its cookies stay.
        sessions.replace(154, guid("three"), None);
        sessions.renew(&first, &headers(&[("Set-GUID", "four"), ("Set-Cookie", "NODE=b")]));
        sessions.forget(154, Some(&first));
        assert_eq!(kept(&sessions), "three NODE=a");
        sessions.forget(154, None);
        assert!(sessions.with(|book| book.agents.is_empty()));
    }

    #[test]
    fn polls_keep_their_pace_across_sessions() {
        let sessions = Sessions::default();
        assert_eq!(sessions.pause(154), Duration::ZERO);
        sessions.polled(154);
        sessions.replace(154, guid("one"), None);
        sessions.forget(154, None);
        let pause = sessions.pause(154);
        assert!(pause > Duration::ZERO && pause <= PAUSE, "{pause:?}");
    }

    #[test]
    fn cookies_are_taken_renewed_and_dropped() {
        let mut cookies = Cookies::default();
        for (line, kept) in [
            ("NODE=a; Path=/; HttpOnly", "NODE=a"),
            (" JSESSIONID = 01 23;Secure", "NODE=a; JSESSIONID=01 23"),
            ("no pair", "NODE=a; JSESSIONID=01 23"),
            ("=nameless", "NODE=a; JSESSIONID=01 23"),
            ("odd=\"1\"", "NODE=a; JSESSIONID=01 23; odd=\"1\""),
            ("NODE=b", "NODE=b; JSESSIONID=01 23; odd=\"1\""),
            ("odd=; Path=/", "NODE=b; JSESSIONID=01 23"),
            ("JSESSIONID=x; max-age=0", "NODE=b"),
            ("NODE=x; Expires=Thu, 01 Jan 1970 00:00:10 GMT", ""),
        ] {
            cookies.take(&headers(&[("Set-Cookie", line)]));
            assert_eq!(&*cookies, kept, "{line}");
        }
    }

    #[test]
    fn cookies_are_bounded() {
        let mut cookies = Cookies::default();
        for number in 0..40 {
            let set = cookies.set(&format!("n{number}"), Some("v"));
            assert_eq!(set, number < Cookies::MAX_NUMBER);
        }
        let mut cookies = Cookies::default();
        let mut set = |name, length| cookies.set(name, Some(&"x".repeat(length)));
        assert!(set("a", 1) && !set("b", 1769) && set("b", 1768));
        assert!(!set("a", 2) && set("a", 1));
        assert_eq!(cookies.len(), Cookies::MAX_BYTES);
    }

    #[test]
    fn what_a_host_hands_over_is_checked() {
        for (given, kept) in [("", ""), (" a = 1 ;; b=\"2\"; ", "a=1; b=\"2\"")] {
            assert_eq!(&*Cookies::parse(given).unwrap_or_default(), kept);
        }
        for bad in ["a", "a=1; b", "=1", "a=\u{e9}", "a=1\r\nX: y", "a=\t1\u{7f}"] {
            let error = Cookies::parse(bad).err().expect(bad);
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.detail().starts_with("cookie: "), "{error}");
        }
    }

    #[test]
    fn dates_are_read_in_every_form_that_is_sent() {
        for (attributes, expired) in [
            ("", false),
            ("Expires=Wed, 21 Oct 2015 07:28:00 GMT", true),
            ("path=/; expires=Thu, 01-Jan-1970 00:00:10 GMT; Secure", true),
            ("expires=Thu, 01-Jan-70 00:00:10 GMT", true),
            ("expires=Thursday, 01-Jan-70 00:00:10 GMT", true),
            ("expires=Sun Nov  6 08:49:37 1994", true),
            ("expires=Wed, 21 Oct 2215 07:28:00 GMT", false),
            ("expires=Fri, 01-Jan-38 00:00:00 GMT", false),
            ("expires=soon", false),
            ("Max-Age=0", true),
            ("Max-Age = -1", true),
            ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:10 GMT", false),
            ("Max-Age=x; Expires=Thu, 01 Jan 1970 00:00:10 GMT", true),
        ] {
            assert_eq!(has_expired(attributes), expired, "{attributes}");
        }
    }
}
