//! What a client keeps for its agents: the newest Guid, a load balancer's cookies, the pace of polls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use http::header::{HeaderMap, SET_COOKIE};
use memchr::memchr_iter;
use zeroize::Zeroizing;

use crate::cookies::Cookies;
use crate::request::{AgentId, bare_guid};
use crate::sys::clock::Moment;
use crate::sys::fork;
use crate::sys::lock::lock;
use crate::text::starts_with;
use crate::{Error, Status};

/// How long after an agent's poll the next one may begin.
const PAUSE: Duration = Duration::from_millis(200);

/// What stands before a Guid in `Set-GUID`, and `=` behind it.
const GUID_NAME: &str = "JSESSIONID";

/// An agent's session, for a host that calls other interfaces of the gateway by its own client.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    guid: Zeroizing<String>,
    cookies: Cookies,
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
    /// Kept, or refused before, and not sent with this request: as much a secret.
    pub other: Option<Zeroizing<String>>,
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
            let guid = kept.map(|kept| kept.guid.clone());
            let (own, other) = if given.is_none() { (guid, None) } else { (None, guid) };
            Pass {
                agent,
                serial: kept.map(|kept| kept.serial),
                given,
                kept: own,
                other,
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
        let guid = new_guids(headers).pop().filter(|guid| *guid != pass.guid());
        if guid.is_none() && !headers.contains_key(SET_COOKIE) {
            return;
        }
        self.with(|book| {
            let agent = book.agents.get_mut(&pass.agent.number);
            let kept = agent.and_then(|agent| agent.kept.as_mut());
            if let Some(kept) = kept.filter(|kept| Some(kept.serial) == pass.serial) {
                kept.cookies.take(headers);
                if let Some(guid) = guid {
                    kept.guid = Zeroizing::new(guid.to_owned());
                }
            }
        });
    }

    /// What to try with again, if another Guid is kept by now than the one that was refused.
    pub fn newer<'a>(&self, refused: &Pass<'a>) -> Option<Pass<'a>> {
        let pass = self.pass(refused.agent, None).ok().filter(|pass| pass.guid() != refused.guid());
        pass.map(|pass| Pass { other: refused.kept.clone(), ..pass })
    }

    /// Takes the place of what was kept. With the same Guid it is the same session: an answer that is
    /// under way still renews it.
    pub fn replace(&self, agent: u32, guid: Zeroizing<String>, cookies: Option<Cookies>) {
        self.with(|book| {
            book.last_serial += 1;
            let agent = book.agents.entry(agent).or_default();
            let before = agent.kept.take();
            let same = before.as_ref().filter(|kept| kept.guid == guid).map(|kept| kept.serial);
            let serial = same.unwrap_or(book.last_serial);
            let cookies = cookies.or(before.map(|kept| kept.cookies)).unwrap_or_default();
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
        Ok(Session { guid: pass.kept.unwrap_or_default(), cookies: pass.cookies })
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

/// The Guids that an answer brings, the one that counts last: `Set-GUID`, or `Guid` in one build.
pub(crate) fn new_guids(headers: &HeaderMap) -> Vec<&str> {
    let (mut plain, mut set) = (Vec::new(), Vec::new());
    // Once through all of them is cheaper than to look for two names that are seldom there.
    for (name, value) in headers {
        let place = match name.as_str() {
            "set-guid" => &mut set,
            "guid" => &mut plain,
            _ => continue,
        };
        place.extend(lines_of(value.as_bytes()).into_iter().filter_map(guid_in));
    }
    plain.append(&mut set);
    plain
}

/// What was several lines until something on the way joined them. A Guid may have commas, too.
fn lines_of(mut value: &[u8]) -> Vec<&[u8]> {
    let begins = |text: &[u8]| starts_with(text.trim_ascii_start(), GUID_NAME);
    let next = |value: &[u8]| memchr_iter(b',', value).find(|comma| begins(&value[comma + 1..]));
    let mut lines = Vec::new();
    while let Some(comma) = next(value) {
        lines.push(&value[..comma]);
        value = &value[comma + 1..];
    }
    lines.push(value);
    lines
}

/// The attributes behind it may be in any charset.
fn guid_in(line: &[u8]) -> Option<&str> {
    let pair = std::str::from_utf8(line.split(|byte| *byte == b';').next()?).ok()?;
    let is_named = |(name, _): &(&str, _)| name.trim().eq_ignore_ascii_case(GUID_NAME);
    let guid = pair.split_once('=').filter(is_named).map_or(pair, |(_, guid)| guid);
    bare_guid(guid.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    fn guid(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
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
        // One that a host hands over once more is no newer one.
        let third = sessions.pass(AGENT, None).expect("kept");
        sessions.replace(154, guid("three"), None);
        sessions.renew(&third, &headers(&[("Set-GUID", "four")]));
        assert_eq!(kept(&sessions), "four NODE=a");
        sessions.forget(154, None);
        assert!(sessions.with(|book| book.agents.is_empty()));
    }

    #[test]
    fn guids_are_found_in_every_form_that_is_sent() {
        for (value, expected) in [
            ("JSESSIONID=a", vec!["a"]),
            ("jsessionid = a ; Path=/", vec!["a"]),
            ("JSESSIONID\t=\ta", vec!["a"]),
            ("JSESSIONID=a,JSESSIONID=b", vec!["a", "b"]),
            ("JSESSIONID=a; Path=/, JSESSIONID=b; Path=/", vec!["a", "b"]),
            ("JSESSIONID=, jsessionid=b", vec!["b"]),
            ("a,b=c", vec!["a,b=c"]),
            ("JSESSIONID=a,b", vec!["a,b"]),
            ("a b", vec![]),
            ("JSESSIONID", vec!["JSESSIONID"]),
        ] {
            assert_eq!(new_guids(&headers(&[("Set-GUID", value)])), expected, "{value}");
        }
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
}
