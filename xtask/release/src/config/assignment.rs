//! What is to be set: `KEY=VALUE`.

/// A variable and its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
}

impl Assignment {
    /// Reads `KEY=VALUE`; why it is none, if it is not. Nothing of it is repeated: it could be a secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("it is not KEY=VALUE")?;
        check_name(name)?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }

    /// The variable's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Checks that this can be a variable's name; why not, if it cannot.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = name.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_');
    if fits && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(())
    } else {
        Err("a variable's name is of capital letters, digits and _, and does not start with a digit".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_equals_sign_ends_the_name() {
        let read = |text| Assignment::parse(text).map(|it| (it.name, it.value));
        assert_eq!(read("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(read("_1="), Ok(("_1".into(), String::new())));
    }

    #[test]
    fn what_is_wrong_is_told_without_repeating_it() {
        for wrong in ["canary", "=canary", "canary=", "1A=canary", "A-B=canary", "Y2FuYXJ5canary=="] {
            assert!(!Assignment::parse(wrong).unwrap_err().contains("canary"), "{wrong}");
        }
    }
}
