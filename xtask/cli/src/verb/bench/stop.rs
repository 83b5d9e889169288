//! What ends a measurement before its time: Ctrl-C, SIGTERM, or a terminal that is gone.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use xtask_contract::{Context, Error, Result};

/// Whether a signal has come. From now on it ends what is measured, not this program: that still has to clear away.
pub(super) struct Stop(watch::Receiver<Option<&'static str>>);

impl Stop {
    pub(super) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).doing(|| "listening for signals");
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let mut hangup = listen(SignalKind::hangup())?;
        let (say, heard) = watch::channel(None);
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
                _ = hangup.recv() => "SIGHUP",
            };
            say.send_replace(Some(name));
        });
        Ok(Self(heard))
    }

    /// Does something unless a signal comes: then it is given up, and what it has started ends with it.
    pub(super) async fn unless<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut heard = self.0.clone();
        tokio::select! {
            biased;
            Ok(_) = heard.wait_for(Option::is_some) => self.check().and(Err(stopped("a signal"))),
            result = work => result,
        }
    }

    /// Fails if a signal has come.
    pub(super) fn check(&self) -> Result<()> {
        self.0.borrow().map_or(Ok(()), |signal| Err(stopped(signal)))
    }
}

fn stopped(signal: &str) -> Error {
    Error::failed("measuring", format!("it was stopped by {signal}"))
        .next("nothing of it is left; `cargo xtask bench PART` measures one part alone")
}
