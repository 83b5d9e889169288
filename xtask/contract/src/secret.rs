//! A secret in the clear, as long as it is in memory.

use std::fmt;

use crate::{Context, Result, digest::hex};

/// A secret in the clear. It shows itself only when asked by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps this value from being shown.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// A fresh random value of so many bytes, in hexadecimal digits.
    pub fn random<const BYTES: usize>() -> Result<Self> {
        const { assert!(BYTES <= 256, "more than 256 bytes may come in parts, says getrandom(2)") };
        let mut bytes = [0_u8; BYTES];
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
            .doing(|| "asking the system for random bytes")?;
        Ok(Self(hex(&bytes)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_values_differ() {
        let [a, b] = [(); 2].map(|()| Secret::random::<16>().unwrap());
        assert_eq!(a.expose().len(), 32);
        assert_ne!(a, b);
    }
}
