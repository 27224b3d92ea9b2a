//! What came of it, as JSON has it. Times are in seconds.

use serde::Serialize;

#[derive(Serialize, Clone, PartialEq)]
pub struct Certificate {
    pub fingerprint: String,
    pub names: Option<String>,
    pub first_day: Option<String>,
    pub last_day: Option<String>,
    pub issuer: Option<String>,
}

#[derive(Serialize)]
pub struct LookUp {
    pub name: String,
    pub addresses: Vec<String>,
    pub elapsed: f64,
}

/// One way to the gateway.
#[derive(Serialize)]
pub struct Try {
    /// `None`: through the proxy, which looks the name up.
    pub address: Option<String>,
    pub status: i32,
    pub name: &'static str,
    pub detail: String,
    /// Whether the certificate was checked, and is as it should be.
    pub verified: bool,
    /// TCP alone; `None` where there is none, or a proxy is between.
    pub tcp: Option<f64>,
    /// TCP and TLS, by the library.
    pub elapsed: f64,
    pub tls: Option<String>,
    /// What the certificate was checked against, in the library's words.
    pub checked: Option<String>,
    pub certificate: Option<Certificate>,
}

/// The status is that of a client as it was asked for.
#[derive(Serialize)]
pub struct Report {
    pub status: i32,
    pub name: &'static str,
    pub meaning: String,
    pub detail: String,
    pub advice: String,
    pub verified: bool,
    pub elapsed: f64,
    /// `None`: it cannot be used, and may hold a password.
    pub url: Option<String>,
    pub proxy: Option<String>,
    pub look_up: Option<LookUp>,
    pub tries: Vec<Try>,
}

impl Report {
    pub fn as_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
