//! A terminal, with the test where a person would sit.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    process::{Child, Command, ExitStatus},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use super::process::PATIENCE;

/// A process at a terminal.
pub(crate) struct Terminal {
    person: File,
    child: Child,
    /// What was shown and not looked at yet.
    seen: String,
}

impl Terminal {
    /// Starts the binary at a terminal of its own, whose Ctrl-C it gets as a signal.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let size = Winsize { ws_row: 50, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&person, size).unwrap();
        let path = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
        let no_control = OFlags::NOCTTY.bits().try_into().unwrap();
        let inner = OpenOptions::new().read(true).write(true).custom_flags(no_control).open(path).unwrap();
        let child = Command::new("/usr/bin/setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_todo-api")])
            .args(arguments)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(inner.try_clone().unwrap())
            .stdout(inner.try_clone().unwrap())
            .stderr(inner)
            .spawn()
            .unwrap();
        Self { person: File::from(person), child, seen: String::new() }
    }

    /// Waits until it shows this, and returns what it showed before.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) -> String {
        loop {
            if let Some((before, after)) = self.seen.split_once(text) {
                let before = before.to_owned();
                self.seen = after.to_owned();
                return before;
            }
            assert!(self.read(), "{text:?} was not shown: {}", self.seen);
        }
    }

    /// Types this.
    pub(crate) fn types(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).unwrap();
    }

    /// Whether it shows what is typed by itself, as it does while nobody edits a line.
    pub(crate) fn echoes(&self) -> bool {
        tcgetattr(&self.person).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        while self.read() {}
        self.child.wait().unwrap()
    }

    /// Reads what is shown next; false if nobody is at the other side any more.
    #[track_caller]
    fn read(&mut self) -> bool {
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let ready = poll(&mut [PollFd::new(&self.person, PollFlags::IN)], Some(&patience)).unwrap();
        assert_eq!(ready, 1, "nothing more is shown: {}", self.seen);
        let mut buffer = [0; 1024];
        let length = self.person.read(&mut buffer).unwrap_or(0);
        self.seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        length > 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
