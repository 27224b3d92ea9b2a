//! Checks the gateway's certificate against what the caller trusts.

use std::iter;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, OtherError, SignatureScheme};

use super::explain::{self, Fingerprint, WeakIssuer, fingerprint_of};
use super::limits;
use crate::net::blocking::Blocking;

/// What a certificate is checked against.
#[derive(Debug)]
pub(super) enum TrustSource {
    /// A verifier that may block runs in a thread of its own.
    Chain(Arc<dyn ServerCertVerifier>, Option<Blocking>),
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
        let outcome = match &self.source {
            TrustSource::Chain(verifier, None) => verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            TrustSource::Chain(verifier, Some(blocking)) => {
                let verifier = verifier.clone();
                let owned = |one: &CertificateDer| one.clone().into_owned();
                let certificate = owned(end_entity);
                let intermediates: Vec<_> = intermediates.iter().map(owned).collect();
                let (name, ocsp) = (server_name.to_owned(), ocsp_response.to_vec());
                within_limits(blocking, move || {
                    verifier.verify_server_cert(&certificate, &intermediates, &name, &ocsp, now)
                })?
            }
            TrustSource::Pins(pins) if !pins.contains(&fingerprint_of(end_entity)) => {
                return Err(explain::because(end_entity, "its fingerprint is not in pin_sha256"));
            }
            TrustSource::Pins(_) | TrustSource::Nothing => Ok(ServerCertVerified::assertion()),
        };
        outcome.map_err(|why| {
            let sent: Vec<_> = iter::once(end_entity).chain(intermediates).collect();
            explain::of_certificate(why, &sent, &self.weak)
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.unless_unchecked(certificate, || {
            crypto::verify_tls12_signature(message, certificate, dss, &self.algorithms)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.unless_unchecked(certificate, || {
            crypto::verify_tls13_signature(message, certificate, dss, &self.algorithms)
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Verifier {
    fn unless_unchecked(
        &self,
        certificate: &CertificateDer<'_>,
        check: impl FnOnce() -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.source {
            TrustSource::Nothing => Ok(HandshakeSignatureValid::assertion()),
            _ => check().map_err(|why| explain::of_signature(why, certificate)),
        }
    }
}

fn within_limits<T: Send + 'static>(
    blocking: &Blocking,
    verify: impl FnOnce() -> T + Send + 'static,
) -> Result<T, rustls::Error> {
    let limits = limits::current().ok_or(rustls::Error::HandshakeNotComplete)?;
    let what = "asking the system about the gateway's certificate";
    let outcome = blocking.run("agw verify", what, verify, limits.deadline, &limits.cancel);
    outcome.map_err(|why| rustls::Error::Other(OtherError(Arc::new(why))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::{Duration, Instant};

    use crate::Status;
    use crate::net::cancel::CancelHandle;
    use crate::net::deadline::Deadline;
    use limits::HandshakeLimits;

    fn verifier(source: TrustSource) -> Verifier {
        let provider = crypto::ring::default_provider();
        let algorithms = provider.signature_verification_algorithms;
        Verifier { source, algorithms, weak: Vec::new() }
    }

    /// What a verifier of the operating system's may be like.
    #[test]
    fn a_system_that_takes_long_over_a_certificate_does_not_outlast_the_call() {
        let started = Instant::now();
        let cancel = Arc::<CancelHandle>::default();
        let slow = |timeout| {
            let _limits = HandshakeLimits::set(Deadline::after(timeout), &cancel);
            let sleep = || thread::sleep(Duration::from_secs(60));
            explain::told(&within_limits(&Blocking::default(), sleep).expect_err("it takes long"))
        };
        let said =
            "the time-out of 50 ms passed while asking the system about the gateway's certificate";
        assert_eq!(slow(Duration::from_millis(50)), (Status::Timeout, said.to_owned()));
        cancel.cancel();
        assert_eq!(slow(Duration::from_secs(30)).0, Status::Cancelled);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_a_system_says_of_a_certificate_is_explained() {
        let refusing = Arc::new(verifier(TrustSource::Pins(Vec::new())));
        let systems = TrustSource::Chain(refusing, Some(Blocking::default()));
        let cancel = Arc::<CancelHandle>::default();
        let _limits = HandshakeLimits::set(Deadline::after(Duration::from_secs(30)), &cancel);
        let name = ServerName::try_from("gateway.test").expect("a name");
        let outcome = verifier(systems).verify_server_cert(
            &CertificateDer::from(vec![0]),
            &[],
            &name,
            &[],
            UnixTime::now(),
        );
        let (status, detail) = explain::told(&outcome.expect_err("never trusted"));
        assert_eq!(status, Status::Tls);
        assert!(detail.contains("was refused: "), "{detail}");
    }
}
