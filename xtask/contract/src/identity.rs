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
            return identity.map(Some).ok_or_else(|| not_an_identity("the variable XTASK_AGE_IDENTITY"));
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
