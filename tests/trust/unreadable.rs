//! Options that hold certificates and keys: what can be read, and what is said of the rest.

use support::certs::pem;

use crate::*;

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

/// Options that cannot be read as what they should be, each beside what is right, and what is wrong
/// with what the library says of them.
struct Scene {
    folder: Folder,
    client: Identity,
    complaints: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let client = Authority::new("Own authority").issue(&Leaf::client());
        Scene { folder: Folder::create(), client, complaints: Vec::new() }
    }

    /// Given as text and as a file.
    fn holds(&mut self, option: &str, what: &str, text: &str) {
        const FILE: &str = "Datei für 座席.pem";
        self.refused(option, what, text.to_owned(), None);
        let value = self.folder.write(FILE, text);
        self.refused(option, what, value, Some(FILE));
    }

    /// `file`: the one that the detail must name.
    fn refused(&mut self, option: &str, what: &str, value: String, file: Option<&str>) {
        let secrets = [self.client.key_pem.clone(), self.client.pem()];
        let with = secrets[usize::from(option == "client_key")].clone();
        let Err(error) = corpus::made(option, value, Some(with)) else {
            return self.complaints.push(format!("{option}, {what} ({file:?}): it was taken"));
        };
        let detail = error.detail();
        let shown = format!("{error:?}");
        let complaint = match () {
            () if error.status() != Status::TlsConfig => "not AGW_E_TLS_CONFIG",
            () if !detail.starts_with(&format!("{option}:")) => "the option is not named",
            () if file.is_some_and(|file| !detail.contains(file)) => "the file is not named",
            () if secrets.iter().any(|pem| secrets::shows(&shown, pem)) => {
                "it shows a key or certificate"
            }
            () => return,
        };
        self.complaints.push(format!("{option}, {what} ({file:?}): {complaint}: {detail:.200}"));
    }

    fn check(&self) {
        assert!(self.complaints.is_empty(), "{}", self.complaints.join("\n"));
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let mut scene = Scene::new();
    for option in ["ca", "client_cert", "client_key"] {
        for (what, file) in [("a missing file", "no such file ä.pem"), ("a folder", "")] {
            scene.refused(option, what, scene.folder.path(file), Some(file));
        }
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
    let folder = Folder::create();
    let missing = |value: String| {
        corpus::made("ca", value, None).expect_err("there is none").detail().to_owned()
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
        let path = folder.path(name);
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
        scene.refused(option, "bare base64", bare, None);
    }
    scene.check();
}
