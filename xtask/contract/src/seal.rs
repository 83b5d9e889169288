//! Sealed secrets: values encrypted one by one with age (X25519, ASCII armor), so that the standard `age`
//! command opens them too.

use std::{
    env, fmt, fs,
    io::{self, Read, Write},
    path::Path,
    str::FromStr,
};

use age::{
    armor::{ArmoredReader, ArmoredWriter, Format},
    secrecy::ExposeSecret,
    x25519,
};
use serde::{Deserialize, Serialize};

use crate::{Context, Error, Repo, Result, durable};

/// A secret in the clear. It shows itself only when asked by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps this value from being shown.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// A fresh random value: 32 hexadecimal digits, 128 bits.
    pub fn random() -> Result<Self> {
        let mut bytes = [0_u8; 16];
        // Up to 256 bytes come whole and without interruption, says getrandom(2).
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
            .doing(|| "asking the system for random bytes")?;
        Ok(Self(crate::digest::hex(&bytes)))
    }

    /// The value.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A sealed value: an age file in ASCII armor. It may be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Seals a value to those who may open it.
    pub fn seal(value: &Secret, recipients: &[x25519::Recipient]) -> Result<Self> {
        let seal = || -> std::result::Result<String, Box<dyn std::error::Error>> {
            let to = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
            let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
            let mut writer = age::Encryptor::with_recipients(to)?.wrap_output(armor)?;
            writer.write_all(value.expose().as_bytes())?;
            Ok(String::from_utf8(writer.finish()?.finish()?)?)
        };
        seal().map(Self).map_err(|error| Error::failed("sealing a secret", error))
    }
}

impl AsRef<str> for Sealed {
    /// The armored text.
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The key that opens sealed values on this machine.
pub struct Identity(x25519::Identity);

impl Identity {
    /// The identity that the environment names (`XTASK_AGE_IDENTITY`, or a file by
    /// `XTASK_AGE_IDENTITY_FILE`), or this machine's in `.xtask/identity`, which is made at first use.
    pub fn of_this_machine(repo: &Repo) -> Result<Self> {
        if let Ok(key) = env::var("XTASK_AGE_IDENTITY") {
            return Self::parse(&key).ok_or_else(|| not_an_identity("the variable XTASK_AGE_IDENTITY"));
        }
        if let Some(path) = env::var_os("XTASK_AGE_IDENTITY_FILE") {
            return Self::from_file(Path::new(&path));
        }
        let path = repo.state().join("identity");
        match path.try_exists() {
            Ok(false) => Self::create(&path),
            _ => Self::from_file(&path),
        }
    }

    /// Who values must be sealed to, so that this identity can open them.
    pub fn recipient(&self) -> x25519::Recipient {
        self.0.to_public()
    }

    /// Opens a sealed value; `what` names it in errors.
    pub fn open(&self, what: &str, sealed: &Sealed) -> Result<Secret> {
        let open = || -> std::result::Result<String, Box<dyn std::error::Error>> {
            let decryptor = age::Decryptor::new(ArmoredReader::new(sealed.0.as_bytes()))?;
            let mut value = String::new();
            decryptor.decrypt(std::iter::once(&self.0 as &dyn age::Identity))?.read_to_string(&mut value)?;
            Ok(value)
        };
        open().map(Secret).map_err(|error| {
            Error::refused(format!("opening the sealed value of {what}"), error).next(format!(
                "it was sealed to another identity than this machine's ({}): \
                 set XTASK_AGE_IDENTITY_FILE to one that can open it, or seal the value anew",
                self.recipient()
            ))
        })
    }

    fn create(path: &Path) -> Result<Self> {
        let identity = x25519::Identity::generate();
        let text =
            format!("# public key: {}\n{}\n", identity.to_public(), identity.to_string().expose_secret());
        let write = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(path);
            let _lock = durable::lock(folder)?;
            // Somebody else may have made it while we waited; then theirs is the machine's.
            if path.exists() { Ok(()) } else { durable::replace(path, text.as_bytes(), 0o600) }
        };
        write().doing(|| format!("making this machine's identity {}", path.display()))?;
        Self::from_file(path)
    }

    fn from_file(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).doing(|| format!("reading the age identity {}", path.display()))?;
        Self::parse(&text).ok_or_else(|| not_an_identity(&path.display().to_string()))
    }

    fn parse(text: &str) -> Option<Self> {
        let key = text.lines().map(str::trim).find(|line| line.starts_with("AGE-SECRET-KEY-"))?;
        x25519::Identity::from_str(key).ok().map(Self)
    }
}

fn not_an_identity(place: &str) -> Error {
    Error::refused(
        "reading the age identity",
        format!("{place} holds no X25519 identity (AGE-SECRET-KEY-1…)"),
    )
    .next("make one with `age-keygen`, or leave the variable unset to use this machine's own")
}

/// Reads recipients (`age1…`).
pub fn recipients(texts: &[String]) -> Result<Vec<x25519::Recipient>> {
    texts
        .iter()
        .map(|text| {
            text.parse().map_err(|why: &str| Error::refused(format!("reading the recipient {text:?}"), why))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_for_its_recipient_alone_and_shows_nothing() {
        let (mine, theirs) = (Identity(x25519::Identity::generate()), Identity(x25519::Identity::generate()));
        let secret = Secret::new("canary-value");
        let sealed = Sealed::seal(&secret, &[mine.recipient()]).unwrap();
        assert!(sealed.as_ref().starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
        assert!(!format!("{sealed:?}{secret:?}").contains("canary"));
        assert_eq!(mine.open("X", &sealed).unwrap(), secret);
        assert_eq!(theirs.open("X", &sealed).unwrap_err().exit, crate::Exit::Refused);
    }

    #[test]
    fn random_values_differ() {
        assert_ne!(Secret::random().unwrap(), Secret::random().unwrap());
    }
}
