//! `AGW_TRUST_DANGER_ANY` does not go unnoticed.

use agw::{Client, Level, Trust};
use support::client::Lines;
use support::tls::Plan;
use support::{GUID, HOST};

use crate::{corpus, options};

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
