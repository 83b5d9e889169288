//! Amounts of processor time and memory as Kubernetes writes them: `50m`, `0.5`, `256Mi`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount above nothing, in the form that it was written in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Quantity(String);

/// In the file, a whole number of processors may stand as a number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "an amount such as \"50m\", \"256Mi\" or 2")]
enum Written {
    Text(String),
    Number(u32),
}

const SUFFIXES: [(&str, u128); 12] = [
    ("Ki", 1000 << 10),
    ("Mi", 1000 << 20),
    ("Gi", 1000 << 30),
    ("Ti", 1000 << 40),
    ("Pi", 1000 << 50),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("m", 1),
    ("", 1000),
];

impl Quantity {
    /// The amount as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is more than another amount.
    pub fn is_more_than(&self, other: &Self) -> bool {
        thousandths(&self.0) > thousandths(&other.0)
    }
}

/// The amount in thousandths; none if the text is no amount, or one with more than three decimals.
fn thousandths(text: &str) -> Option<u128> {
    let (number, factor) =
        SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, factor)))?;
    let (whole, decimals) =
        number.split_once('.').map_or((number, ""), |(whole, decimals)| (whole, decimals));
    let is_number = |text: &str| text.len() <= 12 && text.bytes().all(|c| c.is_ascii_digit());
    if whole.is_empty()
        || !is_number(whole)
        || decimals.len() > 3
        || !is_number(decimals)
        || number.ends_with('.')
    {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(decimals.len()).ok()?);
    let digits: u128 = format!("{whole}{decimals}").parse().ok()?;
    let amount = digits * factor / scale;
    (amount > 0).then_some(amount)
}

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        thousandths(text).map(|_| Self(text.to_owned())).ok_or_else(|| NotAQuantity(text.to_owned()))
    }
}

impl TryFrom<Written> for Quantity {
    type Error = NotAQuantity;

    fn try_from(written: Written) -> Result<Self, NotAQuantity> {
        match written {
            Written::Text(text) => text.parse(),
            Written::Number(number) => number.to_string().parse(),
        }
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

/// A text that is no amount.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAQuantity(String);

impl fmt::Display for NotAQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no amount such as 50m (of a processor) or 256Mi (of memory)", self.0)
    }
}

impl std::error::Error for NotAQuantity {}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_of_different_forms_are_compared_by_what_they_are() {
        for (less, more) in [("50m", "0.1"), ("999m", "1"), ("1M", "1Mi"), ("1023Mi", "1Gi"), ("1", "1k")] {
            assert!(quantity(more).is_more_than(&quantity(less)), "{less} {more}");
            assert!(!quantity(less).is_more_than(&quantity(more)), "{less} {more}");
        }
        assert!(!quantity("0.5").is_more_than(&quantity("500m")));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "0", "m", "-1", "1.", ".5", "1 Gi", "1Gb", "1.0001", "0.5m", "1e3", "9999999999999"]
        {
            assert_eq!(text.parse::<Quantity>(), Err(NotAQuantity(text.to_owned())));
        }
    }
}
