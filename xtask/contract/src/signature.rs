//! Signatures of releases: Ed25519 (RFC 8032) over a release's list of checksums, which the standard
//! `openssl pkeyutl -verify` checks, too. Whose signatures count is a deploy's `policy.signers`.

use std::{env, fmt, fs, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};

use crate::{Context, Error, Result};

/// What precedes the 32 bytes of an Ed25519 public key in its standard form, `SubjectPublicKeyInfo` (RFC 8410).
const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Who may sign: an Ed25519 public key, as `openssl pkey -pubout` writes it, with or without the lines around.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signer([u8; 32]);

impl Signer {
    /// Whether this is the signer's signature of these bytes.
    pub fn signed(&self, content: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(content, signature).is_ok()
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode([&PREFIX[..], &self.0].concat()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signer {
    type Err = NotASigner;

    fn from_str(text: &str) -> std::result::Result<Self, NotASigner> {
        let base64: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64).map_err(|_| NotASigner)?;
        let key = der.strip_prefix(&PREFIX).ok_or(NotASigner)?;
        key.try_into().map(Self).map_err(|_| NotASigner)
    }
}

impl TryFrom<String> for Signer {
    type Error = NotASigner;

    fn try_from(text: String) -> std::result::Result<Self, NotASigner> {
        text.parse()
    }
}

impl From<Signer> for String {
    fn from(signer: Signer) -> Self {
        signer.to_string()
    }
}

/// A text that is not an Ed25519 public key.
#[derive(Debug, PartialEq, Eq)]
pub struct NotASigner;

impl fmt::Display for NotASigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a signer is an Ed25519 public key as `openssl pkey -pubout` writes it: MCowBQYDK2VwAyEA…",
        )
    }
}

impl std::error::Error for NotASigner {}

/// The key that signs releases.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key in `XTASK_SIGNING_KEY` (PKCS#8 in PEM), or in the file that `XTASK_SIGNING_KEY_FILE` names, if
    /// there is any.
    pub fn at_hand() -> Result<Option<Self>> {
        // An empty variable is how a CI system gives a secret that it has not got.
        if let Some(pem) = env::var("XTASK_SIGNING_KEY").ok().filter(|pem| !pem.is_empty()) {
            return Self::parse(&pem, "the variable XTASK_SIGNING_KEY").map(Some);
        }
        let path = env::var_os("XTASK_SIGNING_KEY_FILE").filter(|path| !path.is_empty());
        let Some(path) = path else { return Ok(None) };
        let path = std::path::PathBuf::from(path);
        let pem =
            fs::read_to_string(&path).doing(|| format!("reading the signing key {}", path.display()))?;
        Self::parse(&pem, &path.display().to_string()).map(Some)
    }

    fn parse(pem: &str, place: &str) -> Result<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok();
        let pair =
            der.and_then(|der| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok());
        pair.map(Self).ok_or_else(|| {
            Error::refused("reading the signing key", format!("{place} holds no Ed25519 key in PKCS#8 PEM"))
                .next("make one with `openssl genpkey -algorithm ed25519`")
        })
    }

    /// A key for tests, of a seed that is no secret.
    #[cfg(test)]
    pub(crate) fn of_seed(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    /// Signs these bytes.
    pub fn sign(&self, content: &[u8]) -> Vec<u8> {
        self.0.sign(content).as_ref().to_vec()
    }

    /// Whose signatures these are.
    pub fn signer(&self) -> Signer {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        Signer(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key as `openssl genpkey -algorithm ed25519` writes it (RFC 8410), of a seed that is no secret.
    fn private() -> String {
        let der = [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &[7; 32]];
        let base64 = STANDARD.encode(der.concat());
        format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
    }

    fn key() -> SigningKey {
        SigningKey::parse(&private(), "it").unwrap()
    }

    #[test]
    fn a_public_key_is_read_with_and_without_the_lines_around() {
        let signer = key().signer();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{signer}\n-----END PUBLIC KEY-----\n");
        assert_eq!((pem.parse(), signer.to_string().parse()), (Ok(signer), Ok(signer)));
    }

    #[test]
    fn a_signature_is_one_signers_of_one_content() {
        let key = key();
        let signature = key.sign(b"content");
        assert!(key.signer().signed(b"content", &signature));
        assert!(!key.signer().signed(b"another", &signature));
        assert!(!Signer([7; 32]).signed(b"content", &signature));
        assert!(!key.signer().signed(b"content", b""));
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for text in ["", "canary", "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----"] {
            let error = SigningKey::parse(text, "it").err().unwrap().to_string();
            assert!(error.contains("it holds no Ed25519 key") && !error.contains("canary"), "{error}");
            assert_eq!(text.parse::<Signer>(), Err(NotASigner));
        }
    }
}
