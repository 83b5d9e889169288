//! A task set: futures that run beside the one that spawns them, and are waited for.

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Where futures can be begun. It is closed when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct TaskSet<'a>(UnboundedSender<LocalBoxFuture<'a, ()>>);

impl<'a> TaskSet<'a> {
    /// Begins a future. It goes on as long as the task set is driven.
    pub(crate) fn begin(&self, future: impl Future<Output = ()> + 'a) {
        // Nobody drives it any more: then there is nothing to go on with either.
        let _ = self.0.send(Box::pin(future));
    }
}

/// A task set, and what drives it: that ends when the task set is closed and all futures in it have ended.
pub(crate) fn task_set<'a>() -> (TaskSet<'a>, impl Future<Output = ()> + 'a) {
    let (sender, mut begun) = unbounded_channel();
    let drive = async move {
        let mut all = FuturesUnordered::new();
        let mut open = true;
        while open || !all.is_empty() {
            tokio::select! {
                future = begun.recv(), if open => match future {
                    Some(future) => all.push(future),
                    None => open = false,
                },
                Some(()) = all.next(), if !all.is_empty() => {}
            }
        }
    };
    (TaskSet(sender), drive)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn it_ends_with_the_last_future_in_it() {
        let said = RefCell::new(Vec::new());
        let say = |word| said.borrow_mut().push(word);
        let (task_set, drive) = task_set();
        let (go, gone) = tokio::sync::oneshot::channel();
        task_set.begin(async move {
            gone.await.unwrap();
            say("first");
        });
        let work = async move {
            task_set.begin(async move { say("second") });
            tokio::task::yield_now().await;
            go.send(()).unwrap();
            drop(task_set);
        };
        tokio::join!(work, drive);
        assert_eq!(said.into_inner(), ["second", "first"]);
    }
}
