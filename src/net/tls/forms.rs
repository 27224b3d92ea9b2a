//! What people give where a certificate or a key is wanted, and how to make of it what is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::der::{self, BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    what: &'static str,
    /// What to do where certificates are wanted, and where a key is. FILE stands for the file.
    for_certificates: &'static str,
    for_key: &'static str,
}

const fn form(what: &'static str, for_certificates: &'static str, for_key: &'static str) -> Form {
    Form { what, for_certificates, for_key }
}

pub(super) const CERTIFICATE: Form =
    form("a certificate", "", "give the private key that belongs to it");
pub(super) const KEY: Form = form("a private key", "give the certificate that belongs to it", "");
pub(super) const ENCRYPTED_KEY: Form = form(
    "an encrypted private key, which agw does not open",
    "give the certificate that belongs to it",
    "openssl pkey -in FILE -out key.pem (with -provider legacy -provider default where it says \
     unsupported)",
);
const PKCS7: Form = form(
    "a PKCS#7 bundle (.p7b)",
    "openssl pkcs7 -in FILE -print_certs -out certificates.pem",
    "there is no key in it",
);
const PKCS7_DER: Form = form(
    "a PKCS#7 bundle (.p7b)",
    "openssl pkcs7 -inform DER -in FILE -print_certs -out certificates.pem",
    "there is no key in it",
);
const PKCS12: Form = form(
    "a PKCS#12 store (.p12, .pfx)",
    "openssl pkcs12 -in FILE -nokeys -out certificates.pem (with -legacy where it says unsupported)",
    "openssl pkcs12 -in FILE -nocerts -nodes -out key.pem (with -legacy where it says unsupported)",
);
const PKCS12_IN_PEM: Form = form(
    "a PKCS#12 store (.p12, .pfx) between BEGIN and END lines",
    "sed /^-/d FILE | base64 -d > store.p12, then \
     openssl pkcs12 -in store.p12 -nokeys -out certificates.pem",
    "sed /^-/d FILE | base64 -d > store.p12, then \
     openssl pkcs12 -in store.p12 -nocerts -nodes -out key.pem",
);
const JAVA_STORE: Form = form(
    "a Java keystore (JKS)",
    "keytool -list -rfc -keystore FILE > certificates.pem",
    "keytool -importkeystore -srckeystore FILE -deststoretype PKCS12 -destkeystore store.p12, then \
     openssl pkcs12 -in store.p12 -nocerts -nodes -out key.pem",
);
const JCE_STORE: Form = form(
    "a Java keystore (JCEKS)",
    "keytool -list -rfc -storetype JCEKS -keystore FILE > certificates.pem",
    "keytool -importkeystore -srcstoretype JCEKS -srckeystore FILE -deststoretype PKCS12 \
     -destkeystore store.p12, then openssl pkcs12 -in store.p12 -nocerts -nodes -out key.pem",
);
const BOUNCY_CASTLE_STORE: Form = form(
    "a keystore of Bouncy Castle (BKS)",
    "keytool -list -rfc -storetype BKS -providerpath bcprov.jar \
     -providerclass org.bouncycastle.jce.provider.BouncyCastleProvider -keystore FILE \
     > certificates.pem",
    "keytool -importkeystore -srcstoretype BKS -providerpath bcprov.jar \
     -providerclass org.bouncycastle.jce.provider.BouncyCastleProvider -srckeystore FILE \
     -deststoretype PKCS12 -destkeystore store.p12, then \
     openssl pkcs12 -in store.p12 -nocerts -nodes -out key.pem",
);
const NSS_STORE: Form = form(
    "a database, such as Firefox and NSS keep certificates in",
    "certutil -L -d . -n NAME -a > certificates.pem in its folder, with a name that \
     certutil -L -d . prints",
    "pk12util -o store.p12 -d . -n NAME in its folder, then \
     openssl pkcs12 -in store.p12 -nocerts -nodes -out key.pem",
);
const PVK_KEY: Form = form(
    "a private key of Microsoft's (PVK)",
    "give the certificate that belongs to it",
    "openssl rsa -inform PVK -in FILE -out key.pem",
);
const REQUEST: Form = form(
    "a certificate request (CSR)",
    "give the certificate that the CA has made of it",
    "give the private key that it was made with",
);
const REVOCATION_LIST: Form = form(
    "a list of revoked certificates (CRL)",
    "give the certificate of the CA itself",
    "give a private key",
);
const PUBLIC_KEY: Form = form("a public key", "give the certificate", "give the private key");
pub(super) const OPENSSH_KEY: Form = form(
    "a key for OpenSSH",
    "give a certificate",
    "ssh-keygen -p -N \"\" -m PKCS8 -f FILE (a copy: it changes the file)",
);
const PUTTY_KEY: Form = form(
    "a key for PuTTY",
    "give a certificate",
    "export it from PuTTYgen as an OpenSSH key, then ssh-keygen -p -N \"\" -m PKCS8 -f FILE on that",
);
const WEB_PAGE: Form = form(
    "a web page or XML, as a download that went wrong leaves",
    "download the certificate again",
    "get the key again",
);
const ARCHIVE: Form =
    form("a ZIP archive", "unpack it, and give what is inside", "unpack it first");
const COMPRESSED: Form =
    form("compressed with gzip", "unpack it, and give what is inside", "unpack it first");
const EMPTY: Form = form("empty", "give a certificate", "give a private key");
const BARE_BASE64: Form = form(
    "base64 without BEGIN and END lines",
    "put -----BEGIN CERTIFICATE----- on a line before it, and -----END CERTIFICATE----- behind",
    "put -----BEGIN PRIVATE KEY----- on a line before it, and -----END PRIVATE KEY----- behind",
);
const PEM_IN_BASE64: Form = form(
    "PEM in base64 once more",
    "base64 -d FILE > certificates.pem",
    "base64 -d FILE > key.pem",
);
const STORE_IN_BASE64: Form = form("a PKCS#7 or PKCS#12 store in base64", DECODE, DECODE);
const DECODE: &str = "take it out of that: base64 -d FILE > store, and give what comes";
const MISSPELT: Form = form(
    "PEM whose BEGIN line is missing, or not as it has to be",
    ALONE_ON_ITS_LINE,
    ALONE_ON_ITS_LINE,
);
const ALONE_ON_ITS_LINE: &str = "put five dashes before and behind its words, and let nothing else \
    stand on the line, such as the > of a quoted mail";
const CUT_OFF: Form =
    form("cut off: DER that ends too early", "copy or download it again", "copy it again");
pub(super) const UNKNOWN: Form = form(
    "neither PEM nor DER",
    "give a certificate in PEM or DER",
    "give a private key in PEM or DER",
);

impl Form {
    /// What it is, and what to do.
    pub fn words(self, wanted: Form, file: &str) -> String {
        const TOOLS: [&str; 7] =
            ["openssl", "keytool", "ssh-keygen", "base64 -d", "sed", "certutil", "pk12util"];
        let advice = self.advice(wanted);
        let command = TOOLS.iter().any(|tool| advice.starts_with(tool));
        let lead = if command { "this makes one: " } else { "" };
        format!("is {}; {lead}{}", self.what, advice.replace("FILE", file))
    }

    pub fn advice(self, wanted: Form) -> &'static str {
        if wanted == KEY { self.for_key } else { self.for_certificates }
    }

    /// The same between BEGIN and END lines, which the tools read without `-inform`, or not at all.
    pub fn in_pem(self) -> Self {
        match self {
            PKCS7_DER => PKCS7,
            PKCS12 => PKCS12_IN_PEM,
            other => other,
        }
    }

    /// By the label between the dashes of a BEGIN line.
    pub fn of_label(label: &str) -> Self {
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" | TRUSTED => CERTIFICATE,
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => PKCS7,
            "PKCS12" => PKCS12_IN_PEM,
            "ENCRYPTED PRIVATE KEY" => ENCRYPTED_KEY,
            "OPENSSH PRIVATE KEY" => OPENSSH_KEY,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => REQUEST,
            "X509 CRL" => REVOCATION_LIST,
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "SSH2 PUBLIC KEY" => PUBLIC_KEY,
            other if other.ends_with("PRIVATE KEY") => KEY,
            _ => UNKNOWN,
        }
    }

    /// Of a file that is no PEM.
    pub fn of_bytes(bytes: &[u8], text: &str) -> Self {
        const JAVA: &[u8] = &[0xFE, 0xED, 0xFE, 0xED];
        const JCE: &[u8] = &[0xCE, 0xCE, 0xCE, 0xCE];
        const PVK: &[u8] = &[0x1E, 0xF1, 0xB5, 0xB0];
        const SQLITE: &[u8] = b"SQLite format 3\0";
        const BERKELEY_DB: &[u8] = &[0, 6, 0x15, 0x61];
        const DASHES_IN_BASE64: &str = "LS0tLS1";
        const SSH_KEYS: [&str; 3] = ["ssh-", "ecdsa-sha2", "---- BEGIN SSH2 PUBLIC"];
        // With what a mail, an editor or a script has made of its lines.
        const PEM: [&str; 4] = ["-----BEGIN ", "BEGIN CERTIFICATE", "PRIVATE KEY-", "-----END "];
        let start = text.trim_start();
        let base64 = start.split_whitespace().collect::<String>().into_bytes();
        // Also where it is cut off.
        let base64 = BASE64.decode(&base64[..base64.len() / 4 * 4]);
        match () {
            () if bytes.starts_with(JAVA) => JAVA_STORE,
            () if bytes.starts_with(JCE) => JCE_STORE,
            () if matches!(bytes, [0, 0, 0, 1 | 2, 0, 0, 0, 20, ..]) => BOUNCY_CASTLE_STORE,
            () if [SQLITE, BERKELEY_DB].iter().any(|magic| bytes.starts_with(magic)) => NSS_STORE,
            () if bytes.starts_with(PVK) => PVK_KEY,
            () if bytes.starts_with(b"PK\x03\x04") => ARCHIVE,
            () if bytes.starts_with(b"\x1f\x8b") => COMPRESSED,
            () if start.is_empty() => EMPTY,
            () if PEM.iter().any(|word| text.contains(word)) => MISSPELT,
            () if start.starts_with(DASHES_IN_BASE64) => PEM_IN_BASE64,
            () if start.starts_with('<') => WEB_PAGE,
            () if start.starts_with("PuTTY-User-Key-File") => PUTTY_KEY,
            () if SSH_KEYS.iter().any(|word| start.starts_with(word)) => PUBLIC_KEY,
            () => match base64.map(|der| Form::of_der(&der)) {
                Ok(PKCS7_DER | PKCS12) => STORE_IN_BASE64,
                Ok(UNKNOWN) | Err(_) => Form::of_der(bytes),
                Ok(_) => BARE_BASE64,
            },
        }
    }

    /// By the first elements inside.
    pub fn of_der(mut bytes: &[u8]) -> Self {
        const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
        const NAME_BEHIND: u8 = 0xA0;
        const LONG_SEQUENCE: [u8; 2] = [SEQUENCE, 0x82];
        let outer = match der::next(&mut bytes) {
            Some(outer) if outer.tag == SEQUENCE => outer,
            None if bytes.starts_with(&LONG_SEQUENCE) => return CUT_OFF,
            _ => return UNKNOWN,
        };
        let parts: Vec<_> = outer.inside().collect();
        let tags: Vec<_> = parts.iter().map(|part| part.tag).collect();
        match tags[..] {
            [OBJECT_IDENTIFIER, NAME_BEHIND, ..] if der::dotted(parts[0].value) == SIGNED_DATA => {
                PKCS7_DER
            }
            [SEQUENCE, SEQUENCE, BIT_STRING] => signed(parts[0]),
            [SEQUENCE, OCTET_STRING] => ENCRYPTED_KEY,
            [SEQUENCE, BIT_STRING] | [INTEGER, INTEGER] => PUBLIC_KEY,
            [INTEGER, SEQUENCE, OCTET_STRING, ..] | [INTEGER, OCTET_STRING, ..] => KEY,
            [INTEGER, INTEGER, INTEGER, ..] => KEY,
            [INTEGER, SEQUENCE, ..] => PKCS12,
            _ => UNKNOWN,
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
        [VERSION, INTEGER, ..] | [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, ..] => CERTIFICATE,
        [INTEGER, SEQUENCE, SEQUENCE, VERSION] | [INTEGER, SEQUENCE, SEQUENCE] => REQUEST,
        [INTEGER, SEQUENCE, SEQUENCE, ..] | [SEQUENCE, SEQUENCE, ..] => REVOCATION_LIST,
        _ => UNKNOWN,
    }
}
