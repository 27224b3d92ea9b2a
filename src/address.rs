//! A host and its port, by name or by address.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A host and port to connect to.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub host: Host,
    pub port: u16,
}

/// A host by name, or by address so that nothing has to be looked up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Host {
    Name(String),
    Ip(IpAddr),
}

impl Address {
    /// `None` where the host is neither a name nor an address: what stands in brackets is an IPv6
    /// address or nothing.
    pub fn new(host: &str, port: u16) -> Option<Self> {
        let host = match host.strip_prefix('[') {
            Some(rest) => Host::Ip(IpAddr::V6(rest.strip_suffix(']')?.parse().ok()?)),
            None => match host.parse() {
                Ok(ip) => Host::Ip(IpAddr::V4(ip)),
                Err(_) if is_host_name(host) => Host::Name(host.to_owned()),
                Err(_) => return None,
            },
        };
        Some(Address { host, port })
    }
}

/// As a certificate may have it, underscores included. One that ends in a number is an address that went
/// wrong, or that a C library would read in its own way.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let in_label = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(in_label)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = |label: &str| match label.strip_prefix("0x").or(label.strip_prefix("0X")) {
        Some(hex) => hex.bytes().all(|digit| digit.is_ascii_hexdigit()),
        None => label.bytes().all(|digit| digit.is_ascii_digit()),
    };
    name.len() <= 253
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "{name}:{}", self.port),
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
        }
    }
}
