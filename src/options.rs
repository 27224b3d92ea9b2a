//! What a caller may set, and the checked form that the rest of the library works with.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

use crate::log::{Level, Sink};
use crate::{Error, Status};

/// What the gateway's certificate is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Trust {
    /// The system's store, plus [`ClientOptions::ca`] if given.
    #[default]
    System,
    /// [`ClientOptions::ca`] alone.
    Ca,
    /// [`ClientOptions::pin_sha256`] alone: names, dates and chains are not looked at, the
    /// signature of the handshake is.
    Pin,
    /// Nothing: whoever sits on the path can read the Guid. For a laboratory.
    DangerAny,
}

/// How to reach a gateway. Only `base_url` has no default.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// `https://host:port`, also with a path prefix in front of `/agentgateway`.
    pub base_url: String,
    /// Takes a `base_url` with plain http. Default: no.
    pub allow_http: bool,
    /// Keeps connections for the next call, 30 s at most. Default: yes.
    pub keep_alive: bool,
    /// The whole call, name look-up included. Default: 10 s.
    pub timeout: Duration,
    /// TCP and TLS set-up. Default: 5 s.
    pub connect_timeout: Duration,
    /// Largest agent ID taken. Default: 59999; gateways documented since late 2025 go to 999999.
    pub max_agent_id: u32,
    /// What the gateway's certificate is checked against. Default: the system's store.
    pub trust: Trust,
    /// `ip:port` to dial instead; the certificate must still be for the host of `base_url`.
    pub connect_to: Option<String>,
    /// Certificates to trust: PEM text, or the path of a PEM file.
    pub ca: Option<String>,
    /// SHA-256 fingerprints of the gateway's certificate: hex, colons allowed, comma between.
    pub pin_sha256: Option<String>,
    /// Client certificate chain: PEM text or path.
    pub client_cert: Option<String>,
    /// Private key of `client_cert`: PEM text or path. Default: looked for in `client_cert`.
    pub client_key: Option<String>,
    /// `None`: no proxy; `"env"`: from the environment, as `agw.h` says; else `http://user:password@host:port`.
    pub proxy: Option<String>,
    /// Receives log lines, from any thread that calls. Default: nobody.
    pub log: Option<Sink>,
    /// The most verbose level wanted. Default: [`Level::Warn`].
    pub log_level: Level,
}

/// Smallest agent ID of the gateway.
pub(crate) const MIN_AGENT_ID: u32 = 101;

impl ClientOptions {
    /// The defaults for a gateway.
    pub fn new(base_url: impl Into<String>) -> Self {
        ClientOptions {
            base_url: base_url.into(),
            allow_http: false,
            keep_alive: true,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            max_agent_id: 59_999,
            trust: Trust::System,
            connect_to: None,
            ca: None,
            pin_sha256: None,
            client_cert: None,
            client_key: None,
            proxy: None,
            log: None,
            log_level: Level::Warn,
        }
    }
}

impl fmt::Debug for ClientOptions {
    /// Names the gateway only: the other fields may hold keys and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// A host and port to dial.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub host: Host,
    pub port: u16,
}

/// A host by name, or by address so that nothing has to be looked up.
#[derive(Debug, Clone)]
pub(crate) enum Host {
    Name(String),
    Ip(IpAddr),
}

impl Address {
    /// `None` where the host is neither a name nor an address: what stands in brackets is an IPv6
    /// address or nothing.
    fn new(host: &str, port: u16) -> Option<Self> {
        let host = match host.strip_prefix('[') {
            Some(rest) => Host::Ip(IpAddr::V6(rest.strip_suffix(']')?.parse().ok()?)),
            None if host.is_empty() || host.contains(['[', ']', ':']) => return None,
            None => host.parse().map_or_else(|_| Host::Name(host.to_owned()), Host::Ip),
        };
        Some(Address { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "{name}:{}", self.port),
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
        }
    }
}

/// `base_url`, taken apart and checked.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    pub https: bool,
    pub address: Address,
    /// `https://host:port/prefix`, without a slash at the end.
    pub base: String,
    /// The path in front of `/agentgateway`, often empty.
    pub prefix: String,
    /// The value of the `Host` header.
    pub authority: String,
}

impl Gateway {
    pub fn parse(options: &ClientOptions) -> Result<Self, Error> {
        let text = options.base_url.as_str();
        let refuse = |why: &str| Err(Error::new(Status::InvalidUrl, format!("base_url: {why}")));
        if text.len() > 2048 {
            return refuse("longer than 2048 bytes");
        }
        if !text.is_ascii() {
            return refuse(
                "holds a character that is not ASCII: write it as %E5%BA%A7 and the like",
            );
        }
        let Ok(uri) = text.parse::<Uri>() else {
            return refuse("not a URL of the form https://host:port");
        };
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return refuse("not a URL of the form https://host:port");
        };
        let https = *scheme == Scheme::HTTPS;
        if !https && *scheme != Scheme::HTTP {
            return refuse("only https and http are known");
        }
        if !https && !options.allow_http {
            return refuse(
                "plain http would show the Guid to the network; AGW_ALLOW_HTTP takes it",
            );
        }
        // Behind a slash, too: the slash may be one of the password's.
        if authority.as_str().contains('@') || uri.path().contains('@') {
            return refuse("a user name or password has no place here");
        }
        if uri.query().is_some() || text.contains('#') {
            return refuse("a query or fragment has no place here");
        }
        let prefix = uri.path().trim_end_matches('/');
        if prefix.ends_with("/agentgateway") || prefix.contains("/agentgateway/resource") {
            return refuse("leave out /agentgateway and what follows, the library adds it");
        }
        let Some(port) =
            port_of(authority.as_str(), authority.host(), if https { 443 } else { 80 })
        else {
            return refuse("the port is not a number from 1 to 65535");
        };
        let Some(address) = Address::new(authority.host(), port) else {
            return refuse("the host is neither a name nor an address (IPv6 in brackets)");
        };
        Ok(Gateway {
            https,
            address,
            base: format!("{scheme}://{authority}{prefix}"),
            prefix: prefix.to_owned(),
            authority: authority.to_string(),
        })
    }
}

fn port_of(authority: &str, host: &str, default: u16) -> Option<u16> {
    let behind = &authority[host.len()..];
    if behind.is_empty() {
        return Some(default);
    }
    // Rust's own reading would take a plus sign.
    let digits = behind.strip_prefix(':')?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)?;
    number.parse().ok().filter(|port| *port != 0)
}

/// The way to the gateway: whom to dial, and through what.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub dial: Address,
    pub proxy: Option<Proxy>,
}

/// An HTTP proxy that is asked to CONNECT.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub address: Address,
    /// `user:password`, not yet encoded.
    pub credentials: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.address, f)
    }
}

impl Route {
    pub fn parse(options: &ClientOptions, gateway: &Gateway) -> Result<Self, Error> {
        let dial = match &options.connect_to {
            None => gateway.address.clone(),
            Some(text) => match text.parse::<SocketAddr>() {
                Ok(to) if to.port() != 0 && !text.contains('%') => {
                    Address { host: Host::Ip(to.ip()), port: to.port() }
                }
                _ => {
                    let detail = "connect_to: not an address of the form ip:port, without a zone";
                    return Err(Error::new(Status::InvalidUrl, detail));
                }
            },
        };
        let proxy = match options.proxy.as_deref() {
            None => None,
            Some("env") => Self::proxy_from_environment(gateway)?,
            Some(url) => Some(Self::proxy(url, "proxy")?),
        };
        Ok(Route { dial, proxy })
    }

    /// From the first of the usual variables that is set, unless NO_PROXY names the gateway.
    fn proxy_from_environment(gateway: &Gateway) -> Result<Option<Proxy>, Error> {
        const NAMES: [&str; 6] =
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];
        let set = |name: &'static str| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
            Some((name, value))
        };
        let Some((name, url)) = NAMES.into_iter().find_map(set) else {
            return Ok(None);
        };
        let proxy = Self::proxy(&url, &format!("proxy: {name}"))?;
        let excepted = ["NO_PROXY", "no_proxy"].into_iter().find_map(set);
        Ok(match excepted {
            Some((_, hosts)) if is_among(&hosts, gateway) => None,
            _ => Some(proxy),
        })
    }

    fn proxy(url: &str, option: &str) -> Result<Proxy, Error> {
        let refused = || {
            let detail = format!(
                "{option}: not of the form http://user:password@host:port (in a password write \
                 %2F for a slash, %3F for a question mark, %23 for a number sign)"
            );
            Error::new(Status::InvalidUrl, detail)
        };
        let authority = url.split_once("://").map_or(url, |(_, authority)| authority);
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        // A slash would end the host's part in the middle of a password, and show its start.
        if authority.contains(['/', '\\', '?', '#']) {
            return Err(refused());
        }
        let proxy = ureq::Proxy::new(url).ok().filter(|proxy| {
            let authority = proxy.uri().authority().map(|authority| authority.as_str());
            let address = authority.and_then(|authority| authority.rsplit('@').next());
            proxy.protocol() == ureq::ProxyProtocol::Http
                && address.and_then(|address| port_of(address, proxy.host(), 80)).is_some()
        });
        let proxy = proxy.ok_or_else(refused)?;
        let address = Address::new(proxy.host(), proxy.port()).ok_or_else(refused)?;
        let credentials = match (proxy.username(), proxy.password()) {
            (None, None) => None,
            (user, password) => {
                Some(format!("{}:{}", user.unwrap_or_default(), password.unwrap_or_default()))
            }
        };
        Ok(Proxy { address, credentials })
    }
}

/// Whether a list as in NO_PROXY names the gateway; ureq knows the patterns.
fn is_among(hosts: &str, gateway: &Gateway) -> bool {
    let hosts = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
    let listed =
        hosts.fold(ureq::Proxy::builder(ureq::ProxyProtocol::Http), |list, host| {
            match host.parse::<Ipv6Addr>() {
                Ok(_) => list.no_proxy(&format!("[{host}]")),
                Err(_) => list.no_proxy(host),
            }
        });
    let listed = listed.host("any").build();
    matches!((listed, gateway.base.parse()), (Ok(listed), Ok(uri)) if listed.is_no_proxy(&uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(url: &str) -> Result<Gateway, Error> {
        let mut options = ClientOptions::new(url);
        options.allow_http = true;
        Gateway::parse(&options)
    }

    #[test]
    fn base_urls_are_taken_apart() {
        for (url, base, authority, dialled) in [
            ("https://gw", "https://gw", "gw", "gw:443"),
            ("https://gw:8043/", "https://gw:8043", "gw:8043", "gw:8043"),
            ("https://10.1.2.3:8043", "https://10.1.2.3:8043", "10.1.2.3:8043", "10.1.2.3:8043"),
            ("https://[::1]:8043/a/b/", "https://[::1]:8043/a/b", "[::1]:8043", "[::1]:8043"),
            ("http://gw", "http://gw", "gw", "gw:80"),
        ] {
            let gateway = gateway(url).expect(url);
            assert_eq!(gateway.base, base);
            assert_eq!(gateway.authority, authority);
            assert_eq!(gateway.address.to_string(), dialled);
        }
    }

    #[test]
    fn unusable_base_urls_are_refused_with_a_reason() {
        for (url, reason) in [
            ("", "form https://host:port"),
            ("gw:8043", "form https://host:port"),
            ("/x", "form https://host:port"),
            ("https://", "form https://host:port"),
            ("http://:80", "neither a name nor an address"),
            ("https://g w", "form https://host:port"),
            ("https://gw\r\nX: y", "form https://host:port"),
            ("https://座席", "not ASCII"),
            ("https://gw/座席", "not ASCII"),
            ("https://gw/é", "not ASCII"),
            ("https://[zz]:8043", "neither a name nor an address"),
            ("https://[]:8043", "neither a name nor an address"),
            ("https://[10.1.2.3]:8043", "neither a name nor an address"),
            ("https://[fe80::1%25eth0]:8043", "neither a name nor an address"),
            ("https://[::1]x:8043", "port"),
            ("ftp://gw", "only https and http"),
            ("https://u:p@gw", "user name"),
            ("https://user:8080/word@gw", "user name"),
            ("https://gw/?a=b", "query"),
            ("https://gw/#a", "query or fragment"),
            ("https://gw:0", "port"),
            ("https://gw:65536", "port"),
            ("https://gw:+80", "port"),
            ("https://gw:8043/agentgateway", "leave out /agentgateway"),
            ("https://gw/agentgateway/resource/agentconf", "leave out /agentgateway"),
        ] {
            let error = gateway(url).expect_err(url);
            assert_eq!(error.status(), Status::InvalidUrl, "{url}");
            assert!(error.detail().contains(reason), "{url}: {}", error.detail());
        }
        let long = format!("https://gw/{}", "a".repeat(2100));
        assert_eq!(gateway(&long).unwrap_err().status(), Status::InvalidUrl);
        let plain = Gateway::parse(&ClientOptions::new("http://gw")).unwrap_err();
        assert!(plain.detail().contains("AGW_ALLOW_HTTP"));
    }

    #[test]
    fn routes_know_proxies_and_other_addresses() {
        let mut options = ClientOptions::new("https://gw:8043");
        let gateway = Gateway::parse(&options).expect("gateway");
        options.connect_to = Some("127.0.0.1:9".into());
        options.proxy = Some("http://us%40er:p%3Aw@proxy:3128".into());
        let route = Route::parse(&options, &gateway).expect("route");
        assert_eq!(route.dial.to_string(), "127.0.0.1:9");
        let proxy = route.proxy.expect("proxy");
        assert_eq!(proxy.address.to_string(), "proxy:3128");
        assert_eq!(proxy.credentials.as_deref(), Some("us@er:p:w"));
        assert!(!format!("{proxy:?}").contains("us@er"));

        for (proxy, address) in [
            ("proxy", "proxy:80"),
            ("http://u:p@[::1]:3128/", "[::1]:3128"),
            ("http://127.0.0.1", "127.0.0.1:80"),
        ] {
            options.proxy = Some(proxy.into());
            let proxy = Route::parse(&options, &gateway).expect("route").proxy.expect("proxy");
            assert_eq!(proxy.address.to_string(), address);
        }

        for (connect_to, proxy) in [
            (Some("gw:8043"), None),
            (Some("127.0.0.1"), None),
            (Some("127.0.0.1:0"), None),
            (Some("[fe80::1%2]:8043"), None),
            (None, Some("")),
            (None, Some("socks5://proxy:1080")),
            (None, Some("https://proxy:3128")),
            (None, Some("http://")),
            (None, Some("http://proxy:99999")),
            (None, Some("http://u:p@proxy:0")),
            (None, Some("http://[::1]:+80")),
            (None, Some("proxy:")),
            (None, Some("http://user:8080/word@proxy.test:3128")),
            (None, Some("http://user:8080?word@proxy.test:3128")),
            (None, Some("http://user:8080#word@proxy.test:3128")),
            (None, Some("user:8080/word@proxy.test:3128")),
            (None, Some("http://proxy:3128/path")),
            (None, Some("http://[zz]:3128")),
        ] {
            options.connect_to = connect_to.map(str::to_owned);
            options.proxy = proxy.map(str::to_owned);
            let error = Route::parse(&options, &gateway).expect_err("refused");
            assert_eq!(error.status(), Status::InvalidUrl);
            assert!(!error.detail().contains("8080"), "{}", error.detail());
        }
    }

    #[test]
    fn no_proxy_lists_are_read_as_people_write_them() {
        let hosts = [("gw.test", "gw.test"), ("10.1.2.3", "10.1.2.3"), ("[::1]", "::1")];
        for (host, entry) in hosts {
            let gateway = gateway(&format!("https://{host}:8043")).expect("gateway");
            for list in ["*".to_owned(), entry.to_owned(), format!("other, {entry} ,")] {
                assert!(is_among(&list, &gateway), "{host}: {list}");
            }
            for list in ["", "other", "gw", "10.1.2", "::2"] {
                assert!(!is_among(list, &gateway), "{host}: {list}");
            }
        }
    }
}
