//! What a connection is, out of the library's sentence.

use crate::report::Certificate;

const NOTHING: &str = "nothing was checked";

/// Nothing of it where the sentence is another.
#[derive(Default)]
pub struct Told {
    pub tls: Option<String>,
    pub checked: Option<String>,
    pub certificate: Option<Certificate>,
}

impl Told {
    pub fn read(detail: &str) -> Self {
        if detail.starts_with(&format!("plain http, {NOTHING}")) {
            return Told { checked: Some(NOTHING.to_owned()), ..Told::default() };
        }
        read_tls(detail).unwrap_or_default()
    }
}

fn read_tls(detail: &str) -> Option<Told> {
    let direct = match proxy_at_the_end(detail) {
        Some(proxy) => detail.strip_suffix(proxy)?.strip_suffix(THROUGH)?,
        None => detail,
    };
    let (tls, rest) = direct.split_once(", ").filter(|(tls, _)| tls.starts_with("TLS "))?;
    let place = [", checked against ", ", nothing was checked"]
        .iter()
        .filter_map(|words| rest.rfind(words))
        .max()?;
    let (certificate, checked) = rest.split_at(place);
    Some(Told {
        tls: Some(tls.to_owned()),
        checked: checked.strip_prefix(", ").map(str::to_owned),
        certificate: Some(read_certificate(certificate)?),
    })
}

fn read_certificate(words: &str) -> Option<Certificate> {
    let (what, rest) = words.split_once(", SHA-256 fingerprint ")?;
    let (fingerprint, rest) = rest.split_once(", valid from ").unwrap_or((rest, ""));
    let (days, issuer) = rest.split_once(", issued by ").unzip();
    let (first_day, last_day) = days.and_then(|days| days.split_once(" until ")).unzip();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Some(Certificate {
        fingerprint: fingerprint.to_owned(),
        names: owned(what.strip_prefix("certificate for ")),
        first_day: owned(first_day),
        last_day: owned(last_day),
        issuer: owned(issuer),
    })
}

const THROUGH: &str = ", through proxy ";

/// The proxy that a success or a failure names.
pub fn proxy(detail: &str) -> Option<&str> {
    let failure = detail.strip_prefix("through ").unwrap_or(detail);
    let failed = failure.strip_prefix("proxy ").and_then(|rest| rest.split_once(": "));
    failed.map(|(proxy, _)| proxy).or_else(|| proxy_at_the_end(detail))
}

fn proxy_at_the_end(detail: &str) -> Option<&str> {
    let (_, proxy) = detail.rsplit_once(THROUGH)?;
    (!proxy.contains(' ')).then_some(proxy)
}
