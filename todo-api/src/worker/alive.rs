//! Whether a worker still works: it answers on a socket that is in no folder and on no network, as a worker may have
//! neither disk nor port. Whoever asks needs to be in the same network namespace, as a probe of its container is.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The longest that a round may take: deliveries and statements all have shorter limits.
const LONGEST_ROUND: Duration = Duration::from_secs(30);

/// How long to wait for the answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// When the last round began.
pub(super) struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    /// Listens from now on, in a thread of its own: a runtime that is stuck must not keep it from saying so.
    pub(super) fn start() -> io::Result<Self> {
        let last = Arc::new(Mutex::new(Instant::now()));
        let listener = socket::listen(std::process::id())?;
        let pulse = Self(last.clone());
        thread::Builder::new().name("alive".into()).spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let age = last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
                // Whoever asked may be gone.
                let _ = stream.write_all(if age < LONGEST_ROUND { b"alive" } else { b"stuck" });
            }
        })?;
        Ok(pulse)
    }

    /// Another round begins.
    pub(super) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Asks the worker with this process id whether it works.
pub(crate) fn ask(process: u32) -> Result<(), String> {
    let doing = |error: io::Error| format!("cannot ask the worker with process id {process}: {error}");
    let mut stream = socket::connect(process).map_err(doing)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(doing)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(doing)?;
    if answer == "alive" { Ok(()) } else { Err(format!("the worker with process id {process} is stuck")) }
}

#[cfg(target_os = "linux")]
mod socket {
    use std::{
        io,
        os::{
            linux::net::SocketAddrExt,
            unix::net::{SocketAddr, UnixListener, UnixStream},
        },
    };

    fn address(process: u32) -> io::Result<SocketAddr> {
        SocketAddr::from_abstract_name(format!("{}-worker-{process}", env!("CARGO_PKG_NAME")))
    }

    pub(super) fn listen(process: u32) -> io::Result<UnixListener> {
        UnixListener::bind_addr(&address(process)?)
    }

    pub(super) fn connect(process: u32) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&address(process)?)
    }
}

/// Elsewhere than on Linux, in development only, the socket is in the folder for temporary files.
#[cfg(not(target_os = "linux"))]
mod socket {
    use std::{
        env, fs, io,
        os::unix::net::{UnixListener, UnixStream},
        path::PathBuf,
    };

    fn path(process: u32) -> PathBuf {
        env::temp_dir().join(format!("{}-worker-{process}", env!("CARGO_PKG_NAME")))
    }

    pub(super) fn listen(process: u32) -> io::Result<UnixListener> {
        let _ = fs::remove_file(path(process));
        UnixListener::bind(path(process))
    }

    pub(super) fn connect(process: u32) -> io::Result<UnixStream> {
        UnixStream::connect(path(process))
    }
}
