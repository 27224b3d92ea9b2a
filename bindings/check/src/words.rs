//! What came of it, for a person.

use agw::status::AGW_E_RESOLVE;
use agw::{ClientOptions, Status};

use crate::report::{Certificate, LookUp, Report, Try};
use crate::steps::{Outcome, is_verified};

impl Report {
    pub fn new(
        options: &ClientOptions,
        outcome: &Outcome,
        proxy: Option<&str>,
        look_up: Option<LookUp>,
        tries: Vec<Try>,
    ) -> Self {
        let verified = is_verified(options, outcome);
        let refused = outcome.status != Status::Ok && outcome.status.number() < AGW_E_RESOLVE;
        let meaning = match outcome.status {
            Status::Ok if verified => "A verified connection can be had.",
            Status::Ok => {
                "A connection can be had, but nothing was checked: anybody may have answered."
            }
            other => other.sentence(),
        };
        Report {
            status: outcome.status.number(),
            name: outcome.status.name(),
            meaning: meaning.to_owned(),
            detail: outcome.detail.clone(),
            advice: advice(outcome, verified, &tries).join(" "),
            verified,
            elapsed: outcome.elapsed.as_secs_f64(),
            url: (!refused).then(|| options.base_url.clone()),
            proxy: proxy.map(str::to_owned),
            look_up,
            tries,
        }
    }

    /// A row for each step, a summary at the end.
    pub fn as_text(&self) -> String {
        let mut rows = Vec::new();
        if let Some(url) = &self.url {
            rows.push(("gateway", url.clone()));
            rows.push(("proxy", self.proxy.clone().unwrap_or_else(|| "none".to_owned())));
        }
        rows.extend(self.look_up.as_ref().map(looked_up));
        let (mut certificate, mut details) = (None, vec![""]);
        for one in &self.tries {
            let address = one.address.as_deref().unwrap_or("through the proxy");
            rows.push(("address", format!("{address}: {}", in_short(one))));
            if one.certificate.is_some() && one.certificate != certificate {
                certificate = one.certificate.clone();
                rows.extend(certificate.iter().flat_map(lines).map(|line| ("", line)));
            }
            if let Some(checked) = &one.checked {
                let holds = if one.verified { ": it holds" } else { "" };
                rows.push(("", format!("{checked}{holds}")));
            } else if !details.contains(&one.detail.as_str()) {
                rows.push(("", one.detail.clone()));
            }
            details.push(&one.detail);
        }
        rows.push(("result", format!("{} {}: {}", self.status, self.name, self.meaning)));
        let told = self.tries.iter().any(|one| one.status == self.status);
        if self.status != Status::Ok.number() && !told {
            rows.push(("", self.detail.clone()));
        }
        if !self.advice.is_empty() {
            rows.push(("to do", self.advice.clone()));
        }
        let lines: Vec<_> =
            rows.iter().map(|(label, text)| format!("{label:<9}{}", printable(text))).collect();
        lines.join("\n")
    }
}

fn advice(outcome: &Outcome, verified: bool, tries: &[Try]) -> Vec<String> {
    let connected = outcome.status == Status::Ok;
    let failed = tries.iter().filter(|one| one.status != Status::Ok.number()).count();
    let mut advice = Vec::new();
    if connected && failed > 0 {
        advice.push(format!(
            "{failed} of {} addresses failed, which costs time wherever they are tried: have them \
             mended, or taken out of the DNS or of connect_to.",
            tries.len()
        ));
    }
    if connected && !verified {
        advice.push("Whoever answers is shown the Guid: take https, and ca or pin_sha256.".into());
    }
    let certificate = tries.iter().find_map(|one| one.certificate.as_ref());
    let can_be_pinned = connected || outcome.detail.contains("pin_sha256");
    let certificate = certificate.filter(|_| !verified && can_be_pinned);
    let Some(certificate) = certificate else { return advice };
    advice.push(format!(
        "Ask those who run the gateway for its fingerprint; if it is {}, pin_sha256 can be that.",
        certificate.fingerprint
    ));
    let of_the_issuer = connected || outcome.detail.contains("among those trusted");
    if let Some(issuer) = certificate.issuer.as_ref().filter(|_| of_the_issuer) {
        advice.push(format!("Or ask for the certificate of its issuer, {issuer}, to give as ca."));
    }
    advice
}

fn looked_up(look_up: &LookUp) -> (&'static str, String) {
    let found = match look_up.addresses.join(", ") {
        none if none.is_empty() => "no address".to_owned(),
        found => found,
    };
    ("look-up", format!("{}: {found} ({})", look_up.name, ms(look_up.elapsed)))
}

/// How far it came, and in what time.
fn in_short(one: &Try) -> String {
    let tcp = one.tcp.map(|time| format!("TCP {}, ", ms(time))).unwrap_or_default();
    let time = ms(one.elapsed);
    match &one.tls {
        _ if one.status != Status::Ok.number() => format!("{tcp}failed after {time}: {}", one.name),
        Some(tls) => format!("{tcp}with TLS {time}, {tls}"),
        None => format!("{tcp}connected in {time}"),
    }
}

fn lines(certificate: &Certificate) -> Vec<String> {
    let names = certificate.names.as_ref().map(|names| format!(" for {names}"));
    let mut lines = vec![format!("certificate{}", names.unwrap_or_default())];
    if let Certificate {
        first_day: Some(first), last_day: Some(last), issuer: Some(issuer), ..
    } = certificate
    {
        lines.push(format!("valid from {first} until {last}"));
        lines.push(format!("issued by {issuer}"));
    }
    lines.push(format!("SHA-256 fingerprint {}", certificate.fingerprint));
    lines
}

fn ms(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1000.0)
}

/// A proxy's text may hold anything, but a terminal should obey nobody else.
fn printable(text: &str) -> String {
    let unseen = |c| {
        matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
    };
    let obeyed = |c: char| c.is_control() || unseen(c);
    text.replace(obeyed, " ")
}
