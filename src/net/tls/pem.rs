//! Certificates and keys, from an option that holds the text itself or a file's path: PEM or DER.

use std::borrow::Cow;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memchr_iter;
use rustls::pki_types::CertificateDer;

use super::der::{self, SEQUENCE};
use super::forms::{CERTIFICATE, ENCRYPTED_KEY, Form, KEY, OPENSSH_KEY, TRUSTED, UNKNOWN};
use crate::net::failure::{caused_by, words as words_of};
use crate::sys::files;
use crate::{Error, Status};

/// What an option holds.
pub(super) struct Given {
    name: &'static str,
    /// Where it is from.
    words: String,
    /// The file as it stands in a command; "FILE" where it is a text or must not be shown.
    pub file: String,
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Given {
    #[inline(never)]
    pub fn load(name: &'static str, value: &str) -> Result<Self, Error> {
        let mut given = Self::read(name, value)?;
        let bytes = &given.bytes;
        // One that would be missing in silence, for no line says that it is there.
        const JOINED: &str = "a certificate in DER is joined to it; make PEM of that first: \
            openssl x509 -inform DER -in ONE -out one.pem";
        let joined = |at: usize| Form::of_der(&bytes[at..]) == CERTIFICATE;
        let mut behind = &bytes[..];
        der::next(&mut behind);
        let pieces = match (Form::of_der(bytes), sections(&text_of(bytes))) {
            (CERTIFICATE, _) if Form::of_der(behind) == CERTIFICATE => Err(JOINED.to_owned()),
            (form @ (CERTIFICATE | KEY), _) => Ok(vec![Piece { form, der: Ok(bytes.clone()) }]),
            (_, Ok(found)) if !found.is_empty() && memchr_iter(SEQUENCE, bytes).any(joined) => {
                Err(JOINED.to_owned())
            }
            (_, found) => found,
        };
        let refused = |why| given.refuse(format!(" cannot be read as PEM: {why}"));
        given.pieces = pieces.map_err(refused)?;
        Ok(given)
    }

    fn read(name: &'static str, value: &str) -> Result<Self, Error> {
        const LONG: usize = 120;
        let given = |words, file, bytes| {
            let words = format!("{name}: {words}");
            Given { name, words, file, bytes, pieces: Vec::new() }
        };
        let hidden = || "FILE".to_owned();
        if value.is_empty() {
            return Err(bad_option(format!("{name}: empty; give PEM text or the path of a file")));
        }
        if value.contains("-----BEGIN") || value.trim_end().contains(['\n', '\r']) {
            return Ok(given("the text".into(), hidden(), value.as_bytes().to_owned()));
        }
        let (bytes, why) = match files::read(value) {
            Ok(bytes) => (bytes, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let shown = why.is_none() || is_path(value);
        let words = if shown { format!("file '{value}'") } else { "the file".into() };
        // As a shell takes it.
        let plain = |c: char| c.is_alphanumeric() || "/\\._-+:,=@~".contains(c);
        let file = match value.chars().all(plain) {
            _ if !shown || value.len() > LONG => hidden(),
            _ if value.contains(['"', '$', '`']) => hidden(),
            true => value.to_owned(),
            false => format!("\"{value}\""),
        };
        let given = given(words, file, bytes);
        let Some(why) = why else { return Ok(given) };
        Err(caused_by(&why, given.refuse(format!(" cannot be read: {}", words_of(&why)))))
    }

    /// The certificates in it, in their order; at least one.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let mut found = Vec::new();
        for piece in self.pieces.iter().filter(|piece| piece.form == CERTIFICATE) {
            let der = self.der_of(piece, &format!("certificate {}", found.len() + 1))?;
            found.push(CertificateDer::from(der));
        }
        if found.is_empty() { Err(self.complain(CERTIFICATE)) } else { Ok(found) }
    }

    pub fn private_keys(&self) -> impl Iterator<Item = Result<Vec<u8>, Error>> {
        let keys = self.pieces.iter().filter(|piece| piece.form == KEY);
        keys.map(|piece| self.der_of(piece, "the private key"))
    }

    fn der_of(&self, piece: &Piece, what: &str) -> Result<Vec<u8>, Error> {
        let refuse = |why: &str| self.refuse(format!(" cannot be read as PEM: {what} {why}"));
        let der = piece.der.clone().map_err(refuse)?;
        // certutil, for one, writes the label of a certificate over whatever it is given.
        let form = Form::of_der(&der).in_pem();
        if [UNKNOWN, piece.form].contains(&form) {
            return Ok(der);
        }
        Err(refuse(&form.words(piece.form, &self.file)))
    }

    /// What is there instead of what is wanted.
    pub fn complain(&self, wanted: Form) -> Error {
        let mut forms = self.pieces.iter().map(|piece| piece.form);
        // In one file with its certificate, an encrypted key is the one that is meant.
        let encrypted = |form: &Form| wanted == KEY && [ENCRYPTED_KEY, OPENSSH_KEY].contains(form);
        let none = match wanted {
            KEY => "holds no private key",
            _ => "holds no PEM certificate",
        };
        let meant = forms.clone().find(encrypted).or_else(|| forms.find(|form| *form != UNKNOWN));
        let form = match meant {
            Some(CERTIFICATE) if self.name == "client_cert" => {
                return self.refuse(format!(" {none}; give that as client_key"));
            }
            Some(form) => form,
            None if self.pieces.is_empty() => Form::of_bytes(&self.bytes, &text_of(&self.bytes)),
            None => return self.refuse(format!(" {none}; {}", UNKNOWN.advice(wanted))),
        };
        self.refuse(format!(" {none}: it {}", form.words(wanted, &self.file)))
    }

    pub fn refuse(&self, why: impl AsRef<str>) -> Error {
        bad_option(format!("{}{}", self.words, why.as_ref()))
    }
}

/// What stands between a BEGIN and an END line, or a whole file in DER.
struct Piece {
    form: Form,
    /// The error never says what was read: it may be a key.
    der: Result<Vec<u8>, &'static str>,
}

impl Piece {
    fn of_section(label: &str, lines: &[&str]) -> Self {
        // As of old: the lines before an empty one say how it is encrypted.
        let encrypted =
            lines.iter().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"));
        let form = if encrypted { ENCRYPTED_KEY } else { Form::of_label(label) };
        let base64 = lines.iter().filter(|line| !line.contains(':'));
        let text: String = base64.flat_map(|line| line.split_whitespace()).collect();
        let der = match BASE64.decode(text) {
            Ok(der) if der.is_empty() => Err("is empty"),
            decoded => decoded.map_err(|_| "is not base64"),
        };
        Piece { form, der: if label == TRUSTED { der.and_then(first_element) } else { der } }
    }
}

fn first_element(mut der: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    let length = der::next(&mut &der[..]).ok_or("is no DER")?.whole.len();
    der.truncate(length);
    Ok(der)
}

fn sections(text: &str) -> Result<Vec<Piece>, String> {
    let mut found: Vec<Piece> = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    let mut lost: Option<String> = None;
    let damaged = |found: &[Piece], label: &str, why: &str| {
        let number = found.iter().filter(|piece| piece.form == CERTIFICATE).count() + 1;
        match Form::of_label(label) {
            CERTIFICATE => format!("certificate {number}: {why}"),
            _ => why.to_owned(),
        }
    };
    const NO_END: &str = "an END line is missing";
    const NO_BEGIN: &str = "a BEGIN line is missing, or not alone on its line";
    const JOINED: &str = "a BEGIN line follows its END line without a line end between";
    for line in text.split(['\n', '\r']).map(str::trim) {
        if let Some(rest) = line.strip_prefix("-----BEGIN ") {
            let label = rest.strip_suffix("-----").filter(|label| !label.contains("-----"));
            let label = label.ok_or("a BEGIN line is not alone on its line")?;
            if let Some((label, _)) = open.replace((label, Vec::new())) {
                return Err(damaged(&found, label, NO_END));
            }
        } else if let Some(rest) = line.strip_prefix("-----END ") {
            // What is passed over here would be missing in silence.
            let label = rest.split("-----").next().unwrap_or_default();
            let Some((label, lines)) = open.take() else {
                lost.get_or_insert_with(|| damaged(&found, label, NO_BEGIN));
                continue;
            };
            if rest.contains("-----BEGIN ") {
                return Err(damaged(&found, label, JOINED));
            }
            found.push(Piece::of_section(label, &lines));
        } else if let Some((_, lines)) = &mut open {
            lines.push(line);
        }
    }
    match (open, lost) {
        (Some((label, _)), _) => Err(damaged(&found, label, NO_END)),
        // Where there is nothing else, it may be anything.
        (None, Some(why)) if !found.is_empty() => Err(why),
        _ => Ok(found),
    }
}

/// As text. PEM is ASCII, which in UTF-16 has NULs between: without these, and the byte-order marks that
/// would hide the BEGIN line behind them, it is read from files that are joined of several charsets.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let plain = |text: &&str| text.is_ascii() && !text.contains('\0');
    if let Some(text) = std::str::from_utf8(bytes).ok().filter(plain) {
        return text.into();
    }
    let ascii: Vec<_> =
        bytes.iter().copied().filter(|byte| ![0, 0xFE, 0xFF].contains(byte)).collect();
    String::from_utf8_lossy(&ascii).replace('\u{feff}', "").into()
}

/// A key whose BEGIN line was lost is taken for a path, and must not be shown.
fn is_path(value: &str) -> bool {
    !value.contains(['\n', '\r']) && (!may_be_key(value) || Path::new(value).exists())
}

/// Whether a text can be a key, or a part of one, in base64 or hex.
fn may_be_key(value: &str) -> bool {
    const SHORTEST: usize = 40;
    /// Longer than a name in a path as a rule is.
    const LONG_RUN: usize = 32;
    let of_keys = |c: char| c.is_ascii_alphanumeric() || " +/=-_:\t\\".contains(c);
    // 0x30, with which DER begins.
    let der = matches!(value.trim_start().as_bytes(), [b'M', b'A'..=b'P', ..]);
    let bare = value.chars().all(of_keys) && (value.len() >= SHORTEST || der);
    // With quotes, a name or a comma around it, as a settings file has it.
    let digits = |c: char| c.is_ascii_alphanumeric() || c == '+';
    bare || value.split(|c| !digits(c)).any(|run| run.len() >= LONG_RUN)
}

pub(super) fn bad_option(detail: impl Into<String>) -> Error {
    Error::new(Status::TlsConfig, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The corpus has more, as files.
    #[test]
    fn lines_are_read_however_charsets_are_joined() {
        let text = "-----BEGIN X-----\n座席\n";
        let little: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<_> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let joined = [text.as_bytes(), b"\xFF\xFE", &little, &big, &big[3..], &big].concat();
        assert_eq!(text_of(&joined).matches("-----BEGIN X-----\n").count(), 4);
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
        let quoted =
            [format!("\"{key}\""), format!("key={key},"), format!("{{\"a.pem\": \"{key}\"}}")];
        for key in quoted {
            assert!(!is_path(&key), "{key}");
        }
        for key in [key, &key[4..], &key[..12], &key.replace("GSM", "\\nGSM"), hex, "a.pem\nMIGH"] {
            assert!(!is_path(key), "{key}");
        }
        assert!(is_path("MANY/certificates.pem"));
    }
}
