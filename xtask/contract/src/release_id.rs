//! Release IDs: the UTC second in which a release was made, such as `2011-04-06-20:32:17`.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "%Y-%m-%d-%H:%M:%S";
/// Where an ID has digits, and what is between them.
const FORM: &[u8] = b"0000-00-00-00:00:00";

/// A release's ID. IDs order as the releases do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseId(DateTime<Utc>);

impl ReleaseId {
    /// The ID of a release made at this time.
    pub fn at(time: DateTime<Utc>) -> Self {
        // Whole seconds only; a leap second counts as the one before it.
        Self(DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time))
    }

    /// The second that the ID names.
    pub fn time(self) -> DateTime<Utc> {
        self.0
    }

    /// The ID in a form that Kubernetes allows in names and label values: `2011-04-06-20-32-17`.
    pub fn as_name(self) -> String {
        self.to_string().replace(':', "-")
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format(FORMAT))
    }
}

impl FromStr for ReleaseId {
    type Err = NotAReleaseId;

    fn from_str(text: &str) -> Result<Self, NotAReleaseId> {
        read(text).map(Self::at).ok_or_else(|| NotAReleaseId(text.to_owned()))
    }
}

/// By its places: chrono also reads `2011-4-6-…`, where an ID has one spelling, and needs ten times as long, which a
/// ledger's list of names has ten thousand times.
fn read(text: &str) -> Option<DateTime<Utc>> {
    let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
    if text.len() != FORM.len() || !text.bytes().zip(FORM).all(fits) {
        return None;
    }
    let number = |place: usize| text.get(place..place + 2)?.parse().ok();
    let date = NaiveDate::from_ymd_opt(text.get(..4)?.parse().ok()?, number(5)?, number(8)?)?;
    Some(date.and_hms_opt(number(11)?, number(14)?, number(17)?)?.and_utc())
}

impl TryFrom<String> for ReleaseId {
    type Error = NotAReleaseId;

    fn try_from(text: String) -> Result<Self, NotAReleaseId> {
        text.parse()
    }
}

impl From<ReleaseId> for String {
    fn from(id: ReleaseId) -> Self {
        id.to_string()
    }
}

/// A text that is not a release ID.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAReleaseId(String);

impl fmt::Display for NotAReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a release ID (UTC, such as 2011-04-06-20:32:17)", self.0)
    }
}

impl std::error::Error for NotAReleaseId {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_has_one_spelling() {
        assert!("2011-04-06-20:32:17".parse::<ReleaseId>().is_ok());
        for bad in [
            "",
            "2011-4-6-20:32:17",
            "2011-04-06 20:32:17",
            "2011-04-31-20:32:17",
            "2011-04-06-20:32:60",
            "2011-04-06-24:00:00",
            "2011-04-06-20:32:1+",
            "+011-04-06-20:32:17",
            "2011-04-06-20:32:17 ",
            "2011-04-06-20:32:1é",
        ] {
            assert!(bad.parse::<ReleaseId>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back_is_the_same_and_texts_order_as_times(a in 0_i64..253_402_300_800, b in 0_i64..253_402_300_800) {
            let id = |s| ReleaseId::at(DateTime::from_timestamp(s, 999_999_999).unwrap());
            prop_assert_eq!(id(a).to_string().parse(), Ok(id(a)));
            prop_assert_eq!(id(a).to_string().cmp(&id(b).to_string()), a.cmp(&b));
        }
    }
}
