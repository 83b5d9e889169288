//! Where a page of the list ended.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use chassis::fields::{Field, text};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::timestamp::Timestamp;

/// The place of one todo in the order of the list. Its text means nothing to clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) id: Uuid,
}

impl Cursor {
    /// How long its text is.
    pub(crate) const LENGTH: usize = 32;

    pub(crate) fn encode(&self) -> String {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.created_at.timestamp_micros().to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        BASE64.encode(bytes)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text).ok()?;
        let (micros, id) = bytes.split_first_chunk()?;
        // A forged time could be out of the database's range.
        let created_at = Timestamp::new(DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?)?.get();
        Some(Self { created_at, id: Uuid::from_slice(id).ok()? })
    }
}

impl Field for Cursor {
    fn parse(value: Value) -> Result<Self, String> {
        Self::decode(&text(value)?).ok_or_else(|| "must be a `next_cursor` from an earlier answer".into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(seconds in -62_135_596_800..253_402_300_800_i64, id in any::<u128>()) {
            let created_at = DateTime::from_timestamp_micros(seconds * 1_000_000 + 123_456).unwrap();
            let cursor = Cursor { created_at, id: Uuid::from_u128(id) };
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }

        #[test]
        fn what_is_no_cursor_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(cursor) = Cursor::decode(&BASE64.encode(&bytes)) {
                prop_assert_eq!(cursor.encode(), BASE64.encode(&bytes));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = Cursor::decode(&text);
        }
    }

    #[test]
    fn times_out_of_range_are_refused() {
        for micros in [i64::MIN, i64::MAX, 253_402_300_800_000_000] {
            let mut bytes = [0; 24];
            bytes[..8].copy_from_slice(&micros.to_be_bytes());
            assert_eq!(Cursor::decode(&BASE64.encode(bytes)), None, "{micros}");
        }
    }
}
