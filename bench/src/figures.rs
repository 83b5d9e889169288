//! What came of it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::Outcome;

/// How many were answered, in what time, and how long each took.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) count: usize,
    pub(crate) seconds: f64,
    /// What this process itself used of a processor.
    pub(crate) cpu_seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Figures {
    pub(crate) fn of(mut times: Vec<Duration>, took: Duration) -> Outcome<Self> {
        times.sort_unstable();
        Ok(Self {
            count: times.len(),
            seconds: took.as_secs_f64(),
            cpu_seconds: cpu().as_secs_f64(),
            p50_ms: quantile(&times, 50)?,
            p99_ms: quantile(&times, 99)?,
        })
    }
}

/// So much of a processor was used until now.
fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// In milliseconds, the time that so many of a hundred do not exceed.
fn quantile(sorted: &[Duration], percent: usize) -> Outcome<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let time = sorted.get(rank - 1).ok_or("nothing was answered")?;
    Ok(time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_time_that_was_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        let of = |count: usize, percent| quantile(&times[..count], percent).ok().map(f64::round);
        assert_eq!(of(200, 50), Some(100.0));
        assert_eq!(of(200, 99), Some(198.0));
        assert_eq!(of(2, 99), Some(2.0));
        assert_eq!(of(1, 50), Some(1.0));
        assert_eq!(of(0, 50), None);
    }
}
