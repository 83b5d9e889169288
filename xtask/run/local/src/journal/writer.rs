//! The thread that writes a journal.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::Receiver,
    },
};

use tokio::sync::mpsc::UnboundedSender;

use super::segments::{self, FULL};
use xtask_run::logs::{Line, now};

/// How much is written at once.
const BATCH: usize = 256 << 10;

/// Writes lines to the newest file, and sees to the others.
pub(super) struct Writer {
    folder: PathBuf,
    open: Option<Open>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
    tell: UnboundedSender<String>,
    in_trouble: bool,
}

/// The file that is written to.
struct Open {
    file: File,
    number: u64,
    size: u64,
}

impl Writer {
    pub(super) fn new(
        folder: PathBuf,
        waiting: Arc<AtomicUsize>,
        lost: Arc<AtomicUsize>,
        tell: UnboundedSender<String>,
    ) -> Self {
        Self { folder, open: None, waiting, lost, tell, in_trouble: false }
    }

    /// Writes all that comes, until nothing comes any more.
    pub(super) fn write_all(mut self, lines: &Receiver<String>) {
        while let Ok(mut batch) = lines.recv() {
            let (mut size, mut count) = (batch.len(), 1);
            while size < BATCH
                && let Ok(line) = lines.try_recv()
            {
                size += line.len();
                count += 1;
                batch.push_str(&line);
            }
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                batch.insert_str(0, &gap(lost));
            }
            if let Err(error) = self.write(&batch) {
                self.lost.fetch_add(lost + count, Ordering::Relaxed);
                self.say(&error);
            }
            self.waiting.fetch_sub(size, Ordering::Relaxed);
        }
    }

    /// Says once what is in the way; then again only if it was well in between.
    fn say(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            let folder = self.folder.display();
            let words = format!("lines cannot be kept in {folder}, and go on without: {error}");
            let _ = self.tell.send(words);
        }
    }

    fn write(&mut self, batch: &str) -> io::Result<()> {
        let mut open = match self.open.take() {
            Some(open) if open.size < FULL => open,
            Some(open) => self.next(open.number + 1)?,
            None => self.newest()?,
        };
        if let Err(error) = open.file.write_all(batch.as_bytes()) {
            // A part of a line is none.
            open.file.set_len(open.size)?;
            self.open = Some(open);
            return Err(error);
        }
        open.size += batch.len() as u64;
        self.open = Some(open);
        self.in_trouble = false;
        Ok(())
    }

    /// The file that an earlier `run` wrote to last.
    fn newest(&self) -> io::Result<Open> {
        fs::create_dir_all(&self.folder)?;
        segments::tidy(&self.folder)?;
        match segments::list(&self.folder)?.last() {
            Some(newest) if newest.compressed => self.next(newest.number + 1),
            Some(newest) => {
                let mut file = append(&newest.path)?;
                let size = whole_lines(&mut file)?;
                file.set_len(size)?;
                Ok(Open { file, number: newest.number, size })
            }
            None => self.next(1),
        }
    }

    fn next(&self, number: u64) -> io::Result<Open> {
        let file = append(&segments::path(&self.folder, number))?;
        segments::tidy(&self.folder)?;
        Ok(Open { size: file.metadata()?.len(), file, number })
    }
}

fn append(path: &std::path::Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // What processes say is for their owner.
    OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)
}

/// How much of a file is whole lines: a crash may have left a part of one.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = [0; 4096];
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let read = &mut block[..usize::try_from(end - begin).unwrap_or_default()];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(read)?;
        if let Some(place) = read.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + place as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// Stands for lines that could not be kept.
fn gap(lost: usize) -> String {
    let text = format!("{lost} lines could not be kept");
    let mut kept = String::new();
    let line = Line { time: &now(), release: "-", process: "xtask", instance: "-", text: &text };
    line.keep(&mut kept);
    kept
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::mpsc::channel};

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    fn written(folder: &Path, lines: &[&str]) -> (Option<String>, usize) {
        let (send, receive) = channel();
        let (tell, mut told) = unbounded_channel();
        let lost = Arc::<AtomicUsize>::default();
        let writer = Writer::new(folder.to_owned(), Arc::default(), lost.clone(), tell);
        for line in lines {
            send.send((*line).to_owned()).unwrap();
        }
        drop(send);
        writer.write_all(&receive);
        (told.try_recv().ok(), lost.load(Ordering::Relaxed))
    }

    #[test]
    fn what_a_crash_left_of_a_line_is_no_line_and_what_was_there_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = segments::path(folder.path(), 1);
        let long = "x".repeat(10_000);
        fs::write(&path, format!("first\n{long}\npart of {long}")).unwrap();
        assert_eq!(written(folder.path(), &["second\n", "third\n"]), (None, 0));
        assert_eq!(fs::read_to_string(path).unwrap(), format!("first\n{long}\nsecond\nthird\n"));
    }

    #[test]
    fn a_full_file_is_followed_by_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let line = "x".repeat(usize::try_from(FULL).unwrap()) + "\n";
        written(folder.path(), &[&line, "short\n"]);
        let forms = segments::list(folder.path()).unwrap();
        let forms: Vec<_> = forms.iter().map(|one| (one.number, one.compressed)).collect();
        assert_eq!(forms, [(1, true), (2, false)]);
        assert_eq!(fs::read_to_string(segments::path(folder.path(), 2)).unwrap(), "short\n");
    }

    #[test]
    fn a_disk_that_takes_nothing_is_said_once_and_what_was_lost_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", segments::path(folder.path(), 1)).unwrap();
        let (said, lost) = written(folder.path(), &["first\n", "second\n"]);
        assert!(said.unwrap().contains("cannot be kept in"));
        assert_eq!(lost, 2);
    }
}
