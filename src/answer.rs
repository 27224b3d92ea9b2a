//! Reads the gateway's answer: leniently in form, strictly in what counts.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::json::{Members, any_text, counted};
use crate::retcode::{self, ACCEPTED};
use crate::text::{
    beginning, decode, find, find_all, of_page, starts_with, unescaped, with_escapes,
    without_entities,
};
use crate::{Answer, Error, Status};

/// The documented JSON. `result` is reserved and unknown members are skipped.
#[derive(serde::Deserialize)]
struct Body<'a> {
    #[serde(borrow, default, deserialize_with = "counted")]
    retcode: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "any_text")]
    message: Cow<'a, str>,
}

impl<'a> Body<'a> {
    /// The slower way, for what serde refuses. Two retcodes that differ are none.
    fn by_member(json: &'a str) -> Option<Self> {
        let members = Members::of(json)?;
        let mut retcodes = members.all("retcode");
        let first = retcodes.next().filter(|first| retcodes.all(|other| other == *first));
        let read = |json| counted(&mut serde_json::Deserializer::from_str(json)).ok();
        let retcode = first.and_then(read).unwrap_or_default();
        Some(Body { retcode, message: members.text("message") })
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
    let mut text = decode(body, || header("content-type"));
    let mut outcome = judge(http_status, &text, secrets);
    // Gateways put texts with line ends and other controls into their JSON, a NUL behind it, a second
    // byte-order mark or one below an empty line before it. Between members blanks may stand. Paths of
    // Windows come with their backslashes.
    let stray = |c: char| c.is_ascii_control() || c == '\u{feff}';
    if outcome.is_err() && text.contains(|c| stray(c) || c == '\\') {
        let mended = with_escapes(&text.replace(stray, " "));
        let again = judge(http_status, &mended, secrets);
        if again.is_ok() {
            (text, outcome) = (Cow::Owned(mended), again);
        }
    }
    let outcome = outcome.unwrap_or_else(|why| {
        let coding = header("content-encoding").map(|coding| secrets.hide(coding.into()));
        let shown = || excerpt(&text, secrets);
        let begins = coded(body, coding.as_deref()).unwrap_or_else(shown);
        Err(unreadable(http_status, &begins, &why))
    });
    (text, outcome)
}

/// What a readable retcode says; why there is none, otherwise.
fn judge(http_status: u16, text: &str, secrets: &Secrets) -> Result<Result<Answer, Error>, String> {
    let body = serde_json::from_str::<Body>(text);
    let body = body.or_else(|why| Body::by_member(text).ok_or_else(|| describe(text, &why)))?;
    // serde would take an array for the members in their order.
    if !text.trim_start().starts_with('{') {
        return Err(NO_OBJECT.to_owned());
    }
    let code = body.retcode.trim();
    if code.is_empty() {
        return Err("no retcode in the answer".to_owned());
    }
    // Not before: a secret may be a word of the JSON, or written in its escapes; or a part of a known
    // retcode, which is what others judge by.
    let known = retcode::find(code);
    let code = if known.is_some() { code.into() } else { secrets.hide(code.into()) };
    let message = secrets.hide(body.message).into_owned();
    Ok(by_retcode(http_status, code.trim(), known, message))
}

fn by_retcode(
    http_status: u16,
    retcode: &str,
    known: Option<(Status, &'static str)>,
    message: String,
) -> Result<Answer, Error> {
    let (status, meaning) = known.unwrap_or((Status::Gateway, "see the gateway's error table"));
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
        300..=303 | 305..=399 => " (a redirect, which is never followed: the Guid would go along)",
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
    let text = secrets.hide(unescaped(&hidden).into());
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
    pub other_guid: &'a str,
    /// Those that the answer brings.
    pub new_guids: &'a [&'a str],
    pub passwords: &'a [&'a str],
    pub tokens: &'a [&'a str],
    pub cookies: &'a str,
    pub new_cookies: &'a str,
}

impl Secrets<'_> {
    /// A secret of a few characters is none, and would be found in any text.
    const GUID: usize = 8;
    const PASSWORD: usize = 4;
    const COOKIE: usize = 8;

    /// Takes them out as they are, and out of what others make of a text on its way: entities,
    /// percent signs, JSON's escapes, also one in another.
    fn hide<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        let hidden = self.hide_plain(text);
        let encoded = hidden.bytes().any(|byte| matches!(byte, b'&' | b'%' | b'\\' | b'+'));
        let hidden = if encoded { self.hide_encoded(hidden) } else { hidden };
        let stands = |secret: &&str| !secret.is_ascii() && resembles(&hidden, secret);
        let found = self.words().find(|(words, _)| words.iter().any(stands));
        found.map_or(hidden, |(_, shown)| shown.into())
    }

    /// Those that a person or another program has chosen, and what is shown for them.
    fn words(&self) -> impl Iterator<Item = (&[&str], &'static str)> {
        [(self.passwords, "(password)"), (self.tokens, "(token)")].into_iter()
    }

    /// Where a secret was encoded, the text comes as it is without that.
    #[cold]
    fn hide_encoded<'a>(&self, mut hidden: Cow<'a, str>) -> Cow<'a, str> {
        const DECODERS: [fn(&str) -> String; 3] = [
            without_entities,
            |text| percent_decode_str(text).decode_utf8_lossy().into_owned(),
            unescaped,
        ];
        // A plus sign is one, or a form's blank.
        for plus in ["+", " "] {
            let mut plain = hidden.replace('+', plus);
            for decode in DECODERS.iter().cycle().take(2 * DECODERS.len()) {
                plain = decode(&plain);
                if let Cow::Owned(shown) = self.hide_plain(Cow::Borrowed(&plain)) {
                    (hidden, plain) = (Cow::Owned(shown.clone()), shown);
                }
            }
        }
        hidden
    }

    /// In whatever case; of a Guid also its first part without the gateway's name.
    #[inline(never)]
    fn hide_plain<'a>(&self, mut text: Cow<'a, str>) -> Cow<'a, str> {
        if text.len() < Self::PASSWORD {
            return text;
        }
        for guid in self.new_guids.iter().chain([&self.guid, &self.other_guid]) {
            if guid.len().min(text.len()) >= Self::GUID {
                let (secret, gateway) = guid.split_at(secret_length(guid));
                text = without(text, secret, gateway, "(Guid)");
            }
        }
        for (words, shown) in self.words() {
            for secret in words.iter().filter(|secret| secret.len() >= Self::PASSWORD) {
                text = without(text, secret, "", shown);
            }
        }
        // Most calls have none, and a search costs.
        for cookies in [self.cookies, self.new_cookies].iter().filter(|all| !all.is_empty()) {
            for (_, value) in cookies.split("; ").filter_map(|pair| pair.split_once('=')) {
                let value = value.trim_matches('"');
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
    let mut end = 0;
    for at in find_all(&text, secret) {
        hidden += text.get(end..at).unwrap_or_default();
        hidden += shown;
        end = at + secret.len();
        if starts_with(&text.as_bytes()[end..], behind) {
            end += behind.len();
        }
    }
    Cow::Owned(hidden + &text[end..])
}

/// Whether a secret that is not ASCII stands there, if only by what is ASCII in it: the rest may be in
/// any charset or spelling by now, and in another case have another length.
fn resembles(text: &str, secret: &str) -> bool {
    let parts = secret.split(|c: char| !c.is_ascii()).filter(|part| !part.is_empty());
    let enough = parts.clone().map(str::len).sum::<usize>() >= Secrets::PASSWORD;
    let mut rest = text;
    let mut follows = |part: &str| find(rest, part).map(|at| rest = &rest[at + part.len()..]);
    match enough {
        true => parts.into_iter().all(|part| follows(part).is_some()),
        false => text.to_lowercase().contains(&secret.to_lowercase()),
    }
}

/// Where the gateway's name begins in a Guid of the documented form.
fn secret_length(guid: &str) -> usize {
    const UUID: usize = 32;
    guid.rfind('.').filter(|dot| *dot >= UUID).unwrap_or(guid.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

    fn read(body: &str, secrets: &Secrets) -> Result<Answer, Error> {
        super::read(200, |_| None, body.as_bytes(), secrets).1
    }

    #[test]
    fn secrets_are_hidden_however_they_are_echoed() {
        let (uuid, _) = GUID.split_once('.').expect("a UUID and a gateway");
        let guid = Secrets { guid: GUID, ..Secrets::default() };
        let digits = Secrets { guid: "123456789", ..Secrets::default() };
        let cookies = "NODE=a; SERVERID=s3cr3tn0de; JSESSIONID=0123456789";
        let brought = Secrets { new_guids: &[GUID, "f1rst-0f-two"], ..Secrets::default() };
        let new_cookies = "NODE=n3w-n0de";
        let others = Secrets {
            passwords: &["pä55wörd"],
            tokens: &["t0ken"],
            cookies,
            new_cookies,
            ..brought
        };
        let quoted = Secrets { cookies: "NODE=\"n0de/one\"", ..Secrets::default() };
        let emoji = Secrets { passwords: &["pa😀55word"], ..Secrets::default() };
        let short = Secrets { passwords: &["e"], ..Secrets::default() };
        let form = Secrets { passwords: &["my Pa+s"], ..Secrets::default() };
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
            (others, "\"a T0KEN\"".into(), "a (token)"),
            (others, "\"NODE=a\"".into(), "NODE=a"),
            (others, "\"N3W-n0de, f1rst-0f-two\"".into(), "(cookie), (Guid)"),
            (others, format!("\"{GUID}\""), "(Guid)"),
            // Written for a page, an address, or a JSON in the JSON, and one in the other.
            (guid, format!("\"座 {}\"", GUID.replace('-', "&#45;")), "座 (Guid)"),
            (guid, format!("\"100% {}, {GUID}\"", GUID.replace('-', "%2d")), "100% (Guid), (Guid)"),
            (guid, format!("\"{}, {uuid}%2E\"", GUID.replace('-', "%252D")), "(Guid), (Guid)."),
            (guid, format!("\"{}\"", GUID.replace('-', r"\\u002d")), "(Guid)"),
            (guid, format!("\"座 {}\"", GUID.replace('-', r"\-")), "座 (Guid)"),
            (guid, format!("\"{}\"", GUID.replace('-', r"\x2D")), "(Guid)"),
            (emoji, r#""{\"p\":\"pa\\ud83d\\ude0055word\"}""#.into(), r#"{"p":"(password)"}"#),
            (others, r#""<i>p&#228;55w&#xF6;rd""#.into(), "<i>(password)"),
            // Written in a way that is not known.
            (others, r#""<i>p&auml;55w&ouml;rd""#.into(), "(password)"),
            (others, r#""p?55w?rd""#.into(), "(password)"),
            (others, r#""rd55wp""#.into(), "rd55wp"),
            (others, r#""{\"p\":\"p\\u00e455w\\u00F6rd\"}""#.into(), r#"{"p":"(password)"}"#),
            (others, "\"p%C3%A455w%c3%b6rd%21\"".into(), "(password)!"),
            (others, "\"a%20&amp; b\"".into(), "a%20&amp; b"),
            (quoted, "\"n0de&#x2F;one\"".into(), "(cookie)"),
            (short, "\"e\"".into(), "e"),
            (form, "\"p=my+Pa%2Bs!\"".into(), "p=(password)!"),
            (form, "\"my%20pa%2bs, my Pa+s\"".into(), "(password), (password)"),
            (form, "\"1+1 my way\"".into(), "1+1 my way"),
            (others, "\"not PÄ55WÖRD\"".into(), "(password)"),
        ] {
            let answer = read(&format!(r#"{{"retcode":"0","message":{message}}}"#), &secrets);
            assert_eq!(answer.expect("accepted").message, shown);
        }
    }

    #[test]
    fn a_secret_that_is_a_word_of_the_json_takes_nothing_away() {
        for password in ["retcode", "null", "message", "\":\"0\"", "1234567", "true", "{\"re"] {
            let secrets =
                Secrets { passwords: &[password], guid: "\",\"message", ..Secrets::default() };
            let body =
                r#"{"result":null,"retcode":"0","message":"a null","ok":true,"at":12345678}"#;
            assert_eq!(read(body, &secrets).expect(password).retcode, "0");
        }
        for (password, code, shown) in [
            ("100-002", "100-002", "100-002"),
            ("-006", " 100-006", "100-006"),
            ("0-00", "200-002", "20(password)2"),
        ] {
            let secrets = Secrets { passwords: &[password], ..Secrets::default() };
            let error = read(&format!(r#"{{"retcode":"{code}"}}"#), &secrets).unwrap_err();
            assert_eq!(error.retcode(), Some(shown), "{password}");
        }
    }
}
