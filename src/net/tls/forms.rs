//! What people give where a certificate or a key is wanted, and how to make of it what is.

use super::der::{self, BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Certificate,
    Key,
    EncryptedKey,
    Pkcs7,
    Pkcs7Der,
    Pkcs12,
    JavaStore,
    JceStore,
    Request,
    RevocationList,
    PublicKey,
    OpenSshKey,
    PuttyKey,
    WebPage,
    Archive,
    Empty,
    BareBase64,
    Unknown,
}

/// What an option wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Certificates,
    PrivateKey,
}

struct Row {
    form: Form,
    what: &'static str,
    /// What to do where certificates are wanted, and where a key is. FILE stands for the file.
    for_certificates: &'static str,
    for_key: &'static str,
}

const fn row(
    form: Form,
    what: &'static str,
    for_certificates: &'static str,
    for_key: &'static str,
) -> Row {
    Row { form, what, for_certificates, for_key }
}

const ROWS: &[Row] = &[
    row(Form::Certificate, "a certificate", "", "give the private key that belongs to it"),
    row(Form::Key, "a private key", "give the certificate that belongs to it", ""),
    row(
        Form::EncryptedKey,
        "an encrypted private key, which agw does not open",
        "give the certificate that belongs to it",
        "openssl pkey -in FILE -out key.pem",
    ),
    row(
        Form::Pkcs7,
        "a PKCS#7 bundle (.p7b)",
        "openssl pkcs7 -in FILE -print_certs -out certificates.pem",
        "there is no key in it",
    ),
    row(
        Form::Pkcs7Der,
        "a PKCS#7 bundle (.p7b)",
        "openssl pkcs7 -inform DER -in FILE -print_certs -out certificates.pem",
        "there is no key in it",
    ),
    row(
        Form::Pkcs12,
        "a PKCS#12 store (.p12, .pfx)",
        "openssl pkcs12 -in FILE -nokeys -out certificates.pem",
        "openssl pkcs12 -in FILE -nocerts -nodes -out key.pem",
    ),
    row(
        Form::JavaStore,
        "a Java keystore (JKS)",
        "keytool -list -rfc -keystore FILE > certificates.pem",
        "keytool -importkeystore -srckeystore FILE -deststoretype PKCS12 -destkeystore store.p12, then \
         openssl pkcs12 -in store.p12 -nocerts -nodes -out key.pem",
    ),
    row(
        Form::JceStore,
        "a Java keystore (JCEKS)",
        "keytool -list -rfc -storetype JCEKS -keystore FILE > certificates.pem",
        "keytool -importkeystore -srcstoretype JCEKS -srckeystore FILE -deststoretype PKCS12 \
         -destkeystore store.p12, then openssl pkcs12 -in store.p12 -nocerts -nodes -out key.pem",
    ),
    row(
        Form::Request,
        "a certificate request (CSR)",
        "give the certificate that the CA has made of it",
        "give the private key that it was made with",
    ),
    row(
        Form::RevocationList,
        "a list of revoked certificates (CRL)",
        "give the certificate of the CA itself",
        "give a private key",
    ),
    row(Form::PublicKey, "a public key", "give the certificate", "give the private key"),
    row(
        Form::OpenSshKey,
        "a key for OpenSSH",
        "give a certificate",
        "ssh-keygen -p -N \"\" -m PKCS8 -f FILE",
    ),
    row(
        Form::PuttyKey,
        "a key for PuTTY",
        "give a certificate",
        "export it from PuTTYgen as an OpenSSH key, then ssh-keygen -p -N \"\" -m PKCS8 -f FILE",
    ),
    row(
        Form::WebPage,
        "a web page or XML, as a download that went wrong leaves",
        "download the certificate again",
        "get the key again",
    ),
    row(Form::Archive, "a ZIP archive", "unpack it, and give what is inside", "unpack it first"),
    row(Form::Empty, "empty", "give a certificate", "give a private key"),
    row(
        Form::BareBase64,
        "base64 without BEGIN and END lines",
        "put -----BEGIN CERTIFICATE----- on a line before it, and -----END CERTIFICATE----- behind",
        "put -----BEGIN PRIVATE KEY----- on a line before it, and -----END PRIVATE KEY----- behind",
    ),
    row(
        Form::Unknown,
        "neither PEM nor DER",
        "give a certificate in PEM or DER",
        "give a private key in PEM or DER",
    ),
];

impl Form {
    /// What it is, and what to do.
    pub fn words(self, wanted: Wanted, file: &str) -> String {
        let row = ROWS.iter().find(|row| row.form == self).unwrap_or(&ROWS[ROWS.len() - 1]);
        let advice = match wanted {
            Wanted::Certificates => row.for_certificates,
            Wanted::PrivateKey => row.for_key,
        };
        let command =
            ["openssl", "keytool", "ssh-keygen"].iter().any(|tool| advice.starts_with(tool));
        let lead = if command { "this makes one: " } else { "" };
        format!("is {}; {lead}{}", row.what, advice.replace("FILE", file))
    }

    /// By the label between the dashes of a BEGIN line.
    pub fn of_label(label: &str) -> Self {
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" | TRUSTED => Form::Certificate,
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => Form::Pkcs7,
            "PKCS12" => Form::Pkcs12,
            "ENCRYPTED PRIVATE KEY" => Form::EncryptedKey,
            "OPENSSH PRIVATE KEY" => Form::OpenSshKey,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Form::Request,
            "X509 CRL" => Form::RevocationList,
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "SSH2 PUBLIC KEY" => Form::PublicKey,
            other if other.ends_with("PRIVATE KEY") => Form::Key,
            _ => Form::Unknown,
        }
    }

    /// Of a file that is no PEM.
    pub fn of_bytes(bytes: &[u8], text: &str) -> Self {
        const JAVA: &[u8] = &[0xFE, 0xED, 0xFE, 0xED];
        const JCE: &[u8] = &[0xCE, 0xCE, 0xCE, 0xCE];
        let start = text.trim_start();
        match () {
            () if bytes.starts_with(JAVA) => Form::JavaStore,
            () if bytes.starts_with(JCE) => Form::JceStore,
            () if bytes.starts_with(b"PK\x03\x04") => Form::Archive,
            () if start.is_empty() => Form::Empty,
            () if start.starts_with('<') => Form::WebPage,
            () if start.starts_with("PuTTY-User-Key-File") => Form::PuttyKey,
            () if start.starts_with("ssh-") || start.starts_with("ecdsa-sha2") => Form::PublicKey,
            () if is_base64(start) => Form::BareBase64,
            () => Form::of_der(bytes),
        }
    }

    /// By the first elements inside.
    pub fn of_der(mut bytes: &[u8]) -> Self {
        const SIGNED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
        const NAME_BEHIND: u8 = 0xA0;
        let Some(outer) = der::next(&mut bytes).filter(|outer| outer.tag == SEQUENCE) else {
            return Form::Unknown;
        };
        let parts: Vec<_> = outer.inside().collect();
        let tags: Vec<_> = parts.iter().map(|part| part.tag).collect();
        match tags[..] {
            [OBJECT_IDENTIFIER, NAME_BEHIND] if parts[0].value == SIGNED_DATA => Form::Pkcs7Der,
            [SEQUENCE, SEQUENCE, BIT_STRING] => signed(parts[0]),
            [SEQUENCE, OCTET_STRING] => Form::EncryptedKey,
            [SEQUENCE, BIT_STRING] | [INTEGER, INTEGER] => Form::PublicKey,
            [INTEGER, SEQUENCE, OCTET_STRING, ..] | [INTEGER, OCTET_STRING, ..] => Form::Key,
            [INTEGER, INTEGER, INTEGER, ..] => Form::Key,
            [INTEGER, SEQUENCE, ..] => Form::Pkcs12,
            _ => Form::Unknown,
        }
    }
}

/// OpenSSL's own: a certificate, and behind it what it is trusted for.
pub(super) const TRUSTED: &str = "TRUSTED CERTIFICATE";

/// What is signed: a certificate, a request for one, or a list of revoked ones.
fn signed(content: Element) -> Form {
    const VERSION: u8 = 0xA0;
    let tags: Vec<_> = content.inside().map(|part| part.tag).collect();
    match tags[..] {
        [VERSION, INTEGER, ..] | [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, ..] => Form::Certificate,
        [INTEGER, SEQUENCE, SEQUENCE, VERSION] | [INTEGER, SEQUENCE, SEQUENCE] => Form::Request,
        [INTEGER, SEQUENCE, SEQUENCE, ..] | [SEQUENCE, SEQUENCE, ..] => Form::RevocationList,
        _ => Form::Unknown,
    }
}

fn is_base64(text: &str) -> bool {
    const ENOUGH: usize = 40;
    let base64 =
        |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c) || c.is_ascii_whitespace();
    text.len() >= ENOUGH && text.chars().all(base64)
}
