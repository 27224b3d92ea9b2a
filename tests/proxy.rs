//! Proxies from the environment: used when asked for, left alone otherwise. The environment is a
//! process's own, so the calls are made by the example in C.

#[path = "support/c.rs"]
mod c;
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use support::{ACCEPTED, GUID, RawGateway, http};

static REJECT: LazyLock<PathBuf> =
    LazyLock::new(|| c::compile("bindings/c/examples/reject.c", "reject-by-proxy", c::C89));

/// A proxy that makes the connections it is asked for, and remembers what it was asked.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("bound").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let remembered = asked.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                tunnel(client, &remembered);
            }
        });
        Proxy { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("asked").clone()
    }
}

/// Answers a CONNECT and carries bytes both ways from then on.
fn tunnel(mut client: TcpStream, asked: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("UTF-8");
    let target = head.split(' ').nth(1).expect("a target");
    let gateway = TcpStream::connect(target).expect("the gateway listens");
    asked.lock().expect("asked").push(head);
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").expect("written");
    for (mut from, mut to) in [
        (client.try_clone().expect("cloned"), gateway.try_clone().expect("cloned")),
        (gateway, client),
    ] {
        thread::spawn(move || std::io::copy(&mut from, &mut to));
    }
}

/// Calls with this environment and `--proxy`; whether it was asked for is the proxy's to say.
fn call(gateway: &RawGateway, environment: &[(&str, &str)], arguments: &[&str]) {
    let mut reject = Command::new(&*REJECT);
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        reject.env_remove(name).env_remove(name.to_lowercase());
    }
    reject.envs(environment.iter().copied()).env("AGW_GUID", GUID);
    reject.args(["--url", &gateway.url, "--allow-http", "--agent", "154"]).args(arguments);
    c::expect_success(&mut reject);
}

#[test]
fn the_environments_proxy_is_used_when_asked_for_only() {
    let gateway = RawGateway::start(vec![http("200 OK", ACCEPTED)]);
    let proxy = Proxy::start();
    let url = format!("http://user:secret@{}", proxy.address);
    let from_environment = ["--proxy", "env"];

    call(&gateway, &[("HTTPS_PROXY", &url)], &[]);
    call(&gateway, &[], &from_environment);
    for excepted in ["127.0.0.1", "elsewhere.test, 127.0.0.1", "*"] {
        call(&gateway, &[("HTTPS_PROXY", &url), ("NO_PROXY", excepted)], &from_environment);
    }
    assert_eq!(proxy.asked(), [""; 0], "not asked for, not set, or excepted");

    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        call(&gateway, &[(name, &url), ("NO_PROXY", "elsewhere.test")], &from_environment);
    }
    // The variable made for the purpose counts, and an empty one does not.
    let nobody = "http://127.0.0.1:9";
    call(&gateway, &[("HTTPS_PROXY", &url), ("ALL_PROXY", nobody)], &from_environment);
    call(&gateway, &[("HTTPS_PROXY", ""), ("ALL_PROXY", &url)], &from_environment);
    call(&gateway, &[], &["--proxy", &url]);
    let asked = proxy.asked();
    assert_eq!((asked.len(), gateway.seen().requests.len()), (6, 11));
    let target = gateway.url.strip_prefix("http://").expect("http");
    for head in asked {
        assert!(head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n")));
        assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"), "{head}");
    }
}
