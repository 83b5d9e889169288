//! A name for a process that no other one ever has, by which those on the same machine can tell that it is gone.

use std::{env, fmt, fs, os::fd::OwnedFd, str::FromStr};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Which process, of which boot of which machine, seen from which process namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessMark {
    /// The boot, and the namespace in which the number counts.
    place: String,
    pid: u32,
    /// When it started, in the kernel's ticks: a number is given out again, a number and a start are not.
    started: String,
}

impl ProcessMark {
    /// The mark of this process.
    pub fn of_this_process() -> Self {
        let pid = std::process::id();
        Self { place: place(), pid, started: start_of(pid).unwrap_or_default() }
    }

    /// Whether it was a process of this machine and is gone. Of other machines' processes nothing is known.
    pub fn is_dead_here(&self) -> bool {
        self.place == place() && start_of(self.pid).is_none_or(|started| started != self.started)
    }

    /// The process itself, if it lives and is of this machine: no other one can take its place in what is returned.
    pub fn open(&self) -> Option<OwnedFd> {
        let process = pidfd_open(Pid::from_raw(self.pid.try_into().ok()?)?, PidfdFlags::empty()).ok()?;
        // Looked at after it was opened, so that a number which was given out again meanwhile is noticed.
        self.lives_here().then_some(process)
    }

    /// Its number, if it lives and is of this machine.
    pub fn pid(&self) -> Option<Pid> {
        self.lives_here().then(|| Pid::from_raw(self.pid.try_into().ok()?)).flatten()
    }

    fn lives_here(&self) -> bool {
        self.place == place() && start_of(self.pid).is_some_and(|started| started == self.started)
    }

    /// The process for people: `alice@laptop (process 123)`.
    pub fn holder(&self) -> String {
        let user = env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_else(|_| {
            let uid = rustix::process::getuid();
            if uid.is_root() { "root".into() } else { format!("user {}", uid.as_raw()) }
        });
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{user}@{} (process {})", host.trim(), self.pid)
    }
}

impl fmt::Display for ProcessMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.place, self.pid, self.started)
    }
}

impl FromStr for ProcessMark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.rsplitn(3, ' ');
        let (started, pid) = (parts.next().ok_or(())?, parts.next().ok_or(())?);
        let place = parts.next().ok_or(())?.to_owned();
        Ok(Self { place, pid: pid.parse().map_err(|_| ())?, started: started.to_owned() })
    }
}

fn place() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}

/// The 22nd field of `/proc/PID/stat` (proc(5)); the second one, a name, may hold anything but ends with the last
/// parenthesis. A process that has ended but was not waited for counts as gone.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn this_process_lives_and_its_mark_can_be_read_again() {
        let mark = ProcessMark::of_this_process();
        assert!(!mark.is_dead_here());
        assert_eq!(mark.to_string().parse(), Ok(mark));
    }

    #[test]
    fn a_process_that_has_ended_is_dead_and_one_elsewhere_is_not_known_to_be() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let of_child =
            ProcessMark { pid: child.id(), started: start_of(child.id()).unwrap(), place: place() };
        assert!(!of_child.is_dead_here());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(of_child.is_dead_here());
        assert!(!ProcessMark { place: "another boot".into(), ..of_child }.is_dead_here());
    }

    #[test]
    fn a_number_that_was_given_out_again_is_another_process() {
        let mark = ProcessMark { started: "0".into(), ..ProcessMark::of_this_process() };
        assert!(mark.is_dead_here());
        assert!(mark.open().is_none() && mark.pid().is_none());
        assert!(ProcessMark::of_this_process().open().is_some());
    }
}
