//! The requests: what can be asked of the gateway, and their parameters, checked before anything is
//! sent.

use zeroize::Zeroizing;

use crate::options::{MIN_AGENT_ID, USER_AGENT};
use crate::route::Gateway;
use crate::text::starts_with;
use crate::{Error, Status};

/// What can be asked of the gateway.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Interface {
    RejectAgentConf,
    Login,
    ForceLogin,
    GetAgentEvent,
    Logout,
}

impl Interface {
    /// The name in the gateway's logs, the method, the path around the agent ID, and whether there is a
    /// body, an empty one included: the one table of it.
    const fn row(self) -> &'static (&'static str, &'static str, &'static str, &'static str, bool) {
        match self {
            Interface::RejectAgentConf => {
                &("rejectAgentConf", "POST ", "agentconf/", "/rejectagentconf", true)
            }
            Interface::Login => &("login", "PUT ", "onlineagent/", "", true),
            Interface::ForceLogin => &("forceLogin", "PUT ", "onlineagent/", "/forcelogin", true),
            Interface::GetAgentEvent => &("getAgentEvent", "GET ", "agentevent/", "", false),
            Interface::Logout => &("logout", "DELETE ", "onlineagent/", "/logout", false),
        }
    }

    pub const fn name(self) -> &'static str {
        self.row().0
    }
}

/// What one agent asks, below `{base}/agentgateway/resource`.
pub(crate) struct Request<'a> {
    pub gateway: &'a Gateway,
    pub interface: Interface,
    pub agent: AgentId<'a>,
    /// Empty at a sign-in, which brings the first.
    pub guid: &'a str,
    /// `name=value; name=value`; often empty.
    pub cookies: &'a str,
    pub body: &'a [u8],
}

impl Request<'_> {
    /// Its head as it goes out. Every text in it was checked: none holds a line end.
    pub fn head(&self) -> Zeroizing<String> {
        let &(_, method, before, after, has_body) = self.interface.row();
        let length = if has_body { self.body.len().to_string() } else { String::new() };
        let lines = [
            [method, &self.gateway.path, before],
            [self.agent.text, after, " HTTP/1.1\r\n"],
            line("Host: ", &self.gateway.host),
            line("Guid: ", self.guid),
            line("Content-Type: ", "application/json; charset=UTF-8"),
            line("Content-Length: ", &length),
            line("Accept: ", "application/json"),
            line("Accept-Encoding: ", "identity"),
            line("User-Agent: ", USER_AGENT),
            line("Cookie: ", self.cookies),
            ["\r\n", "", ""],
        ];
        // It is as long as all of them from the start: what grows would leave a copy behind.
        Zeroizing::new(lines.as_flattened().concat())
    }
}

/// A header line; none where there is no value.
fn line<'a>(name: &'a str, value: &'a str) -> [&'a str; 3] {
    if value.is_empty() { [""; 3] } else { [name, value, "\r\n"] }
}

/// An agent ID that was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgentId<'a> {
    pub text: &'a str,
    pub number: u32,
}

impl<'a> AgentId<'a> {
    /// Decimal digits without a leading zero, from 101 to `max`.
    pub fn checked(text: &'a str, max: u32) -> Result<Self, Error> {
        /// The largest of gateways documented since late 2025.
        const NEWER: u32 = 999_999;
        let refuse =
            |why: String| Err(Error::new(Status::InvalidAgentId, format!("agent_id: {why}")));
        if text.is_empty() {
            return refuse("empty".into());
        }
        if let Some(misplaced) = misplaced(text, |c| c.is_ascii_digit()) {
            let range = format!("it is a decimal number from {MIN_AGENT_ID} to {max}");
            return refuse(format!("{misplaced}; {range}"));
        }
        if text.starts_with('0') {
            return refuse("begins with a zero".into());
        }
        // Ten digits are a number, and no secret in the wrong place.
        let shown = if text.len() <= 10 { text } else { "it" };
        match text.parse::<u32>() {
            Ok(number) if number < MIN_AGENT_ID => {
                refuse(format!("{shown} is below {MIN_AGENT_ID}, the smallest"))
            }
            Ok(number) if number <= max => Ok(AgentId { text, number }),
            Ok(number) if number <= NEWER => refuse(format!(
                "{shown} is above max_agent_id ({max}); newer gateways go to {NEWER}"
            )),
            _ => refuse(format!("{shown} is above max_agent_id ({max})")),
        }
    }
}

/// The Guid without the `JSESSIONID=` that `Set-GUID` puts before it, and the attributes behind it.
/// The Guid itself never appears in an error.
pub(crate) fn bare_guid(guid: &str) -> Result<&str, Error> {
    const MAX_BYTES: usize = 256;
    const NAME: &str = "JSESSIONID=";
    let bare = if starts_with(guid.as_bytes(), NAME) { &guid[NAME.len()..] } else { guid };
    let bare = bare.split_once(';').map_or(bare, |(bare, _)| bare.trim_end_matches(' '));
    let refuse = |why: &str| Err(Error::new(Status::InvalidGuid, format!("guid: {why}")));
    if bare.is_empty() {
        return refuse("empty");
    }
    if let Some(misplaced) = misplaced(bare, |c| c.is_ascii_graphic()) {
        return refuse(&misplaced);
    }
    if bare.len() > MAX_BYTES { refuse("longer than 256 bytes") } else { Ok(bare) }
}

/// Where a character stands that may not, and what it is: never the text itself, but for that.
fn misplaced(text: &str, may: impl Fn(char) -> bool) -> Option<String> {
    // The usual, byte by byte: only ASCII may stand here.
    if text.bytes().all(|byte| may(byte.into()) && byte.is_ascii()) {
        return None;
    }
    let (at, character) = text.char_indices().find(|(_, c)| !may(*c))?;
    let behind = &text[at + character.len_utf8()..];
    // A line that ends as on Windows ends in a line feed, whatever is before it.
    let last = if behind == "\n" { '\n' } else { character };
    let place = match (at, behind) {
        (_, "" | "\n") => "ends in",
        (0, _) => "begins with",
        _ => "holds",
    };
    Some(format!("{place} {}", named(last)))
}

fn named(character: char) -> &'static str {
    match character {
        '\n' => "a line feed",
        '\r' => "a carriage return",
        '\t' => "a tab",
        ' ' => "a blank",
        '"' | '\'' => "a quotation mark",
        '+' | '-' => "a sign",
        '\u{feff}' => "a byte-order mark",
        '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{3000}' => "a blank that is not ASCII",
        c if c.is_control() => "a control character",
        c if !c.is_ascii() => "a character that is not ASCII",
        c if c.is_ascii_alphabetic() => "a letter",
        _ => "a character that is no digit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_agent_id_is_said() {
        for (bad, max, expected) in [
            ("60000", 59_999, "60000 is above max_agent_id (59999); newer gateways go to 999999"),
            ("999999", 59_999, "999999 is above max_agent_id (59999); newer gateways go to 999999"),
            ("1000000", 59_999, "1000000 is above max_agent_id (59999)"),
            ("1000000", 999_999, "1000000 is above max_agent_id (999999)"),
            ("4999999999", 59_999, "4999999999 is above max_agent_id (59999)"),
            ("12345678901234567890", 59_999, "it is above max_agent_id (59999)"),
            ("100", 59_999, "100 is below 101, the smallest"),
            ("0", 59_999, "begins with a zero"),
            ("0154", 59_999, "begins with a zero"),
            ("", 59_999, "empty"),
            ("154\n", 59_999, "ends in a line feed; it is a decimal number from 101 to 59999"),
            (" 154", 59_999, "begins with a blank; it is a decimal number from 101 to 59999"),
            ("-154", 59_999, "begins with a sign; it is a decimal number from 101 to 59999"),
            ("15a4", 59_999, "holds a letter; it is a decimal number from 101 to 59999"),
            (
                "154/x",
                59_999,
                "holds a character that is no digit; it is a decimal number from 101 to 59999",
            ),
            (
                "١٥٤",
                59_999,
                "begins with a character that is not ASCII; it is a decimal number from 101 to 59999",
            ),
        ] {
            let error = AgentId::checked(bad, max).expect_err(bad);
            assert_eq!(error.detail(), format!("agent_id: {expected}"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_guid_is_said() {
        for (bad, expected) in [
            ("", "empty"),
            ("secret\n", "ends in a line feed"),
            ("secret\r\n", "ends in a line feed"),
            ("secret\r", "ends in a carriage return"),
            ("secret ", "ends in a blank"),
            (" secret", "begins with a blank"),
            ("JSESSIONID= secret", "begins with a blank"),
            ("sec\tret", "holds a tab"),
            ("secret\nX: y", "holds a line feed"),
            ("secr\u{e9}t", "holds a character that is not ASCII"),
            ("\u{feff}secret", "begins with a byte-order mark"),
            ("secret\u{a0}", "ends in a blank that is not ASCII"),
            ("secret\u{7f}", "ends in a control character"),
            ("\u{1}secret", "begins with a control character"),
            ("\n", "ends in a line feed"),
            ("a\0", "ends in a control character"),
            ("JSESSIONID=", "empty"),
            ("JSESSIONID=; Path=/", "empty"),
            (&"g".repeat(257), "longer than 256 bytes"),
        ] {
            let error = bare_guid(bad).expect_err(bad);
            assert_eq!(error.detail(), format!("guid: {expected}"));
            assert_eq!(error.status(), Status::InvalidGuid);
        }
    }
}
