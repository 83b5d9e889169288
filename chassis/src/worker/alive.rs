//! Whether a worker still works: it writes down when its last round began, where only its own user can read it. It may
//! have neither disk nor port, and nobody else must be able to speak for it, or to keep it from speaking.

use std::{fs::File, io, os::unix::fs::FileExt, time::Duration};

use rustix::time::{ClockId, clock_gettime};

use crate::Identity;

/// The longest that a round may take: deliveries and statements all have shorter limits.
const LONGEST_ROUND: Duration = Duration::from_secs(30);

/// When the last round began, by the machine's clock that is never set.
pub(super) struct Pulse(File);

impl Pulse {
    /// Can be felt from now on.
    pub(super) fn start(service: Identity) -> io::Result<Self> {
        let pulse = Self(note::make(service)?);
        pulse.write(now())?;
        Ok(pulse)
    }

    /// Another round begins.
    pub(super) fn beat(&self) {
        if let Err(error) = self.write(now()) {
            tracing::warn!(%error, "cannot say that it is alive");
        }
    }

    fn write(&self, time: Duration) -> io::Result<()> {
        self.0.write_all_at(&time.as_millis().to_be_bytes(), 0)
    }
}

/// Looks whether the worker with this process id works.
pub(crate) fn ask(service: Identity, process: u32) -> Result<(), String> {
    let last = note::of(service, process).and_then(|file| {
        let mut bytes = [0; 16];
        file.read_exact_at(&mut bytes, 0).map(|()| u128::from_be_bytes(bytes))
    });
    let last = last.map_err(|error| format!("cannot ask the worker with process id {process}: {error}"))?;
    let silent = now().as_millis().saturating_sub(last);
    if silent < LONGEST_ROUND.as_millis() {
        return Ok(());
    }
    Err(format!("the worker with process id {process} is stuck: its last round began {silent} ms ago"))
}

fn now() -> Duration {
    clock_gettime(ClockId::Monotonic).try_into().unwrap_or_default()
}

/// A file in memory, which is found among those that the process has open: the system shows them to its user alone.
#[cfg(target_os = "linux")]
mod note {
    use std::{
        fs::{self, File},
        io,
    };

    use rustix::fs::{MemfdFlags, memfd_create};

    use crate::Identity;

    pub(super) fn make(service: Identity) -> io::Result<File> {
        Ok(memfd_create(name(service), MemfdFlags::CLOEXEC)?.into())
    }

    pub(super) fn of(service: Identity, process: u32) -> io::Result<File> {
        let start = format!("/memfd:{} ", name(service));
        for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
            let path = entry?.path();
            // One that was just closed is none.
            let leads_to = fs::read_link(&path).unwrap_or_default();
            if leads_to.to_string_lossy().starts_with(&start) {
                return File::open(path);
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "it is no worker"))
    }

    fn name(service: Identity) -> String {
        format!("{}-alive", service.name())
    }
}

/// Elsewhere than on Linux, in development only, it is in the user's folder for temporary files.
#[cfg(not(target_os = "linux"))]
mod note {
    use std::{
        env,
        fs::{self, File, OpenOptions},
        io,
        os::unix::fs::OpenOptionsExt,
        path::PathBuf,
    };

    use crate::Identity;

    fn path(service: Identity, process: u32) -> PathBuf {
        env::temp_dir().join(format!("{}-worker-{process}", service.name()))
    }

    pub(super) fn make(service: Identity) -> io::Result<File> {
        let path = path(service, std::process::id());
        let _ = fs::remove_file(&path);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    pub(super) fn of(service: Identity, process: u32) -> io::Result<File> {
        File::open(path(service, process))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PETS: Identity = Identity::new("pets", "1.2.3");

    // One test, because all share the process whose pulse they feel.
    #[test]
    fn a_worker_lives_as_long_as_its_rounds_are_short() {
        let me = std::process::id();
        assert!(ask(PETS, me).unwrap_err().contains("it is no worker"));
        let pulse = Pulse::start(PETS).unwrap();
        assert_eq!(ask(PETS, me), Ok(()));
        let long_ago = |ago: Duration| now().checked_sub(ago).expect("the machine has been up for a minute");
        pulse.write(long_ago(LONGEST_ROUND / 2)).unwrap();
        assert_eq!(ask(PETS, me), Ok(()));
        pulse.write(long_ago(LONGEST_ROUND)).unwrap();
        assert!(ask(PETS, me).unwrap_err().contains("is stuck"));
        pulse.beat();
        assert_eq!(ask(PETS, me), Ok(()));
        drop(pulse);
        assert!(ask(PETS, me).is_err());
        assert!(ask(PETS, u32::MAX).is_err());
    }
}
