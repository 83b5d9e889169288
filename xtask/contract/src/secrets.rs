//! A deploy's secrets: each sealed by itself, all of them to the same recipients, and each with a commitment.
//!
//! A commitment is HMAC-SHA256 (RFC 2104) of a variable's name and value, under a key that is sealed like the
//! values. So anybody can see whether a secret is the same in two releases, and nobody without the key can
//! find out by guessing what a weak secret is.

use std::{collections::BTreeMap, io};

use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::{
    Context, EnvName, Error, Identity, Recipient, Repo, Result, Secret, deploy::Schema, digest::hex, durable,
    plain_file, seal::Sealed, toml_error,
};

/// A deploy's secrets, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedSecrets {
    /// Who can open them.
    pub recipients: Vec<Recipient>,
    /// The key of the commitments: 64 hexadecimal digits.
    pub key: Sealed,
    /// The secrets by variable.
    #[serde(default)]
    pub values: BTreeMap<String, SealedSecret>,
}

/// One sealed secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedSecret {
    /// The name and value, committed to: 64 hexadecimal digits.
    pub commitment: String,
    /// The value.
    pub sealed: Sealed,
}

/// What can be said of a secret in two places without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Likeness {
    /// The values are the same.
    Same,
    /// They are not.
    Changed,
    /// They were committed to under two keys: only who can open them can tell.
    Unknown,
}

/// The file `k8s/envs/ENV.secrets.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: Schema<2>,
    secrets: SealedSecrets,
}

impl SealedSecrets {
    /// No secrets yet, and a new key for them.
    pub fn new(recipients: Vec<Recipient>) -> Result<Self> {
        Self::under_new_key(recipients).map(|(secrets, _)| secrets)
    }

    fn under_new_key(recipients: Vec<Recipient>) -> Result<(Self, Secret)> {
        let key = Secret::random::<32>()?;
        let sealed = Sealed::seal(&key, &recipients)?;
        Ok((Self { recipients, key: sealed, values: BTreeMap::new() }, key))
    }

    /// Reads a deploy's secrets, if it has a file of them.
    pub fn read(repo: &Repo, env: &EnvName) -> Result<Option<Self>> {
        let path = repo.secrets_file(env);
        let doing = || format!("reading {}", repo.relative(&path).display());
        let text = match plain_file::read_text(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.doing(doing)?,
        };
        match toml::from_str::<File>(&text) {
            Ok(file) => Ok(Some(file.secrets)),
            Err(error) => Err(Error::refused(doing(), toml_error::told(&text, &error)).next(
                "mend that line, or take the file's last good state from git; `cargo xtask config set --secret` writes it",
            )),
        }
    }

    /// Writes them to the deploy's file.
    pub fn write(&self, repo: &Repo, env: &EnvName) -> Result<()> {
        let path = repo.secrets_file(env);
        let doing = || format!("writing {}", repo.relative(&path).display());
        let text = toml::to_string(&File { schema: Schema, secrets: self.clone() }).doing(doing)?;
        durable::replace(&path, text.as_bytes(), 0o644).doing(doing)
    }

    /// Seals a value for a variable. It takes an identity, as the value is committed to under the same key as
    /// the others.
    pub fn insert(&mut self, name: &str, value: &Secret, identity: Option<&Identity>) -> Result<()> {
        let key = self.open_key(identity)?;
        self.put(name, value, &key)
    }

    fn put(&mut self, name: &str, value: &Secret, key: &Secret) -> Result<()> {
        let sealed = Sealed::seal(value, &self.recipients)?;
        self.values.insert(name.to_owned(), SealedSecret { commitment: commit(key, name, value), sealed });
        Ok(())
    }

    /// Opens one secret; none, if there is none of this name.
    pub fn open(&self, name: &str, identity: Option<&Identity>) -> Result<Option<Secret>> {
        let Some(secret) = self.values.get(name) else { return Ok(None) };
        self.open_under(&self.open_key(identity)?, name, secret, identity).map(Some)
    }

    fn open_under(
        &self,
        key: &Secret,
        name: &str,
        secret: &SealedSecret,
        identity: Option<&Identity>,
    ) -> Result<Secret> {
        let value = self.open_sealed(name, &secret.sealed, identity)?;
        if commit(key, name, &value) != secret.commitment {
            let why = "its commitment is not that of its value: one of them was altered";
            return Err(Error::refused(format!("opening the secret {name}"), why)
                .next(format!("set it anew: `cargo xtask config set --secret {name}`")));
        }
        Ok(value)
    }

    /// Opens all secrets.
    pub fn open_all(&self, identity: Option<&Identity>) -> Result<BTreeMap<String, Secret>> {
        if self.values.is_empty() {
            return Ok(BTreeMap::new());
        }
        // The key is opened once: each opening takes a millisecond in an unoptimised build.
        let key = self.open_key(identity)?;
        let open =
            |(name, secret): (&String, _)| Ok((name.clone(), self.open_under(&key, name, secret, identity)?));
        self.values.iter().map(open).collect()
    }

    /// The same secrets under a new key, for these recipients alone.
    pub fn rekey(&self, recipients: Vec<Recipient>, identity: Option<&Identity>) -> Result<Self> {
        let (mut anew, key) = Self::under_new_key(recipients)?;
        for (name, value) in self.open_all(identity)? {
            anew.put(&name, &value, &key)?;
        }
        Ok(anew)
    }

    /// Compares a secret that both have.
    pub fn likeness(&self, other: &Self, name: &str) -> Likeness {
        match (self.values.get(name), other.values.get(name)) {
            (Some(a), Some(b)) if a == b => Likeness::Same,
            (Some(_), Some(_)) if self.key != other.key => Likeness::Unknown,
            (Some(a), Some(b)) if a.commitment == b.commitment => Likeness::Same,
            _ => Likeness::Changed,
        }
    }

    fn open_key(&self, identity: Option<&Identity>) -> Result<Secret> {
        self.open_sealed("the commitments' key", &self.key, identity)
    }

    fn open_sealed(&self, name: &str, sealed: &Sealed, identity: Option<&Identity>) -> Result<Secret> {
        let doing = format!("opening the secret {name}");
        let needed: Vec<String> = self.recipients.iter().map(Recipient::to_string).collect();
        let sealed_to = format!("it is sealed to {}", needed.join(" and "));
        let next = "set XTASK_AGE_IDENTITY_FILE to the file of an identity that it is sealed to, or let one of \
                    its recipients add yours to `policy.recipients` and run `cargo xtask config rekey`";
        match identity {
            None => {
                Err(Error::refused(doing, format!("{sealed_to}; this machine has no identity")).next(next))
            }
            Some(identity) if !self.recipients.contains(&identity.recipient()) => Err(Error::refused(
                doing,
                format!("{sealed_to}; the identity at hand is {}", identity.recipient()),
            )
            .next(next)),
            Some(identity) => sealed.open(identity).map_err(|why| Error::refused(doing, why)),
        }
    }
}

/// The commitment to a variable's value. The length keeps name and value apart.
fn commit(key: &Secret, name: &str, value: &Secret) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    hex(hmac::sign(&key, format!("{} {name} {}", name.len(), value.expose()).as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use age::x25519;

    use super::*;

    fn identity() -> Identity {
        Identity(x25519::Identity::generate())
    }

    fn secrets(of: &Identity) -> SealedSecrets {
        let mut secrets = SealedSecrets::new(vec![of.recipient()]).unwrap();
        secrets.insert("A", &Secret::new("canary"), Some(of)).unwrap();
        secrets.insert("B", &Secret::new("canary"), Some(of)).unwrap();
        secrets
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let mine = identity();
        let opened = secrets(&mine).open_all(Some(&mine)).unwrap();
        assert_eq!(opened.values().map(Secret::expose).collect::<Vec<_>>(), ["canary", "canary"]);
        assert_eq!(secrets(&mine).open("C", Some(&mine)).unwrap(), None);
    }

    #[test]
    fn a_commitment_tells_same_from_changed_and_equal_values_of_two_variables_do_not_show() {
        let mine = identity();
        let before = secrets(&mine);
        let mut after = before.clone();
        after.insert("A", &Secret::new("canary"), Some(&mine)).unwrap();
        after.insert("B", &Secret::new("another"), Some(&mine)).unwrap();
        assert_ne!(before.values["A"].sealed, after.values["A"].sealed);
        assert_eq!(before.likeness(&after, "A"), Likeness::Same);
        assert_eq!(before.likeness(&after, "B"), Likeness::Changed);
        assert_ne!(before.values["A"].commitment, before.values["B"].commitment);
    }

    #[test]
    fn a_guess_cannot_be_confirmed_without_the_key() {
        let (mine, guess) = (identity(), Secret::new("canary"));
        let (one, other) = (secrets(&mine), secrets(&mine));
        // The same value under two keys: what one deploy shows says nothing of the other's.
        assert_ne!(one.values["A"].commitment, other.values["A"].commitment);
        assert_eq!(one.likeness(&other, "A"), Likeness::Unknown);
        assert_eq!(commit(&one.open_key(Some(&mine)).unwrap(), "A", &guess), one.values["A"].commitment);
    }

    #[test]
    fn a_new_key_locks_out_who_is_no_longer_named() {
        let (mine, theirs) = (identity(), identity());
        let both = secrets(&mine).rekey(vec![mine.recipient(), theirs.recipient()], Some(&mine)).unwrap();
        assert_eq!(both.open_all(Some(&theirs)).unwrap().len(), 2);
        let without = both.rekey(vec![theirs.recipient()], Some(&mine)).unwrap();
        let error = without.open_all(Some(&mine)).unwrap_err();
        assert_eq!(error.kind, crate::ErrorKind::Refused);
        let (needed, have) = (theirs.recipient(), mine.recipient());
        assert_eq!(error.why, [format!("it is sealed to {needed}; the identity at hand is {have}")]);
        assert_eq!(without.open_all(Some(&theirs)).unwrap().len(), 2);
        let error = without.open_all(None).unwrap_err();
        assert!(error.why[0].ends_with("this machine has no identity"), "{error}");
    }

    #[test]
    fn a_value_that_was_exchanged_is_refused() {
        let mine = identity();
        let mut secrets = secrets(&mine);
        secrets.insert("C", &Secret::new("another"), Some(&mine)).unwrap();
        let sealed = secrets.values["C"].sealed.clone();
        secrets.values.get_mut("A").unwrap().sealed = sealed;
        let error = secrets.open("A", Some(&mine)).unwrap_err().to_string();
        assert!(error.contains("commitment") && !error.contains("another"), "{error}");
    }
}
