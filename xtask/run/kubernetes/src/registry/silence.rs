//! How long a registry may be silent. An upload may take hours, as long as it moves.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{self, Instant};

/// A registry hashes a large layer before it answers.
const SILENCE: Duration = Duration::from_mins(2);
/// What this machine may still have in its buffers of what was sent, and the slowest line that it may have to pass.
const BUFFERED: u64 = 4 << 20;
const SLOWEST: u64 = 16 << 10;

/// When something has moved last.
#[derive(Debug, Clone)]
pub(super) struct Moved(Arc<Mutex<Instant>>);

impl Moved {
    pub(super) fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(super) fn again(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it may be silent about a body of this size.
pub(super) fn about(size: u64) -> Duration {
    SILENCE + Duration::from_secs(size.min(BUFFERED) / SLOWEST)
}

/// Waits for something as long as it moves; none if it has been silent for so long.
pub(super) async fn within<T>(silence: Duration, moved: &Moved, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    loop {
        let until = moved.last() + silence;
        if let Ok(done) = time::timeout_at(until, &mut work).await {
            return Some(done);
        }
        if moved.last() + silence <= Instant::now() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_moves_may_take_as_long_as_it_takes() {
        let moved = Moved::now();
        let upload = async {
            for _ in 0..100 {
                time::sleep(Duration::from_secs(100)).await;
                moved.again();
            }
        };
        assert_eq!(within(about(0), &moved, upload).await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_silent_is_given_up() {
        let (moved, since) = (Moved::now(), Instant::now());
        let upload = async {
            time::sleep(Duration::from_secs(100)).await;
            moved.again();
            std::future::pending::<()>().await;
        };
        assert_eq!(within(about(0), &moved, upload).await, None);
        assert_eq!(since.elapsed().as_secs(), 220);
        assert_eq!(about(1 << 40).as_secs(), 120 + 256, "buffers are not endless");
    }
}
