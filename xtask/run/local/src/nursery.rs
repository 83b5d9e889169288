//! Futures that go on side by side with the one that begins them, and are waited for.

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Where futures can be begun. It is closed when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Nursery<'a>(UnboundedSender<LocalBoxFuture<'a, ()>>);

impl<'a> Nursery<'a> {
    /// Begins a future. It goes on as long as the nursery is driven.
    pub(crate) fn begin(&self, future: impl Future<Output = ()> + 'a) {
        // Nobody drives it any more: then there is nothing to go on with either.
        let _ = self.0.send(Box::pin(future));
    }
}

/// A nursery, and what drives it: that ends when the nursery is closed and all futures in it have ended.
pub(crate) fn nursery<'a>() -> (Nursery<'a>, impl Future<Output = ()> + 'a) {
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
    (Nursery(sender), drive)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn it_ends_with_the_last_future_in_it() {
        let said = RefCell::new(Vec::new());
        let say = |word| said.borrow_mut().push(word);
        let (nursery, drive) = nursery();
        let (go, gone) = tokio::sync::oneshot::channel();
        nursery.begin(async move {
            gone.await.unwrap();
            say("first");
        });
        let work = async move {
            nursery.begin(async move { say("second") });
            tokio::task::yield_now().await;
            go.send(()).unwrap();
            drop(nursery);
        };
        tokio::join!(work, drive);
        assert_eq!(said.into_inner(), ["second", "first"]);
    }
}
