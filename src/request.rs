//! The requests: what can be asked of the gateway, and their parameters, checked before anything is
//! sent.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName,
    USER_AGENT as NAME_OF_CLIENT,
};
use http::uri::{self, Authority, Scheme, Uri};
use http::{HeaderValue, Method};

use crate::options::{MIN_AGENT_ID, USER_AGENT};
use crate::route::Gateway;
use crate::{Error, Status};

const GUID: HeaderName = HeaderName::from_static("guid");

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
    /// Method, and the path around the agent ID: the one table of it.
    const fn row(self) -> (Method, &'static str, &'static str) {
        match self {
            Interface::RejectAgentConf => (Method::POST, "agentconf/", "/rejectagentconf"),
            Interface::Login => (Method::PUT, "onlineagent/", ""),
            Interface::ForceLogin => (Method::PUT, "onlineagent/", "/forcelogin"),
            Interface::GetAgentEvent => (Method::GET, "agentevent/", ""),
            Interface::Logout => (Method::DELETE, "onlineagent/", "/logout"),
        }
    }

    /// The name in the gateway's logs.
    pub const fn name(self) -> &'static str {
        match self {
            Interface::RejectAgentConf => "rejectAgentConf",
            Interface::Login => "login",
            Interface::ForceLogin => "forceLogin",
            Interface::GetAgentEvent => "getAgentEvent",
            Interface::Logout => "logout",
        }
    }
}

/// What all requests to one gateway share, made once: a request is a copy with what is its own.
pub(crate) struct RequestTemplate {
    scheme: Scheme,
    authority: Authority,
    path: String,
    headers: HeaderMap,
}

impl RequestTemplate {
    pub fn new(gateway: &Gateway) -> Result<Self, Error> {
        let host = HeaderValue::from_str(&gateway.host_header())
            .map_err(|_| Error::new(Status::InvalidUrl, "base_url: cannot be used"))?;
        let headers = [
            (HOST, host),
            (GUID, HeaderValue::from_static("")),
            (CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8")),
            (CONTENT_LENGTH, HeaderValue::from_static("0")),
            (ACCEPT, HeaderValue::from_static("application/json")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            (NAME_OF_CLIENT, HeaderValue::from_static(USER_AGENT)),
        ];
        Ok(RequestTemplate {
            scheme: gateway.scheme.clone(),
            authority: gateway.authority.clone(),
            path: format!("{}/agentgateway/resource/", gateway.prefix),
            headers: headers.into_iter().collect(),
        })
    }

    fn uri(&self, before: &str, agent_id: &str, after: &str) -> Result<Uri, http::Error> {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some([&self.path, before, agent_id, after].concat().try_into()?);
        Ok(Uri::from_parts(parts)?)
    }
}

/// What one agent asks, below `{base}/agentgateway/resource`.
pub(crate) struct Request<'a> {
    pub template: &'a RequestTemplate,
    pub interface: Interface,
    pub agent: AgentId<'a>,
    /// None at a sign-in, which brings the first.
    pub guid: Option<&'a str>,
    /// `name=value; name=value`; often empty.
    pub cookies: &'a str,
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// One copy, to be sent.
    pub fn copy(&self) -> Result<http::Request<&'a [u8]>, Error> {
        self.try_copy().map_err(|why| Error::new(Status::Internal, format!("request: {why}")))
    }

    fn try_copy(&self) -> Result<http::Request<&'a [u8]>, http::Error> {
        let (method, before, after) = self.interface.row();
        let mut headers = self.template.headers.clone();
        match self.guid {
            Some(guid) => drop(headers.insert(GUID, secret(guid)?)),
            None => drop(headers.remove(GUID)),
        }
        if !self.cookies.is_empty() {
            headers.insert(COOKIE, secret(self.cookies)?);
        }
        if !self.body.is_empty() {
            headers.insert(CONTENT_LENGTH, self.body.len().into());
        } else if method == Method::GET || method == Method::DELETE {
            headers.remove(CONTENT_LENGTH);
        }
        let mut request = http::Request::new(self.body);
        *request.method_mut() = method;
        *request.uri_mut() = self.template.uri(before, self.agent.text, after)?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn secret(text: &str) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
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
        let decimal = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let number = if decimal { text.parse::<u32>().ok() } else { None };
        match number.filter(|number| (MIN_AGENT_ID..=max).contains(number)) {
            Some(number) => Ok(AgentId { text, number }),
            None => {
                let detail = format!(
                    "agent_id: not a decimal number from {MIN_AGENT_ID} to {max} without leading zeros"
                );
                Err(Error::new(Status::InvalidAgentId, detail))
            }
        }
    }
}

/// The Guid without the `JSESSIONID=` that `Set-GUID` puts before it, and the attributes behind it.
/// The Guid itself never appears in an error.
pub(crate) fn bare_guid(guid: &str) -> Result<&str, Error> {
    const MAX_BYTES: usize = 256;
    let bare = guid.strip_prefix("JSESSIONID=").unwrap_or(guid);
    let bare = bare.split_once(';').map_or(bare, |(bare, _)| bare.trim_end_matches(' '));
    let refuse = |detail: &str| Err(Error::new(Status::InvalidGuid, detail));
    if bare.is_empty() {
        refuse("guid: empty")
    } else if bare.len() > MAX_BYTES {
        refuse("guid: longer than 256 bytes")
    } else if !bare.bytes().all(|byte| byte.is_ascii_graphic()) {
        refuse("guid: holds a blank, a control character or one that is not ASCII")
    } else {
        Ok(bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_ids_have_one_form_and_a_range() {
        for good in ["101", "154", "59999"] {
            assert!(AgentId::checked(good, 59_999).is_ok(), "{good}");
        }
        assert!(AgentId::checked("999999", 999_999).is_ok());
        for bad in [
            "",
            "0",
            "100",
            "60000",
            "0101",
            "+154",
            "-154",
            " 154",
            "154 ",
            "15a",
            "1e3",
            "154/x",
            "154\r\n",
            "١٥٤",
            "99999999999999999999",
        ] {
            let error = AgentId::checked(bad, 59_999).expect_err(bad);
            assert_eq!(error.status(), Status::InvalidAgentId, "{bad}");
        }
    }

    #[test]
    fn guids_are_taken_bare_or_from_the_header() {
        let longest = "g".repeat(256);
        for good in ["xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.AgentGateway1", "!", "a=b", &longest] {
            assert_eq!(bare_guid(good).expect(good), good);
            for whole in ["JSESSIONID=@", "@;", "@; Path=/; HttpOnly", "JSESSIONID=@ ;Secure"] {
                assert_eq!(bare_guid(&whole.replace('@', good)).expect(good), good);
            }
        }
        assert_eq!(bare_guid("JSESSIONID=JSESSIONID=x").expect("one"), "JSESSIONID=x");
        let too_long = "g".repeat(257);
        for bad in [
            "",
            "JSESSIONID=",
            ";",
            "JSESSIONID=; Path=/",
            "a b",
            "a\r\nX: y",
            "a\n",
            "a\0",
            "\t",
            "é",
            &too_long,
        ] {
            let error = bare_guid(bad).expect_err("refused");
            assert_eq!(error.status(), Status::InvalidGuid);
        }
        let shown = bare_guid("secret-guid\r\n").expect_err("refused").to_string();
        assert!(!shown.contains("secret"), "{shown}");
    }
}
