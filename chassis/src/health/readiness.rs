//! Readiness checks: whether all that the service depends on lets it take requests.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::{sync::Mutex, time::Instant};

/// Asks something that the service depends on; the error says what is wrong with it.
pub(crate) type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), &'static str>> + Send + Sync>;

/// The result of the checks, for all probes. One probe at a time runs them: any number of probes, from any client,
/// takes only one connection to the database from the requests.
#[derive(Clone)]
pub(crate) struct Readiness(Arc<Shared>);

struct Shared {
    checks: Vec<Check>,
    last: Mutex<Option<Answer>>,
}

struct Answer {
    asked: Instant,
    result: Result<(), &'static str>,
}

impl Readiness {
    pub(crate) fn of(checks: Vec<Check>) -> Self {
        Self(Arc::new(Shared { checks, last: Mutex::default() }))
    }

    pub(crate) async fn ask(&self) -> Result<(), &'static str> {
        let came = Instant::now();
        let mut last = self.0.last.lock().await;
        // What was asked later than that by another is as good.
        if let Some(answer) = last.as_ref().filter(|answer| answer.asked >= came) {
            return answer.result;
        }
        let asked = Instant::now();
        let mut result = Ok(());
        for check in &self.0.checks {
            result = check().await;
            if result.is_err() {
                break;
            }
        }
        last.insert(Answer { asked, result }).result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn however_many_ask_at_once_few_are_passed_on() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let readiness = Readiness::of(vec![Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            })
        })]);
        assert!(join_all((0..100).map(|_| readiness.ask())).await.iter().all(Result::is_ok));
        assert!(asked.load(Ordering::Relaxed) <= 2, "{asked:?}");
        readiness.ask().await.unwrap();
        assert!(asked.load(Ordering::Relaxed) > 1, "who comes later is not given an old answer");
    }

    #[tokio::test]
    async fn the_first_that_is_wrong_is_told() {
        let check = |result| -> Check { Box::new(move || Box::pin(async move { result })) };
        let readiness = Readiness::of(vec![check(Ok(())), check(Err("first")), check(Err("second"))]);
        assert_eq!(readiness.ask().await, Err("first"));
        assert_eq!(Readiness::of(Vec::new()).ask().await, Ok(()));
    }
}
