//! The request: its two parameters, checked before anything is sent.

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName};
use http::uri::{self, Authority, Scheme, Uri};
use http::{HeaderValue, Method};

use crate::options::MIN_AGENT_ID;
use crate::route::Gateway;
use crate::{Error, Status};

const GUID: HeaderName = HeaderName::from_static("guid");

/// What all requests to one gateway share, made once: a request is a copy with an agent and a Guid.
pub(crate) struct RequestTemplate {
    scheme: Scheme,
    authority: Authority,
    path: String,
    headers: HeaderMap,
}

impl RequestTemplate {
    pub fn new(gateway: &Gateway) -> Result<Self, Error> {
        let host = HeaderValue::from_str(gateway.authority.as_str())
            .map_err(|_| Error::new(Status::InvalidUrl, "base_url: cannot be used"))?;
        let headers = [
            (HOST, host),
            (GUID, HeaderValue::from_static("")),
            (CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8")),
            (CONTENT_LENGTH, HeaderValue::from_static("0")),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ];
        Ok(RequestTemplate {
            scheme: gateway.scheme.clone(),
            authority: gateway.authority.clone(),
            path: format!("{}/agentgateway/resource/agentconf/", gateway.prefix),
            headers: headers.into_iter().collect(),
        })
    }

    fn uri(&self, agent_id: &str) -> Result<Uri, http::Error> {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query =
            Some([&self.path, agent_id, "/rejectagentconf"].concat().try_into()?);
        Ok(Uri::from_parts(parts)?)
    }
}

/// `POST {base}/agentgateway/resource/agentconf/{agentid}/rejectagentconf`, no body.
pub(crate) struct Request<'a> {
    template: &'a RequestTemplate,
    agent_id: &'a str,
    pub guid: &'a str,
}

impl<'a> Request<'a> {
    pub fn new(
        template: &'a RequestTemplate,
        max_agent_id: u32,
        agent_id: &'a str,
        guid: &'a str,
    ) -> Result<Self, Error> {
        check_agent_id(agent_id, max_agent_id)?;
        Ok(Request { template, agent_id, guid: bare_guid(guid)? })
    }

    /// One copy, to be sent. There is no body.
    pub fn copy(&self) -> Result<http::Request<()>, Error> {
        self.try_copy().map_err(|why| Error::new(Status::Internal, format!("request: {why}")))
    }

    fn try_copy(&self) -> Result<http::Request<()>, http::Error> {
        let mut guid = HeaderValue::from_str(self.guid)?;
        guid.set_sensitive(true);
        let mut request = http::Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.template.uri(self.agent_id)?;
        *request.headers_mut() = self.template.headers.clone();
        request.headers_mut().insert(GUID, guid);
        Ok(request)
    }
}

/// Decimal digits without a leading zero, from 101 to `max`.
fn check_agent_id(agent_id: &str, max: u32) -> Result<(), Error> {
    let decimal = agent_id.bytes().all(|byte| byte.is_ascii_digit()) && !agent_id.starts_with('0');
    let number = if decimal { agent_id.parse::<u32>().ok() } else { None };
    if number.is_some_and(|number| (MIN_AGENT_ID..=max).contains(&number)) {
        return Ok(());
    }
    let detail = format!(
        "agent_id: not a decimal number from {MIN_AGENT_ID} to {max} without leading zeros"
    );
    Err(Error::new(Status::InvalidAgentId, detail))
}

/// The Guid without the `JSESSIONID=` that `Set-GUID` puts before it. The Guid itself never
/// appears in an error.
fn bare_guid(guid: &str) -> Result<&str, Error> {
    const MAX_BYTES: usize = 256;
    let bare = guid.strip_prefix("JSESSIONID=").unwrap_or(guid);
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
            assert!(check_agent_id(good, 59_999).is_ok(), "{good}");
        }
        assert!(check_agent_id("999999", 999_999).is_ok());
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
            let error = check_agent_id(bad, 59_999).expect_err(bad);
            assert_eq!(error.status(), Status::InvalidAgentId, "{bad}");
        }
    }

    #[test]
    fn guids_are_taken_bare_or_from_the_header() {
        let longest = "g".repeat(256);
        for good in ["xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.AgentGateway1", "!", "a=b;c", &longest] {
            assert_eq!(bare_guid(good).expect(good), good);
            assert_eq!(bare_guid(&format!("JSESSIONID={good}")).expect(good), good);
        }
        assert_eq!(bare_guid("JSESSIONID=JSESSIONID=x").expect("one"), "JSESSIONID=x");
        let too_long = "g".repeat(257);
        for bad in ["", "JSESSIONID=", "a b", "a\r\nX: y", "a\n", "a\0", "\t", "é", &too_long] {
            let error = bare_guid(bad).expect_err("refused");
            assert_eq!(error.status(), Status::InvalidGuid);
        }
        let shown = bare_guid("secret-guid\r\n").expect_err("refused").to_string();
        assert!(!shown.contains("secret"), "{shown}");
    }
}
