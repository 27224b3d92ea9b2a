//! Keys and signatures by the names that people know, and which of them agw takes.

use super::der::{self, BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// What certificates may be signed with, and servers' keys be of.
pub(super) const TAKEN: &str = "RSA of 2048 bits or more, P-256, P-384 or Ed25519";

/// The same for the client's own key: ring signs with RSA of no more than 4096 bits.
pub(super) const TAKEN_FOR_CLIENTS: &str = "RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519";

pub(super) struct Key {
    /// Such as "RSA of 1024 bits".
    pub words: String,
    pub taken: bool,
}

const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
const ELLIPTIC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// Algorithms of keys, curves, and algorithms of signatures.
const NAMES: &[(&[u8], &str)] = &[
    (RSA, "RSA"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07], "P-256"),
    (&[0x2B, 0x81, 0x04, 0x00, 0x22], "P-384"),
    (&[0x2B, 0x65, 0x70], "Ed25519"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A], "RSASSA-PSS"),
    (&[0x2B, 0x81, 0x04, 0x00, 0x23], "P-521"),
    (&[0x2B, 0x81, 0x04, 0x00, 0x21], "P-224"),
    (&[0x2B, 0x81, 0x04, 0x00, 0x0A], "secp256k1"),
    (&[0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07], "brainpoolP256r1"),
    (&[0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0B], "brainpoolP384r1"),
    (&[0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D], "SM2"),
    (&[0x2B, 0x65, 0x71], "Ed448"),
    (&[0x2B, 0x65, 0x6E], "X25519"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x38, 0x04, 0x01], "DSA"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x02], "RSA and MD2"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x04], "RSA and MD5"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05], "RSA and SHA-1"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B], "RSA and SHA-256"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0C], "RSA and SHA-384"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0D], "RSA and SHA-512"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0E], "RSA and SHA-224"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x01], "ECDSA and SHA-1"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x01], "ECDSA and SHA-224"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02], "ECDSA and SHA-256"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03], "ECDSA and SHA-384"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x04], "ECDSA and SHA-512"),
    (&[0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x83, 0x75], "SM2 and SM3"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x38, 0x04, 0x03], "DSA and SHA-1"),
];

fn name(identifier: &[u8]) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == identifier);
    known.map_or_else(
        || format!("the algorithm {}", der::dotted(identifier)),
        |(_, name)| (*name).to_owned(),
    )
}

/// What an AlgorithmIdentifier says: the algorithm or, for elliptic curves, the curve.
pub(super) fn algorithm(mut content: &[u8]) -> Option<String> {
    let identifier = der::expect(&mut content, OBJECT_IDENTIFIER)?;
    if identifier == ELLIPTIC {
        return Some(match der::next(&mut content) {
            Some(curve) if curve.tag == OBJECT_IDENTIFIER => name(curve.value),
            _ => "an elliptic curve without a name".into(),
        });
    }
    Some(name(identifier))
}

/// Of a SubjectPublicKeyInfo.
pub(super) fn public_key(mut info: &[u8]) -> Option<Key> {
    let mut content = der::expect(&mut info, SEQUENCE)?;
    let kind = der::expect(&mut content, SEQUENCE)?;
    let mut bits = der::expect(&mut content, BIT_STRING)?.get(1..)?;
    key(kind, 8192, || der::next(&mut bits)?.inside().next())
}

/// Of a private key in PKCS #8, PKCS #1 or SEC 1.
pub(super) fn private_key(mut der: &[u8]) -> Option<Key> {
    const MOST: usize = 4096;
    let parts: Vec<_> = der::next(&mut der)?.inside().collect();
    let tags: Vec<_> = parts.iter().map(|part| part.tag).collect();
    match tags[..] {
        [INTEGER, SEQUENCE, OCTET_STRING, ..] => key(parts[1].value, MOST, || {
            let mut inner = parts[2].value;
            der::next(&mut inner)?.inside().nth(1)
        }),
        [INTEGER, INTEGER, ..] => rsa(parts[1], MOST),
        [INTEGER, OCTET_STRING, ..] => {
            let mut parameters = parts.get(2)?.value;
            Some(named(name(der::expect(&mut parameters, OBJECT_IDENTIFIER)?)))
        }
        _ => None,
    }
}

fn key<'a>(
    mut kind: &[u8],
    most: usize,
    modulus: impl FnOnce() -> Option<Element<'a>>,
) -> Option<Key> {
    let words = algorithm(kind)?;
    match der::expect(&mut kind, OBJECT_IDENTIFIER)? {
        RSA => rsa(modulus()?, most),
        _ => Some(named(words)),
    }
}

fn rsa(modulus: Element, most: usize) -> Option<Key> {
    let start = modulus.value.iter().position(|byte| *byte != 0)?;
    let digits = &modulus.value[start..];
    let bits = digits.len() * 8 - digits[0].leading_zeros() as usize;
    Some(Key { words: format!("RSA of {bits} bits"), taken: (2048..=most).contains(&bits) })
}

fn named(words: String) -> Key {
    Key { taken: ["P-256", "P-384", "Ed25519"].contains(&&*words), words }
}
