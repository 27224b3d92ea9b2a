//! Certificates and keys in PEM, from an option that holds the text itself or the path of a file.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::net::failure::{or_resources, words};
use crate::sys::files;
use crate::{Error, Status};

pub(super) fn certificates(
    name: &'static str,
    value: &str,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = Pem::load(name, value)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.bytes).collect();
    let certificates = found.map_err(|why| pem.refuse("cannot be read as PEM", &why))?;
    if certificates.is_empty() {
        return Err(bad_option(format!("{} holds no PEM certificate", pem.source)));
    }
    Ok(certificates)
}

pub(super) fn private_key(
    name: &'static str,
    value: &str,
) -> Result<PrivateKeyDer<'static>, Error> {
    let pem = Pem::load(name, value)?;
    PrivateKeyDer::from_pem_slice(&pem.bytes)
        .map_err(|why| pem.refuse("holds no private key (encrypted ones are not taken)", &why))
}

/// The bytes, and how to name where they are from.
struct Pem {
    bytes: Vec<u8>,
    source: String,
}

impl Pem {
    fn load(name: &'static str, value: &str) -> Result<Pem, Error> {
        if value.contains("-----BEGIN") {
            let bytes = without_marks(value.as_bytes());
            return Ok(Pem { bytes, source: format!("{name}: the text") });
        }
        let source = match looks_like_a_path(value) {
            true => format!("{name}: file '{value}'"),
            false => format!("{name}: the file"),
        };
        match files::read(value) {
            Ok(bytes) => Ok(Pem { bytes: without_marks(&bytes), source }),
            Err(why) => {
                let detail = format!("{source} cannot be read: {}", words(&why));
                let error = bad_option(detail).with_os_error(why.raw_os_error());
                Err(or_resources(error, &why))
            }
        }
    }

    fn refuse(&self, what: &str, why: &pem::Error) -> Error {
        // Never `why` itself: it holds what was read, a key's bytes included.
        let why = match why {
            pem::Error::MissingSectionEnd { .. } => "an END line is missing",
            pem::Error::IllegalSectionStart { .. } => "a BEGIN line is not alone on its line",
            pem::Error::Base64Decode(_) => "not base64",
            pem::Error::NoItemsFound => "none found",
            _ => "not PEM",
        };
        bad_option(format!("{} {what} ({why})", self.source))
    }
}

/// Windows editors put a byte-order mark first, which would hide the BEGIN line behind it, and files
/// that are joined have several.
fn without_marks(bytes: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, others)) = rest.split_first() {
        match rest.strip_prefix(MARK) {
            Some(behind) => rest = behind,
            None => {
                plain.push(*first);
                rest = others;
            }
        }
    }
    plain
}

/// A key whose BEGIN line was lost is taken for a path, and must not be shown: base64 has no dot.
fn looks_like_a_path(value: &str) -> bool {
    value.contains('.') && !value.contains(['\n', '\r'])
}

pub(super) fn bad_option(detail: impl Into<String>) -> Error {
    Error::new(Status::TlsConfig, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_hides_no_certificate() {
        let made = rcgen::generate_simple_self_signed(["gw".to_owned()]).expect("a certificate");
        let text = format!("\u{feff}{}", made.cert.pem());
        assert_eq!(certificates("ca", &text).expect("read").len(), 1);
        assert_eq!(certificates("ca", &text.repeat(2)).expect("read").len(), 2);
    }
}
