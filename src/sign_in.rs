//! What a sign-in says, and its body.

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::json::{Members, elements};
use crate::text::find;
use crate::{Error, Status};

/// What an agent signs in with. Only `agent_id` has no default.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct SignIn<'a> {
    /// Agent ID in decimal digits.
    pub agent_id: &'a str,
    /// A secret, 256 bytes at most, without control characters. Default: empty.
    pub password: &'a str,
    /// The agent's phone, within the same limits. Default: left out, which a gateway may refuse.
    pub phone: Option<&'a str>,
    /// Where the agent is signed in already, signs in all the same and ends that session. Default: no.
    pub force: bool,
    /// Further members of the body, as the text of a JSON object of 16 KiB at most; they replace
    /// those above.
    pub fields: Option<&'a str>,
}

impl<'a> SignIn<'a> {
    /// The defaults for an agent.
    pub fn new(agent_id: &'a str) -> Self {
        SignIn { agent_id, password: "", phone: None, force: false, fields: None }
    }

    /// The request's body.
    pub(crate) fn body(&self) -> Result<Body, Error> {
        const MAX_TEXT: usize = 256;
        const MAX_FIELDS: usize = 16 * 1024;
        for (name, text) in [("password", self.password), ("phone", self.phone.unwrap_or(""))] {
            if text.len() > MAX_TEXT {
                return Err(refuse(format!("{name}: longer than {MAX_TEXT} bytes")));
            }
            if text.contains(char::is_control) {
                return Err(refuse(format!("{name}: holds a control character")));
            }
        }
        let fields = self.fields.unwrap_or("{}");
        if fields.len() > MAX_FIELDS {
            return Err(refuse(format!("fields: longer than {MAX_FIELDS} bytes")));
        }
        // What reads members takes a name that is no JSON's.
        let is_json = serde_json::from_str::<IgnoredAny>(fields).is_ok();
        let more = Members::of(fields).filter(|_| is_json);
        let more =
            more.ok_or_else(|| refuse("fields: not the text of a JSON object".to_owned()))?;
        let mut members = Sorted(Vec::new());
        members.set("password", Member::Text(self.password));
        // With true nothing would ring.
        members.set("autoanswer", Member::Flag(false));
        if let Some(phone) = self.phone {
            members.set("phonenum", Member::Text(phone));
        }
        for (name, raw) in more.iter() {
            members.set(name, Member::Raw(raw));
        }
        let mut secrets = Hidden::default();
        add(&mut secrets.passwords, self.password.to_owned());
        secrets.find("", fields.trim(), 0);
        // Room for all escapes: what grew would leave a copy behind.
        let room = 6 * (self.password.len() + self.phone.unwrap_or("").len() + fields.len()) + 64;
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *json, &members)
            .map_err(|why| Error::new(Status::Internal, format!("sign-in: {why}")))?;
        Ok(Body { json, secrets })
    }
}

impl fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("agent_id", &self.agent_id).finish_non_exhaustive()
    }
}

pub(crate) struct Body {
    pub json: Zeroizing<Vec<u8>>,
    pub secrets: Hidden,
}

/// What is sent, and to be hidden where it is echoed: the longest first, for one may be the beginning
/// of another.
#[derive(Default)]
pub(crate) struct Hidden {
    pub passwords: Vec<Zeroizing<String>>,
    pub tokens: Vec<Zeroizing<String>>,
}

impl Hidden {
    /// What a name says is secret, also where it stands deeper; and what stands below such a name.
    fn find(&mut self, name: &str, json: &str, depth: usize) {
        const DEEPEST: usize = 8;
        // A flag that is about a secret is none.
        let place = self.place(name).filter(|_| !matches!(json, "true" | "false" | "null"));
        if depth < DEEPEST && json.starts_with(['{', '[']) {
            let is_secret = place.is_some();
            for (inner, raw) in Members::of(json).iter().flat_map(Members::iter) {
                self.find(if is_secret { name } else { inner }, raw.get(), depth + 1);
            }
            for json in elements(json) {
                self.find(name, json, depth + 1);
            }
        } else if let Some(place) = place {
            // What is no string, such as a number, travels as it stands there.
            let text = serde_json::from_str(json).unwrap_or_else(|_| json.to_owned());
            add(place, text);
        }
    }

    fn place(&mut self, name: &str) -> Option<&mut Vec<Zeroizing<String>>> {
        let is = |words: &[&str]| words.iter().any(|word| find(name, word).is_some());
        match () {
            () if is(&["password", "passwd", "pwd"]) => Some(&mut self.passwords),
            () if is(&["token", "secret"]) => Some(&mut self.tokens),
            () => None,
        }
    }
}

fn add(texts: &mut Vec<Zeroizing<String>>, text: String) {
    let place = texts.partition_point(|longer| longer.len() >= text.len());
    texts.insert(place, text.into());
}

/// The body's members, by their names; the last one of a name counts.
struct Sorted<'a>(Vec<(&'a str, Member<'a>)>);

impl<'a> Sorted<'a> {
    fn set(&mut self, name: &'a str, member: Member<'a>) {
        match self.0.binary_search_by_key(&name, |(known, _)| known) {
            Ok(place) => self.0[place].1 = member,
            Err(place) => self.0.insert(place, (name, member)),
        }
    }
}

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, member)| (name, member)))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Text(&'a str),
    Flag(bool),
    Raw(&'a RawValue),
}

fn refuse(detail: String) -> Error {
    Error::new(Status::InvalidArgument, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(sign_in: &SignIn) -> Result<String, Error> {
        let body = sign_in.body()?;
        Ok(String::from_utf8(body.json.to_vec()).expect("UTF-8"))
    }

    #[test]
    fn the_body_has_what_is_given_and_what_rings_needs() {
        let mut sign_in = SignIn::new("154");
        assert_eq!(body_of(&sign_in).expect("a body"), r#"{"autoanswer":false,"password":""}"#);
        sign_in.phone = Some("40038");
        sign_in.password = "p\"ä\\";
        let json = r#"{"autoanswer":false,"password":"p\"ä\\","phonenum":"40038"}"#;
        assert_eq!(body_of(&sign_in).expect("a body"), json);
        sign_in.fields = Some(
            " {\"status\": 4, \"autoanswer\":true,\n\"agenttype\":\"4\", \"password\":\"\\u0078y\", \
             \"n\":1.50e400, \"o\":{\"a\": [ ]}}",
        );
        let json = r#"{"agenttype":"4","autoanswer":true,"n":1.50e400,"o":{"a": [ ]},"#.to_owned()
            + r#""password":"\u0078y","phonenum":"40038","status":4}"#;
        assert_eq!(body_of(&sign_in).expect("a body"), json);
        let deep = r#"{"login":[{"Password":"l0ng","PwdHash":["l0nger"]}],"accessToken":{"a":7}}"#;
        let (none, own) = (&[][..], "p\"ä\\");
        for (fields, passwords, tokens) in [
            (None, &[own][..], none),
            (sign_in.fields, &[own, "xy"], none),
            (Some("{\"password\": 98765432}"), &["98765432", own], none),
            (Some(r#"{"serviceToken":"t\u006fken"}"#), &[own], &["token"]),
            (Some(r#"{"pwdChanged":true,"token":null}"#), &[own], none),
            (Some(deep), &["l0nger", own, "l0ng"], &["7"]),
        ] {
            // Copies, which are cleared when they are dropped.
            let Hidden { passwords: found, tokens: found_tokens } =
                SignIn { fields, ..sign_in }.body().expect("a body").secrets;
            let found: [Vec<Zeroizing<String>>; 2] = [found, found_tokens];
            let expected = [passwords, tokens].map(|texts| {
                texts.iter().map(|text| Zeroizing::new((*text).to_owned())).collect::<Vec<_>>()
            });
            assert_eq!(found, expected, "{fields:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_and_never_shown() {
        let (good, long) = (SignIn::new("154"), "x".repeat(257));
        let with_fields = |fields| {
            let detail = "fields: not the text of a JSON object";
            (SignIn { fields: Some(fields), ..good }, detail)
        };
        let bad = [
            "{\"a\nsecret\":1}",
            "",
            "[]",
            "null",
            "\"secret\"",
            "{\"secret\":}",
            "{} {}",
            "{\"a\":1",
        ];
        let others = [
            (SignIn { password: "secret\n", ..good }, "password: holds a control character"),
            (SignIn { password: "secret\u{85}", ..good }, "password: holds a control character"),
            (SignIn { password: &long, ..good }, "password: longer than 256 bytes"),
            (SignIn { phone: Some("secret\u{7f}"), ..good }, "phone: holds a control character"),
        ];
        for (sign_in, detail) in bad.map(with_fields).into_iter().chain(others) {
            let error = body_of(&sign_in).expect_err(detail);
            assert_eq!((error.status(), error.detail()), (Status::InvalidArgument, detail));
            assert!(!format!("{error} {sign_in:?}").contains("secret"), "{error}");
        }
    }
}
