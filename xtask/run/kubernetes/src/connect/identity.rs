//! The client certificate of a kubeconfig's user, and its key.

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine};
use kube::config::AuthInfo;
use rustls::{
    Error::InconsistentKeys as Inconsistent,
    InconsistentKeys::KeyMismatch,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use secrecy::ExposeSecret;
use xtask_contract::{Error, Result};

const UNDERSTOOD: &str = "understood are P-256, P-384, Ed25519, and RSA of 2048 to 8192 bits";
/// Kinds of key that are not, by the bytes of their identifiers (object identifiers, in DER).
const OTHER_KINDS: [(&[u8], &str); 5] = [
    (&[6, 5, 0x2b, 0x81, 4, 0, 0x23], "of the curve P-521"),
    (&[6, 5, 0x2b, 0x81, 4, 0, 0x21], "of the curve P-224"),
    (&[6, 5, 0x2b, 0x81, 4, 0, 0x0a], "of the curve secp256k1"),
    (&[6, 3, 0x2b, 0x65, 0x71], "of the kind Ed448"),
    (&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "of the kind DSA"),
];

/// The user's certificate with its key, if the kubeconfig has one. Its version is the cluster's business.
pub(super) fn of(user: &AuthInfo, doing: &str) -> Result<Option<CertifiedKey>> {
    let key_data = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
    let certificate = content(
        "client-certificate",
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
        doing,
    )?;
    let key = content("client-key", key_data, user.client_key.as_deref(), doing)?;
    let refused = |why: &str| {
        Err(Error::refused(doing, format!("in the kubeconfig, {why}")).next(
            "ask the cluster's administrator for a kubeconfig with another certificate, or with a token",
        ))
    };
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(_), None) => return refused("a user has a client-certificate and no client-key"),
        (None, Some(_)) => return refused("a user has a client-key and no client-certificate"),
        (Some(certificate), Some(key)) => (certificate, key),
    };
    let chain: std::result::Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_slice_iter(&certificate).collect();
    let Some(chain) = chain.ok().filter(|chain| !chain.is_empty()) else {
        return refused("client-certificate holds no certificate (PEM)");
    };
    let Ok(der) = PrivateKeyDer::from_pem_slice(&key) else { return refused(&not_a_key(&key)) };
    let Ok(signing) = any_supported_type(&der) else {
        return refused(&format!("client-key holds {}; {UNDERSTOOD}", kind(der.secret_der())));
    };
    let identity = CertifiedKey::new(chain, signing);
    // A certificate of version 1 is not read here, so whether it fits is not told.
    if matches!(identity.keys_match(), Err(Inconsistent(KeyMismatch))) {
        return refused("client-key is not the key of client-certificate");
    }
    Ok(Some(identity))
}

/// What a kubeconfig holds or names: its own data go before a file.
fn content(what: &str, data: Option<&str>, path: Option<&str>, doing: &str) -> Result<Option<Vec<u8>>> {
    let refused = |why: String, next: &str| Err(Error::refused(doing, why).next(next));
    let set = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    if let Some(data) = set(data) {
        let bare: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        return match BASE64_STANDARD.decode(bare) {
            Ok(content) => Ok(Some(content)),
            Err(_) => refused(
                format!("in the kubeconfig, {what}-data is not base64"),
                "`kubectl config set-credentials --embed-certs` writes it",
            ),
        };
    }
    let Some(path) = set(path) else { return Ok(None) };
    match fs::read(&path) {
        Ok(content) => Ok(Some(content)),
        Err(error) => refused(
            format!("the kubeconfig names {path} as {what}: {error}"),
            "put it there, or mend the kubeconfig: `kubectl config view` shows it",
        ),
    }
}

fn not_a_key(pem: &[u8]) -> String {
    let text = String::from_utf8_lossy(pem);
    if text.contains("ENCRYPTED") {
        "client-key holds a key under a passphrase, which nobody is asked for".to_owned()
    } else if text.contains("OPENSSH PRIVATE KEY") {
        "client-key holds an SSH key, in a form of its own".to_owned()
    } else {
        "client-key holds no private key (PEM)".to_owned()
    }
}

fn kind(der: &[u8]) -> String {
    let known = OTHER_KINDS.iter().find(|(id, _)| der.windows(id.len()).any(|bytes| bytes == *id));
    known.map_or_else(|| "a key of another kind or size".to_owned(), |(_, kind)| format!("a key {kind}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use xtask_contract::Callee;

    use super::*;

    fn openssl(folder: &Path, args: &str) {
        let output =
            Callee::Asked.command("openssl").args(args.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn identity(folder: &Path, certificate: &str, key: &str) -> std::result::Result<CertifiedKey, String> {
        let path = |name: &str| Some(folder.join(name).display().to_string());
        let user =
            AuthInfo { client_certificate: path(certificate), client_key: path(key), ..AuthInfo::default() };
        of(&user, "connecting").map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn each_kind_of_key_is_taken_or_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let request = |name: &str, key: &str| {
            openssl(
                folder,
                &format!("req -x509 -newkey {key} -nodes -keyout {name}.key -out {name}.pem -subj /CN=a"),
            );
        };
        for (name, key) in [
            ("p256", "ec -pkeyopt ec_paramgen_curve:P-256"),
            ("p384", "ec -pkeyopt ec_paramgen_curve:P-384"),
            ("ed", "ed25519"),
            ("rsa", "rsa:2048"),
        ] {
            request(name, key);
            identity(folder, &format!("{name}.pem"), &format!("{name}.key")).unwrap();
        }
        openssl(folder, "ec -in p256.key -out sec1.key");
        identity(folder, "p256.pem", "sec1.key").unwrap();
        for (name, key, why) in [
            ("p521", "ec -pkeyopt ec_paramgen_curve:P-521", "the curve P-521; understood are P-256"),
            ("ed448", "ed448", "of the kind Ed448"),
            ("short", "rsa:1024", "of another kind or size"),
        ] {
            request(name, key);
            let told = identity(folder, &format!("{name}.pem"), &format!("{name}.key")).unwrap_err();
            assert!(told.contains(why) && told.contains("ask the cluster's administrator"), "{told}");
        }
        openssl(folder, "pkcs8 -topk8 -in p256.key -out locked.key -passout pass:canary");
        let told = |certificate, key| identity(folder, certificate, key).unwrap_err();
        assert!(told("p256.pem", "locked.key").contains("under a passphrase"));
        assert!(told("p256.pem", "p384.key").contains("not the key of client-certificate"));
        assert!(told("p256.key", "p256.key").contains("no certificate"));
        assert!(told("p256.pem", "gone.key").contains("gone.key as client-key"));
    }

    #[test]
    fn a_certificate_of_version_1_is_presented_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        openssl(folder, "req -newkey rsa:2048 -nodes -keyout a.key -out a.csr -subj /CN=a");
        // Without extensions, openssl makes one of version 1.
        openssl(folder, "x509 -req -in a.csr -signkey a.key -out a.pem");
        assert_eq!(identity(folder, "a.pem", "a.key").unwrap().cert.len(), 1);
    }

    #[test]
    fn what_is_only_half_there_is_told() {
        let of = |user: AuthInfo| of(&user, "connecting").err().map(|error| error.to_string());
        assert_eq!(of(AuthInfo::default()), None);
        let half = AuthInfo { client_certificate_data: Some("YQ==".into()), ..AuthInfo::default() };
        assert!(of(half).unwrap().contains("no client-key"));
        let wrong = AuthInfo { client_certificate_data: Some("canary!".into()), ..AuthInfo::default() };
        let told = of(wrong).unwrap();
        assert!(told.contains("client-certificate-data is not base64") && !told.contains("canary"), "{told}");
    }
}
