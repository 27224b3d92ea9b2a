//! A gateway's TLS by the program openssl: what rustls does not speak, it does.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::Running;

/// `openssl s_server` on loopback; ended when dropped.
pub struct Server {
    _running: Running,
    port: u16,
}

impl Server {
    /// With this certificate and key, these arguments, and a port of its own.
    pub fn start(certificate: &str, key: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(["-cert", certificate, "-key", key])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the tests need the program openssl (Debian package openssl)");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let port = said.lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.strip_prefix("ACCEPT ")?.rsplit_once(':')?;
            port.parse().ok()
        });
        let port = port.unwrap_or_else(|| panic!("openssl s_server {arguments:?} does not start"));
        Server { _running: Running(child), port }
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }
}
