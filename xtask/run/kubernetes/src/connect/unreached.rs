//! Why a cluster's API is not reached, as far as a library's words do not say what to do.

use std::{error::Error as Cause, fmt, io};

use rustls::{AlertDescription, CertificateError, Error as Tls};
use tower::BoxError;

use crate::proxy::Proxy;

/// A connection that was not made.
#[derive(Debug)]
pub(crate) struct Unreached {
    told: String,
    /// What to look at.
    hint: String,
    cause: BoxError,
}

impl Unreached {
    /// The failure with what it comes from: a certificate, or the proxy on the way.
    pub(super) fn explained(cause: BoxError, proxy: Option<&Proxy>, server: &str) -> BoxError {
        let by_way = |told: String| match proxy {
            Some(proxy) => format!("{told} by way of {proxy}"),
            None => told,
        };
        let of_tls = of_tls(&*cause).and_then(|error| about(error, server));
        let (told, hint) = match (of_tls, proxy) {
            (Some((told, hint)), _) => (by_way(told), hint),
            (None, Some(proxy)) => (by_way("it is not reached".to_owned()), proxy.hint(Some(server))),
            (None, None) => return cause,
        };
        Self { told, hint, cause }.into()
    }

    /// What a failure comes from beside its own words, and what to look at, if it is this. A server that does not take
    /// a client's certificate may say so only when the connection is made (RFC 8446, 4.4.2.4).
    pub(crate) fn beneath(error: &kube::Error) -> Option<(Option<String>, String)> {
        if let Some(unreached) = causes(error).find_map(|cause| cause.downcast_ref::<Self>()) {
            return Some((None, unreached.hint.clone()));
        }
        let (told, hint) = about(of_tls(error)?, "the cluster")?;
        Some((Some(told), hint))
    }
}

/// All errors that an error comes from, itself first.
fn causes<'a>(error: &'a (dyn Cause + 'static)) -> impl Iterator<Item = &'a (dyn Cause + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        // An error of input and output keeps to itself what it was made of.
        let within = this.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = within.map(|within| within as &(dyn Cause + 'static)).or_else(|| this.source());
        Some(this)
    })
}

fn of_tls<'a>(error: &'a (dyn Cause + 'static)) -> Option<&'a Tls> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// What an error of TLS is about, and what to look at.
fn about(error: &Tls, server: &str) -> Option<(String, String)> {
    let of_server = format!("the certificate of {server} is not taken");
    let of_client = format!("{server} does not take the user's client-certificate");
    let (told, hint) = match error {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => (
            of_server,
            "is `certificate-authority` of the kubeconfig's cluster its own? A cluster that was made anew has another",
        ),
        Tls::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => (
            of_server,
            "is this machine's clock right? Else the cluster's administrator renews it (`kubeadm certs renew`)",
        ),
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => (
            of_server,
            "name the cluster's `server` in the kubeconfig as its certificate does, or set `tls-server-name` there",
        ),
        Tls::InvalidCertificate(_) => (
            of_server,
            "does kubectl take it? The cluster's administrator can make one of X.509 version 3 for its name",
        ),
        Tls::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA,
        ) => (
            of_client,
            "ask the cluster's administrator for another kubeconfig: it may have expired or be of another cluster",
        ),
        _ => return None,
    };
    Some((told, hint.to_owned()))
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}

impl Cause for Unreached {
    fn source(&self) -> Option<&(dyn Cause + 'static)> {
        Some(self.cause.as_ref())
    }
}
