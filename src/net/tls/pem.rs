//! Certificates and keys, from an option that holds the text itself or the path of a file: PEM in UTF-8
//! or UTF-16, or DER.

use std::borrow::Cow;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::der;
use super::forms::{Form, TRUSTED, Wanted};
use crate::net::failure::{or_resources, words};
use crate::sys::files;
use crate::{Error, Status};

/// The certificates of an option, in their order.
#[derive(Debug)]
pub(super) struct Certificates {
    source: Source,
    pub found: Vec<CertificateDer<'static>>,
}

impl Certificates {
    #[inline(never)]
    pub fn load(name: &'static str, value: &str) -> Result<Self, Error> {
        let (source, bytes) = Source::load(name, value)?;
        let pieces = source.pieces(&bytes)?;
        let mut found = Vec::new();
        for piece in pieces.iter().filter(|piece| piece.form == Form::Certificate) {
            let number = found.len() + 1;
            let der = piece.der().map_err(|why| {
                source.refuse(format!(" cannot be read as PEM: certificate {number} {why}"))
            })?;
            found.push(CertificateDer::from(der));
        }
        if found.is_empty() {
            return Err(source.complain(&bytes, &pieces, Wanted::Certificates));
        }
        Ok(Certificates { source, found })
    }

    /// The error for one of them; `number` counts from 0.
    pub fn refuse(&self, number: usize, why: &str) -> Error {
        let (number, all) = (number + 1, self.found.len());
        let which = match all {
            1 => String::new(),
            _ => format!(", certificate {number} of {all}"),
        };
        self.source.refuse(format!("{which}: {why}"))
    }
}

pub(super) fn private_key(name: &'static str, value: &str) -> Result<KeyFile, Error> {
    let (source, bytes) = Source::load(name, value)?;
    let pieces = source.pieces(&bytes)?;
    let Some(piece) = pieces.iter().find(|piece| piece.form == Form::Key) else {
        return Err(source.complain(&bytes, &pieces, Wanted::PrivateKey));
    };
    let der = piece
        .der()
        .map_err(|why| source.refuse(format!(" cannot be read as PEM: the private key {why}")))?;
    Ok(KeyFile { source, der })
}

/// A private key, and where it is from.
pub(super) struct KeyFile {
    source: Source,
    der: Vec<u8>,
}

impl KeyFile {
    pub fn bytes(&self) -> &[u8] {
        &self.der
    }

    pub fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let key = PrivateKeyDer::try_from(self.der.clone());
        key.map_err(|_| self.refuse("what is called a private key is none"))
    }

    pub fn refuse(&self, why: &str) -> Error {
        self.source.refuse(format!(": {why}"))
    }

    pub fn file(&self) -> &str {
        &self.source.file
    }
}

/// Where something is from, in words.
#[derive(Debug)]
struct Source {
    words: String,
    /// As it stands in a command; "FILE" where it is a text or must not be shown.
    file: String,
    name: &'static str,
}

impl Source {
    fn load(name: &'static str, value: &str) -> Result<(Source, Vec<u8>), Error> {
        const LONG: usize = 120;
        let source = |words, file: &str| Source { words, file: file.to_owned(), name };
        if value.contains("-----BEGIN") {
            let source = source(format!("{name}: the text"), "FILE");
            return Ok((source, value.as_bytes().to_owned()));
        }
        let bytes = files::read(value);
        let shown = (bytes.is_ok() || is_path(value)) && !value.is_empty();
        let file = match value.contains(' ') {
            true => format!("\"{value}\""),
            false => value.to_owned(),
        };
        let source = match shown {
            true if value.len() <= LONG => source(format!("{name}: file '{value}'"), &file),
            true => source(format!("{name}: file '{value}'"), "FILE"),
            false => source(format!("{name}: the file"), "FILE"),
        };
        match bytes {
            Ok(bytes) => Ok((source, bytes)),
            Err(why) => {
                let detail = format!("{} cannot be read: {}", source.words, words(&why));
                let error = bad_option(detail).with_os_error(why.raw_os_error());
                Err(or_resources(error, &why))
            }
        }
    }

    fn pieces(&self, bytes: &[u8]) -> Result<Vec<Piece>, Error> {
        if Form::of_der(bytes) == Form::Certificate || Form::of_der(bytes) == Form::Key {
            return Ok(vec![Piece::of_der(bytes)]);
        }
        sections(&text_of(bytes))
            .map_err(|why| self.refuse(format!(" cannot be read as PEM: {why}")))
    }

    /// What is there instead of what is wanted.
    fn complain(&self, bytes: &[u8], pieces: &[Piece], wanted: Wanted) -> Error {
        let named = pieces.iter().map(|piece| piece.form).find(|form| *form != Form::Unknown);
        // In one file with its certificate, an encrypted key is the one that is meant.
        let encrypted = pieces.iter().map(|piece| piece.form).find(|form| {
            wanted == Wanted::PrivateKey && matches!(form, Form::EncryptedKey | Form::OpenSshKey)
        });
        let none = match wanted {
            Wanted::Certificates => "holds no PEM certificate",
            Wanted::PrivateKey => "holds no private key",
        };
        match encrypted.or(named) {
            Some(Form::Certificate) if self.name == "client_cert" => {
                self.refuse(format!(" {none}; give that as client_key"))
            }
            Some(form) => self.refuse(format!(" {none}: it {}", form.words(wanted, &self.file))),
            None if !pieces.is_empty() => self.refuse(format!(" {none}")),
            None => {
                let form = Form::of_bytes(bytes, &text_of(bytes));
                self.refuse(format!(" {none}: it {}", form.words(wanted, &self.file)))
            }
        }
    }

    fn refuse(&self, why: impl AsRef<str>) -> Error {
        bad_option(format!("{}{}", self.words, why.as_ref()))
    }
}

/// What stands between a BEGIN and an END line, or a whole file in DER.
struct Piece {
    form: Form,
    content: Content,
}

enum Content {
    Base64 { text: String, trusted: bool },
    Der(Vec<u8>),
}

impl Piece {
    fn of_der(bytes: &[u8]) -> Self {
        Piece { form: Form::of_der(bytes), content: Content::Der(bytes.to_owned()) }
    }

    fn of_section(label: &str, lines: &[&str]) -> Self {
        // As of old: the lines before an empty one say how it is encrypted.
        let encrypted =
            lines.iter().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"));
        let form = if encrypted { Form::EncryptedKey } else { Form::of_label(label) };
        let base64 = lines.iter().filter(|line| !line.contains(':'));
        let text = base64.flat_map(|line| line.split_whitespace()).collect();
        Piece { form, content: Content::Base64 { text, trusted: label == TRUSTED } }
    }

    /// The error never says what was read: it may be a key.
    fn der(&self) -> Result<Vec<u8>, &'static str> {
        match &self.content {
            Content::Der(der) => Ok(der.clone()),
            Content::Base64 { text, trusted } => {
                let mut der = BASE64.decode(text).map_err(|_| "is not base64")?;
                if *trusted {
                    let whole = der::next(&mut &der[..]).ok_or("is no DER")?.whole.len();
                    der.truncate(whole);
                }
                Ok(der)
            }
        }
    }
}

fn sections(text: &str) -> Result<Vec<Piece>, String> {
    let mut found: Vec<Piece> = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    let damaged = |found: &[Piece], why: &str| {
        let number = found.iter().filter(|piece| piece.form == Form::Certificate).count() + 1;
        format!("certificate {number}: {why}")
    };
    const NO_END: &str = "an END line is missing";
    for line in text.split(['\n', '\r']).map(str::trim) {
        if let Some(rest) = line.strip_prefix("-----BEGIN ") {
            let label = rest.strip_suffix("-----").filter(|label| !label.contains("-----"));
            let label = label.ok_or("a BEGIN line is not alone on its line")?;
            if open.replace((label, Vec::new())).is_some() {
                return Err(damaged(&found, NO_END));
            }
        } else if line.starts_with("-----END ") {
            if let Some((label, lines)) = open.take() {
                found.push(Piece::of_section(label, &lines));
            }
        } else if let Some((_, lines)) = &mut open {
            lines.push(line);
        }
    }
    match open {
        Some((label, _)) if Form::of_label(label) == Form::Certificate => {
            Err(damaged(&found, NO_END))
        }
        Some(_) => Err(NO_END.into()),
        None => Ok(found),
    }
}

/// As text, without byte-order marks: Windows editors put one first, which would hide the BEGIN line
/// behind it, and files that are joined have several.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'-', 0, b'-', 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, b'-', 0, b'-', ..] => utf16(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    };
    if text.contains('\u{feff}') { Cow::Owned(text.replace('\u{feff}', "")) } else { text }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'static, str> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    Cow::Owned(
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
    )
}

/// A key whose BEGIN line was lost is taken for a path, and must not be shown.
fn is_path(value: &str) -> bool {
    !value.contains(['\n', '\r']) && (!may_be_key(value) || Path::new(value).exists())
}

/// Whether a text can be a key, or a part of one, in base64 or hex.
fn may_be_key(value: &str) -> bool {
    const SHORTEST: usize = 40;
    let of_keys = |c: char| c.is_ascii_alphanumeric() || " +/=-_:\t\\".contains(c);
    // 0x30, with which DER begins.
    let der = matches!(value.trim_start().as_bytes(), [b'M', b'A'..=b'P', ..]);
    value.chars().all(of_keys) && (value.len() >= SHORTEST || der)
}

pub(super) fn bad_option(detail: impl Into<String>) -> Error {
    Error::new(Status::TlsConfig, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        Certificates::load("ca", text).expect("read").found.len()
    }

    #[test]
    fn a_byte_order_mark_hides_no_certificate() {
        let made = rcgen::generate_simple_self_signed(["gw".to_owned()]).expect("a certificate");
        let text = format!("\u{feff}{}", made.cert.pem());
        assert_eq!(count(&text), 1);
        assert_eq!(count(&text.repeat(2)), 2);
    }

    #[test]
    fn utf_16_is_read_with_and_without_a_mark() {
        let text = "-----BEGIN X-----\n座席\n";
        for mark in ["", "\u{feff}"] {
            let units: Vec<_> = format!("{mark}{text}").encode_utf16().collect();
            let little: Vec<_> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let big: Vec<_> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            assert_eq!(text_of(&little), text);
            assert_eq!(text_of(&big), text);
        }
        assert_eq!(text_of(b"\xFF\xFE-"), "", "half a character is none");
    }

    #[test]
    fn what_may_be_a_key_is_not_shown_as_a_path() {
        for path in [
            "/etc/agw/ca",
            "ca",
            "certs\\ca.pem",
            "/etc/ssl/a/very/long/path/to/the/gateway-ca.pem",
        ] {
            assert!(is_path(path), "{path}");
        }
        let key = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
        let hex = "30:81:87:02:01:00:30:13:06:07:2a:86:48:ce:3d:02:01";
        for key in [key, &key[4..], &key[..12], &key.replace("GSM", "\\nGSM"), hex, "a.pem\nMIGH"] {
            assert!(!is_path(key), "{key}");
        }
        assert!(is_path("MANY/certificates.pem"));
    }
}
