//! The files of tests/corpus/files: what agw makes of each, as `expected.tsv` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/files");

pub fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// What a gateway presents, with the key of `key.pem`.
pub fn identity(name: &str) -> Identity {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(name)).collect();
    let key_pem = String::from_utf8(read("key.pem")).expect("UTF-8");
    Identity { chain: chain.expect("a chain"), key_pem }
}

/// One file and what is to become of it.
struct Row {
    file: &'static str,
    option: &'static str,
    /// What goes with it: the other one of certificate and key, or what is trusted.
    with: Option<&'static str>,
    expected: &'static str,
}

fn rows() -> Vec<Row> {
    let table = include_str!("../corpus/files/expected.tsv");
    let row = |line: &'static str| {
        let [file, option, with, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four cells: {line}")
        };
        Row { file, option, with: Some(with).filter(|with| *with != "-"), expected }
    };
    table.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

/// With one option, and of certificate and key the other one.
pub fn made(option: &str, value: String, with: Option<String>) -> Result<Client, Error> {
    let mut options = ClientOptions::new(format!("https://{HOST}"));
    options.trust = Trust::DangerAny;
    match option {
        "ca" => (options.trust, options.ca) = (Trust::Ca, Some(value)),
        "client_cert" => (options.client_cert, options.client_key) = (Some(value), with),
        "client_key" => (options.client_cert, options.client_key) = (with, Some(value)),
        other => panic!("{other} is no option"),
    }
    Client::new(&options)
}

impl Row {
    /// As the path of the file, and as its text where it is one.
    fn complaints(&self) -> Vec<String> {
        let file = path(self.file);
        let text = String::from_utf8(read(self.file)).ok();
        let text = text.filter(|text| text.contains("-----BEGIN"));
        let given = [Some((file.clone(), file.as_str())), text.map(|text| (text, "FILE"))];
        let complaint = |(value, shown)| {
            let made = made(self.option, value, self.with.map(path));
            let why = self.complaint(made.map(drop), shown)?;
            Some(format!("{} as {}: {why}", self.file, self.option))
        };
        given.into_iter().flatten().filter_map(complaint).collect()
    }

    fn complaint(&self, outcome: Result<(), Error>, shown: &str) -> Option<String> {
        let error = match (outcome, self.expected == "taken") {
            (Ok(()), true) => return None,
            (Ok(()), false) => return Some("it was taken".into()),
            (Err(error), true) => return Some(format!("not taken: {error}")),
            (Err(error), false) => error,
        };
        let detail = error.detail();
        let whose = self.expected == "not the key of client_cert";
        let source = if shown == "FILE" { "the text".into() } else { format!("file '{shown}'") };
        let named = whose || detail.starts_with(&format!("{}: {source}", self.option));
        let expected = self.expected.replace("{file}", shown);
        let secret = String::from_utf8(read(self.file)).ok();
        match () {
            () if error.status() != Status::TlsConfig => Some(format!("{error:?}")),
            () if !detail.contains(&expected) => Some(format!("'{expected}' is not in: {detail}")),
            () if !named => Some(format!("not named: {detail}")),
            () if secret.is_some_and(|secret| secrets::shows(detail, &secret)) => {
                Some(format!("it is shown: {detail}"))
            }
            () => None,
        }
    }

    /// What is said of a gateway that presents it; where it says so, its fingerprint can be pinned,
    /// and only there.
    fn refused(&self) -> Option<String> {
        let identity = identity(self.file);
        let gateway = Plan::new(&identity).start();
        let ca = path(self.with.expect("what is trusted"));
        let Err(error) = reject_trusting(&gateway, &ca) else {
            return Some(format!("{}: it was taken", self.file));
        };
        let detail = error.detail();
        let pin = identity.fingerprint();
        let pinned = reject_pinned(&gateway, &pin).is_ok();
        let complaint = match () {
            () if error.status() != Status::Tls => "not AGW_E_TLS",
            () if !detail.contains(self.expected) => "not what is expected",
            () if !detail.contains(&pin) => "not its fingerprint",
            () if detail.len() >= 512 => "too long",
            () if !detail.contains("; ") => "not what to do",
            () if detail.contains("pin_sha256") != pinned => "not whether it can be pinned",
            () => return None,
        };
        Some(format!("{}: {complaint}: {detail}", self.file))
    }
}

fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn files_are_read_or_named_for_what_they_are() {
    let rows = rows();
    let options = rows.iter().filter(|row| row.option != "gateway");
    assert_none(options.flat_map(Row::complaints).collect());
}

#[test]
fn certificates_of_gateways_are_refused_for_what_is_wrong_with_them() {
    let rows = rows();
    let gateways = rows.iter().filter(|row| row.option == "gateway");
    assert_none(gateways.filter_map(Row::refused).collect());
}

#[test]
fn every_file_is_in_the_table() {
    let mut there: BTreeSet<_> = fs::read_dir(Path::new(FOLDER))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    assert!(there.remove("expected.tsv"));
    let rows = rows();
    let named: BTreeSet<_> = rows
        .iter()
        .flat_map(|row| [Some(row.file), row.with])
        .flatten()
        .map(str::to_owned)
        .collect();
    assert_eq!(there, named);
}
