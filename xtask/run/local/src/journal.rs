//! What the processes of a deploy write, kept on this machine. The `run` that is up keeps it, in a thread of its own:
//! whatever is wrong with the disk, no process waits for it. The application knows nothing of it.

mod read;
mod segments;
mod writer;

use std::{
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use xtask_contract::{EnvName, Repo};

use crate::lock;
pub(crate) use read::read;
pub(crate) use segments::forget;
use xtask_run::logs::{Line, now};

/// How much may wait to be written; what comes on top of it while the disk is slow is lost, and told.
const WAITING: usize = 16 << 20;

/// Where lines are kept. Dropped, it waits until they are written.
#[derive(Debug)]
pub(crate) struct Journal {
    lines: Option<Sender<String>>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
    writer: Option<JoinHandle<()>>,
}

/// Where the lines of one process are kept.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    journal: Rc<Journal>,
    release: String,
    process: String,
}

/// The folder of a deploy's lines.
fn folder(repo: &Repo, env: &EnvName) -> PathBuf {
    lock::folder(repo, env).join("logs")
}

impl Journal {
    /// Begins to keep the lines of a deploy. What is in the way of that is told beside it.
    pub(crate) fn open(repo: &Repo, env: &EnvName) -> (Rc<Self>, UnboundedReceiver<String>) {
        let (lines, received) = channel();
        let (tell, trouble) = unbounded_channel();
        let (waiting, lost) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let writer = writer::Writer::new(folder(repo, env), waiting.clone(), lost.clone(), tell);
        let thread = thread::Builder::new().name("journal".to_owned());
        let writer = thread.spawn(move || writer.write_all(&received)).ok();
        (Rc::new(Self { lines: Some(lines), waiting, lost, writer }), trouble)
    }

    /// Where the lines of a process are kept.
    pub(crate) fn stream(self: &Rc<Self>, release: &str, process: &str) -> Stream {
        Stream { journal: self.clone(), release: release.to_owned(), process: process.to_owned() }
    }

    /// Keeps a line. It waits for nothing.
    fn keep(&self, line: &Line<'_>) {
        let mut kept = String::new();
        line.keep(&mut kept);
        let size = kept.len();
        if self.waiting.fetch_add(size, Ordering::Relaxed) > WAITING {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        } else if let Some(lines) = &self.lines {
            // Without a thread for it nothing is kept.
            let _ = lines.send(kept);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Stream {
    /// Keeps a line of this process, which has this ID.
    pub(crate) fn keep(&self, process_id: Option<u32>, text: &str) {
        let instance = process_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let time = now();
        let line =
            Line { time: &time, release: &self.release, process: &self.process, instance: &instance, text };
        self.journal.keep(&line);
    }
}
