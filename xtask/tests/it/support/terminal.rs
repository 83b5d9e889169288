//! A terminal, with the test where a person would sit.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    process::{Child, ExitStatus},
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use super::PATIENCE;

/// The side of the terminal where the person sits, and all that was shown so far.
pub(crate) struct Terminal {
    person: File,
    seen: String,
    /// How many bytes of it were waited for already.
    looked_at: usize,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        tcsetwinsize(&person, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        Self { person: File::from(person), seen: String::new(), looked_at: 0 }
    }

    /// The side of the process.
    pub(crate) fn side_of_the_process(&self) -> File {
        let path = ptsname(&self.person, Vec::new()).unwrap().into_string().unwrap();
        let no_control = OFlags::NOCTTY.bits().try_into().unwrap();
        OpenOptions::new().read(true).write(true).custom_flags(no_control).open(path).unwrap()
    }

    /// Waits until it shows this, after what was waited for before.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // What is drawn again and again shows nothing new.
            assert!(Instant::now() < deadline, "{text:?} was not shown: {}", self.seen);
            if let Some(place) = self.seen[self.looked_at..].find(text) {
                self.looked_at += place + text.len();
                return;
            }
            assert!(self.read(), "{text:?} was not shown: {}", self.seen);
        }
    }

    /// Whether it shows what is typed.
    pub(crate) fn echoes(&self) -> bool {
        tcgetattr(&self.person).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Types this.
    pub(crate) fn types(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the end of the process; how it ended, and all that was shown.
    #[track_caller]
    pub(crate) fn sees_end_of(mut self, mut child: Child) -> (ExitStatus, String) {
        while self.read() {}
        (child.wait().unwrap(), self.seen)
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
