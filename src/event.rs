//! A poll's answer: at most one event, read as leniently as every answer.

use std::borrow::Cow;

use crate::json::{Members, elements};
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

/// The event in an accepted answer. One whose place is taken by two is lost.
pub fn read(text: &str) -> Result<Option<Event>, Error> {
    let body = Members::of(text).ok_or_else(unreadable)?;
    let mut events = body.all("event").map(unwrapped).filter(|event| !is_empty(event));
    let Some(event) = events.next() else { return Ok(None) };
    let members = Members::of(&event).filter(|_| events.all(|other| other == event));
    let members = members.ok_or_else(unreadable)?;
    let event_type = members.text("eventType").into_owned();
    if event_type.is_empty() {
        return Err(unreadable());
    }
    let content = members.all("content").last().filter(|content| *content != "null");
    let conf_id = content.and_then(|content| {
        let content = unwrapped(content);
        whole(&Members::of(&content)?.text("confId"))
    });
    Ok(Some(Event {
        event_type,
        work_no: members.text("workNo").into_owned(),
        conf_id,
        content: content.unwrap_or_default().to_owned(),
        generated_ms: whole(&members.text("eventGenTime")),
    }))
}

/// Out of a list of one, or a text that holds it.
fn unwrapped(json: &str) -> Cow<'_, str> {
    match *elements(json) {
        [one] => one.into(),
        _ => serde_json::from_str(json).map_or(json.into(), Cow::Owned),
    }
}

/// How gateways say that nothing happened.
fn is_empty(event: &str) -> bool {
    let bare = event.split_ascii_whitespace().collect::<String>();
    matches!(&*bare, "null" | "" | "[]" | "{}")
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
        for (content, id) in [("7.0", Some(7)), ("1.031168E7", Some(10_311_680)), ("7.5", None)] {
            let read = event(&format!(r#"{{"eventType":"X","content":{{"confId":{content}}}}}"#));
            assert_eq!(read.and_then(|event| event.conf_id), id, "{content}");
        }
        for (content, kept) in [
            ("null", ""),
            ("[1]", "[1]"),
            ("\"x\"", "\"x\""),
            ("{}", "{}"),
            (r#"{"confId":1e400}"#, r#"{"confId":1e400}"#),
            // Which would be read as another.
            (r#"{"confId":9007199254740993.0}"#, r#"{"confId":9007199254740993.0}"#),
            (r#"{"a":1},"content":{"a":2}"#, r#"{"a":2}"#),
        ] {
            let event = event(&format!(
                r#"{{"eventType":"X","content":{content},"eventGenTime":1e400}},"event":null"#
            ));
            let event = event.expect("an event");
            assert_eq!((&*event.content, &*event.work_no), (kept, ""));
            assert_eq!((event.conf_id, event.generated_ms), (None, None));
        }
    }

    #[test]
    fn an_event_may_be_wrapped() {
        for (text, content) in [
            (r#"[ {"eventType":"X","content":{"confId":7}} ]"#, r#"{"confId":7}"#),
            (r#""{\"eventType\":\"X\",\"content\":{\"confId\":7}}""#, r#"{"confId":7}"#),
            (r#"{"eventType":"X","content":"{\"confId\":7}"}"#, r#""{\"confId\":7}""#),
            (r#"{"eventType":"X","content":[{"confId":7}]}"#, r#"[{"confId":7}]"#),
        ] {
            let event = event(text).expect("an event");
            assert_eq!((&*event.event_type, &*event.content), ("X", content));
            assert_eq!(event.conf_id, Some(7), "{text}");
        }
    }

    #[test]
    fn nothing_happened_has_many_forms() {
        for nothing in [
            "null", "\"\"", "\" \"", "{}", "{ \r\n }", "[]", "[ ]", "[null]", "[{}]", "\"null\"",
            "\"{ }\"", "\"[]\"",
        ] {
            assert_eq!(event(nothing), None, "{nothing}");
        }
    }
}
