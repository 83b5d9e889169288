//! TLS with a cluster's API, for the certificates that kubectl takes, too: a client's of X.509 version 1, and a server's
//! own in the place of its authority's.

use std::sync::Arc;

use kube::{Config, client::ConfigExt};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    sign::SingleCertAndKey,
};
use xtask_contract::{Error, Result, error::chain};

use super::identity;

/// The TLS of a kubeconfig's cluster and user.
pub(super) fn config(config: &Config, doing: &str) -> Result<ClientConfig> {
    let refused = |why: String| {
        Error::refused(doing, format!("the cluster's certificate-authority cannot be used: {why}"))
            .next("`kubectl config view --raw` shows it; the cluster's administrator has the right one")
    };
    let mut bare = config.clone();
    let user = &mut bare.auth_info;
    (user.client_certificate, user.client_certificate_data) = (None, None);
    (user.client_key, user.client_key_data) = (None, None);
    let mut tls = bare.rustls_client_config().map_err(|error| refused(chain(&error)))?;
    if let Some(identity) = identity::of(&config.auth_info, doing)? {
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
    }
    if let Some(roots) = config.root_cert.as_ref().filter(|_| !config.accept_invalid_certs) {
        let verifier = OrPinned::of(roots).map_err(|error| refused(chain(&*error)))?;
        tls.dangerous().set_certificate_verifier(Arc::new(verifier));
    }
    Ok(tls)
}

/// Takes what an authority has signed and, as Go does, a certificate that is itself among the authorities.
#[derive(Debug)]
struct OrPinned {
    signed: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl OrPinned {
    fn of(roots: &[Vec<u8>]) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let pinned: Vec<CertificateDer<'static>> = roots.iter().cloned().map(CertificateDer::from).collect();
        let mut store = RootCertStore::empty();
        for root in &pinned {
            store.add(root.clone())?;
        }
        let provider = Arc::new(ring::default_provider());
        let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider).build()?;
        Ok(Self { signed, pinned })
    }
}

/// Whether an error is about who has signed it, which is found out after it is known that it has not expired.
fn is_of_its_signer(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.to_string().contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}

impl ServerCertVerifier for OrPinned {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        match self.signed.verify_server_cert(server, chain, name, ocsp, now) {
            Err(error) if is_of_its_signer(&error) && self.pinned.contains(server) => {
                verify_server_name(&ParsedCertificate::try_from(server)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.signed.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.signed.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}
