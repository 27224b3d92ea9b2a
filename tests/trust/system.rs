//! The system's store. Which file it is in, the environment says, which is the whole process's:
//! hence a process of its own.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::*;

/// The process that has it is the inner one; its value is the file of the system's store.
const STORE: &str = "AGW_TRUST_TEST_STORE";

/// The store's folder beside it, which is not there yet either.
const MORE: &str = "more";

/// Runs the test once more, alone in a process with a system's store that is not there yet.
fn with_own_store(test: &str, body: impl FnOnce(&Path)) {
    if let Some(store) = env::var_os(STORE) {
        return body(Path::new(&store));
    }
    let folder = Folder::create();
    let store = folder.path("store.pem");
    run_alone(test, [&store, &folder.path(MORE), &store]);
}

/// With the file and the folder that are named, and what tells it that it is the inner one.
fn run_alone(test: &str, [file, folder, store]: [&str; 3]) {
    let output = Command::new(env::current_exe().expect("a test has a path"))
        .args(["--exact", test, "--nocapture"])
        .envs([("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder), (STORE, store)])
        .output()
        .expect("a test can run");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn reject_with_system(gateway: &Gateway, ca: Option<&Authority>) -> Result<Answer, Error> {
    reject(&options(gateway, Trust::System, |options| options.ca = ca.map(Authority::pem)))
}

fn gateway_of(authority: &Authority) -> Gateway {
    Plan::new(&authority.issue(&Leaf::server(vec![dns(HOST)]))).start()
}

fn assert_unknown_issuer(outcome: Result<Answer, Error>) {
    let error = outcome.expect_err("an unknown issuer");
    assert_eq!(error.status(), Status::Tls);
    assert!(error.detail().contains("issuer is not among those trusted"), "{error}");
}

#[test]
fn the_systems_store_counts_where_it_should() {
    with_own_store("system::the_systems_store_counts_where_it_should", |store| {
        let (systems, own) = (Authority::new("The system's"), Authority::new("Own authority"));
        let (public, private) = (gateway_of(&systems), gateway_of(&own));
        fs::write(store, systems.pem()).expect("the store can be written");

        reject_with_system(&public, None).expect("the system trusts it");
        assert_unknown_issuer(reject_with_system(&private, None));

        reject_with_system(&public, Some(&own)).expect("ca is added, it takes nothing away");
        reject_with_system(&private, Some(&own)).expect("ca is added");

        assert_unknown_issuer(reject_trusting(&public, &own.pem()));
        reject_trusting(&private, &own.pem()).expect("ca alone");
    });
}

#[test]
fn a_system_without_a_store_is_told_at_once() {
    with_own_store("system::a_system_without_a_store_is_told_at_once", |store| {
        let own = Authority::new("Own authority");
        let gateway = gateway_of(&own);
        let not_there = format!(
            "the system's store: '{}' cannot be read: entity not found; see SSL_CERT_FILE and \
             SSL_CERT_DIR",
            store.display()
        );
        let empty = "the system's certificate store has no certificate that can be used; install it \
                     (ca-certificates), see whether SSL_CERT_FILE or SSL_CERT_DIR names another, or \
                     give ca";
        for expected in [&not_there, empty] {
            let outcome = Client::new(&options(&gateway, Trust::System, |_| {}));
            let error = outcome.expect_err(expected);
            assert_eq!((error.status(), error.detail()), (Status::TlsConfig, expected));
            reject_with_system(&gateway, Some(&own)).expect("ca will do");
            fs::create_dir_all(store.with_file_name(MORE)).expect("a folder");
            fs::write(store, "no PEM").expect("the store can be written");
        }
    });
}

/// As of a variable that a deployment leaves open.
#[test]
fn an_empty_name_of_a_store_is_none() {
    if env::var_os(STORE).is_none() {
        return run_alone("system::an_empty_name_of_a_store_is_none", ["", "", "inner"]);
    }
    let gateway = gateway_of(&Authority::new("Own authority"));
    let made = Client::new(&options(&gateway, Trust::System, |_| {}));
    // This machine may have no store.
    let error = made.err().map(|error| error.detail().to_owned()).unwrap_or_default();
    assert!(!error.contains("cannot be read"), "{error}");
}

/// The reader of the store would wait for ever, or until no memory is left.
#[test]
fn a_store_without_an_end_is_refused_at_once() {
    with_own_store("system::a_store_without_an_end_is_refused_at_once", |store| {
        let own = Authority::new("Own authority");
        let gateway = gateway_of(&own);
        let refused = |why| {
            let error = reject_with_system(&gateway, Some(&own)).expect_err(why);
            assert_eq!(error.status(), Status::TlsConfig);
            let store = store.display();
            let expected = format!(
                "the system's store: '{store}' cannot be read: {why}; see SSL_CERT_FILE and \
                 SSL_CERT_DIR"
            );
            assert_eq!(error.detail(), expected);
        };
        fs::File::create(store).and_then(|file| file.set_len(20 << 20)).expect("a long file");
        refused("it is larger than 16 MiB");
        fs::remove_file(store).expect("it goes");
        assert!(Command::new("mkfifo").arg(store).status().expect("mkfifo runs").success());
        refused("it is no regular file");
        fs::remove_file(store).expect("it goes");
        fs::create_dir(store).expect("a folder");
        reject_with_system(&gateway, Some(&own)).expect("as one that is not there");

        let more = store.with_file_name(MORE);
        fs::create_dir(&more).expect("a folder");
        let long = fs::File::create(more.join("long.pem")).expect("a file in it");
        long.set_len(20 << 20).expect("a long file");
        let error = reject_with_system(&gateway, Some(&own)).expect_err("a file without an end");
        assert!(error.detail().contains("long.pem' cannot be read: it is larger"), "{error}");
    });
}

/// A system's bundle may hold what nobody can read: the rest counts. The caller's own may not.
#[test]
fn the_good_ones_of_a_systems_bundle_are_used() {
    with_own_store("system::the_good_ones_of_a_systems_bundle_are_used", |store| {
        let own = Authority::new("Own authority");
        let gateway = gateway_of(&own);
        for bad in ["bundle-second-damaged.pem", "bundle-second-no-base64.pem"] {
            let bad = corpus::path(bad);
            let bundle = fs::read_to_string(&bad).expect("a bundle") + &own.pem();
            fs::write(store, bundle).expect("the store can be written");
            reject_with_system(&gateway, None).unwrap_or_else(|error| panic!("{bad}: {error}"));
            let error = reject_trusting(&gateway, &bad).expect_err("the caller's own");
            assert!(error.detail().contains("certificate 2"), "{error}");
        }
    });
}
