//! Durations as people write them: `250ms`, `5s`, `2m`.

use std::time::Duration;

/// The longest duration taken: whatever is longer is a mistake, and a sum of such durations cannot overflow.
const LONGEST: Duration = Duration::from_hours(24);
/// The same as people write it.
pub(super) const LONGEST_WORD: &str = "1440m";

/// Reads a whole number followed by `ms`, `s` or `m`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "m" => number.checked_mul(60_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(milliseconds)).filter(|duration| *duration <= LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_whole_numbers_with_a_unit_are_durations() {
        assert_eq!(parse("2m"), Some(Duration::from_mins(2)));
        assert_eq!(parse(LONGEST_WORD), Some(LONGEST));
        assert_eq!(parse("0s"), Some(Duration::ZERO));
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "+1s",
            "1.5s",
            " 1s",
            "1s ",
            "1 s",
            "1h",
            "1440000m",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(number in 0_u64..=1440) {
            prop_assert_eq!(parse(&format!("{number}ms")), Some(Duration::from_millis(number)));
            prop_assert_eq!(parse(&format!("{number}s")), Some(Duration::from_secs(number)));
            prop_assert_eq!(parse(&format!("{number}m")), Some(Duration::from_secs(number * 60)));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
