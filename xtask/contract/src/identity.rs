//! The age identity (an X25519 key) that opens a deploy's secrets on this machine.

use std::{env, fs, io, path::Path, str::FromStr};

use age::{secrecy::ExposeSecret, x25519};

use crate::{Context, Error, Recipient, Repo, Result, durable};

/// The key that opens sealed values on this machine.
pub struct Identity(pub(crate) x25519::Identity);

impl Identity {
    /// The identity that the environment names (`XTASK_AGE_IDENTITY`, or a file by
    /// `XTASK_AGE_IDENTITY_FILE`), or this machine's in `.xtask/identity`, if there is any.
    pub fn at_hand(repo: &Repo) -> Result<Option<Self>> {
        // An empty variable is how a CI system gives a secret that it has not got.
        if let Some(key) = env::var("XTASK_AGE_IDENTITY").ok().filter(|key| !key.is_empty()) {
            let identity = Self::parse(&key);
            return identity
                .map(Some)
                .ok_or_else(|| not_an_identity("the variable XTASK_AGE_IDENTITY", &key));
        }
        if let Some(path) = env::var_os("XTASK_AGE_IDENTITY_FILE").filter(|path| !path.is_empty()) {
            return Self::from_file(Path::new(&path)).map(Some);
        }
        let path = repo.state().join("identity");
        match path.try_exists() {
            Ok(false) => Ok(None),
            _ => Self::from_file(&path).map(Some),
        }
    }

    /// The identity at hand; if there is none, this machine gets one of its own.
    pub fn of_this_machine(repo: &Repo) -> Result<Self> {
        match Self::at_hand(repo)? {
            Some(identity) => Ok(identity),
            None => Self::create(&repo.state().join("identity"), &repo.lock("identity")),
        }
    }

    /// Who values must be sealed to, so that this identity can open them.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    fn create(path: &Path, lock: &Path) -> Result<Self> {
        let identity = x25519::Identity::generate();
        let text =
            format!("# public key: {}\n{}\n", identity.to_public(), identity.to_string().expose_secret());
        let write = || -> io::Result<()> {
            let _lock = durable::lock(lock)?;
            // Somebody else may have made it while we waited; then theirs is the machine's.
            if path.exists() { Ok(()) } else { durable::replace(path, text.as_bytes(), 0o600) }
        };
        write().doing(|| format!("making this machine's identity {}", path.display()))?;
        Self::from_file(path)
    }

    fn from_file(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).doing(|| format!("reading the age identity {}", path.display()))?;
        Self::parse(&text).ok_or_else(|| not_an_identity(&path.display().to_string(), &text))
    }

    fn parse(text: &str) -> Option<Self> {
        let key = text.lines().map(str::trim).find(|line| line.starts_with("AGE-SECRET-KEY-"))?;
        x25519::Identity::from_str(key).ok().map(Self)
    }
}

/// The other kinds of key that age knows, by how they begin.
const OTHER_KINDS: [(&str, &str); 7] = [
    ("AGE-SECRET-KEY-PQ-1", "a post-quantum identity"),
    ("AGE-PLUGIN-", "an identity of a plugin, as for a YubiKey"),
    ("-----BEGIN OPENSSH PRIVATE KEY", "an SSH key"),
    ("-----BEGIN RSA PRIVATE KEY", "an SSH key"),
    ("age-encryption.org/", "an identity under a passphrase"),
    ("-----BEGIN AGE ENCRYPTED FILE", "an identity under a passphrase"),
    ("age1", "a recipient, the public half of an identity"),
];

/// What is in the text is not repeated: it is a secret.
fn not_an_identity(place: &str, text: &str) -> Error {
    let lines = || text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let kind = OTHER_KINDS.iter().find(|(begin, _)| lines().any(|line| line.starts_with(begin)));
    let understood = "understood is an X25519 identity (AGE-SECRET-KEY-1…)";
    let why = match kind {
        Some((_, kind)) => format!("{place} holds {kind}; {understood}"),
        None if lines().any(|line| line.starts_with("AGE-SECRET-KEY-1")) => {
            format!("{place} holds an X25519 identity that is cut off or mistyped")
        }
        None => format!("{place} holds no identity; {understood}"),
    };
    Error::refused("reading the age identity", why)
        .next("make one with `age-keygen`, or leave the variable unset to use this machine's own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_of_another_kind_is_named_and_not_shown() {
        for (text, why) in [
            ("# a comment\nAGE-PLUGIN-YUBIKEY-1CANARY", "a plugin"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY", "an SSH key"),
            ("AGE-SECRET-KEY-PQ-1CANARY", "post-quantum"),
            ("age-encryption.org/v1\n-> scrypt CANARY", "under a passphrase"),
            ("age1canary", "a recipient"),
            ("AGE-SECRET-KEY-1CANARY", "cut off or mistyped"),
            ("CANARY", "holds no identity; understood is an X25519"),
            ("", "holds no identity"),
        ] {
            assert!(Identity::parse(text).is_none(), "{text}");
            let told = not_an_identity("the file", text).to_string();
            assert!(told.contains(why) && told.contains("age-keygen"), "{told}");
            assert!(!told.to_lowercase().contains("canary"), "{told}");
        }
    }
}
