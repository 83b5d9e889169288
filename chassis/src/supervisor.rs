//! What the process tells whoever runs it, in systemd's way (`sd_notify(3)`): at the socket named in `NOTIFY_SOCKET`,
//! if there is one.

use std::{env, io, os::fd::AsFd, time::Duration};

use sd_notify::{NotifyState, notify, notify_with_fds};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, time::timeout};

/// How long to wait until it has been heard.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether anybody wants to be told.
pub(crate) fn is_there() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some()
}

/// It does from now on what it is for: requests are welcome, or work is looked for.
pub(crate) fn ready() {
    if let Err(error) = notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "cannot tell that it is ready");
    }
}

/// It will soon stop accepting connections. Returns when that has been heard, or will never be.
pub(crate) async fn stopping() {
    if !is_there() {
        return;
    }
    let heard = async {
        let (heard, pending) = io::pipe()?;
        notify(&[NotifyState::Stopping])?;
        // Whoever listens closes the pipe after all that was said before.
        notify_with_fds(&[NotifyState::Custom("BARRIER=1")], &[pending.as_fd()])?;
        drop(pending);
        Receiver::from_owned_fd(heard.into())?.read(&mut [0]).await
    };
    match timeout(PATIENCE, heard).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "cannot tell that it stops"),
        Err(_) => tracing::debug!("nobody hears that it stops"),
    }
}
