//! Options that hold certificates and keys: what can be read, and what is said of the rest.

use agw::{Client, ClientOptions, Status, Trust};
use support::HOST;
use support::certs::{Authority, Identity, Leaf, dns, pem};
use support::files::Folder;
use support::tls::Plan;

use crate::{corpus, reject_trusting, secrets};

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
        let secret = [&self.client.key_pem, &self.client.pem()]
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
        scene.holds(option, "nothing in PEM", &pem(label, &[0x30, 0]));
    }
    scene.check();
}

/// A path may hold what a terminal or a shell would take for something else.
#[test]
fn a_path_is_shown_as_it_can_be_copied() {
    let scene = Scene::new();
    let missing = |value: String| {
        let case = Case { what: "", option: "ca", value, file: None };
        Client::new(&scene.options(&case)).expect_err("there is none").detail().to_owned()
    };
    assert!(missing("ca\u{1b}[31m.pem".into()).contains("'ca\u{fffd}[31m.pem' cannot be read"));

    let store = std::fs::read(corpus::path("store.p12")).expect("a store");
    for (name, shown) in [
        ("store.p12", "-in {} -nokeys"),
        ("a&b;c.p12", "-in \"{}\" -nokeys"),
        ("it's.p12", "-in \"{}\" -nokeys"),
        ("a$b.p12", "-in FILE -nokeys"),
        ("a`b.p12", "-in FILE -nokeys"),
        ("a\"b.p12", "-in FILE -nokeys"),
    ] {
        let path = scene.folder.path(name);
        std::fs::write(&path, &store).expect("written");
        let detail = missing(path.clone());
        assert!(detail.contains(&shown.replace("{}", &path)), "{name}: {detail}");
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
