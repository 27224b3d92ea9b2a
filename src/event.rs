//! A poll's answer: at most one event, read as leniently as every answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::answer::Text;
use crate::{Answer, Error, Status};

/// What a poll for events came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Poll {
    /// The gateway's answer. Where it was [`resent`](Answer::resent), an event may be missing: the
    /// gateway hands out each one once.
    pub answer: Answer,
    /// `None`: nothing happened.
    pub event: Option<Event>,
}

/// Something that happened to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// `eventType` as sent, such as [`Event::CONF_RINGING`].
    pub event_type: String,
    /// `workNo` as sent: the agent.
    pub work_no: String,
    /// `content` as JSON text, as sent; empty if there is none or it is `null`.
    pub content: String,
    /// `content.confId`: the conference.
    pub conf_id: Option<i64>,
    /// `eventGenTime`: milliseconds since 1970, by the gateway's clock. Newest builds only.
    pub generated_ms: Option<i64>,
}

impl Event {
    /// A conference rings at the agent.
    pub const CONF_RINGING: &str = "AgentConf_Ringing";
    /// The agent's phone was hung up, by the agent or the platform.
    pub const PHONE_RELEASE: &str = "AgentOther_PhoneRelease";
    /// The agent is ready.
    pub const READY: &str = "AgentState_Ready";
    /// Somebody joined a conference, or left it.
    pub const CONF_PARTICIPANT_CHANGED: &str = "AgentConf_ParticipantChanged";

    /// The type for a log line: what a gateway sends in its place may be anything, a Guid included.
    pub(crate) fn name(&self) -> &str {
        let name = &self.event_type;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let usual = name.starts_with("Agent") && name.len() < 64 && name.bytes().all(word);
        if usual { name } else { "an event of another type" }
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow, default)]
    event_type: Text<'a>,
    #[serde(borrow, default)]
    work_no: Text<'a>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event_gen_time: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow, default)]
    conf_id: Text<'a>,
}

/// The event in an accepted answer.
pub fn read(text: &str) -> Result<Option<Event>, Error> {
    let body: Body = serde_json::from_str(text).map_err(|_| unreadable())?;
    let Some(event) = body.event.map(RawValue::get).filter(|event| !is_empty(event)) else {
        return Ok(None);
    };
    // serde would take an array for the members in their order.
    if !event.starts_with('{') {
        return Err(unreadable());
    }
    let members: Members = serde_json::from_str(event).map_err(|_| unreadable())?;
    if members.event_type.0.is_empty() {
        return Err(unreadable());
    }
    let content = members.content.map_or("", RawValue::get);
    Ok(Some(Event {
        event_type: members.event_type.0.into_owned(),
        work_no: members.work_no.0.into_owned(),
        conf_id: conf_id(content),
        content: if content == "null" { String::new() } else { content.to_owned() },
        generated_ms: whole(&members.event_gen_time.0),
    }))
}

/// How gateways say that nothing happened.
fn is_empty(event: &str) -> bool {
    matches!(event, "null" | "\"\"" | "[]")
        || event
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .is_some_and(|inside| inside.bytes().all(|byte| byte.is_ascii_whitespace()))
}

fn conf_id(content: &str) -> Option<i64> {
    if !content.starts_with('{') {
        return None;
    }
    let content: Content = serde_json::from_str(content).ok()?;
    whole(&content.conf_id.0)
}

fn whole(number: &str) -> Option<i64> {
    number.trim().parse().ok()
}

/// Without a word of the answer: events are the agent's business.
fn unreadable() -> Error {
    Error::new(Status::Protocol, "the answer's event is not the documented JSON, and is lost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Option<Event> {
        read(&format!(r#"{{"message":"","retcode":"0","event":{text}}}"#)).expect(text)
    }

    /// tests/sessions.rs has the documented ones.
    #[test]
    fn other_shapes_are_read_too() {
        let content = r#"{ "confId" : "-7", "name":"\u5ea7\n", "big":12345678901234567890.10 }"#;
        let odd = event(&format!(
            r#"{{"content":{content},"workNo":154,"eventGenTime":"1700000000123","eventType":"X","new":[{{}}]}}"#
        ));
        let odd = odd.expect("an event");
        assert_eq!((&*odd.work_no, odd.conf_id), ("154", Some(-7)));
        assert_eq!((odd.generated_ms, &*odd.content), (Some(1_700_000_000_123), content));
        for (content, kept) in [
            ("null", ""),
            ("[1]", "[1]"),
            ("\"x\"", "\"x\""),
            ("{}", "{}"),
            (r#"{"confId":1e400}"#, r#"{"confId":1e400}"#),
        ] {
            let event = event(&format!(
                r#"{{"eventType":"X","content":{content},"eventGenTime":99999999999999999999}}"#
            ));
            let event = event.expect("an event");
            assert_eq!((&*event.content, &*event.work_no), (kept, ""));
            assert_eq!((event.conf_id, event.generated_ms), (None, None));
        }
    }

    #[test]
    fn nothing_happened_has_many_forms() {
        for nothing in ["null", "\"\"", "{}", "{ \r\n }", "[]"] {
            assert_eq!(event(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_event_that_cannot_be_read_is_said_to_be_lost() {
        for bad in ["\"AgentConf_Ringing\"", r#"["X"]"#, r#"{"eventType":{}}"#] {
            let error = read(&format!(r#"{{"retcode":"0","event":{bad}}}"#)).expect_err(bad);
            assert_eq!(error.status(), Status::Protocol);
        }
    }
}
