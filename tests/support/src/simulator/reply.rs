//! The answers: JSON as the gateway gives it, and the pages of the servlet container around it.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value};

use super::codes::Refused;

/// A JSON answer of the gateway: HTTP 200, also for failures.
pub struct Reply {
    pub retcode: String,
    pub message: String,
    /// Why it is a refusal, for the log.
    pub why: Option<String>,
    /// `event` or `result`.
    pub extra: Option<(&'static str, Value)>,
    pub guid: Option<String>,
}

impl Reply {
    /// Code 0.
    pub fn success(message: &str) -> Self {
        let (retcode, message) = ("0".to_owned(), message.to_owned());
        Self { retcode, message, why: None, extra: None, guid: None }
    }

    /// A code of the simulator's own.
    pub fn refusal(refused: Refused) -> Self {
        let (retcode, message) = refused.refusal.answer();
        let (retcode, why) = (retcode.to_owned(), Some(refused.why));
        Self { retcode, why, ..Self::success(message) }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("message".to_owned(), self.message.into());
        body.insert("retcode".to_owned(), self.retcode.into());
        if let Some((name, value)) = self.extra {
            body.insert(name.to_owned(), value);
        }
        let guid = self.guid.map(|guid| [("Set-GUID", format!("JSESSIONID={guid}"))]);
        (guid, json_response(StatusCode::OK, &Value::Object(body))).into_response()
    }
}

/// An answer in JSON, typed as the gateway does.
pub fn json_response(status: StatusCode, body: &Value) -> Response {
    let headers = [(CONTENT_TYPE, "application/json;charset=UTF-8")];
    (status, headers, body.to_string()).into_response()
}

/// A page as a servlet container sends it.
pub fn html_page(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let title = format!("HTTP Status {} \u{2013} {reason}", status.as_u16());
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><title>{title}</title></head>\
         <body><h1>{title}</h1><hr class=\"line\" /><h3>Apache Tomcat</h3></body></html>"
    );
    (status, Html(page)).into_response()
}
