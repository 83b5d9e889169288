//! Keeps processes running: collates their output, starts again what has crashed, stops all when told to.

use std::{collections::VecDeque, io, pin::pin, process::ExitStatus, time::Duration};

use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::{
    process::{Child, ChildStderr, ChildStdout},
    sync::watch,
    time::{self, Instant},
};
use xtask_contract::{Context, Error, Progress, Result, release::Process};

use super::child::{Lines, Program, send};
use crate::http;

/// How long a process may take to become ready.
const START: Duration = Duration::from_mins(1);
/// How long a process may take to stop; the same as a pod's grace period.
const GRACE: Duration = Duration::from_secs(30);
/// How long the first restart of a crashing process waits; each further one waits twice as long ...
const BACK_OFF: Duration = Duration::from_millis(500);
/// ... but never longer than this.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// Lines of output that an error repeats.
const TAIL: usize = 20;

/// One process of the deploy, over all its restarts.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// `web.1`: the process type and a number.
    pub(super) name: String,
    pub(super) program: Program,
    pub(super) args: Vec<String>,
    pub(super) ready: Ready,
    pub(super) stop: Signal,
}

/// The sign that a process is ready.
#[derive(Debug, Clone)]
pub(super) enum Ready {
    /// This path answers 200 on this port.
    Answers { port: u16, path: String },
    /// A line with this text is in its output.
    Says(&'static str),
    /// It runs.
    Runs,
}

impl Slot {
    /// The slots of a process type.
    pub(super) fn all<'a>(
        program: &'a Program,
        name: &'a str,
        process: &'a Process,
    ) -> impl Iterator<Item = Self> + use<'a> {
        (1..=process.count).map(move |number| Self {
            name: format!("{name}.{number}"),
            program: program.clone(),
            args: process.args.clone(),
            ready: match (process.port, &process.readiness) {
                (Some(port), Some(path)) => Ready::Answers { port, path: path.clone() },
                _ => Ready::Runs,
            },
            stop: Signal::TERM,
        })
    }

    /// Starts the process and waits until it is ready. Its output is heard, but shown only if it fails or
    /// `progress` is given.
    pub(super) async fn start(&self, progress: Option<&dyn Progress>) -> Result<Running> {
        let doing = || format!("starting {}", self.name);
        let mut running = Running::spawn(&self.program, &self.args).doing(doing)?;
        let deadline = time::sleep(START);
        let answers = async {
            match &self.ready {
                Ready::Answers { port, path } => http::ready(*port, path).await,
                Ready::Runs => {}
                Ready::Says(_) => std::future::pending().await,
            }
        };
        let (mut deadline, mut answers) = (pin!(deadline), pin!(answers));
        loop {
            tokio::select! {
                biased;
                event = running.next() => match event {
                    Event::Line(line) => {
                        progress.inspect(|progress| progress.line(&self.name, &line));
                        if matches!(self.ready, Ready::Says(text) if line.contains(text)) {
                            return Ok(running);
                        }
                    }
                    Event::Ended(status) => return Err(running.failure(doing(), &ended(status))),
                },
                () = &mut answers => return Ok(running),
                () = &mut deadline => {
                    let why = format!("it is not ready after {} s", START.as_secs());
                    running.stop(self.stop, &mut |_| {}).await;
                    return Err(running.failure(doing(), &why));
                }
            }
        }
    }

    /// Keeps the process running until told to stop; then stops it.
    pub(super) async fn keep(
        &self,
        mut running: Running,
        mut stop: watch::Receiver<bool>,
        progress: &dyn Progress,
    ) {
        let mut show = |line: &str| progress.line(&self.name, line);
        let mut back_off = BACK_OFF;
        loop {
            let since = Instant::now();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return running.stop(self.stop, &mut show).await,
                status = running.end(&mut show) => {
                    if since.elapsed() > LONGEST_BACK_OFF {
                        back_off = BACK_OFF;
                    }
                    progress.note(&format!("{} {}; it starts again in {back_off:?}", self.name, ended(status)));
                }
            }
            running = loop {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = time::sleep(back_off) => back_off = (back_off * 2).min(LONGEST_BACK_OFF),
                }
                match Running::spawn(&self.program, &self.args) {
                    Ok(running) => break running,
                    Err(error) => progress.note(&format!("{} cannot be started: {error}", self.name)),
                }
            };
        }
    }
}

/// The processes of a deploy.
pub(super) struct Formation(Vec<(Slot, Running)>);

impl Formation {
    /// Starts all processes and waits until they are ready. If one fails, none is left.
    pub(super) async fn start(slots: Vec<Slot>, progress: &dyn Progress) -> Result<Self> {
        let mut formation = Self(Vec::new());
        for (slot, started) in
            slots.iter().zip(join_all(slots.iter().map(|slot| slot.start(Some(progress)))).await)
        {
            formation.0.push((slot.clone(), started?)); // what was started ends as it is dropped
        }
        Ok(formation)
    }

    /// Keeps all processes running until told to stop; then stops them, all at once.
    pub(super) async fn keep(self, stop: &watch::Receiver<bool>, progress: &dyn Progress) {
        join_all(self.0.into_iter().map(|(slot, running)| {
            let stop = stop.clone();
            async move { slot.keep(running, stop, progress).await }
        }))
        .await;
    }
}

/// Runs a process to its end, which must be a good one; `input` is its standard input.
pub(super) async fn once(
    program: &Program,
    doing: &str,
    args: &[String],
    input: &str,
    show: &mut dyn FnMut(&str),
) -> Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut running = Running::spawn(program, args).doing(|| doing)?;
    if let Some(mut stdin) = running.child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.doing(|| doing)?;
    }
    let status = running.end(show).await;
    if status.as_ref().is_ok_and(ExitStatus::success) {
        Ok(())
    } else {
        Err(running.failure(doing, &ended(status)))
    }
}

/// A process and its output. Dropped, it is killed.
pub(super) struct Running {
    child: Child,
    stdout: Option<Lines<ChildStdout>>,
    stderr: Option<Lines<ChildStderr>>,
    tail: VecDeque<String>,
}

enum Event {
    Line(String),
    Ended(io::Result<ExitStatus>),
}

impl Running {
    fn spawn(program: &Program, args: &[String]) -> io::Result<Self> {
        let mut child = program.spawn(args)?;
        let stdout = child.stdout.take().map(Lines::of);
        let stderr = child.stderr.take().map(Lines::of);
        Ok(Self { child, stdout, stderr, tail: VecDeque::new() })
    }

    /// What happens next. The end comes after the last line. Safe to give up and call again.
    async fn next(&mut self) -> Event {
        loop {
            let line = tokio::select! {
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
                if self.tail.len() == TAIL {
                    self.tail.pop_front();
                }
                self.tail.push_back(line.clone());
                return Event::Line(line);
            }
        }
    }

    async fn end(&mut self, show: &mut dyn FnMut(&str)) -> io::Result<ExitStatus> {
        loop {
            match self.next().await {
                Event::Line(line) => show(&line),
                Event::Ended(status) => return status,
            }
        }
    }

    /// Asks the process to stop and waits for it, or kills it when its grace is over.
    async fn stop(&mut self, signal: Signal, show: &mut dyn FnMut(&str)) {
        send(&self.child, signal);
        if time::timeout(GRACE, self.end(show)).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    fn failure(&self, doing: impl Into<String>, why: &str) -> Error {
        let said: Vec<String> = self.tail.iter().map(|line| format!("\n    {line}")).collect();
        let said = if said.is_empty() { String::new() } else { format!("; it said:{}", said.concat()) };
        Error::failed(doing, format!("{why}{said}"))
    }
}

fn ended(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => format!("was ended: {status}"),
        },
        Err(error) => format!("is lost: {error}"),
    }
}
