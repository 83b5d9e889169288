//! A process that stays in the foreground: its lines as they come, its end.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{LONG_PATIENCE, PATIENCE, command::Outcome, record};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// A running process. Dropped, it is stopped.
pub(crate) struct Foreground {
    child: Child,
    lines: Receiver<(Stream, String)>,
    seen: Vec<(Stream, String)>,
    /// What it is, in words.
    command: String,
}

impl Foreground {
    #[track_caller]
    pub(crate) fn spawn(mut command: Command) -> Self {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        let words = format!("{} {}", command.get_program().to_string_lossy(), words.join(" "));
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (send, lines) = channel();
        forward(child.stdout.take().unwrap(), Stream::Out, send.clone());
        forward(child.stderr.take().unwrap(), Stream::Err, send);
        Self { child, lines, seen: Vec::new(), command: words }
    }

    /// Its process ID.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for the result on its standard output, a JSON document in a line.
    #[track_caller]
    pub(crate) fn announces(&mut self) -> Value {
        let line = self.line(Stream::Out, LONG_PATIENCE, |_| true);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Waits for a line for people that holds this text.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) -> String {
        self.line(Stream::Err, PATIENCE, |line| line.contains(text))
    }

    /// Waits for a line of its standard output that holds this text.
    #[track_caller]
    pub(crate) fn prints(&mut self, text: &str) -> String {
        self.line(Stream::Out, PATIENCE, |line| line.contains(text))
    }

    /// The same, where that may take longer.
    #[track_caller]
    pub(crate) fn prints_within(&mut self, patience: Duration, text: &str) -> String {
        self.line(Stream::Out, patience, |line| line.contains(text))
    }

    #[track_caller]
    fn line(&mut self, stream: Stream, patience: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.0 == stream && wanted(&line.1) {
                        return line.1;
                    }
                }
                Err(error) => panic!("the awaited line did not come ({error}): {:#?}", self.seen),
            }
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Asks it to stop and waits for its end.
    #[track_caller]
    pub(crate) fn stops(self) -> Outcome {
        self.signal(Signal::TERM);
        self.ends_within(PATIENCE)
    }

    /// Kills it and waits for its end.
    #[track_caller]
    pub(crate) fn dies(self) {
        self.signal(Signal::KILL);
        self.ends_within(PATIENCE);
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends_within(mut self, patience: Duration) -> Outcome {
        assert!(self.drain(Instant::now() + patience), "it has not ended: {:#?}", self.seen);
        let status = self.child.wait().unwrap();
        self.outcome(status)
    }

    /// What it ended with, which is noted for the case that the test fails.
    fn outcome(&self, status: ExitStatus) -> Outcome {
        let text = |stream| {
            let lines = self.seen.iter().filter(|(from, _)| *from == stream);
            lines.fold(String::new(), |text, (_, line)| text + line + "\n")
        };
        let outcome = Outcome { status, stdout: text(Stream::Out), stderr: text(Stream::Err) };
        record::command(&self.command, &outcome);
        outcome
    }

    /// Hears all that is said up to the end; false if that does not come in time.
    fn drain(&mut self, deadline: Instant) -> bool {
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            if !self.drain(Instant::now() + PATIENCE) {
                let _ = self.child.kill();
            }
            if let Ok(status) = self.child.wait() {
                self.outcome(status);
            }
        }
    }
}

fn forward(stream: impl Read + Send + 'static, name: Stream, to: Sender<(Stream, String)>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if to.send((name, String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
    });
}
