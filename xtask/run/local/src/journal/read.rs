//! Reads a journal, also while it is written.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    mem::MaybeUninit,
    path::Path,
};

use flate2::read::MultiGzDecoder;
use rustix::fs::inotify;
use xtask_contract::{Context, EnvName, Repo, Result};

use super::{
    folder,
    segments::{self, Segment},
};
use xtask_run::logs::{Line, Query, Select, Sink};

/// Shows what is kept for a deploy, and what comes if that is wanted.
pub(crate) fn read(repo: &Repo, env: &EnvName, query: &Query, sink: &mut dyn Sink) -> Result<()> {
    let folder = folder(repo, env);
    let doing = || format!("reading the logs in {}", folder.display());
    if !folder.exists() {
        sink.note(&format!("nothing of {env} has run here yet; `cargo xtask up --env {env}` runs it"));
    }
    let watch = query.follow.then(|| Watch::of(&folder)).transpose().doing(doing)?;
    Reader { select: Select::new(query), sink }.read(&folder, watch, query).doing(doing)
}

/// Said in the place of files that were deleted before they were read.
const MISSING: &str = "warning: lines are missing here: more was written meanwhile than is kept";

struct Reader<'q> {
    select: Select<'q>,
    sink: &'q mut dyn Sink,
}

/// The file that is read, and what was read of a line that is not whole yet.
struct Place {
    number: u64,
    lines: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
}

impl Reader<'_> {
    fn read(mut self, folder: &Path, watch: Option<Watch>, query: &Query) -> io::Result<()> {
        let mut place = None;
        if !self.reach_the_end(folder, &mut place, query)? {
            return Ok(());
        }
        for line in self.select.held() {
            let wanted = Line::parse(line.trim_end_matches('\n')).is_none_or(|line| self.sink.line(&line));
            if !wanted {
                return Ok(());
            }
        }
        let Some(mut watch) = watch else {
            self.sink.pause();
            return Ok(());
        };
        while self.sink.pause() {
            watch.wait()?;
            if !self.reach_the_end(folder, &mut place, query)? {
                break;
            }
        }
        Ok(())
    }

    /// Reads all that there is, and tells whether more is wanted.
    fn reach_the_end(&mut self, folder: &Path, place: &mut Option<Place>, query: &Query) -> io::Result<bool> {
        loop {
            // To be looked for first: when there is a next file, nothing is added to this one.
            let next = next(&segments::list(folder)?, place.as_ref(), query);
            if let Some(place) = place
                && !self.lines(place)?
            {
                return Ok(false);
            }
            let Some(next) = next else { return Ok(true) };
            if let Some(place) = place
                && next.number > place.number + 1
            {
                self.sink.note(MISSING);
            }
            if let Some(opened) = open(&next)? {
                *place = Some(opened);
            } else if !segments::list(folder)?.iter().any(|left| left.number == next.number) {
                self.sink.note(MISSING);
                *place = Some(Place::nothing(next.number));
            } // or else it was compressed just now
        }
    }

    fn lines(&mut self, place: &mut Place) -> io::Result<bool> {
        loop {
            place.lines.read_until(b'\n', &mut place.line)?;
            let Some(whole) = place.line.strip_suffix(b"\n") else { return Ok(true) };
            let line = str::from_utf8(whole).ok().and_then(Line::parse);
            let wanted = line.is_none_or(|line| !self.select.take(&line) || self.sink.line(&line));
            place.line.clear();
            if !wanted {
                return Ok(false);
            }
        }
    }
}

/// The file to read after this one. If all were deleted, it begins anew.
fn next(all: &[Segment], place: Option<&Place>, query: &Query) -> Option<Segment> {
    let Some(place) = place else {
        let since = query.since.filter(|_| !query.previous);
        let old = |segment: &&Segment| since.is_some_and(|since| segment.changed < since.into());
        return all.iter().find(|segment| !old(segment)).cloned();
    };
    let anew = all.last().is_some_and(|last| last.number < place.number);
    all.iter().find(|segment| anew || segment.number > place.number).cloned()
}

/// Opens a file, in either form; none, if it is not there any more.
fn open(segment: &Segment) -> io::Result<Option<Place>> {
    match File::open(&segment.path) {
        Ok(file) if segment.compressed => Ok(Some(Place::of(segment.number, MultiGzDecoder::new(file)))),
        Ok(file) => Ok(Some(Place::of(segment.number, file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Place {
    fn of(number: u64, stream: impl Read + 'static) -> Self {
        let lines = BufReader::with_capacity(256 << 10, Box::new(stream) as Box<dyn Read>);
        Self { number, lines, line: Vec::new() }
    }

    fn nothing(number: u64) -> Self {
        Self::of(number, io::empty())
    }
}

/// Hears when something is written.
struct Watch(rustix::fd::OwnedFd);

impl Watch {
    fn of(folder: &Path) -> io::Result<Self> {
        use inotify::{CreateFlags, WatchFlags};
        // Nothing may have run here yet.
        fs::create_dir_all(folder)?;
        let events = inotify::init(CreateFlags::CLOEXEC)?;
        inotify::add_watch(&events, folder, WatchFlags::MODIFY | WatchFlags::CREATE)?;
        Ok(Self(events))
    }

    fn wait(&mut self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.0, &mut buffer);
        // Which file it was does not matter; what else has come in the meantime is read with it.
        events.next()?;
        while !events.is_buffer_empty() {
            events.next()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is shown, in its order.
    #[derive(Default)]
    struct Shown(Vec<String>);

    impl Sink for Shown {
        fn line(&mut self, line: &Line<'_>) -> bool {
            self.0.push(line.text.to_owned());
            true
        }

        fn pause(&mut self) -> bool {
            true
        }

        fn note(&mut self, what: &str) {
            self.0.push(what.to_owned());
        }
    }

    #[test]
    fn what_was_deleted_before_it_was_read_is_told_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let write = |number, text: &str| {
            let line = format!("2011-04-06T20:32:17.000000Z 2011-04-06-20:32:17 web.1 7 {text}\n");
            fs::write(segments::path(folder.path(), number), line).unwrap();
        };
        let (query, mut shown, mut place) = (Query::default(), Shown::default(), None);
        let mut reader = Reader { select: Select::new(&query), sink: &mut shown };
        for number in 1..=4 {
            write(number, &number.to_string());
            // Nobody reads while the third is the newest.
            if number != 3 {
                reader.reach_the_end(folder.path(), &mut place, &query).unwrap();
            }
            fs::remove_file(segments::path(folder.path(), number)).unwrap();
        }
        assert_eq!(shown.0, ["1", "2", MISSING, "4"]);
    }
}
