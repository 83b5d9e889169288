//! The log: one JSON object per line on standard output, which the supervisor or cluster collects.

mod json;
mod line;

use std::{panic, time::Duration};

use tracing::Level;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use self::line::Line;
use crate::Identity;

/// Starts logging what the service and the chassis say at this level; panics are logged like everything else.
///
/// # Panics
///
/// If something else has started to log in this process.
pub fn init(service: Identity, level: Level) {
    let filter = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_target(service.identifier(), level)
        .with_default(for_dependencies(level));
    let lines = fmt::layer().fmt_fields(Line).event_format(Line);
    tracing_subscriber::registry().with(filter).with(lines).init();
    panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

/// A duration as lines have it: in milliseconds, to the microsecond. More digits would be noise.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Dependencies speak up when something is wrong, and otherwise only to those who debug. Never at `trace`: some of
/// them would write down what goes over the wire.
fn for_dependencies(level: Level) -> Level {
    match level {
        Level::ERROR => Level::ERROR,
        Level::WARN | Level::INFO => Level::WARN,
        Level::DEBUG | Level::TRACE => Level::DEBUG,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_no_more_digits_than_microseconds() {
        let text = |nanos| millis(Duration::from_nanos(nanos)).to_string();
        assert_eq!(
            [3_741_297, 3_741_600, 999, 60_000_000_001].map(text),
            ["3.741", "3.742", "0.001", "60000"]
        );
    }
}
