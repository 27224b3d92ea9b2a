//! Keys and signatures by the names that people know, and which of them agw takes.

use super::der::{self, BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// What certificates may be signed with, and servers' keys be of.
pub(super) const TAKEN: &str = "RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519";

/// The same for the client's own key, with which ring has to sign.
pub(super) const TAKEN_FOR_CLIENTS: &str =
    "RSA of 2048, 3072 or 4096 bits, P-256, P-384 or Ed25519";

/// Its key may well be one that agw takes.
pub(super) const UNNAMED_CURVE: &str = "an elliptic curve without a name";

pub(super) struct Key {
    /// Such as "RSA of 1024 bits".
    pub words: String,
    pub taken: bool,
}

impl Key {
    pub fn is_elliptic(&self) -> bool {
        self.words.starts_with("P-")
    }
}

const RSA: &str = "RSA";
const ELLIPTIC: &str = "1.2.840.10045.2.1";

/// Algorithms of keys, curves, and algorithms of signatures.
const NAMES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.1", RSA),
    ("1.2.840.10045.3.1.7", "P-256"),
    ("1.3.132.0.34", "P-384"),
    ("1.3.101.112", "Ed25519"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.3.132.0.35", "P-521"),
    ("1.3.132.0.33", "P-224"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.2.156.10197.1.301", "SM2"),
    ("1.3.101.113", "Ed448"),
    ("1.3.101.110", "X25519"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.1.2", "RSA and MD2"),
    ("1.2.840.113549.1.1.4", "RSA and MD5"),
    ("1.2.840.113549.1.1.5", "RSA and SHA-1"),
    ("1.2.840.113549.1.1.11", "RSA and SHA-256"),
    ("1.2.840.113549.1.1.12", "RSA and SHA-384"),
    ("1.2.840.113549.1.1.13", "RSA and SHA-512"),
    ("1.2.840.113549.1.1.14", "RSA and SHA-224"),
    ("1.2.840.10045.4.1", "ECDSA and SHA-1"),
    ("1.2.840.10045.4.3.1", "ECDSA and SHA-224"),
    ("1.2.840.10045.4.3.2", "ECDSA and SHA-256"),
    ("1.2.840.10045.4.3.3", "ECDSA and SHA-384"),
    ("1.2.840.10045.4.3.4", "ECDSA and SHA-512"),
    ("1.2.156.10197.1.501", "SM2 and SM3"),
    ("1.2.840.10040.4.3", "DSA and SHA-1"),
];

fn name(identifier: &[u8]) -> String {
    let dotted = der::dotted(identifier);
    match NAMES.iter().find(|(known, _)| *known == dotted) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("the algorithm {dotted}"),
    }
}

/// What an AlgorithmIdentifier says: the algorithm or, for elliptic curves, the curve.
pub(super) fn algorithm(mut content: &[u8]) -> Option<String> {
    let identifier = der::expect(&mut content, OBJECT_IDENTIFIER)?;
    let elliptic = der::dotted(identifier) == ELLIPTIC;
    Some(if elliptic { curve(content) } else { name(identifier) })
}

fn curve(mut parameters: &[u8]) -> String {
    let identifier = der::expect(&mut parameters, OBJECT_IDENTIFIER);
    identifier.map_or_else(|| UNNAMED_CURVE.into(), name)
}

/// Of a SubjectPublicKeyInfo.
pub(super) fn public_key(mut info: &[u8]) -> Option<Key> {
    let mut content = der::expect(&mut info, SEQUENCE)?;
    let kind = der::expect(&mut content, SEQUENCE)?;
    let mut bits = der::expect(&mut content, BIT_STRING)?.get(1..)?;
    const UNCOMPRESSED: u8 = 4;
    let form = bits.first().copied();
    let rsa = || rsa(der::next(&mut bits)?.inside().next()?, |bits| (2048..=8192).contains(&bits));
    let key = key(kind, rsa)?;
    if key.is_elliptic() && form != Some(UNCOMPRESSED) {
        return Some(Key { words: key.words + " as a compressed point", taken: false });
    }
    Some(key)
}

/// Of a private key in PKCS #8, PKCS #1 or SEC 1.
pub(super) fn private_key(mut der: &[u8]) -> Option<Key> {
    const PARAMETERS: u8 = 0xA0;
    let parts: Vec<_> = der::next(&mut der)?.inside().collect();
    let tags: Vec<_> = parts.iter().map(|part| part.tag).collect();
    match tags[..] {
        [INTEGER, SEQUENCE, OCTET_STRING, ..] => key(parts[1].value, || {
            let mut inner = parts[2].value;
            own_rsa(&der::next(&mut inner)?.inside().collect::<Vec<_>>())
        }),
        // As OpenSSL writes it of old: p, q, g and the two halves.
        [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER] => Some(named("DSA".into())),
        [INTEGER, INTEGER, ..] => own_rsa(&parts),
        [INTEGER, OCTET_STRING, PARAMETERS, ..] => Some(named(curve(parts[2].value))),
        _ => None,
    }
}

fn key(kind: &[u8], rsa: impl FnOnce() -> Option<Key>) -> Option<Key> {
    let words = algorithm(kind)?;
    if words == RSA { rsa() } else { Some(named(words)) }
}

fn rsa(modulus: Element, taken: impl FnOnce(usize) -> bool) -> Option<Key> {
    let bits = bits(modulus)?;
    Some(Key { words: format!("RSA of {bits} bits"), taken: taken(bits) })
}

/// An RSAPrivateKey of RFC 8017: version, modulus, public exponent, and more.
fn own_rsa(parts: &[Element]) -> Option<Key> {
    let [version, modulus, exponent, ..] = parts else { return None };
    let mut key = rsa(*modulus, |bits| [2048, 3072, 4096].contains(&bits))?;
    let odd = match () {
        () if bits(*version).is_some() => " and more than two primes",
        () if bits(*exponent)? < 17 => " and an exponent below 65537",
        () => return Some(key),
    };
    key.words += odd;
    key.taken = false;
    Some(key)
}

/// How many bits the number has; `None` for 0.
fn bits(number: Element) -> Option<usize> {
    let start = number.value.iter().position(|byte| *byte != 0)?;
    let digits = &number.value[start..];
    Some(digits.len() * 8 - digits[0].leading_zeros() as usize)
}

fn named(words: String) -> Key {
    Key { taken: ["P-256", "P-384", "Ed25519"].contains(&&*words), words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_point_is_said_to_be_one() {
        let point = |form: u8, length: u8| {
            let mut info = vec![0x30, 23 + length, 0x30, 0x13, 0x06, 0x07];
            info.extend(b"\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
            info.extend([0x03, length, 0, form]);
            info.resize(info.len() + usize::from(length) - 2, 7);
            public_key(&info).map(|key| (key.words, key.taken))
        };
        assert_eq!(point(4, 66), Some(("P-256".to_owned(), true)));
        assert_eq!(point(2, 34), Some(("P-256 as a compressed point".to_owned(), false)));
    }
}
