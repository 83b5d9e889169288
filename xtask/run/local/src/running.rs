//! A process with its output and what it tells of itself.

use std::{collections::VecDeque, future, io, process::ExitStatus, rc::Rc, time::Duration};

use rustix::process::Signal;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStderr, ChildStdout},
    time,
};
use xtask_contract::{Context, Error, Result};

use crate::{
    child::{Lines, Program, send},
    gate::{Ear, Word},
    journal::Stream,
    socket::Socket,
};

/// How long a process may take to stop; the same as a pod's grace period.
const GRACE: Duration = Duration::from_secs(30);
/// Lines of output that an error repeats.
const TAIL: usize = 20;

/// Runs a process to its end, which must be a good one; `input` is its standard input.
pub(crate) async fn once(
    program: &Program,
    doing: &str,
    args: &[String],
    input: &str,
    stream: Option<Stream>,
    show: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut running = Running::spawn(program, args, None, None, stream).doing(|| doing)?;
    if let Some(mut stdin) = running.child.stdin.take() {
        // One that ends early closes the pipe; what it said tells why.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let status = running.end(show).await;
    if status.as_ref().is_ok_and(ExitStatus::success) {
        Ok(())
    } else {
        Err(running.failure(doing, &ended(status)))
    }
}

/// A process and its output. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    stdout: Option<Lines<ChildStdout>>,
    stderr: Option<Lines<ChildStderr>>,
    tail: VecDeque<String>,
    socket: Option<Rc<Socket>>,
    ear: Option<Ear>,
    /// Where its lines are kept, if they are.
    stream: Option<Stream>,
}

pub(crate) enum Event {
    Line(String),
    Ready,
    Ended(io::Result<ExitStatus>),
}

impl Running {
    pub(crate) fn spawn(
        program: &Program,
        args: &[String],
        socket: Option<Rc<Socket>>,
        ear: Option<Ear>,
        stream: Option<Stream>,
    ) -> io::Result<Self> {
        let mut child = program.spawn(args, socket.as_deref(), ear.as_ref())?;
        let stdout = child.stdout.take().map(Lines::of);
        let stderr = child.stderr.take().map(Lines::of);
        Ok(Self { child, stdout, stderr, tail: VecDeque::new(), socket, ear, stream })
    }

    /// The process's ID, unless it has ended.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What happens next. The end comes after the last line. Safe to give up and call again.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let line = tokio::select! {
                word = told(self.ear.as_ref()) => match word {
                    Word::Ready => return Event::Ready,
                    Word::Stopping => {
                        self.socket.as_ref().inspect(|socket| socket.one_leaves());
                        None
                    }
                    Word::Other => None,
                },
                line = async { self.stdout.as_mut()?.next().await }, if self.stdout.is_some() => {
                    if line.is_none() { self.stdout = None; }
                    line
                }
                line = async { self.stderr.as_mut()?.next().await }, if self.stderr.is_some() => {
                    if line.is_none() { self.stderr = None; }
                    line
                }
                status = self.child.wait(), if self.stdout.is_none() && self.stderr.is_none() => {
                    return Event::Ended(status);
                }
            };
            if let Some(line) = line {
                self.stream.as_ref().inspect(|stream| stream.keep(self.child.id(), &line));
                if self.tail.len() == TAIL {
                    self.tail.pop_front();
                }
                self.tail.push_back(line.clone());
                return Event::Line(line);
            }
        }
    }

    pub(crate) async fn end(&mut self, show: &mut dyn FnMut(&str)) -> io::Result<ExitStatus> {
        loop {
            match self.next().await {
                Event::Line(line) => show(&line),
                Event::Ready => {}
                Event::Ended(status) => return status,
            }
        }
    }

    /// Asks the process to stop and waits for it, or kills it when its grace is over.
    pub(crate) async fn stop(&mut self, signal: Signal, show: &mut dyn FnMut(&str)) {
        send(&self.child, signal);
        if time::timeout(GRACE, self.end(show)).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    pub(crate) fn failure(&self, doing: impl Into<String>, why: &str) -> Error {
        let said: Vec<String> = self.tail.iter().map(|line| format!("\n    {line}")).collect();
        let said = if said.is_empty() { String::new() } else { format!("; it said:{}", said.concat()) };
        Error::failed(doing, format!("{why}{said}"))
    }
}

async fn told(ear: Option<&Ear>) -> Word {
    match ear {
        Some(ear) => ear.next().await,
        None => future::pending().await,
    }
}

pub(crate) fn ended(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => format!("was ended: {status}"),
        },
        Err(error) => format!("is lost: {error}"),
    }
}
