//! Proxies from the environment: used when asked for, left alone otherwise. The environment is a
//! process's own, so the calls are made by the example in C.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use agw::{Client, ClientOptions, Status};
use support::gateway::Step::{Read, Send, Tunnel};
use support::gateway::{Gateway, Script};
use support::{GUID, c, http};

static REJECT: LazyLock<PathBuf> =
    LazyLock::new(|| c::compile("bindings/c/examples/reject.c", "reject-by-proxy", c::C89));

/// Calls with this environment and `--proxy`; whether it was asked for is the proxy's to say.
fn command(url: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut reject = without_proxies(REJECT.as_os_str());
    reject.envs(environment.iter().copied()).env("AGW_GUID", GUID);
    reject.args(["--url", url, "--allow-http", "--agent", "154"]).args(arguments);
    reject
}

fn without_proxies(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
}

fn call(gateway: &Gateway, environment: &[(&str, &str)], arguments: &[&str]) {
    c::expect_success(&mut command(&gateway.url(), environment, arguments));
}

/// Makes the connections that it is asked for.
fn a_proxy() -> Gateway {
    Gateway::start(vec![Script::Tcp(vec![Read, Tunnel])], None)
}

/// What is wrong for one address is wrong for all, and a proxy may lock the account.
#[test]
fn a_proxy_that_wants_another_password_is_asked_once() {
    let proxy = Gateway::start(vec![Script::Tcp(vec![Read, Send(http("407 x", "").into())])], None);
    let mut options = ClientOptions::new("http://gateway.test");
    options.allow_http = true;
    options.connect_to = Some("127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3".to_owned());
    options.proxy = Some(format!("http://user:wrong@{}", proxy.address()));
    let error = Client::new(&options).expect("a client").connect().expect_err("no tunnel");
    assert_eq!(error.status(), Status::Proxy, "{error}");
    assert_eq!(proxy.seen().requests.len(), 1);
}

const FROM_ENVIRONMENT: [&str; 4] = ["--proxy", "env", "--timeout", "3000"];

#[test]
fn the_environments_proxy_is_used_when_asked_for_only() {
    let gateway = Gateway::accepting();
    let proxy = a_proxy();
    let url = format!("http://user:secret@{}", proxy.address());

    call(&gateway, &[("http_proxy", &url)], &[]);
    call(&gateway, &[], &FROM_ENVIRONMENT);
    for excepted in ["127.0.0.1", "elsewhere.test, 127.0.0.1", "*", "127.0.0.0/8"] {
        call(&gateway, &[("http_proxy", &url), ("NO_PROXY", excepted)], &FROM_ENVIRONMENT);
    }
    // A proxy of a kind that is not known does not matter where it is not used.
    let socks = [("http_proxy", "socks5://127.0.0.1:9"), ("no_proxy", "127.0.0.1")];
    call(&gateway, &socks, &FROM_ENVIRONMENT);
    // In a CGI program HTTP_PROXY is what the caller sent as a header named Proxy.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "https_proxy"] {
        call(&gateway, &[(name, &url)], &FROM_ENVIRONMENT);
    }
    assert_eq!(proxy.seen().requests, [""; 0], "not asked for, not set, not for http, or excepted");

    for name in ["http_proxy", "all_proxy", "ALL_PROXY"] {
        call(&gateway, &[(name, &url), ("NO_PROXY", "elsewhere.test")], &FROM_ENVIRONMENT);
    }
    // The variable made for the purpose counts, and an empty one does not.
    let nobody = "http://127.0.0.1:9";
    call(&gateway, &[("http_proxy", &url), ("ALL_PROXY", nobody)], &FROM_ENVIRONMENT);
    call(&gateway, &[("http_proxy", ""), ("ALL_PROXY", &url)], &FROM_ENVIRONMENT);
    call(&gateway, &[], &["--proxy", &url]);
    let asked = proxy.seen().requests;
    assert_eq!((asked.len(), gateway.seen().requests.len()), (6, 16));
    let url = gateway.url();
    let target = url.strip_prefix("http://").expect("http");
    for head in asked {
        assert!(head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")));
        assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"), "{head}");
    }
}

#[test]
fn a_connection_through_a_proxy_names_it() {
    let (gateway, proxy) = (Gateway::accepting(), a_proxy());
    let mut options = ClientOptions::new(gateway.url());
    options.allow_http = true;
    options.proxy = Some(format!("http://user:secret@{}", proxy.address()));
    let words = Client::new(&options).and_then(|client| client.connect()).expect("connected");
    let expected = format!("plain http, nothing was checked, through proxy {}", proxy.address());
    assert_eq!(words, expected);
}

/// The gateway behind the proxy speaks no TLS: who was asked is what counts.
#[test]
fn for_https_the_environment_has_variables_of_its_own() {
    let gateway = Gateway::accepting();
    let url = gateway.url().replace("http:", "https:");
    for (names, used) in [
        (vec!["https_proxy"], true),
        (vec!["HTTPS_PROXY"], true),
        (vec!["all_proxy"], true),
        (vec!["ALL_PROXY"], true),
        (vec!["http_proxy", "HTTP_PROXY"], false),
    ] {
        let proxy = a_proxy();
        let address = format!("http://{}", proxy.address());
        let environment: Vec<_> = names.iter().map(|name| (*name, address.as_str())).collect();
        let output = c::output_of(&mut command(&url, &environment, &FROM_ENVIRONMENT), "");
        assert!(!output.status.success());
        assert_eq!(proxy.seen().requests.len(), usize::from(used), "{names:?}");
    }
}

#[test]
fn a_proxy_variable_that_cannot_be_used_is_named() {
    for (name, value) in [("https_proxy", "socks5://127.0.0.1:9"), ("ALL_PROXY", "http://")] {
        let environment = [(name, value), ("no_proxy", "elsewhere.test")];
        let output =
            c::output_of(&mut command("https://gw.test", &environment, &FROM_ENVIRONMENT), "");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.contains(&format!("proxy: {name}: not of the form")), "{printed}");
    }
}

/// Another host or user could come of it otherwise.
#[test]
fn a_proxy_variable_that_is_not_utf8_is_named() {
    for value in [b"http://\xe4:9".as_slice(), b"http://us\xe4r:word@127.0.0.1:9"] {
        let run = |excepted: &str| {
            let mut call = command("http://127.0.0.1:9", &[], &FROM_ENVIRONMENT);
            call.env("http_proxy", OsStr::from_bytes(value)).env("NO_PROXY", excepted);
            String::from_utf8_lossy(&c::output_of(&mut call, "").stdout).into_owned()
        };
        let refused = run("elsewhere.test");
        assert!(refused.contains("proxy: http_proxy: holds bytes that are not UTF-8"), "{refused}");
        let excepted = run("127.0.0.1");
        assert!(excepted.contains("no connection to 127.0.0.1:9"), "{excepted}");
    }
}

/// The lines of the table: the gateway's host, NO_PROXY, and how agw and curl go.
fn exceptions() -> Vec<[String; 4]> {
    let table = include_str!("corpus/no_proxy.tsv");
    let line = |line: &str| {
        let [host, list, agw, curl, why] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five columns: {line}")
        };
        assert_eq!(agw == curl, why == "-", "a difference has a reason: {line}");
        let list = list.strip_prefix('"').and_then(|list| list.strip_suffix('"')).expect("quoted");
        let list = list.replace("\\t", "\t").replace("\\n", "\n");
        [host.to_owned(), list, agw.to_owned(), curl.to_owned()]
    };
    table.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

/// Both are called with every list, and who was asked tells how they went.
#[test]
fn no_proxy_lists_are_read_as_curl_reads_them_and_a_little_more() {
    const CURL: &str = "curl";
    let refuses = Send(http("403 Forbidden", "").into());
    let proxy = Gateway::start(vec![Script::Tcp(vec![Read, refuses])], None);
    let gateway = Gateway::accepting();
    let (proxy_url, address) =
        (format!("http://{}", proxy.address()), gateway.address().to_string());
    let went = |command: &mut Command, list: &str| {
        command.envs([("http_proxy", proxy_url.as_str()), ("NO_PROXY", list)]);
        c::output_of(command, "");
        match (gateway.take_requests().len(), proxy.take_requests().len()) {
            (1, 0) => "direct",
            (0, 1) => "proxy",
            other => panic!("{other:?} requests: {command:?}"),
        }
    };
    let version = c::expect_success(Command::new(CURL).arg("--version")).stdout;
    let is_the_table_s = version.starts_with(b"curl 7.88.");
    let mut wrong = BTreeMap::new();
    for [host, list, agw, curl] in exceptions() {
        let url = format!("http://{host}:8043");
        let arguments = [FROM_ENVIRONMENT.as_slice(), &["--connect-to", &address]].concat();
        let by_agw = went(&mut command(&url, &[], &arguments), &list);
        let mut call = without_proxies(CURL.as_ref());
        call.args(["-s", "-m", "20", "--connect-to", &format!("::{address}"), &url]);
        let by_curl = went(&mut call, &list);
        // Where agw goes its own way, other versions of curl may, too.
        let curl_is_right = by_curl == curl || (agw != curl && !is_the_table_s);
        if by_agw != agw || !curl_is_right {
            wrong.insert((host, list), (by_agw, by_curl));
        }
    }
    assert!(wrong.is_empty(), "gateway, NO_PROXY, how agw and curl went: {wrong:#?}");
}
