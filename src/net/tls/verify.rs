//! Checks the gateway's certificate against what the caller trusts.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::explain::{self, Chain, Fingerprint, WeakIssuer, fingerprint_of};
use super::limits;
use crate::net::blocking::Blocking;

/// What a certificate is checked against.
#[derive(Debug)]
pub(super) enum TrustSource {
    Chain(Arc<dyn ServerCertVerifier>),
    /// The same, with a verifier that may block: it runs in a thread of its own.
    BlockingChain(Arc<dyn ServerCertVerifier>, Blocking),
    Pins(Vec<Fingerprint>),
    Nothing,
}

#[derive(Debug)]
pub(super) struct Verifier {
    pub source: TrustSource,
    pub algorithms: WebPkiSupportedAlgorithms,
    /// Those of `ca` that can vouch for nothing.
    pub weak: Vec<WeakIssuer>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let explained = |why| {
            let weak = &self.weak[..];
            explain::of_certificate(why, &Chain { certificate: end_entity, intermediates, weak })
        };
        match &self.source {
            TrustSource::Chain(verifier) => {
                let outcome = verifier.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
                outcome.map_err(explained)
            }
            TrustSource::BlockingChain(verifier, blocking) => {
                let verifier = verifier.clone();
                let certificate = end_entity.clone().into_owned();
                let intermediates: Vec<_> =
                    intermediates.iter().map(|one| one.clone().into_owned()).collect();
                let (name, ocsp) = (server_name.to_owned(), ocsp_response.to_vec());
                let verify = move || {
                    verifier.verify_server_cert(&certificate, &intermediates, &name, &ocsp, now)
                };
                within_limits(blocking, verify)?.map_err(explained)
            }
            TrustSource::Pins(pins) if !pins.contains(&fingerprint_of(end_entity)) => {
                Err(explain::because(end_entity, "its fingerprint is not in pin_sha256"))
            }
            TrustSource::Pins(_) | TrustSource::Nothing => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if let TrustSource::Nothing = self.source {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let outcome =
            rustls::crypto::verify_tls12_signature(message, certificate, dss, &self.algorithms);
        outcome.map_err(|why| explain::of_signature(why, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if let TrustSource::Nothing = self.source {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let outcome =
            rustls::crypto::verify_tls13_signature(message, certificate, dss, &self.algorithms);
        outcome.map_err(|why| explain::of_signature(why, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn within_limits<T: Send + 'static>(
    blocking: &Blocking,
    verify: impl FnOnce() -> T + Send + 'static,
) -> Result<T, rustls::Error> {
    let limits = limits::current().ok_or(rustls::Error::HandshakeNotComplete)?;
    let what = "asking the system about the gateway's certificate";
    let outcome = blocking.run("agw verify", what, verify, limits.deadline, &limits.cancel);
    outcome.map_err(explain::of_this_library)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::time::{Duration, Instant};

    use rustls::CertificateError;
    use rustls::crypto::ring as provider;

    use crate::Status;
    use crate::net::cancel::CancelHandle;
    use crate::net::deadline::Deadline;
    use crate::net::failure::failure;
    use limits::HandshakeLimits;

    /// What a verifier of the operating system's may be like.
    #[derive(Debug)]
    struct Slow(Duration);

    impl ServerCertVerifier for Slow {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            std::thread::sleep(self.0);
            Err(rustls::Error::InvalidCertificate(CertificateError::Revoked))
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            unreachable!()
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            unreachable!()
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            unreachable!()
        }
    }

    fn refusal_by(slow: Slow, timeout: u64, cancel: &Arc<CancelHandle>) -> (Status, String) {
        let verifier = Verifier {
            source: TrustSource::BlockingChain(Arc::new(slow), Blocking::default()),
            algorithms: provider::default_provider().signature_verification_algorithms,
            weak: Vec::new(),
        };
        let name = ServerName::try_from("gateway.test").expect("a name");
        let certificate = CertificateDer::from(vec![0]);
        let _limits = HandshakeLimits::set(Deadline::after(Duration::from_millis(timeout)), cancel);
        let why = verifier
            .verify_server_cert(&certificate, &[], &name, &[], UnixTime::now())
            .expect_err("never trusted");
        let why = io::Error::new(io::ErrorKind::InvalidData, why);
        let error = failure(&why, "in the TLS handshake");
        (error.status(), error.detail().to_owned())
    }

    #[test]
    fn a_system_that_takes_long_over_a_certificate_does_not_outlast_the_call() {
        let started = Instant::now();
        let cancel = Arc::<CancelHandle>::default();
        let (status, detail) = refusal_by(Slow(Duration::from_secs(60)), 50, &cancel);
        assert_eq!(status, Status::Timeout);
        assert_eq!(
            detail,
            "the time-out of 50 ms passed while asking the system about the gateway's certificate"
        );
        let (status, detail) = refusal_by(Slow(Duration::ZERO), 30_000, &cancel);
        assert_eq!(status, Status::Tls);
        assert!(detail.contains("was refused: "), "{detail}");
        cancel.cancel();
        let (status, _) = refusal_by(Slow(Duration::from_secs(60)), 30_000, &cancel);
        assert_eq!(status, Status::Cancelled);
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
