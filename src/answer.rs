//! Reads the gateway's answer: leniently in form, strictly in what counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::retcode::{self, ACCEPTED};
use crate::text::{beginning, decode, find, of_page, starts_with};
use crate::{Answer, Error, Status};

/// The documented JSON. `result` is reserved and unknown members are skipped.
#[derive(serde::Deserialize)]
struct Body<'a> {
    #[serde(borrow, default, deserialize_with = "retcode")]
    retcode: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Text<'a>,
}

/// A text as gateways send it: a string or a number; anything else counts as missing.
#[derive(Default)]
pub(crate) struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor { any_number: true }).map(Text)
    }
}

/// A retcode may come as a number, but only as one that a gateway counts by: `1e-400`, which is 0
/// to a reader of numbers, accepts nothing.
fn retcode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    deserializer.deserialize_any(TextVisitor { any_number: false })
}

struct TextVisitor {
    any_number: bool,
}

impl TextVisitor {
    fn odd_number<'de>(&self, number: impl ToString) -> Cow<'de, str> {
        if self.any_number { Cow::Owned(number.to_string()) } else { Cow::default() }
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.odd_number(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(self.odd_number(number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Cow::default())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cow::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cow::default())
    }
}

/// Turns an HTTP answer into the outcome of the call.
///
/// A readable retcode counts whatever the HTTP status says; without one, the HTTP status or the
/// shape of the answer is the failure. No secret gets into the outcome. `header` is asked where the
/// body alone does not do. Gives the text, too.
pub fn read<'a, 'b>(
    http_status: u16,
    header: impl Fn(&'static str) -> Option<&'b str>,
    body: &'a [u8],
    secrets: &Secrets,
) -> (Cow<'a, str>, Result<Answer, Error>) {
    let text = decode(body, || header("content-type"));
    let outcome = judge(http_status, &text, secrets).unwrap_or_else(|why| {
        let coding = header("content-encoding").map(|coding| secrets.hide(coding.into()));
        let shown = || excerpt(&text, secrets);
        let begins = coded(body, coding.as_deref()).unwrap_or_else(shown);
        Err(unreadable(http_status, &begins, &why))
    });
    (text, outcome)
}

/// What a readable retcode says; why there is none, otherwise.
fn judge(http_status: u16, text: &str, secrets: &Secrets) -> Result<Result<Answer, Error>, String> {
    let text = secrets.hide(Cow::Borrowed(text));
    let why = match serde_json::from_str::<Body>(&text) {
        // serde would take an array for the members in their order.
        Ok(_) if !text.trim_start().starts_with('{') => NO_OBJECT.to_owned(),
        Ok(body) if !body.retcode.trim().is_empty() => {
            // Escapes and numbers may have hidden it from the first look.
            let [retcode, message] = [body.retcode, body.message.0].map(|text| secrets.hide(text));
            return Ok(by_retcode(http_status, retcode.trim(), &message));
        }
        Ok(_) => "no retcode in the answer".to_owned(),
        Err(why) => describe(&text, &why),
    };
    Err(why)
}

fn by_retcode(http_status: u16, retcode: &str, message: &str) -> Result<Answer, Error> {
    let (status, meaning) =
        retcode::find(retcode).unwrap_or((Status::Gateway, "see the gateway's error table"));
    let message = message.to_owned();
    if status == Status::Ok {
        return Ok(Answer { http_status, retcode: ACCEPTED, message, resent: false });
    }
    // The gateway's own text goes before: nothing is said twice.
    let says_so = message.trim().trim_end_matches('.').eq_ignore_ascii_case(meaning);
    let mut error = Error::new(status, if says_so { "" } else { meaning });
    let details = error.details_mut();
    (details.retcode, details.message) = (Some(retcode.to_owned()), message);
    Err(error.with_http_status(http_status))
}

fn unreadable(http_status: u16, begins: &str, why: &str) -> Error {
    let hint = match http_status {
        300..=399 => " (a redirect, which is never followed: the Guid would go along)",
        404 => " (no such path: check base_url)",
        _ => "",
    };
    let error = if (200..300).contains(&http_status) {
        Error::new(Status::Protocol, format!("{why}; {begins}"))
    } else {
        Error::new(Status::Http, format!("HTTP status {http_status}{hint}; {begins}"))
    };
    error.with_http_status(http_status)
}

const NO_OBJECT: &str = "the answer is not the documented JSON (no object)";

fn describe(text: &str, why: &serde_json::Error) -> String {
    if text.trim().is_empty() {
        "the answer is empty".to_owned()
    } else if why.is_data() {
        // Then serde's own words quote the answer.
        NO_OBJECT.to_owned()
    } else {
        format!("the answer is not the documented JSON ({why})")
    }
}

/// The beginning of an unexpected answer, for the person who has to find out whose it is.
fn excerpt(text: &str, secrets: &Secrets) -> String {
    let hidden = secrets.hide(Cow::Borrowed(text));
    let text = secrets.hide(unescaped(&hidden));
    let page = if text.trim_start().starts_with('<') { of_page(&text) } else { String::new() };
    match (beginning(&text), beginning(&secrets.hide(Cow::Owned(page)))) {
        (start, _) if start.is_empty() => "no body".to_owned(),
        (start, page) if page.is_empty() => format!("it begins: {start}"),
        (_, page) => format!("the page says: {page}"),
    }
}

/// Bytes that are no text without being decoded first, in words.
fn coded(body: &[u8], coding: Option<&str>) -> Option<String> {
    const GZIP: &[u8] = b"\x1f\x8b";
    const CHARACTERS: usize = 40;
    let wanted = "which agw asks gateways to leave out (Accept-Encoding: identity)";
    match coding.map(str::trim).filter(|coding| !coding.is_empty()) {
        _ if body.is_empty() => None,
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => {
            let coding: String = coding.chars().take(CHARACTERS).collect();
            Some(format!("it has Content-Encoding: {coding}, {wanted}"))
        }
        _ => body.starts_with(GZIP).then(|| format!("it is compressed with gzip, {wanted}")),
    }
}

/// What a gateway may echo, and must not get into a result or a log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Secrets<'a> {
    pub guid: &'a str,
    /// The one that the answer brings.
    pub new_guid: &'a str,
    pub password: &'a str,
    pub cookies: &'a str,
}

impl Secrets<'_> {
    /// A secret of a few characters is none, and would be found in any text.
    const GUID: usize = 8;
    const PASSWORD: usize = 4;
    const COOKIE: usize = 8;

    /// Takes them out, in whatever case; of a Guid also its first part without the gateway's name.
    fn hide<'a>(&self, mut text: Cow<'a, str>) -> Cow<'a, str> {
        if text.len() < Self::PASSWORD {
            return text;
        }
        for guid in [self.guid, self.new_guid] {
            if guid.len().min(text.len()) >= Self::GUID {
                let (secret, gateway) = guid.split_at(secret_length(guid));
                text = without(text, secret, gateway, "(Guid)");
            }
        }
        if self.password.len() >= Self::PASSWORD {
            text = without(text, self.password, "", "(password)");
        }
        // Most calls have none, and a search costs.
        if !self.cookies.is_empty() {
            for (_, value) in self.cookies.split("; ").filter_map(|pair| pair.split_once('=')) {
                if value.len() >= Self::COOKIE {
                    text = without(text, value, "", "(cookie)");
                }
            }
        }
        text
    }
}

/// The text without a secret, and what may stand behind it.
fn without<'a>(text: Cow<'a, str>, secret: &str, behind: &str, shown: &str) -> Cow<'a, str> {
    if find(&text, secret).is_none() {
        return text;
    }
    let mut hidden = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(at) = find(rest, secret) {
        hidden += &rest[..at];
        hidden += shown;
        rest = &rest[at + secret.len()..];
        if starts_with(rest.as_bytes(), behind) {
            rest = &rest[behind.len()..];
        }
    }
    Cow::Owned(hidden + rest)
}

/// Where the gateway's name begins in a Guid of the documented form.
fn secret_length(guid: &str) -> usize {
    const UUID: usize = 32;
    guid.rfind('.').filter(|dot| *dot >= UUID).unwrap_or(guid.len())
}

/// An answer without JSON's escapes for visible ASCII: the Guid could be written in them.
fn unescaped(text: &str) -> Cow<'_, str> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        let (character, length) = visible_escape(escaped).unwrap_or(('\\', 0));
        plain.push_str(before);
        plain.push(character);
        rest = &escaped[length..];
    }
    Cow::Owned(plain + rest)
}

/// What stands behind a backslash, and how many bytes it takes there.
fn visible_escape(escaped: &str) -> Option<(char, usize)> {
    match escaped.chars().next()? {
        character @ ('"' | '\\' | '/') => Some((character, 1)),
        'u' => {
            let code = u8::from_str_radix(escaped.get(1..5)?, 16).ok()?;
            code.is_ascii_graphic().then_some((code.into(), 5))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

    fn read(body: &str, secrets: &Secrets) -> Result<Answer, Error> {
        super::read(200, |_| None, body.as_bytes(), secrets).1
    }

    /// tests/properties has the forms that people send.
    #[test]
    fn a_retcode_counts_only_where_it_is_plainly_one() {
        let escaped = "\r\n {\"retcode\":\"\\u0030\",\"message\":\"succ\\u0065ss\"}\n";
        let answer = read(escaped, &Secrets::default()).expect("accepted");
        assert_eq!((answer.retcode, answer.message.as_str()), ("0", "success"));
        for body in [
            "  ",
            "null",
            "[]",
            r#"["0"]"#,
            r#" ["0","success"]"#,
            "\"0\"",
            r#"{"retcode":"0""#,
            r#"{"retcode":0.0}"#,
            r#"{"retcode":0e0}"#,
            r#"{"retcode":-0}"#,
            r#"{"retcode":-101}"#,
            r#"{"retcode":1e5}"#,
            r#"{"retcode":99999999999999999999}"#,
        ] {
            let error = read(body, &Secrets::default()).unwrap_err();
            assert_eq!(error.status(), Status::Protocol, "{body}");
        }
    }

    /// tests/corpus has those that come compressed.
    #[test]
    fn what_was_sent_in_place_of_json_is_told() {
        for (coding, body, expected) in [
            (Some("identity"), b"\x1f\x8b\x08\x00\xff".as_slice(), "it is compressed with gzip, "),
            (Some("gzip"), b"", "the answer is empty; no body"),
            (Some("identity"), b"<p>", "it begins: <p>"),
            (Some(GUID), b"<p>", "it has Content-Encoding: (Guid), "),
            (None, &[b"x".repeat(140), GUID.into()].concat(), "xx(Guid)"),
        ] {
            let header = |name| coding.filter(|_| name == "content-encoding");
            let secrets = Secrets { guid: GUID, ..Secrets::default() };
            let error = super::read(200, header, body, &secrets).1.unwrap_err();
            assert!(error.detail().contains(expected), "{coding:?}: {}", error.detail());
            assert!(!error.detail().contains('\u{FFFD}'), "{}", error.detail());
        }
    }

    #[test]
    fn secrets_are_hidden_however_they_are_echoed() {
        let (uuid, _) = GUID.split_once('.').expect("a UUID and a gateway");
        let guid = Secrets { guid: GUID, ..Secrets::default() };
        let digits = Secrets { guid: "123456789", ..Secrets::default() };
        let cookies = "NODE=a; SERVERID=s3cr3tn0de; JSESSIONID=0123456789";
        let others = Secrets { password: "pä55wörd", cookies, new_guid: GUID, guid: "" };
        let short = Secrets { password: "e", ..Secrets::default() };
        for (secrets, message, shown) in [
            (guid, format!("\"座{GUID}席\""), "座(Guid)席"),
            (guid, format!("\"{}\"", GUID.to_uppercase()), "(Guid)"),
            (
                guid,
                format!("\"{uuid}, {uuid}.agentgateway1; {GUID}{GUID}\""),
                "(Guid), (Guid); (Guid)(Guid)",
            ),
            (guid, format!("\"{uuid}.AgentGateway2\""), "(Guid).AgentGateway2"),
            (guid, format!("\"{}\"", &uuid[1..]), &uuid[1..]),
            // A number may be written in other digits.
            (digits, "1.23456789e8".into(), "(Guid)"),
            (others, "\"pä55wörd\"".into(), "(password)"),
            (others, r#""p\u00e455wörd!""#.into(), "(password)!"),
            (others, "\"at S3CR3TN0DE=0123456789\"".into(), "at (cookie)=(cookie)"),
            (others, "\"NODE=a\"".into(), "NODE=a"),
            (others, format!("\"{GUID}\""), "(Guid)"),
            (short, "\"e\"".into(), "e"),
        ] {
            let answer = read(&format!(r#"{{"retcode":"0","message":{message}}}"#), &secrets);
            assert_eq!(answer.expect("accepted").message, shown);
        }
    }

    #[test]
    fn only_visible_ascii_is_taken_out_of_its_escapes() {
        for (text, plain) in [
            ("", ""),
            (r"a\u0030b\u003d", r"a0b="),
            (r"\u5ea7\u0007\u00e9\u\u1\n", r"\u5ea7\u0007\u00e9\u\u1\n"),
            (r"\u003座\u0030", r"\u003座0"),
            (r#"\"\/\\u0030\"#, r#""/\u0030\"#),
        ] {
            assert_eq!(unescaped(text), plain);
        }
    }
}
