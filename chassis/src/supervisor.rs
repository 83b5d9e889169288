//! Notifications to the process's supervisor, as to systemd (`sd_notify(3)`): at the socket named in `NOTIFY_SOCKET`,
//! if there is one.

use std::{env, io, os::fd::AsFd, time::Duration};

use sd_notify::{NotifyState, notify, notify_with_fds};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, time::timeout};

/// How long to wait until the supervisor has read a notification.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether there is a supervisor to notify.
pub(crate) fn is_there() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some()
}

/// Notifies the supervisor that the process is ready: requests are welcome, or work is looked for.
pub(crate) fn ready() {
    if let Err(error) = notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "cannot tell that it is ready");
    }
}

/// Notifies the supervisor that the process will soon stop accepting connections. Returns when the supervisor has read
/// that, or will never do so.
pub(crate) async fn stopping() {
    if !is_there() {
        return;
    }
    let heard = async {
        let (heard, pending) = io::pipe()?;
        notify(&[NotifyState::Stopping])?;
        // The supervisor closes the pipe when it has read all earlier notifications.
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
