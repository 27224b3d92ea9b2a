//! Base URLs, agent IDs, Guids, PEM, fingerprints, addresses and NO_PROXY, and models of what is
//! right.
//!
//! Input: a letter that says what the text is, the text.
#![no_main]

use std::env;
use std::ffi::CStr;
use std::net::IpAddr;
use std::sync::LazyLock;

use agw::ffi::agw_version;
use agw::{Client, ClientOptions, Error, Status, Trust};
use agw_fuzz::GUID;
use agw_fuzz::peer::Accepting;
use libfuzzer_sys::{Corpus, fuzz_target};

static GATEWAY: LazyLock<Accepting> = LazyLock::new(Accepting::start);

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let mut options = agw_fuzz::options(&format!("http://{}", GATEWAY.address));
    options.allow_http = true;
    Client::new(&options).expect("the options are right")
});

fuzz_target!(|input: &[u8]| -> Corpus {
    let [kind, text @ ..] = input else { return Corpus::Reject };
    let Ok(text) = str::from_utf8(text) else { return Corpus::Reject };
    match kind {
        b'u' => base_url(text),
        b'a' => agent_id(text),
        b'g' => guid(text),
        b'c' if is_pem(text) => told(text, |options| {
            options.trust = Trust::Ca;
            options.ca = Some(text.to_owned());
        }),
        b'k' if is_pem(text) => told(text, |options| options.client_cert = Some(text.to_owned())),
        b'f' => fingerprints(text),
        b't' => connect_to(text),
        b'x' => proxy(text),
        b'n' => return no_proxy(text),
        _ => return Corpus::Reject,
    }
    Corpus::Keep
});

/// What is no PEM is a path, and may lead anywhere.
fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN")
}

fn made(change: impl FnOnce(&mut ClientOptions)) -> Result<Client, Error> {
    let mut options = agw_fuzz::options("https://gateway:8043");
    options.trust = Trust::DangerAny;
    change(&mut options);
    Client::new(&options)
}

/// A URL that is taken leads to the right request, wherever it seems to point.
fn base_url(text: &str) {
    let outcome = made(|options| {
        options.base_url = text.to_owned();
        options.allow_http = true;
        options.connect_to = Some(GATEWAY.address.clone());
    });
    let client = match outcome {
        Ok(client) => client,
        Err(error) => return assert_eq!(error.status(), Status::InvalidUrl, "{error}"),
    };
    let (scheme, rest) = text.split_once("://").expect("a scheme");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()) || !text.is_ascii());
    assert!(!text.contains(['?', '#', ' ']));
    if !scheme.eq_ignore_ascii_case("http") {
        return assert!(scheme.eq_ignore_ascii_case("https"));
    }
    client.reject_agent_conf("154", GUID).expect("accepted");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    assert!(!authority.contains('@'));
    let path = path.trim_end_matches('/');
    let host = match authority.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) {
        Some((host, Ok(80))) => host.to_owned(),
        Some((host, Ok(port))) => format!("{host}:{port}"),
        _ => authority.to_owned(),
    };
    sent(&format!("{path}/agentgateway/resource/agentconf/154"), &host, GUID);
}

/// That exactly one request came, and that it was the right one.
fn sent(path: &str, host: &str, guid: &str) {
    let requests = GATEWAY.take_requests();
    assert_eq!(requests.len(), 1);
    // SAFETY: the text is static and NUL-terminated.
    let version = unsafe { CStr::from_ptr(agw_version()) }.to_str().expect("UTF-8");
    let expected = format!(
        "POST {path}/rejectagentconf HTTP/1.1\r\nHost: {host}\r\nGuid: {guid}\r\n\
         Content-Type: application/json; charset=UTF-8\r\nContent-Length: 0\r\n\
         Accept: application/json\r\nAccept-Encoding: identity\r\nUser-Agent: agw/{version}\r\n\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&requests[0]), expected);
}

fn agent_id(text: &str) {
    let digits = text.chars().filter(|c| matches!(c, '0'..='9')).count();
    let canonical = digits == text.chars().count() && !text.starts_with('0');
    let number = text.chars().fold(0_u128, |number, digit| {
        (number * 10 + u128::from(digit) - u128::from('0').min(u128::from(digit))).min(1 << 64)
    });
    let expected = canonical && (101..=59_999).contains(&number);
    match CLIENT.reject_agent_conf(text, GUID) {
        Ok(_) => {
            assert!(expected, "{text:?} was taken");
            let path = format!("/agentgateway/resource/agentconf/{text}");
            sent(&path, &GATEWAY.address, GUID);
        }
        Err(error) => {
            assert!(!expected, "{text:?}: {error}");
            refused_unsent(&error, Status::InvalidAgentId);
        }
    }
}

fn refused_unsent(error: &Error, status: Status) {
    assert_eq!(error.status(), status, "{error}");
    assert!(!error.maybe_sent());
    assert!(GATEWAY.take_requests().is_empty());
}

fn guid(text: &str) {
    let named = text.get(..11).is_some_and(|name| name.eq_ignore_ascii_case("JSESSIONID="));
    let bare = if named { &text[11..] } else { text };
    // Attributes of the header do not belong to it.
    let bare = bare.split_once(';').map_or(bare, |(bare, _)| bare.trim_end_matches(' '));
    let expected =
        (1..=256).contains(&bare.len()) && bare.chars().all(|c| ('!'..='~').contains(&c));
    match CLIENT.reject_agent_conf("154", text) {
        Ok(_) => {
            assert!(expected, "{text:?} was taken");
            sent("/agentgateway/resource/agentconf/154", &GATEWAY.address, bare);
        }
        Err(error) => {
            assert!(!expected, "{text:?}: {error}");
            refused_unsent(&error, Status::InvalidGuid);
            let shown = format!("{error:?} {error}");
            assert!(text.len() < 16 || !shown.contains(text), "{shown}");
        }
    }
}

/// A refusal names the option and shows nothing of what is in it.
fn told(text: &str, change: impl FnOnce(&mut ClientOptions)) {
    const ENOUGH: usize = 16;
    let Err(error) = made(change) else { return };
    assert_eq!(error.status(), Status::TlsConfig, "{error}");
    let shown = format!("{error:?} {error}");
    for line in text.lines().filter(|line| !line.starts_with('-')) {
        let base64 = line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        let shows = base64 && line.len() >= ENOUGH && shown.contains(&line[..ENOUGH]);
        assert!(!shows, "{shown} shows {line}");
    }
}

fn fingerprints(text: &str) {
    let expected = text.split(',').all(|one| {
        let one = one.trim_start().to_ascii_lowercase();
        let behind =
            |text: &str, word| text.strip_prefix(word).map(|rest| rest.trim_start().to_owned());
        let digits = match behind(&one, "sha256").or_else(|| behind(&one, "sha-256")) {
            Some(rest) => behind(&rest, "fingerprint")
                .unwrap_or(rest)
                .trim_start_matches([':', '='])
                .to_owned(),
            None => one,
        };
        let separator = |c: char| c.is_whitespace() || ":-\u{200e}\u{feff}".contains(c);
        let digits = digits.replace(separator, "");
        digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit())
    });
    let outcome = made(|options| {
        options.trust = Trust::Pin;
        options.pin_sha256 = Some(text.to_owned());
    });
    assert_eq!(outcome.is_ok(), expected, "{text:?}");
}

fn connect_to(text: &str) {
    let outcome = made(|options| options.connect_to = Some(text.to_owned()));
    if let Err(error) = outcome {
        assert_eq!(error.status(), Status::InvalidUrl, "{error}");
    } else {
        for entry in text.split(',').map(str::trim) {
            let (ip, port) = entry.rsplit_once(':').expect("a port");
            assert!(port.parse::<u16>().is_ok_and(|port| port != 0), "{text:?}");
            assert!(ip.chars().all(|c| c.is_ascii_hexdigit() || "[]:.".contains(c)), "{text:?}");
        }
    }
}

fn proxy(text: &str) {
    if let Err(error) = made(|options| options.proxy = Some(text.to_owned())) {
        assert_eq!(error.status(), Status::InvalidUrl, "{error}");
        let secret = text.split_once('@').map_or("", |(user, _)| user);
        // The form that is wanted is no secret.
        let said = error.detail().replace("http://user:password@host:port", "");
        assert!(secret.len() < 16 || !said.contains(secret), "{error}");
    }
}

/// The first line is the gateway's host and port, the rest the list. A proxy of a kind that agw does
/// not know is refused, unless the list excepts the gateway.
fn no_proxy(text: &str) -> Corpus {
    let Some((host, list)) = text.split_once('\n') else { return Corpus::Reject };
    if list.contains('\0') {
        return Corpus::Reject;
    }
    // SAFETY: the gateway's threads do not read the environment.
    unsafe {
        env::set_var("https_proxy", "socks5://proxy:1080");
        env::set_var("no_proxy", list);
    }
    let outcome = made(|options| {
        options.base_url = format!("https://{host}");
        options.proxy = Some("env".to_owned());
    });
    let excepted = match outcome {
        Ok(_) => true,
        Err(error) if error.detail().starts_with("proxy: https_proxy: ") => false,
        Err(_) => return Corpus::Reject,
    };
    let host = host.split('/').next().unwrap_or_default();
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().expect("a port")),
        _ => (host, 443),
    };
    assert_eq!(excepted, is_excepted(list, name, port), "{host:?}: {list:?}");
    Corpus::Keep
}

fn is_excepted(list: &str, name: &str, port: u16) -> bool {
    let bare = |text: &str| {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        inner.unwrap_or(text).parse::<IpAddr>().ok()
    };
    let gateway = bare(name);
    let matches = |entry: &str| match (gateway, entry.rsplit_once('/')) {
        (Some(ip), Some((network, length))) => {
            let bits = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => format!("4{ip:032b}", ip = ip.to_bits()),
                IpAddr::V6(ip) => format!("6{ip:0128b}", ip = ip.to_bits()),
            };
            let (ip, network) = (bits(ip), bare(network).map(bits).unwrap_or_default());
            let length = length.parse::<u32>().map(|length| u64::from(length) + 1);
            let length = length.ok().and_then(|length| usize::try_from(length).ok());
            length.is_some_and(|length| {
                ip.get(..length).is_some_and(|start| network.get(..length) == Some(start))
            })
        }
        (Some(ip), None) => bare(entry) == Some(ip),
        (None, _) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            let entry = entry.strip_suffix('.').unwrap_or(entry).to_ascii_lowercase();
            let entry = entry.strip_prefix("*.").or(entry.strip_prefix('.')).unwrap_or(&entry);
            !entry.is_empty() && (name == entry || name.ends_with(&format!(".{entry}")))
        }
    };
    let at_this_port = |entry: &str| match entry.rsplit_once(':') {
        Some((host, at)) => at.parse() == Ok(port) && !host.contains('/') && matches(host),
        None => false,
    };
    list.split([',', ' ', '\t', '\n', '\r', '\x0C']).any(|entry| {
        // IPv6 without brackets has no port.
        let has_port = bare(entry).is_none() && at_this_port(entry);
        entry == "*" || matches(entry) || has_port
    })
}
