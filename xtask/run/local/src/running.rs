//! A process with its output and what it tells of itself.

use std::{collections::VecDeque, future, io, process::ExitStatus, rc::Rc, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    time::{self, Instant},
};
use xtask_contract::{Context, Error, Result};

use crate::{
    child::{Lines, Program, send},
    journal::Stream,
    socket::Socket,
    socket_folder::{Notification, NotifySocket},
};

/// How long a process may take to stop; the same as a pod's grace period.
const GRACE: Duration = Duration::from_secs(30);
/// How long the output of one that has ended may stay open: only a process that has left its group can hold it.
const REST: Duration = Duration::from_secs(1);
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
    if let Some(mut stdin) = running.stdin.take() {
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

/// A process and its output. Dropped, it is killed, and so is what it has started.
pub(crate) struct Running {
    child: Child,
    /// Its ID, also when it has ended.
    pid: Option<u32>,
    /// The process group that it leads, as long as that may have members.
    group: Option<Pid>,
    /// How it has ended, and until when the rest of its output is waited for.
    over: Option<(io::Result<ExitStatus>, Instant)>,
    /// Stays open as long as this does: a wait for the child would close it, if it had it.
    stdin: Option<ChildStdin>,
    stdout: Option<Lines<ChildStdout>>,
    stderr: Option<Lines<ChildStderr>>,
    tail: VecDeque<String>,
    socket: Option<Rc<Socket>>,
    notify_socket: Option<NotifySocket>,
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
        notify_socket: Option<NotifySocket>,
        stream: Option<Stream>,
    ) -> io::Result<Self> {
        let mut child = program.spawn(args, socket.as_deref(), notify_socket.as_ref())?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(Lines::of);
        let stderr = child.stderr.take().map(Lines::of);
        let pid = child.id();
        let group = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let (over, tail) = (None, VecDeque::new());
        Ok(Self { child, pid, group, over, stdin, stdout, stderr, tail, socket, notify_socket, stream })
    }

    /// The process's ID, unless it has ended.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What happens next. The end comes after the last line. Safe to give up and call again.
    ///
    /// What it has started ends with it, as all of a container does: neither is its output held open by that, nor the
    /// deploy's lock.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let silent = self.stdout.is_none() && self.stderr.is_none();
            if let Some((status, _)) = self.over.take_if(|(_, latest)| silent || Instant::now() >= *latest) {
                return Event::Ended(status);
            }
            let latest = self.over.as_ref().map(|(_, latest)| *latest);
            let line = tokio::select! {
                notification = next_of(self.notify_socket.as_ref()) => match notification {
                    Notification::Ready => return Event::Ready,
                    Notification::Stopping => {
                        self.socket.as_ref().inspect(|socket| socket.one_leaves());
                        None
                    }
                    Notification::Other => None,
                },
                line = async { self.stdout.as_mut()?.next().await }, if self.stdout.is_some() => {
                    if line.is_none() { self.stdout = None; }
                    line
                }
                line = async { self.stderr.as_mut()?.next().await }, if self.stderr.is_some() => {
                    if line.is_none() { self.stderr = None; }
                    line
                }
                status = self.child.wait(), if self.over.is_none() => {
                    self.kill_group();
                    self.over = Some((status, Instant::now() + REST));
                    None
                }
                () = time::sleep_until(latest.unwrap_or_else(Instant::now)), if latest.is_some() => None,
            };
            if let Some(line) = line {
                self.stream.as_ref().inspect(|stream| stream.keep(self.pid, &line));
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
            self.kill_group();
            let _ = self.child.wait().await;
        }
    }

    /// Kills what is left of the process and of all that it has started, unless that was done: a number is given to
    /// another process later.
    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            // Where nothing is left there is nothing to kill.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    pub(crate) fn failure(&self, doing: impl Into<String>, why: &str) -> Error {
        let said: Vec<String> = self.tail.iter().map(|line| format!("\n    {line}")).collect();
        let said = if said.is_empty() { String::new() } else { format!("; it said:{}", said.concat()) };
        Error::failed(doing, format!("{why}{said}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
    }
}

async fn next_of(notify_socket: Option<&NotifySocket>) -> Notification {
    match notify_socket {
        Some(notify_socket) => notify_socket.next().await,
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str) -> Running {
        let shell = Program::of_machine("/bin/sh".into(), None, Signal::KILL, &[]);
        Running::spawn(&shell, &["-c".to_owned(), script.to_owned()], None, None, None).unwrap()
    }

    /// How it ends, and what is heard of it.
    async fn outcome(running: &mut Running) -> (Option<i32>, Vec<String>) {
        let mut lines = Vec::new();
        let status = running.end(&mut |line| lines.push(line.to_owned())).await;
        (status.unwrap().code(), lines)
    }

    #[tokio::test]
    async fn what_a_process_has_started_ends_with_it_and_all_of_its_output_is_heard() {
        let mut running = shell("sleep 600 & echo $!; seq 5000; exit 3");
        let (code, lines) = outcome(&mut running).await;
        assert_eq!((code, lines.len()), (Some(3), 5001));
        assert_eq!(lines[5000], "5000");
        // Its new parent may not have heard of its end yet.
        let is_alive = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", lines[0]));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        let killed = async {
            while is_alive() {
                time::sleep(Duration::from_millis(10)).await;
            }
        };
        time::timeout(Duration::from_mins(1), killed).await.expect("it is killed");
    }

    #[tokio::test]
    async fn its_standard_input_does_not_end_before_it_is_stopped() {
        let mut running = shell("read line; exit 3");
        let waited = time::timeout(Duration::from_millis(300), running.next()).await;
        assert!(waited.is_err(), "it goes on");
        running.stop(Signal::TERM, &mut |_| {}).await;
    }

    #[tokio::test]
    async fn one_that_has_left_its_group_holds_up_nobody() {
        let mut running = shell("setsid sleep 5 & echo $!; exit 0");
        let began = Instant::now();
        let (code, lines) = outcome(&mut running).await;
        assert_eq!((code, lines.len()), (Some(0), 1));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
