//! Sealed values: encrypted one by one with age (X25519, ASCII armor), so that the standard `age` command
//! opens them, too.

use std::{
    fmt,
    io::{Read, Write},
    str::FromStr,
};

use age::{
    armor::{ArmoredReader, ArmoredWriter, Format},
    x25519,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Identity, Result, Secret};

/// Who can open a sealed value: the public half of an age identity, `age1…`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recipient(pub(crate) x25519::Recipient);

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        text.parse().map(Self).map_err(|why: &str| not_a_recipient(text, why))
    }
}

/// Names the kind of a recipient that is not understood. An identity, given by mistake, is a secret.
fn not_a_recipient(text: &str, why: &str) -> String {
    let understood =
        "understood is an X25519 recipient (age1… of 62 characters), as `age-keygen -y` prints it";
    let plugin = text.strip_prefix("age1").and_then(|rest| rest.rsplit_once('1')).map(|(name, _)| name);
    let kind = match text {
        _ if text.to_ascii_uppercase().starts_with("AGE-") => {
            return format!("what is given is an identity, which belongs to one person alone; {understood}");
        }
        _ if text.starts_with("ssh-") => "an SSH key",
        _ if text.starts_with("age1pq1") => "a post-quantum recipient",
        _ if plugin.is_some_and(|name| !name.is_empty()) => "a recipient of a plugin, as for a YubiKey",
        _ => return format!("{text:?} is no age recipient: {why}; {understood}"),
    };
    format!("{text:?} is {kind}; {understood}")
}

impl TryFrom<String> for Recipient {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Recipient> for String {
    fn from(recipient: Recipient) -> Self {
        recipient.to_string()
    }
}

/// A sealed value: an age file in ASCII armor. It may be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Seals a value to those who may open it.
    pub(crate) fn seal(value: &Secret, recipients: &[Recipient]) -> Result<Self> {
        let seal = || -> std::result::Result<String, Box<dyn std::error::Error>> {
            let to = recipients.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
            let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
            let mut writer = age::Encryptor::with_recipients(to)?.wrap_output(armor)?;
            writer.write_all(value.expose().as_bytes())?;
            Ok(String::from_utf8(writer.finish()?.finish()?)?)
        };
        seal().map(Self).map_err(|error| Error::failed("sealing a secret", error))
    }

    /// Opens the value; why not, if this identity cannot.
    pub(crate) fn open(&self, identity: &Identity) -> std::result::Result<Secret, String> {
        let open = || -> std::result::Result<String, Box<dyn std::error::Error>> {
            let decryptor = age::Decryptor::new(ArmoredReader::new(self.0.as_bytes()))?;
            let mut value = String::new();
            let identities = std::iter::once(&identity.0 as &dyn age::Identity);
            decryptor.decrypt(identities)?.read_to_string(&mut value)?;
            Ok(value)
        };
        open().map(Secret::new).map_err(|error| error.to_string())
    }
}

impl AsRef<str> for Sealed {
    /// The armored text.
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_for_its_recipient_alone_and_shows_nothing() {
        let [mine, theirs] = [(); 2].map(|()| Identity(x25519::Identity::generate()));
        let secret = Secret::new("canary-value");
        let sealed = Sealed::seal(&secret, &[mine.recipient()]).unwrap();
        assert!(sealed.as_ref().starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
        assert!(!format!("{sealed:?}{secret:?}").contains("canary"));
        assert_eq!(sealed.open(&mine), Ok(secret));
        assert!(sealed.open(&theirs).is_err());
    }

    #[test]
    fn a_recipient_has_the_form_that_age_prints() {
        let text = Identity(x25519::Identity::generate()).recipient().to_string();
        assert_eq!(text.parse::<Recipient>().unwrap().to_string(), text);
        assert!("age1nonsense".parse::<Recipient>().unwrap_err().contains("age1nonsense"));
    }

    #[test]
    fn a_recipient_of_another_kind_is_named() {
        for (text, why) in [
            ("ssh-ed25519 AAAA a@b", "an SSH key"),
            ("age1pq1xyz", "a post-quantum recipient"),
            ("age1yubikey1qxyz", "a recipient of a plugin"),
            ("nobody", "is no age recipient"),
        ] {
            let told = text.parse::<Recipient>().unwrap_err();
            assert!(told.contains(why) && told.contains(text) && told.contains("understood is"), "{told}");
        }
        let secret = "AGE-SECRET-KEY-1CANARY".parse::<Recipient>().unwrap_err();
        assert!(secret.contains("is an identity") && !secret.contains("CANARY"), "{secret}");
    }
}
