//! What brings a session and what a session brings: a poll's answer, `Set-GUID` and `Set-Cookie`, the
//! cookies and the `fields` of a host; built from the library's own source files.
//!
//! Input: a letter that says what the text is, the text.
#![no_main]
#![allow(dead_code, reason = "the library's modules, of which this uses a part")]

#[path = "../../../src/answer.rs"]
mod answer;
#[path = "../../../src/cookies.rs"]
mod cookies;
#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/event.rs"]
mod event;
#[path = "../../../src/json.rs"]
mod json;
#[path = "../../../src/request.rs"]
mod request;
#[path = "../../../src/retcode.rs"]
mod retcode;
#[path = "../../../src/session.rs"]
mod session;
#[path = "../../../src/sign_in.rs"]
mod sign_in;
#[path = "../../../src/status.rs"]
mod status;
#[path = "../../../src/sys"]
mod sys {
    pub mod clock;
    pub mod fork;
    pub mod lock;
}
#[path = "../../../src/text.rs"]
mod text;

/// What requests are made of: none is made here.
mod options {
    pub const MIN_AGENT_ID: u32 = 101;
    pub const USER_AGENT: &str = "agw";
}
mod route {
    pub struct Gateway {
        pub path: String,
        pub host: String,
    }
}

use std::collections::BTreeMap;

use agw_fuzz::{gbk, planted};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use cookies::Cookies;
use error::{Answer, Error};
use request::AgentId;
use session::Sessions;
use sign_in::SignIn;
use status::Status;

fuzz_target!(|input: &[u8]| -> Corpus {
    let [kind, bytes @ ..] = input else { return Corpus::Reject };
    match (kind, str::from_utf8(bytes)) {
        (b'h', _) => headers(bytes),
        (b'e', Ok(text)) => poll(text),
        (b'c', Ok(text)) => cookies(text),
        (b'f', Ok(text)) => fields(text),
        _ => return Corpus::Reject,
    }
    Corpus::Keep
});

/// What a poll brings is in its answer, as sent.
fn poll(text: &str) {
    let model = serde_json::from_str::<Value>(text).ok();
    let sent = model.as_ref().and_then(|model| model.get("event"));
    let empty = |sent: &Value| match sent {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    let nothing = |sent: &Value| empty(sent) || unwrapped(sent).as_ref().is_some_and(empty);
    match event::read(text) {
        Ok(Some(event)) => {
            assert!(!event.event_type.is_empty());
            // Of a name that comes twice serde has the last; an event goes before none.
            let Some(sent) = sent else { return assert!(model.is_none()) };
            if nothing(sent) {
                return;
            }
            let as_sent = event.content.is_empty() || text.contains(&event.content);
            assert!(as_sent || sent.is_string());
            // What is in a text may be what serde refuses.
            let Some(sent) = unwrapped(sent) else { return };
            let content = sent.get("content").unwrap_or(&Value::Null);
            if event.content.is_empty() {
                assert!(content.is_null());
            } else {
                let brought = serde_json::from_str::<Value>(&event.content).ok();
                assert_eq!(brought.as_ref(), Some(content));
            }
            let Some(content) = unwrapped(content) else { return };
            assert_eq!(event.conf_id, content.get("confId").and_then(whole), "{text}");
            assert_eq!(event.generated_ms, sent.get("eventGenTime").and_then(whole), "{text}");
        }
        Ok(None) => assert!(sent.is_none_or(nothing), "an event is overlooked: {text}"),
        Err(error) => {
            let told = "the answer's event is not the documented JSON, and is lost";
            assert_eq!((error.status(), error.detail()), (Status::Protocol, told));
        }
    }
}

/// Out of a list of one, or a text that holds it.
fn unwrapped(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Array(list) if list.len() == 1 => Some(list[0].clone()),
        other => Some(other.clone()),
    }
}

/// A whole number, also one with a point where that is exact, or a text that is one.
fn whole(value: &Value) -> Option<i64> {
    let exact = |number: &f64| number.fract() == 0.0 && number.abs() < 1e15;
    match value {
        Value::Number(number) => {
            let float = || number.as_f64().filter(exact).map(|number| number as i64);
            number.as_i64().or_else(float)
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Each line is a header of an answer.
fn headers(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    let sessions = Sessions::default();
    for agent in [154, 155] {
        let cookies = Cookies::parse("NODE=old; X=1").expect("two cookies");
        sessions.replace(agent, Zeroizing::new("old-guid".to_owned()), Some(cookies));
    }
    let [agent, other] =
        [("154", 154), ("155", 155)].map(|(text, number)| AgentId { text, number });
    let pass = sessions.pass(agent, None).expect("kept");
    sessions.renew(&pass, &headers);
    let other = sessions.show(other).expect("kept");
    assert_eq!((other.guid(), other.cookie()), ("old-guid", "NODE=old; X=1"));
    let kept = sessions.show(agent).expect("kept");
    assert_eq!(request::bare_guid(kept.guid()).ok(), Some(kept.guid()));
    let came = |text: &str| {
        let bytes = text.as_bytes();
        headers
            .values()
            .any(|value| value.as_bytes().windows(bytes.len()).any(|part| part == bytes))
    };
    assert!(kept.guid() == "old-guid" || came(kept.guid()), "a Guid that did not come");
    can_be_sent(kept.cookie());
    for pair in kept.cookie().split("; ").filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').expect("a pair");
        assert!(!planted("cookie") || ["NODE", "X"].contains(&name), "planted fault");
        let old = ["NODE=old", "X=1"].contains(&pair);
        assert!(old || (came(name) && came(value) && !value.is_empty()), "{pair} did not come");
    }
    let newest = sessions.newer(&pass);
    assert_eq!(newest.is_some(), kept.guid() != "old-guid");
}

/// What a host hands over.
fn cookies(text: &str) {
    match Cookies::parse(text) {
        Ok(cookies) => can_be_sent(&cookies),
        Err(error) => {
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.detail().starts_with("cookie: "));
            assert!(text.len() < 24 || !error.to_string().contains(text), "shows the cookies");
        }
    }
}

/// It fits into a header and `agw_session.cookie`, has each name once, and reads as it was meant.
fn can_be_sent(joined: &str) {
    assert!(joined.len() <= 1775 && HeaderValue::from_str(joined).is_ok());
    let again = Cookies::parse(joined).expect("what is sent can be read");
    assert_eq!(&*again, joined);
    let pairs = joined.split("; ").filter_map(|pair| pair.split_once('='));
    let mut names: Vec<_> = pairs.map(|(name, _)| name).collect();
    let number = names.len();
    assert!(number <= 32);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), number, "a name twice: {joined}");
}

/// The body has what the fields say, as they say it, and else what agw says.
fn fields(text: &str) {
    type Members<'a> = BTreeMap<String, &'a RawValue>;
    let mut sign_in = SignIn::new("154");
    (sign_in.password, sign_in.phone, sign_in.fields) = ("s3cr3t-w0rd", Some("40038"), Some(text));
    let given = serde_json::from_str::<Members>(text).ok().filter(|_| text.len() <= 16 * 1024);
    let body = match (sign_in.body(), &given) {
        (Ok(body), Some(_)) => body,
        (Err(error), None) => {
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.detail().starts_with("fields: "));
            assert!(text.len() < 48 || !error.to_string().contains(text), "shows the fields");
            return;
        }
        // A name with half a character in it is sent with U+FFFD for that.
        (Ok(_), None) if text.contains("\\u") => return,
        (outcome, _) => panic!("taken: {}, for {text:?}", outcome.is_ok()),
    };
    assert!(body.json.len() <= 6 * ("s3cr3t-w0rd40038".len() + text.len()) + 64, "a copy is left");
    let given = given.expect("just seen");
    let sent: Members = serde_json::from_slice(&body.json).expect("JSON");
    let own = [("password", "\"s3cr3t-w0rd\""), ("phonenum", "\"40038\""), ("autoanswer", "false")];
    for (name, raw) in own {
        let wanted = given.get(name).map_or(raw, |given| given.get());
        assert_eq!(sent.get(name).map(|sent| sent.get()), Some(wanted));
    }
    for (name, raw) in &given {
        assert_eq!(sent.get(name).map(|sent| sent.get()), Some(raw.get()), "{name}");
    }
    let added = own.iter().filter(|(name, _)| !given.contains_key(*name)).count();
    assert_eq!(sent.len(), given.len() + added);
    // What is no string is sent, and hidden, as it stands there.
    let raw = given.get("password").map_or("\"s3cr3t-w0rd\"", |raw| raw.get());
    let password = serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
    let hidden = body.secrets.passwords.iter().any(|text| **text == password);
    assert!(hidden || raw.starts_with(['{', '[']) || ["true", "false", "null"].contains(&raw));
}
