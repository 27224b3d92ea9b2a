//! What is taken as an agent ID, a Guid and a base URL, against models of them.

use support::ACCEPTED;
use support::client::options;

use crate::*;

/// What a call with these arguments comes to at a gateway that accepts.
fn status_of(client: &Client, agent_id: &str, guid: &str) -> Status {
    let outcome = client.reject_agent_conf(agent_id, guid);
    outcome.map_or_else(|error| error.status(), |_| Status::Ok)
}

fn accepting() -> (Gateway, Client) {
    let (gateway, client) = Gateway::start();
    gateway.give(vec![http("200 OK", ACCEPTED).into()]);
    (gateway, client)
}

#[test]
fn agent_ids_are_the_canonical_numbers_of_the_range() {
    let (_gateway, client) = accepting();
    let ids = prop_oneof![
        (0..70_000_u32).prop_map(|number| number.to_string()),
        "[0-9]{1,12}",
        "[+-]?0?[0-9]{3,5} ?",
        ".{0,6}",
    ];
    proptest!(cases(400), |(id in ids)| {
        // The model: a number of the range prints as exactly this text.
        let expected = match (101..=59_999).any(|number: u32| number.to_string() == id) {
            true => Status::Ok,
            false => Status::InvalidAgentId,
        };
        prop_assert_eq!(status_of(&client, &id, "guid"), expected);
    });
}

#[test]
fn guids_are_visible_ascii_of_256_bytes_at_most() {
    let (_gateway, client) = accepting();
    let guids = prop_oneof!["[!-~]{0,12}", "[!-~]{250,262}", "[ -~\\t\\r\\n]{1,40}", ".{0,8}"];
    let names = select(vec!["", "JSESSIONID=", "jsessionid=", "JSESSIONID=JSESSIONID="]);
    let attributes = select(vec!["", ";", " ;Secure", "; Path=/; HttpOnly"]);
    proptest!(cases(400), |(guid in guids, name in names, attributes in attributes)| {
        let given = format!("{name}{guid}{attributes}");
        let guid = if name.is_empty() { &given } else { &given["JSESSIONID=".len()..] };
        // Attributes of the header do not belong to it.
        let guid = guid.split_once(';').map_or(guid, |(guid, _)| guid.trim_end_matches(' '));
        let visible = guid.bytes().filter(|byte| (0x21..=0x7E).contains(byte)).count();
        let expected = match visible == guid.len() && (1..=256).contains(&visible) {
            true => Status::Ok,
            false => Status::InvalidGuid,
        };
        prop_assert_eq!(status_of(&client, "154", &given), expected);
        if expected == Status::Ok {
            client.set_session("154", Some(&given), None).expect("a Guid");
            let session = client.session("154").expect("kept");
            prop_assert_eq!(session.guid(), guid);
        }
    });
}

/// Texts for one part of a URL: those that make no URL of it, or one that is refused, and others.
fn part(
    right: &'static [&'static str],
    wrong: &'static [&'static str],
) -> impl Strategy<Value = (&'static str, bool)> {
    let right = select(right).prop_map(|text| (text, true));
    let wrong = select(wrong).prop_map(|text| (text, false));
    prop_oneof![6 => right, 1 => wrong]
}

#[rustfmt::skip]
const HOSTS: &[&str] = &[
    "gateway", "gw-1.example.org", "GW.corp.test.", "gate_way.test", "xn--nxasmq6b", "1a.2b", "10.1.2.3",
    "[::1]", "[2001:db8::7]",
];

#[rustfmt::skip]
const NO_HOSTS: &[&str] = &[
    "", ".", "gw..", ".gw", "-gw", "gw-.test", "g!w", "g w", "g\tw", "gw\u{7}", "座席", "*", "*.test",
    "gw1,gw2", "127.1", "256.1.1.1", "1.2.3.4.", "::1", "[::1", "[::1]x", "[]", "[gw]", "[10.1.2.3]",
    "[::1%lo]", "[fe80::1%25eth0]",
];

/// What a client of this gateway is refused with.
fn refusal(url: &str) -> Option<Status> {
    Client::new(&options(url)).err().map(|error| error.status())
}

#[test]
fn hosts_are_names_or_addresses() {
    for (hosts, expected) in [(HOSTS, None), (NO_HOSTS, Some(Status::InvalidUrl))] {
        for host in hosts {
            assert_eq!(refusal(&format!("http://{host}:8043")), expected, "{host}");
        }
    }
}

#[test]
fn base_urls_are_right_if_every_part_is() {
    let schemes = part(&["https://", "http://", "HTTPS://"], &["ftp://", "", "https:", "://"]);
    let users = part(&[""], &["user@", "user:word@", "@"]);
    let hosts = part(HOSTS, NO_HOSTS);
    let ports = part(
        &["", ":1", ":443", ":8043", ":65535"],
        &[":", ":0", ":65536", ":x", ":-1", ":+80", ":80:81", ": 80"],
    );
    let paths = part(
        &["", "/", "/a", "/a/b/", "/agentgateway2"],
        &["/agentgateway", "/agentgateway/", "/a/agentgateway/resource", "/a b", "/\n", "/座席"],
    );
    let ends = part(&[""], &["?", "?a=b", "#", "#a"]);
    proptest!(cases(1500), |(
        scheme in schemes, user in users, host in hosts, port in ports, path in paths, end in ends
    )| {
        let parts = [scheme, user, host, port, path, end];
        let url: String = parts.iter().map(|part| part.0).collect();
        let expected = parts.iter().all(|part| part.1);
        prop_assert_eq!(refusal(&url), (!expected).then_some(Status::InvalidUrl), "{:?}", url);
    });
}
