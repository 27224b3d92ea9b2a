//! The command line.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use agw::{ClientOptions, Level, Trust};
use lexopt::prelude::{Long, Short, ValueExt};
use lexopt::{Error, Parser};

const HELP: &str = "\
usage: agw-check --url URL [OPTION ...]

Looks the gateway up, connects to each of its addresses, or through the proxy, and tells what each
step came to: TCP, TLS, the certificate, what that is checked against, and what to do if it does
not hold. Sends no request. Half of --timeout is for a connection as a program makes it, the rest
for the addresses.

  --url URL              the gateway, as in https://gateway:8043
  --connect-to IP:PORT   connect to this instead
  --proxy URL            http://host:port, or env: from the environment
  --allow-http           take a URL with plain http
  --ca FILE              trust these certificates, and no others
  --pin SHA256           trust the certificate with this fingerprint
  --danger-any           check nothing (laboratory)
  --client-cert FILE     client certificate chain
  --client-key FILE      its private key, if not in that
  --timeout S            all of it, in seconds (10)
  --connect-timeout S    TCP and TLS of one connection, in seconds (5)
  --log                  log lines to standard error
  --json                 one JSON object instead of text
  --version, -h, --help

exit code  0  a connection can be had
           2  wrong usage or wrong options
           6  no connection to the gateway: network, certificate, time-out, ...";

/// What the user asks for.
pub enum Wanted {
    Check(Box<Options>),
    Text(String),
}

/// The client's options, with whole times, and how to tell the outcome.
pub struct Options {
    pub client: ClientOptions,
    pub json: bool,
}

pub fn read(mut words: Parser) -> Result<Wanted, Error> {
    let mut options = Options { client: ClientOptions::new(""), json: false };
    let client = &mut options.client;
    let (mut url, mut trusts) = (None, Vec::new());
    while let Some(word) = words.next()? {
        match word {
            Short('h') | Long("help") => return Ok(Wanted::Text(HELP.to_owned())),
            Long("version") => {
                return Ok(Wanted::Text(
                    concat!("agw-check ", env!("CARGO_PKG_VERSION")).to_owned(),
                ));
            }
            Long("url") => url = Some(words.value()?.string()?),
            Long("connect-to") => client.connect_to = Some(words.value()?.string()?),
            Long("proxy") => client.proxy = Some(words.value()?.string()?),
            Long("allow-http") => client.allow_http = true,
            Long("ca") => {
                client.ca = Some(words.value()?.string()?);
                trusts.push(Trust::Ca);
            }
            Long("pin") => {
                client.pin_sha256 = Some(words.value()?.string()?);
                trusts.push(Trust::Pin);
            }
            Long("danger-any") => trusts.push(Trust::DangerAny),
            Long("client-cert") => client.client_cert = Some(words.value()?.string()?),
            Long("client-key") => client.client_key = Some(words.value()?.string()?),
            Long("timeout") => client.timeout = words.value()?.parse_with(seconds)?,
            Long("connect-timeout") => {
                client.connect_timeout = words.value()?.parse_with(seconds)?
            }
            Long("log") => log(client),
            Long("json") => options.json = true,
            other => return Err(other.unexpected()),
        }
    }
    client.base_url = url.ok_or("--url is missing")?;
    trusts.dedup(); // of an option that is there twice, the last one counts
    match trusts[..] {
        [] => {}
        [trust] => client.trust = trust,
        _ => return Err("only one of --ca, --pin and --danger-any can be".into()),
    }
    Ok(Wanted::Check(Box::new(options)))
}

/// What C's options can say, which `python -m agw check` keeps to, too.
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    let milliseconds = (number * 1000.0).ceil();
    match Duration::try_from_secs_f64(milliseconds / 1000.0) {
        Ok(time) if !time.is_zero() && milliseconds <= f64::from(u32::MAX) => Ok(time),
        _ => Err("not a time that can be waited for".to_owned()),
    }
}

fn log(client: &mut ClientOptions) {
    client.log_level = Level::Debug;
    client.log = Some(Arc::new(|level, line| {
        let level = format!("{level:?}").to_uppercase();
        let _ = writeln!(io::stderr(), "{level:<7} {line}");
    }));
}
