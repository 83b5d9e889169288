//! TLS to a database, as `sslmode` and its companions in the URL say.

use std::{fs, path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{self, CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::StatementError;

/// Which server to trust.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Trust {
    /// Any. The connection is encrypted, and that is all: `prefer`, `require`.
    #[default]
    Any,
    /// One with a certificate of a trusted authority: `verify-ca`.
    Certified,
    /// One with such a certificate for the host's name: `verify-full`.
    Named,
}

/// A PEM file that the URL names, or PEM text in the URL.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pem {
    File(PathBuf),
    Text(String),
}

/// How to speak TLS.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tls {
    pub(super) trust: Trust,
    /// An authority to trust, beside the system's.
    pub(super) authority: Option<Pem>,
    /// The client's certificate.
    pub(super) certificate: Option<Pem>,
    /// Its key.
    pub(super) key: Option<Pem>,
}

impl From<&str> for Pem {
    fn from(text: &str) -> Self {
        if text.trim().starts_with("-----BEGIN") { Self::Text(text.into()) } else { Self::File(text.into()) }
    }
}

impl Pem {
    fn read(&self, what: &str) -> Result<Vec<u8>, StatementError> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => fs::read(path).map_err(|error| {
                StatementError::other(format!("cannot read {what} {}: {error}", path.display()))
            }),
        }
    }
}

impl Tls {
    /// Reads files, so it blocks.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, StatementError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(self.verifier(&provider)?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(StatementError::other)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match (&self.certificate, &self.key) {
            (None, None) => config.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let key = PrivateKeyDer::from_pem_slice(&key.read("sslkey")?)
                    .map_err(|error| StatementError::other(format!("sslkey is no private key: {error}")))?;
                let chain = certificates(&certificate.read("sslcert")?, "sslcert")?;
                config.with_client_auth_cert(chain, key).map_err(StatementError::other)?
            }
            (Some(_), None) => return Err(StatementError::other("sslcert needs sslkey beside it")),
            (None, Some(_)) => return Err(StatementError::other("sslkey needs sslcert beside it")),
        };
        Ok(MakeRustlsConnect::new(config))
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Verifier, StatementError> {
        let authorities = match self.trust {
            Trust::Any => None,
            Trust::Certified | Trust::Named => {
                let builder =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots()?), provider.clone());
                Some(builder.build().map_err(StatementError::other)?)
            }
        };
        Ok(Verifier { trust: self.trust, authorities, provider: provider.clone() })
    }

    /// The system's authorities, and the one that the URL names.
    fn roots(&self) -> Result<RootCertStore, StatementError> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in system.errors {
            tracing::warn!(%error, "cannot read one of the system's certificates");
        }
        roots.add_parsable_certificates(system.certs);
        if let Some(authority) = &self.authority {
            for certificate in certificates(&authority.read("sslrootcert")?, "sslrootcert")? {
                roots.add(certificate).map_err(StatementError::other)?;
            }
        }
        Ok(roots)
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, StatementError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all =
        all.map_err(|error| StatementError::other(format!("{what} holds what is no certificate: {error}")))?;
    if all.is_empty() {
        return Err(StatementError::other(format!("{what} holds no certificate")));
    }
    Ok(all)
}

/// Verifies a server's certificate as far as it is told to.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    /// None if any server is trusted.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        match authorities.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
                if self.trust == Trust::Certified =>
            {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
