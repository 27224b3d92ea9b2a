//! A self-signed X.509 certificate of version 1, put together by hand: rcgen and newer openssl
//! programs make version 3 only.

use rcgen::{KeyPair, PublicKeyData, SigningKey};
use rustls::pki_types::CertificateDer;
use support::certs::Identity;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0C;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const ECDSA_WITH_SHA256: [u8; 8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];

/// No version, no extensions: that is version 1.
pub fn version_one(common_name: &str) -> Identity {
    let key = KeyPair::generate().expect("a P-256 key");
    let algorithm = sequence(&[der(OID, &ECDSA_WITH_SHA256)]);
    let name = name(common_name);
    let serial = der(INTEGER, &[1]);
    let valid = sequence(&[der(UTC_TIME, b"200101000000Z"), der(UTC_TIME, b"491231235959Z")]);
    let public_key = key.subject_public_key_info();
    let body = sequence(&[serial, algorithm.clone(), name.clone(), valid, name, public_key]);
    let signature = key.sign(&body).expect("signs");
    let signature = der(BIT_STRING, &[&[0], signature.as_slice()].concat());
    let certificate = CertificateDer::from(sequence(&[body, algorithm, signature]));
    Identity::new(certificate, key.serialize_pem())
}

fn name(common_name: &str) -> Vec<u8> {
    let part = sequence(&[der(OID, &COMMON_NAME), der(UTF8_STRING, common_name.as_bytes())]);
    sequence(&[der(SET, &part)])
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(SEQUENCE, &parts.concat())
}

/// Tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    let [high, low] = length.to_be_bytes();
    let head = match length {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), content].concat()
}
