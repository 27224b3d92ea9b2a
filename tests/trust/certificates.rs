//! The table of certificates seen on premises, each in every mode of trust.

use std::sync::LazyLock;

use agw::Level;
use rcgen::ExtendedKeyUsagePurpose;
use support::certs::{OPENSSL_DEFAULT, ip, rsa2048};
use support::client::Lines;

use crate::*;

/// One certificate, and what is to become of it.
struct Row {
    what: &'static str,
    identity: Identity,
    /// What is given as `ca`.
    ca: String,
    /// The host in `base_url`.
    host: &'static str,
    outcome: Outcome,
}

/// What a chain of trust says; a pin takes all but a certificate of version 1.
enum Outcome {
    Taken,
    /// Refused, with these words in the detail.
    Refused(&'static [&'static str]),
    /// Refused whoever trusts it: it cannot be used.
    Unusable(&'static [&'static str]),
}
use Outcome::{Refused, Taken, Unusable};

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let parts = [taken(), for_another_name(), issued_wrongly(), trusted_themselves()];
    parts.into_iter().flatten().collect()
});

fn row(what: &'static str, ca: &Authority, identity: Identity, outcome: Outcome) -> Row {
    Row { what, identity, ca: ca.pem(), host: HOST, outcome }
}

fn taken() -> Vec<Row> {
    let authority = Authority::new("Own authority");
    let middle = authority.below("Intermediate authority");
    let good = Leaf::server(vec![dns(HOST)]);
    let several = Leaf::server(vec![dns("other.test"), ip("10.1.2.3"), dns(HOST)]);
    vec![
        row("the right name, P-256", &authority, authority.issue(&good), Taken),
        row("the right name, RSA-2048", &authority, authority.issue_for(rsa2048(), &good), Taken),
        row("the right name among several", &authority, authority.issue(&several), Taken),
        row("by an intermediate that is sent along", &authority, middle.issue(&good), Taken),
        row("by an intermediate that is trusted", &middle, middle.issue(&good), Taken),
    ]
}

fn for_another_name() -> Vec<Row> {
    let authority = Authority::new("Own authority");
    let named = |what, names, words| {
        row(what, &authority, authority.issue(&Leaf::server(names)), Refused(words))
    };
    let addressed = |what, names, words| Row { host: "127.0.0.1", ..named(what, names, words) };
    let long = (0..6).map(|number| dns(&format!("{}.{number}.test", "x".repeat(60)))).collect();
    vec![
        named("a common name only", vec![], &["names no host", HOST]),
        named("another name", vec![dns("other.test")], &["other.test", "not for gateway.test"]),
        named(
            "other names",
            vec![dns("one.test"), ip("10.1.2.3")],
            &["one.test", "10.1.2.3", "not for gateway.test", "put a name of it into base_url"],
        ),
        addressed(
            "another address",
            vec![ip("10.1.2.3"), ip("fd00::1")],
            &["10.1.2.3", "fd00::1", "not for 127.0.0.1"],
        ),
        named("what is no name", vec![dns("a\u{1b}[31m"), dns("b c"), dns("")], &["names no host"]),
        named("long names", long, &[".1.test and 4 more", "not for gateway.test"]),
        addressed(
            "an address written as a name",
            vec![dns("127.0.0.1")],
            &[
                "it is for 127.0.0.1 (written as a host name), not for 127.0.0.1",
                "have one with the right subjectAltName issued",
            ],
        ),
    ]
}

fn issued_wrongly() -> Vec<Row> {
    let authority = Authority::new("Own authority");
    let stranger = Authority::new("Another authority");
    let good = || Leaf::server(vec![dns(HOST)]);
    let past = Leaf { valid: (-30, -3), ..good() };
    let future = Leaf { valid: (3, 30), ..good() };
    let client = Leaf { purpose: ExtendedKeyUsagePurpose::ClientAuth, ..good() };
    let mut broken = authority.below("Intermediate authority").issue(&good());
    broken.chain.truncate(1);
    let own = |what, identity, words| row(what, &authority, identity, Refused(words));
    vec![
        own("expired", authority.issue(&past), &["expired", "3 days"]),
        own("not yet valid", authority.issue(&future), &["not valid for another", "days"]),
        own("for clients only", authority.issue(&client), &["server"]),
        own(
            "by a stranger",
            stranger.issue(&good()),
            &["issuer is not among those trusted", "; it is issued by Another authority (if"],
        ),
        own("without its intermediate", broken, &["issuer is not among those trusted"]),
        own("self-signed", good().self_signed(), &["self-signed", "not among those trusted"]),
    ]
}

/// Certificates given as the trusted root themselves.
fn trusted_themselves() -> Vec<Row> {
    let alone = |what, identity: Identity, outcome| {
        let ca = identity.pem();
        Row { what, identity, ca, host: HOST, outcome }
    };
    let leaf = Leaf::server(vec![dns(HOST)]).self_signed();
    let good = || Leaf::server(vec![dns(HOST)]).self_signed();
    let anew = &["it is self-signed and not among those trusted"];
    let words = &["it is a CA's certificate used as a server's"];
    vec![
        alone("OpenSSL's default, CA:TRUE", OPENSSL_DEFAULT.clone(), Refused(words)),
        alone("self-signed, no CA", leaf, Taken),
        Row { ca: good().pem(), ..alone("self-signed anew", good(), Refused(anew)) },
        // Which neither rcgen nor newer openssl programs make.
        alone("version 1", corpus::identity("gateway-v1.pem"), Unusable(&["version 1"])),
    ]
}

impl Row {
    fn gateway(&self) -> Gateway {
        Plan::new(&self.identity).start()
    }

    fn options(&self, gateway: &Gateway, trust: Trust) -> ClientOptions {
        options(gateway, trust, |options| options.base_url = gateway.url_as(self.host))
    }

    /// With `ca`, in a mode that follows chains; what is shown of a refused one can be pinned.
    fn by_chain(&self, trust: Trust) -> Result<(), String> {
        let gateway = self.gateway();
        let mut options = self.options(&gateway, trust);
        options.ca = Some(self.ca.clone());
        match (&self.outcome, reject(&options)) {
            (Taken, outcome) => accepted(outcome),
            (Refused(words), outcome) => {
                let pin = self.refused(outcome, words)?;
                let ahead = Client::new(&options).and_then(|client| client.connect());
                self.refused(ahead, words)?;
                accepted(reject_pinned(&gateway, &pin))
            }
            (Unusable(words), outcome) => {
                let pin = self.refused(outcome, words)?;
                self.refused(reject_pinned(&gateway, &pin), words).map(drop)
            }
        }
    }

    fn by_pin(&self) -> Result<(), String> {
        let outcome = reject_pinned(&self.gateway(), &self.identity.fingerprint());
        match &self.outcome {
            Unusable(words) => self.refused(outcome, words).map(drop),
            _ => accepted(outcome),
        }
    }

    fn unchecked(&self) -> Result<(), String> {
        accepted(reject(&self.options(&self.gateway(), Trust::DangerAny)))
    }

    /// The fingerprint in the detail of a refusal that says what it should.
    fn refused<T>(&self, outcome: Result<T, Error>, words: &[&str]) -> Result<String, String> {
        let error = outcome.err().ok_or("it was taken")?;
        let detail = error.detail();
        if error.status() != Status::Tls || error.maybe_sent() {
            return Err(format!("{error:?}"));
        }
        if let Some(missing) = words.iter().find(|word| !detail.contains(**word)) {
            return Err(format!("'{missing}' is missing in: {detail}"));
        }
        if secrets::shows(detail, &self.identity.pem()) {
            return Err(format!("the certificate itself is shown: {detail}"));
        }
        if ["DnsName", "IpAddress", "(\""].iter().any(|jargon| detail.contains(jargon)) {
            return Err(format!("not in plain words: {detail}"));
        }
        match fingerprint_in(detail) {
            Some(shown) if shown == self.identity.fingerprint() => Ok(shown),
            _ => Err(format!("not its fingerprint in: {detail}")),
        }
    }
}

/// A fingerprint in the form that `pin_sha256` takes.
pub fn fingerprint_in(detail: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == ':';
    detail.split(|c| !is_part(c)).find(|word| word.len() == 95).map(str::to_owned)
}

fn accepted(outcome: Result<Answer, Error>) -> Result<(), String> {
    outcome.map(drop).map_err(|error| format!("not taken: {error:?}"))
}

/// Checks every row before it complains of any.
fn check(row_in_mode: impl Fn(&Row) -> Result<(), String>) {
    let complaints: Vec<_> = ROWS
        .iter()
        .filter_map(|row| row_in_mode(row).err().map(|why| format!("{}: {why}", row.what)))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn with_an_authority_alone() {
    check(|row| row.by_chain(Trust::Ca));
}

#[test]
fn with_an_authority_beside_the_systems() {
    check(|row| row.by_chain(Trust::System));
}

#[test]
fn with_its_fingerprint() {
    check(Row::by_pin);
}

#[test]
fn with_nothing_checked() {
    check(Row::unchecked);
}

#[test]
fn a_connection_says_what_it_is() {
    let authority = Authority::new("Own authority");
    let identity = authority.issue(&Leaf::server(vec![dns(HOST)]));
    let fingerprint = identity.fingerprint();
    for (version, name) in VERSIONS.into_iter().zip(["TLS 1.2", "TLS 1.3"]) {
        let gateway = Plan::new(&identity).only(version).start();
        let by_ca = options(&gateway, Trust::Ca, |o| o.ca = Some(authority.pem()));
        let by_pin = options(&gateway, Trust::Pin, |o| o.pin_sha256 = Some(fingerprint.clone()));
        for (options, checked) in [
            (by_ca, "checked against ca"),
            (by_pin, "checked against pin_sha256"),
            (options(&gateway, Trust::DangerAny, |_| {}), "nothing was checked"),
        ] {
            let words = Client::new(&options).and_then(|client| client.connect()).expect("taken");
            let certificate = format!("certificate for {HOST}, SHA-256 fingerprint {fingerprint}");
            assert!(words.starts_with(&format!("{name}, {certificate}, valid from 20")), "{words}");
            assert!(words.ends_with(&format!(", issued by Own authority, {checked}")), "{words}");
        }
    }
}

/// `AGW_TRUST_DANGER_ANY` does not go unnoticed.
#[test]
fn each_client_that_checks_nothing_logs_one_warning() {
    let gateway = Plan::new(&corpus::identity("gateway-v1.pem")).start();
    let mut options = options(&gateway, Trust::DangerAny, |_| {});
    options.keep_alive = false;
    let lines = Lines::of(&mut options);
    for clients in 1..=2 {
        let client = Client::new(&options).expect("client");
        for _ in 0..2 {
            client.reject_agent_conf("154", GUID).expect("nothing is checked");
        }
        let warnings = lines.up_to(Level::Warn);
        assert_eq!(warnings.len(), clients, "{warnings:?}");
        for word in [gateway.url_as(HOST).as_str(), "not checked", "DANGER_ANY"] {
            assert!(warnings[clients - 1].contains(word), "{warnings:?}");
        }
    }
}
