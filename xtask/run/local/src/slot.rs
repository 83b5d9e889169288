//! One process of a deploy over all its restarts: started, started again when it has crashed, stopped.

use std::{
    cell::{Ref, RefCell},
    future, io,
    pin::pin,
    rc::Rc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use rustix::process::Signal;
use tokio::{
    sync::watch,
    time::{self, Instant},
};
use xtask_contract::{Context, Progress, Result};

use crate::{
    child::Program,
    journal::Stream,
    running::{Event, Running, ended},
    socket::Socket,
    socket_folder::SocketFolder,
};
use xtask_run::{Cause, START, http};

/// How long the first restart of a crashing process waits; each further one waits twice as long ...
const BACK_OFF: Duration = Duration::from_millis(500);
/// ... but never longer than this.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// One process of the deploy, over all its restarts.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// `web.1`: the process type and a number.
    name: String,
    program: Program,
    args: Vec<String>,
    ready: Ready,
    /// How long it may take to become ready.
    patience: Duration,
    stop: Signal,
    stream: Option<Stream>,
    status: Rc<RefCell<ProcessStatus>>,
}

/// Readiness probe.
#[derive(Debug, Clone)]
pub(crate) enum Ready {
    /// It notifies the supervisor (`sd_notify(3)`), at a socket in this folder; until then it accepts nothing from its own, if it has one.
    Tells { socket_folder: Rc<SocketFolder>, socket: Option<Rc<Socket>> },
    /// This path answers 200 on this port.
    Answers { port: u16, path: String },
    /// A line with this text is in its output.
    Says(&'static str),
    /// It runs.
    Runs,
}

/// How a process is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessStatus {
    pub(crate) pid: Option<u32>,
    pub(crate) ready: bool,
    /// How often it was started again.
    pub(crate) restarts: u32,
    pub(crate) started: Option<DateTime<Utc>>,
}

impl Slot {
    pub(crate) fn new(name: String, program: Program, args: Vec<String>, ready: Ready, stop: Signal) -> Self {
        Self { name, program, args, ready, patience: START, stop, stream: None, status: Rc::default() }
    }

    /// The same process, which may take so long to become ready.
    pub(crate) fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same process, whose lines are kept.
    pub(crate) fn kept(self, stream: Stream) -> Self {
        Self { stream: Some(stream), ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn status(&self) -> Ref<'_, ProcessStatus> {
        self.status.borrow()
    }

    /// Starts the process and waits until it is ready. Its output is heard, but shown only if it fails.
    pub(crate) async fn start(&self) -> Result<Running> {
        let mut running = self.begin()?;
        let ready = self.until_ready(&mut running, None).await;
        if ready.is_err() {
            running.stop(self.stop, &mut |_| {}).await;
        }
        ready.map(|()| running)
    }

    /// Starts the process.
    pub(crate) fn begin(&self) -> Result<Running> {
        self.spawn().doing(|| format!("starting {}", self.name))
    }

    fn spawn(&self) -> io::Result<Running> {
        let (socket, notify_socket) = match &self.ready {
            Ready::Tells { socket_folder, socket } => {
                (socket.clone(), Some(socket_folder.notify_socket(&self.name)?))
            }
            _ => (None, None),
        };
        let running = Running::spawn(&self.program, &self.args, socket, notify_socket, self.stream.clone())?;
        let mut status = self.status.borrow_mut();
        (status.pid, status.started) = (running.pid(), Some(Utc::now()));
        status.ready = match self.ready {
            Ready::Runs => true,
            Ready::Tells { .. } => false,
            // Looked for at the first start alone.
            Ready::Answers { .. } | Ready::Says(_) => status.restarts > 0,
        };
        Ok(running)
    }

    /// Waits until the process is ready. Safe to give up.
    pub(crate) async fn until_ready(
        &self,
        running: &mut Running,
        progress: Option<&dyn Progress>,
    ) -> Result<()> {
        let doing = || format!("starting {}", self.name);
        let answers = async {
            match &self.ready {
                Ready::Answers { port, path } => http::ready(*port, path).await,
                Ready::Runs => {}
                Ready::Says(_) | Ready::Tells { .. } => future::pending().await,
            }
        };
        let (mut deadline, mut answers) = (pin!(time::sleep(self.patience)), pin!(answers));
        loop {
            tokio::select! {
                biased;
                event = running.next() => match event {
                    Event::Line(line) => {
                        progress.inspect(|progress| progress.line(&self.name, &line));
                        if matches!(self.ready, Ready::Says(text) if line.contains(text)) {
                            break;
                        }
                    }
                    Event::Ready => break,
                    Event::Ended(status) => {
                        return Err(Cause::ExitAtStart.of(running.failure(doing(), &ended(status))));
                    }
                },
                () = &mut answers => break,
                () = &mut deadline => {
                    let why = format!("it is not ready after {} s", self.patience.as_secs());
                    return Err(Cause::ProbeFailed.of(running.failure(doing(), &why)));
                }
            }
        }
        self.status.borrow_mut().ready = true;
        Ok(())
    }

    /// Keeps the process running until told to stop; then stops it.
    pub(crate) async fn keep(
        &self,
        mut running: Running,
        mut stop: watch::Receiver<bool>,
        progress: &dyn Progress,
    ) {
        let mut back_off = BACK_OFF;
        loop {
            let since = Instant::now();
            let end = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return self.end(running, progress).await,
                end = self.crash(&mut running, progress) => end,
            };
            if since.elapsed() > LONGEST_BACK_OFF {
                back_off = BACK_OFF;
            }
            progress.note(&format!("{} {end}; it starts again in {back_off:?}", self.name));
            running = loop {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = time::sleep(back_off) => back_off = (back_off * 2).min(LONGEST_BACK_OFF),
                }
                self.status.borrow_mut().restarts += 1;
                match self.spawn() {
                    Ok(running) => break running,
                    Err(error) => progress.note(&format!("{} cannot be started: {error}", self.name)),
                }
            };
        }
    }

    /// Stops the process.
    pub(crate) async fn end(&self, mut running: Running, progress: &dyn Progress) {
        self.status.borrow_mut().ready = false;
        running.stop(self.stop, &mut |line| progress.line(&self.name, line)).await;
        self.status.borrow_mut().pid = None;
    }

    /// How the process has ended, once it has.
    async fn crash(&self, running: &mut Running, progress: &dyn Progress) -> String {
        let exit = loop {
            match running.next().await {
                Event::Line(line) => progress.line(&self.name, &line),
                Event::Ready => self.status.borrow_mut().ready = true,
                Event::Ended(status) => break status,
            }
        };
        let mut status = self.status.borrow_mut();
        (status.pid, status.ready) = (None, false);
        ended(exit)
    }
}
