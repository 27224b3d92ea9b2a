//! The system's store. Which file it is in, the environment says, which is the whole process's:
//! hence a process of its own.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use agw::{Answer, Client, Error, Status, Trust};
use support::HOST;
use support::certs::{Authority, Leaf, dns};
use support::files::Folder;
use support::gateway::Gateway;
use support::tls::Plan;

use crate::{options, reject, reject_trusting};

/// The process that has it is the inner one; its value is the file of the system's store.
const STORE: &str = "AGW_TRUST_TEST_STORE";

/// Runs the test once more, alone in a process with a system's store that is not there yet.
fn with_own_store(test: &str, body: impl FnOnce(&Path)) {
    if let Some(store) = env::var_os(STORE) {
        return body(Path::new(&store));
    }
    let folder = Folder::create();
    let store = folder.path("store.pem");
    let output = Command::new(env::current_exe().expect("a test has a path"))
        .args(["--exact", test, "--nocapture"])
        .envs([("SSL_CERT_FILE", &store), (STORE, &store)])
        .env_remove("SSL_CERT_DIR")
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
    with_own_store("system::a_system_without_a_store_is_told_at_once", |_| {
        let own = Authority::new("Own authority");
        let gateway = gateway_of(&own);
        let error = Client::new(&options(&gateway, Trust::System, |_| {})).expect_err("no store");
        assert_eq!(error.status(), Status::TlsConfig);
        assert!(error.detail().contains("system's certificate store"), "{error}");
        reject_with_system(&gateway, Some(&own)).expect("ca will do");
    });
}

/// A system's bundle may hold what nobody can read: the rest counts. The caller's own may not.
#[test]
fn the_good_ones_of_a_systems_bundle_are_used() {
    with_own_store("system::the_good_ones_of_a_systems_bundle_are_used", |store| {
        let own = Authority::new("Own authority");
        let gateway = gateway_of(&own);
        for bad in ["bundle-second-damaged.pem", "bundle-second-no-base64.pem"] {
            let bad = format!("{}/tests/corpus/files/{bad}", env!("CARGO_MANIFEST_DIR"));
            let bundle = fs::read_to_string(&bad).expect("a bundle") + &own.pem();
            fs::write(store, bundle).expect("the store can be written");
            reject_with_system(&gateway, None).unwrap_or_else(|error| panic!("{bad}: {error}"));
            let error = reject_trusting(&gateway, &bad).expect_err("the caller's own");
            assert!(error.detail().contains("certificate 2"), "{error}");
        }
    });
}
