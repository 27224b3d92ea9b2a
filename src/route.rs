//! The way to the gateway: `base_url`, `connect_to` and `proxy`, taken apart and checked.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::Uri;
use http::uri::{Authority, Scheme};
use percent_encoding::percent_decode_str;

use crate::address::{Address, Host};
use crate::options::ClientOptions;
use crate::sys::process::is_privileged;
use crate::{Error, Status};

const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// `base_url`, taken apart and checked.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    /// Without a slash at the end.
    pub base: String,
    pub is_https: bool,
    /// In front of an interface's path.
    pub path: String,
    /// For the `Host` line: with the port where it is not the scheme's own, for there are servers that
    /// know themselves by this form only.
    pub host: String,
    pub address: Address,
}

impl Gateway {
    pub fn parse(options: &ClientOptions) -> Result<Self, Error> {
        Self::parts(&options.base_url, options.allow_http)
            .map_err(|why| Error::new(Status::InvalidUrl, format!("base_url: {why}")))
    }

    fn parts(text: &str, allow_http: bool) -> Result<Self, &'static str> {
        const FORM: &str = "not a URL of the form https://host:port";
        if text.len() > 2048 {
            return Err("longer than 2048 bytes");
        }
        if !text.is_ascii() {
            return Err("holds a character that is not ASCII: write a path's as %E5%BA%A7 and \
                        the like, a host's name in its xn-- form");
        }
        if text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return Err("holds a blank, a line end or a control character: not a URL of the form \
                        https://host:port");
        }
        let uri = text.parse::<Uri>().map_err(|_| FORM)?;
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or(FORM)?;
        let default_port = match scheme.as_str() {
            "https" => HTTPS_PORT,
            "http" if allow_http => HTTP_PORT,
            "http" => return Err("plain http would show the Guid to the network (allow_http)"),
            _ => return Err("only https and http are known"),
        };
        // Behind a slash, too: the slash may be one of the password's.
        if authority.as_str().contains('@') || uri.path().contains('@') {
            return Err("a user name or password has no place here");
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("a query or fragment has no place here");
        }
        let prefix = uri.path().trim_end_matches('/');
        if prefix.ends_with("/agentgateway") || prefix.contains("/agentgateway/resource") {
            return Err("leave out /agentgateway and what follows, the library adds it");
        }
        let port =
            port_of(authority, default_port).ok_or("the port is not a number from 1 to 65535")?;
        let address = Address::new(authority.host(), port)
            .ok_or("the host is neither a name nor an address (IPv6 in brackets)")?;
        let host = authority.host();
        Ok(Gateway {
            base: format!("{scheme}://{authority}{prefix}"),
            is_https: *scheme == Scheme::HTTPS,
            path: format!("{prefix}/agentgateway/resource/"),
            host: if port == default_port { host.to_owned() } else { format!("{host}:{port}") },
            address,
        })
    }
}

fn port_of(authority: &Authority, default: u16) -> Option<u16> {
    let behind = &authority.as_str()[authority.host().len()..];
    if behind.is_empty() {
        return Some(default);
    }
    // Rust's own reading would take a plus sign.
    let digits = behind.strip_prefix(':')?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)?;
    number.parse().ok().filter(|port| *port != 0)
}

/// Whom to connect to, and through what.
pub(crate) struct Route {
    pub target: Target,
    pub proxy: Option<Proxy>,
}

/// What stands at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// The gateway of `base_url`.
    Gateway(Address),
    /// `connect_to`: addresses of one service, in order of preference.
    Addresses(Vec<SocketAddr>),
}

impl Route {
    pub fn parse(options: &ClientOptions, gateway: &Gateway) -> Result<Self, Error> {
        let target = match &options.connect_to {
            None => Target::Gateway(gateway.address.clone()),
            Some(text) => Target::Addresses(connect_to(text)?),
        };
        let proxy = match options.proxy.as_deref().map(str::trim) {
            None => None,
            Some("env") => Proxy::from_environment(gateway)?,
            Some(url) => Some(Proxy::parse(url, "proxy")?),
        };
        Ok(Route { target, proxy })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Gateway(address) => address.fmt(f),
            Target::Addresses(addresses) => {
                // What is said of them needs room, too.
                const SHOWN: usize = 4;
                let shown: Vec<_> =
                    addresses.iter().take(SHOWN).map(SocketAddr::to_string).collect();
                f.write_str(&shown.join(", "))?;
                match addresses.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

fn connect_to(text: &str) -> Result<Vec<SocketAddr>, Error> {
    const FORM: &str =
        "connect_to: not addresses of the form ip:port, without a zone, comma between";
    let address = |text: &str| {
        text.parse::<SocketAddr>().ok().filter(|to| to.port() != 0 && !text.contains('%'))
    };
    let several = text.split(',').map(|entry| address(entry.trim())).collect::<Option<Vec<_>>>();
    several.filter(|_| text == text.trim()).ok_or_else(|| Error::new(Status::InvalidUrl, FORM))
}

/// An HTTP proxy that is asked to CONNECT. Not Debug: the credentials are not to be shown.
pub(crate) struct Proxy {
    pub address: Address,
    /// `user:password`, not yet encoded.
    pub credentials: Option<String>,
}

impl Proxy {
    /// `option` names where the text is from; the text itself may hold a password.
    fn parse(url: &str, option: &str) -> Result<Self, Error> {
        Self::parts(url).ok_or_else(|| {
            let detail = format!(
                "{option}: not of the form http://user:password@host:port (in a password write \
                 %2F for a slash, %5C for a backslash, %3F for a question mark, %23 for a number \
                 sign); agw knows http proxies only"
            );
            Error::new(Status::InvalidUrl, detail)
        })
    }

    fn parts(url: &str) -> Option<Self> {
        let rest = match url.split_once("://") {
            Some((scheme, rest)) => scheme.eq_ignore_ascii_case("http").then_some(rest)?,
            None => url,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // A slash would end the host's part in the middle of a password, and show its start.
        if rest.contains(['/', '\\', '?', '#']) {
            return None;
        }
        let (credentials, host) = match rest.rsplit_once('@') {
            Some((user, host)) => {
                let colon = if user.contains(':') { "" } else { ":" };
                let user = percent_decode_str(user).decode_utf8().ok()?;
                (Some(format!("{user}{colon}")), host)
            }
            None => (None, rest),
        };
        let authority = host.parse::<Authority>().ok()?;
        let address = Address::new(authority.host(), port_of(&authority, HTTP_PORT)?)?;
        Some(Proxy { address, credentials })
    }

    /// From the first of the usual variables that is set, as curl does, unless NO_PROXY excepts the
    /// gateway. HTTP_PROXY in capitals is not among them: in a CGI program it is a header that came
    /// from outside. Nothing is read in a program with more rights than its caller.
    fn from_environment(gateway: &Gateway) -> Result<Option<Self>, Error> {
        const HTTPS: &[&str] = &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        const HTTP: &[&str] = &["http_proxy", "all_proxy", "ALL_PROXY"];
        const EXCEPTED: &[&str] = &["no_proxy", "NO_PROXY"];
        let excepts =
            |(_, list): (_, OsString)| is_excepted(&list.to_string_lossy(), &gateway.address);
        if is_privileged() || first_set(EXCEPTED).is_some_and(excepts) {
            return Ok(None);
        }
        let Some((name, url)) = first_set(if gateway.is_https { HTTPS } else { HTTP }) else {
            return Ok(None);
        };
        let option = format!("proxy: {name}");
        // Put right somehow it could be another user's name, or another host.
        let url = url.to_str().ok_or_else(|| {
            Error::new(Status::InvalidUrl, format!("{option}: holds bytes that are not UTF-8"))
        })?;
        Self::parse(url.trim(), &option).map(Some)
    }
}

/// The first of these variables that is set and not empty.
fn first_set(names: &[&'static str]) -> Option<(&'static str, OsString)> {
    names.iter().find_map(|name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        Some((*name, value))
    })
}

/// Whether a list as in NO_PROXY names the gateway, as curl reads it and a little more: names stand
/// for themselves and for what ends in them, addresses may have a prefix length, a port narrows an
/// entry. tests/corpus/no_proxy.tsv has it beside curl.
fn is_excepted(list: &str, gateway: &Address) -> bool {
    list.split(|c: char| c == ',' || c.is_ascii_whitespace())
        .any(|entry| entry == "*" || excepts(entry, gateway))
}

fn excepts(entry: &str, gateway: &Address) -> bool {
    // An entry with a port is one for that port only.
    let for_port = entry.rsplit_once(':').filter(|(_, port)| port.parse() == Ok(gateway.port));
    let host = for_port.map_or(entry, |(host, _)| host);
    match (&gateway.host, entry.rsplit_once('/')) {
        (Host::Name(name), _) => is_named(name, host),
        (Host::Ip(ip), Some((network, length))) => address_of(network)
            .zip(length.parse().ok())
            .is_some_and(|(network, length)| is_within(*ip, network, length)),
        // The end of an IPv6 address may look like a port.
        (Host::Ip(ip), None) => address_of(entry).or_else(|| address_of(host)) == Some(*ip),
    }
}

fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok()
}

fn is_named(name: &str, entry: &str) -> bool {
    let [name, entry] = [name, entry].map(str::to_ascii_lowercase);
    let name = name.strip_suffix('.').unwrap_or(&name);
    let entry = entry.strip_suffix('.').unwrap_or(&entry);
    let entry = entry.strip_prefix("*.").or(entry.strip_prefix('.')).unwrap_or(entry);
    let before = name.strip_suffix(entry).filter(|_| !entry.is_empty());
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn is_within(ip: IpAddr, network: IpAddr, length: u32) -> bool {
    let same = match (ip, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return false,
    };
    same >= length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(url: &str) -> Result<Gateway, Error> {
        let mut options = ClientOptions::new(url);
        options.allow_http = true;
        Gateway::parse(&options)
    }

    /// tests/wire.rs has the `Host` that is sent.
    #[test]
    fn base_urls_are_taken_apart() {
        for (url, base, host, address) in [
            ("https://gw", "https://gw", "gw", "gw:443"),
            ("https://GW:443", "https://GW:443", "GW", "GW:443"),
            ("https://gw:0443", "https://gw:0443", "gw", "gw:443"),
            ("https://gw:80", "https://gw:80", "gw:80", "gw:80"),
            ("https://10.1.2.3:8043/", "https://10.1.2.3:8043", "10.1.2.3:8043", "10.1.2.3:8043"),
            ("https://[::1]:8043/a/b/", "https://[::1]:8043/a/b", "[::1]:8043", "[::1]:8043"),
            ("http://gw/a", "http://gw/a", "gw", "gw:80"),
        ] {
            let gateway = gateway(url).expect(url);
            assert_eq!((gateway.base.as_str(), gateway.host.as_str()), (base, host));
            assert_eq!(gateway.address.to_string(), address);
        }
    }

    #[test]
    fn unusable_base_urls_are_refused_with_a_reason() {
        for (url, reason) in [
            ("", "form https://host:port"),
            ("https://gw\n", "a line end"),
            (&format!("https://{}.test", "a".repeat(64)), "neither a name nor an address"),
            (&format!("http://{}test", "a.".repeat(200)), "neither a name nor an address"),
            ("https://0x7f000001", "neither a name nor an address"),
            ("https://127.0.0.0X1.", "neither a name nor an address"),
            ("https://2130706433", "neither a name nor an address"),
            ("https://127.1", "neither a name nor an address"),
            ("https://座席", "xn--"),
            ("https://gw/座席", "not ASCII"),
            ("https://[fe80::1%25eth0]:8043", "neither a name nor an address"),
            ("https://[::1]x:8043", "port"),
            ("ftp://gw", "only https and http"),
            ("https://u:p@gw", "user name"),
            ("https://user:8080/word@gw", "user name"),
            ("https://gw/?a=b", "query"),
            ("https://gw:0", "port"),
            ("https://gw/#a", "query or fragment"),
            ("https://gw:8043/agentgateway", "leave out /agentgateway"),
            ("https://gw/agentgateway/resource/agentconf", "leave out /agentgateway"),
            (&format!("https://gw/{}", "a".repeat(2100)), "longer than 2048 bytes"),
        ] {
            let error = gateway(url).expect_err(url);
            assert_eq!(error.status(), Status::InvalidUrl, "{url}");
            assert!(error.detail().contains(reason), "{url}: {}", error.detail());
        }
        let plain = Gateway::parse(&ClientOptions::new("http://gw")).unwrap_err();
        assert!(plain.detail().contains("allow_http"));
    }

    #[test]
    fn routes_know_proxies_and_other_addresses() {
        let mut options = ClientOptions::new("https://gw:8043");
        let gateway = Gateway::parse(&options).expect("gateway");
        options.connect_to = Some("127.0.0.1:9, [::1]:10".into());
        options.proxy = Some("http://us%40er:p%3Aw@proxy:3128".into());
        let route = Route::parse(&options, &gateway).expect("route");
        assert_eq!(route.target.to_string(), "127.0.0.1:9, [::1]:10");
        for blanks in ["127.0.0.1:9 ,\t[::1]:10", "127.0.0.1:9,  [::1]:10"] {
            options.connect_to = Some(blanks.into());
            let route = Route::parse(&options, &gateway).expect(blanks);
            assert_eq!(route.target.to_string(), "127.0.0.1:9, [::1]:10");
        }
        options.connect_to = Some(["127.0.0.1:9"; 6].join(","));
        let several = Route::parse(&options, &gateway).expect("six").target.to_string();
        assert!(several.ends_with("127.0.0.1:9 and 2 more"), "{several}");
        let proxy = route.proxy.expect("proxy");
        assert_eq!(proxy.address.to_string(), "proxy:3128");
        assert_eq!(proxy.credentials.as_deref(), Some("us@er:p:w"));

        for (proxy, address) in [
            ("proxy", "proxy:80"),
            ("http://u:p@[::1]:3128/", "[::1]:3128"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            (" http://proxy:3128 \n", "proxy:3128"),
        ] {
            options.proxy = Some(proxy.into());
            let proxy = Route::parse(&options, &gateway).expect("route").proxy.expect("proxy");
            assert_eq!(proxy.address.to_string(), address);
        }
    }
}
