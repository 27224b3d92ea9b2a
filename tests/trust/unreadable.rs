//! Options that hold certificates and keys: what can be read, and what is said of the rest.

use agw::{Client, ClientOptions, Status, Trust};
use support::HOST;
use support::certs::{Authority, Identity, Leaf, OPENSSL_DEFAULT, dns, openssl_key, pem};
use support::files::Folder;
use support::tls::Plan;

use crate::{reject_trusting, secrets};

#[test]
fn an_authority_may_be_given_as_text_or_path() {
    let folder = Folder::create();
    let authority = Authority::new("Own authority");
    let gateway = Plan::new(&authority.issue(&Leaf::server(vec![dns(HOST)]))).start();
    let ca = authority.pem();
    let several = format!("{}# the gateway's:\n{ca}", Authority::new("Another").pem());
    for given in [
        ca.clone(),
        ca.replace('\n', "\r\n"),
        format!("\n\n{several}"),
        several.clone(),
        // As files with byte-order marks are joined.
        several.replace("-----BEGIN", "\u{feff}-----BEGIN"),
        folder.write("ca.pem", &ca),
        folder.write("several", &several),
        folder.write("Größe und 座席 .pem", &ca),
    ] {
        reject_trusting(&gateway, &given).unwrap_or_else(|error| panic!("{given}: {error}"));
    }
}

/// An option that cannot be read as what it should be.
struct Case {
    what: &'static str,
    option: &'static str,
    value: String,
    /// The file that the detail must name.
    file: Option<&'static str>,
}

/// The cases, with their files and a client that is right in all else.
struct Scene {
    folder: Folder,
    client: Identity,
    cases: Vec<Case>,
}

impl Scene {
    fn new() -> Self {
        let client = Authority::new("Own authority").issue(&Leaf::client());
        Scene { folder: Folder::create(), client, cases: Vec::new() }
    }

    /// Given as text and as a file.
    fn holds(&mut self, option: &'static str, what: &'static str, text: &str) {
        const FILE: &str = "Datei für 座席.pem";
        self.cases.push(Case { what, option, value: text.to_owned(), file: None });
        let folder = format!("{}", self.cases.len());
        std::fs::create_dir(self.folder.path(&folder)).expect("a new folder");
        let value = self.folder.write(&format!("{folder}/{FILE}"), text);
        self.cases.push(Case { what, option, value, file: Some(FILE) });
    }

    fn points_to(&mut self, option: &'static str, what: &'static str, file: &'static str) {
        let value = self.folder.path(file);
        self.cases.push(Case { what, option, value, file: Some(file) });
    }

    fn options(&self, case: &Case) -> ClientOptions {
        let mut options = ClientOptions::new("https://gateway.test");
        options.trust = Trust::DangerAny;
        if case.option != "ca" {
            options.client_cert = Some(self.client.pem());
            options.client_key = Some(self.client.key_pem.clone());
        }
        let value = Some(case.value.clone());
        match case.option {
            "ca" => {
                options.trust = Trust::Ca;
                options.ca = value;
            }
            "client_cert" => options.client_cert = value,
            _ => options.client_key = value,
        }
        options
    }

    /// What is wrong with what the library says.
    fn complaint(&self, case: &Case) -> Option<String> {
        let Err(error) = Client::new(&self.options(case)) else {
            return Some("it was taken".into());
        };
        let detail = error.detail();
        let named = case.file.is_none_or(|file| detail.contains(file));
        let secret = [&self.client.key_pem, &self.client.pem(), &OPENSSL_DEFAULT.key_pem]
            .into_iter()
            .any(|pem| secrets::shows(&format!("{error:?}"), pem));
        let complaint = match () {
            () if error.status() != Status::TlsConfig => "not AGW_E_TLS_CONFIG",
            () if !detail.starts_with(&format!("{}:", case.option)) => "the option is not named",
            () if !named => "the file is not named",
            () if secret => "it shows a key or certificate",
            () => return None,
        };
        Some(format!("{complaint}: {detail:.200}"))
    }

    fn check(&self) {
        let complaints: Vec<_> = self
            .cases
            .iter()
            .filter_map(|case| {
                let why = self.complaint(case)?;
                let form = if case.file.is_some() { "file" } else { "text" };
                Some(format!("{}, {} ({form}): {why}", case.option, case.what))
            })
            .collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let mut scene = Scene::new();
    for option in ["ca", "client_cert", "client_key"] {
        scene.points_to(option, "a missing file", "no such file ä.pem");
        scene.points_to(option, "a folder", "");
        scene.holds(option, "empty", "");
        let label = if option == "client_key" { "PRIVATE KEY" } else { "CERTIFICATE" };
        let garbage = format!("-----BEGIN {label}-----\n!?!?!?!?\n-----END {label}-----\n");
        scene.holds(option, "no base64", &garbage);
        scene.holds(option, "another thing in PEM", &pem("X509 CRL", &[0x30, 0]));
    }
    scene.check();
}

#[test]
fn what_is_in_pem_must_be_what_it_says() {
    let scene = Scene::new();
    let empty = [0x30, 0];
    for (option, label) in
        [("ca", "CERTIFICATE"), ("client_cert", "CERTIFICATE"), ("client_key", "PRIVATE KEY")]
    {
        let case = Case { what: label, option, value: pem(label, &empty), file: None };
        let error = Client::new(&scene.options(&case)).expect_err(option);
        assert_eq!(error.status(), Status::TlsConfig, "{option}: {error}");
        assert!(error.detail().contains(option), "{option}: {error}");
    }
}

/// Nothing of a key or certificate is shown, however it was spoilt on its way.
#[test]
fn what_cannot_be_read_is_not_shown() {
    let mut scene = Scene::new();
    let (cert, key) = (scene.client.pem(), scene.client.key_pem.clone());
    for (option, right, wrong) in
        [("ca", &cert, &key), ("client_cert", &cert, &key), ("client_key", &key, &cert)]
    {
        scene.holds(option, "the one for the other", wrong);
        scene.holds(option, "cut off", &right[..right.len() / 2]);
        scene.holds(option, "in one line", &right.replace('\n', " "));
        scene.holds(option, "with \\n for line ends", &right.replace('\n', "\\n"));
        scene.holds(option, "without its first line end", &right.replacen('\n', "", 1));
        let bare: String = right.lines().filter(|line| !line.contains("-----")).collect();
        scene.cases.push(Case { what: "bare base64", option, value: bare, file: None });
    }
    scene.check();
}

#[test]
fn encrypted_keys_are_not_taken_and_it_is_said() {
    let mut scene = Scene::new();
    let password = ["-passout", "pass:secret"];
    let pkcs8 = [&["pkcs8", "-topk8"], &password[..]].concat();
    let older = [&["rsa", "-traditional", "-aes128"], &password[..]].concat();
    let encrypted = openssl_key(&scene.client.key_pem, &pkcs8);
    let with_header = openssl_key(&OPENSSL_DEFAULT.key_pem, &older);
    assert!(with_header.contains("Proc-Type: 4,ENCRYPTED"));
    scene.holds("client_key", "encrypted, PKCS #8", &encrypted);
    scene.holds("client_key", "encrypted, as of old", &with_header);
    scene.check();
    for case in &scene.cases {
        let error = Client::new(&scene.options(case)).expect_err(case.what);
        assert!(error.detail().contains("encrypted"), "{}: {error}", case.what);
    }

    let both = format!("{}{encrypted}", scene.client.pem());
    let mut options = scene.options(&scene.cases[0]);
    (options.client_cert, options.client_key) = (Some(both), None);
    let error = Client::new(&options).expect_err("encrypted");
    assert!(error.detail().starts_with("client_cert:"), "{error}");
    assert!(error.detail().contains("encrypted"), "{error}");
}
