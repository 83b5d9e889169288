//! What a build is made of, as it is on disk, and when that changes.
//!
//! The system only says that something has changed. What there is then is read, and told apart by its content alone: so
//! temporary files, renames, another branch and a clock that is off make no difference.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use xtask_contract::{Context, Digest, Error, Result};

/// How long nothing must change until it is looked at: editors write a file in several steps.
const SETTLED: Duration = Duration::from_millis(20);
/// How long that may be put off.
const LONGEST: Duration = Duration::from_millis(400);

/// Folders that no build reads.
const LEFT_OUT: [&str; 3] = [".git", ".xtask", "node_modules"];

/// Files and folders that are watched.
pub(super) struct Watch {
    events: Arc<OwnedFd>,
    /// Told at each event.
    event: Arc<Notify>,
    /// Whether there was an event that [`Self::changed`] has not told yet.
    untold: Cell<bool>,
    places: BTreeSet<PathBuf>,
    /// What only the toolchain writes to.
    left_out: PathBuf,
    /// What was read before, and by what it is told that this need not be done again.
    known: BTreeMap<PathBuf, (Stamp, Digest)>,
}

/// Each write changes one of these: device, inode, length, and the time of the last change, which no program can set.
type Stamp = (u64, u64, u64, i64, i64);

/// All that there is, by its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Digest>);

impl Snapshot {
    /// Takes a file for seen as it is now.
    pub(super) fn take_up(&mut self, path: &Path) {
        if let Ok(content) = fs::read(path) {
            self.0.insert(path.to_owned(), Digest::of(content));
        }
    }

    /// What is there that is not the same in the other one, which may have been before.
    pub(super) fn changed_since(&self, before: &Self) -> Vec<PathBuf> {
        let gone = before.0.keys().filter(|path| !self.0.contains_key(*path));
        let changed = self.0.iter().filter(|(path, digest)| before.0.get(*path) != Some(digest));
        changed.map(|(path, _)| path).chain(gone).cloned().collect()
    }
}

impl Watch {
    pub(super) fn new(left_out: &Path) -> Result<Self> {
        let doing = || "watching the source";
        let events = inotify::init(CreateFlags::CLOEXEC).map_err(io::Error::from).doing(doing)?;
        let (events, event) = (Arc::new(events), Arc::new(Notify::new()));
        let (heard, tell) = (events.clone(), event.clone());
        // A thread of its own: no read that waits for an event keeps this process from ending.
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            // Such a read is interrupted where the process is stopped and goes on, also without a handler (signal(7)).
            while let Ok(1..) = rustix::io::retry_on_intr(|| rustix::io::read(&heard, &mut buffer)) {
                tell.notify_one();
            }
        });
        let (places, known) = (BTreeSet::new(), BTreeMap::new());
        Ok(Self { events, event, untold: Cell::default(), places, left_out: left_out.to_owned(), known })
    }

    /// Watches these from now on, and nothing else.
    pub(super) fn look_at(&mut self, places: BTreeSet<PathBuf>) {
        self.places = places;
    }

    /// Watches these, too.
    pub(super) fn also_look_at(&mut self, places: impl IntoIterator<Item = PathBuf>) {
        self.places.extend(places);
    }

    /// What there is now. Whatever changes after it was read is told by [`Self::changed`].
    pub(super) fn read(&mut self) -> Result<Snapshot> {
        let mut found = BTreeMap::new();
        for place in self.places.clone() {
            // A file may be replaced, or come to be: its folder hears of that.
            if let Some(folder) = place.parent() {
                self.hear(folder)?;
            }
            self.collect(&place, &mut found)?;
        }
        self.known.retain(|path, _| found.contains_key(path));
        Ok(Snapshot(found))
    }

    /// What cannot be read is not there: whether that matters, cargo says.
    fn collect(&mut self, path: &Path, found: &mut BTreeMap<PathBuf, Digest>) -> Result<()> {
        let Ok(meta) = fs::metadata(path) else { return Ok(()) };
        if meta.is_dir() {
            let is_left_out = |name: &OsStr| LEFT_OUT.iter().any(|left_out| name == *left_out);
            if path == self.left_out || path.file_name().is_some_and(is_left_out) {
                return Ok(());
            }
            // Before it is read, so that nothing is missed.
            self.hear(path)?;
            for entry in path.read_dir().into_iter().flatten().flatten() {
                let entry = entry.path();
                // A link to a folder may lead back to where it is; what the compiler reads through one, it names.
                if !(entry.is_symlink() && entry.is_dir()) {
                    self.collect(&entry, found)?;
                }
            }
        } else if meta.is_file() {
            let stamp = (meta.dev(), meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec());
            let known = self.known.get(path).filter(|(known, _)| *known == stamp).map(|(_, digest)| *digest);
            let Some(digest) = known.or_else(|| fs::read(path).ok().map(Digest::of)) else { return Ok(()) };
            self.known.insert(path.to_owned(), (stamp, digest));
            found.insert(path.to_owned(), digest);
        }
        Ok(())
    }

    fn hear(&self, folder: &Path) -> Result<()> {
        let what = WatchFlags::CLOSE_WRITE
            | WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        match inotify::add_watch(&self.events, folder, what) {
            Ok(_) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::ACCESS) => {
                Ok(())
            }
            Err(rustix::io::Errno::NOSPC) => {
                let why = "the system lets nobody watch that many folders";
                Err(Error::failed(format!("watching {}", folder.display()), why)
                    .next("raise it: `sudo sysctl fs.inotify.max_user_watches=524288`"))
            }
            Err(error) => {
                Err(Error::failed(format!("watching {}", folder.display()), io::Error::from(error)))
            }
        }
    }

    /// Returns when something has changed and is quiet again. Safe to give up.
    pub(super) async fn changed(&self) {
        if !self.untold.get() {
            self.event.notified().await;
            self.untold.set(true);
        }
        let latest = Instant::now() + LONGEST;
        while timeout_at(latest.min(Instant::now() + SETTLED), self.event.notified()).await.is_ok() {
            if Instant::now() > latest {
                break;
            }
        }
        self.untold.set(false);
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, time::SystemTime};

    use tempfile::TempDir;

    use super::*;

    /// A package with a source, and what is written to it by nobody but cargo.
    fn package() -> (TempDir, Watch, Snapshot) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for folder in ["src", "target", ".git"] {
            fs::create_dir(path.join(folder)).unwrap();
        }
        fs::write(path.join("src/main.rs"), "fn main() {}").unwrap();
        let mut watch = Watch::new(&path.join("target")).unwrap();
        watch.look_at([path.join("src"), path.join("Cargo.lock"), path.to_owned()].into());
        let seen = watch.read().unwrap();
        (folder, watch, seen)
    }

    async fn hears(watch: &Watch) -> bool {
        tokio::time::timeout(Duration::from_secs(2), watch.changed()).await.is_ok()
    }

    fn names(folder: &TempDir, paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
    }

    #[tokio::test]
    async fn a_save_is_heard_and_told_apart_by_its_content_however_it_comes_about() {
        let (folder, mut watch, seen) = package();
        let main = folder.path().join("src/main.rs");
        fs::write(&main, "fn main() { }").unwrap();
        assert!(hears(&watch).await);
        let now = watch.read().unwrap();
        assert_eq!(names(&folder, &now.changed_since(&seen)), ["src/main.rs"]);

        // By a rename, of the same length, and with the time that the file had before.
        let time = main.metadata().unwrap().modified().unwrap();
        let aside = folder.path().join("src/.main.rs.swp");
        fs::write(&aside, "fn main() {;}").unwrap();
        fs::File::options().append(true).open(&aside).unwrap().set_modified(time).unwrap();
        fs::rename(&aside, &main).unwrap();
        assert!(hears(&watch).await);
        let then = watch.read().unwrap();
        assert_eq!(names(&folder, &then.changed_since(&now)), ["src/main.rs"]);

        fs::remove_file(&main).unwrap();
        assert!(hears(&watch).await);
        let gone = watch.read().unwrap();
        assert_eq!(names(&folder, &gone.changed_since(&then)), ["src/main.rs"]);
        assert_eq!(names(&folder, &then.changed_since(&gone)), ["src/main.rs"]);
    }

    /// As a key that is pressed right after a save.
    #[tokio::test]
    async fn a_wait_that_is_given_up_has_not_heard_for_the_next_one() {
        let (folder, watch, _) = package();
        fs::write(folder.path().join("src/main.rs"), "fn main() { }").unwrap();
        watch.event.notified().await;
        watch.event.notify_one();
        let given_up = tokio::time::timeout(SETTLED / 4, watch.changed()).await;
        assert!(given_up.is_err() && hears(&watch).await);
    }

    #[tokio::test]
    async fn what_comes_and_goes_and_what_stays_the_same_make_no_difference() {
        let (folder, mut watch, seen) = package();
        let path = folder.path().join("src/4913");
        fs::write(&path, "").unwrap();
        fs::remove_file(&path).unwrap();
        let main = folder.path().join("src/main.rs");
        fs::write(&main, "fn main() {}").unwrap();
        fs::File::options().append(true).open(&main).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(hears(&watch).await);
        assert_eq!(watch.read().unwrap(), seen);
    }

    #[tokio::test]
    async fn new_folders_are_watched_with_all_that_is_in_them_and_files_that_come_to_be() {
        let (folder, mut watch, seen) = package();
        let deep = folder.path().join("src/a/b/c");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("d.rs"), "").unwrap();
        assert!(hears(&watch).await);
        let now = watch.read().unwrap();
        assert_eq!(names(&folder, &now.changed_since(&seen)), ["src/a/b/c/d.rs"]);
        fs::write(deep.join("d.rs"), "1").unwrap();
        assert!(hears(&watch).await);
        fs::write(folder.path().join("Cargo.lock"), "").unwrap();
        assert!(hears(&watch).await);
        assert_eq!(watch.read().unwrap().changed_since(&now).len(), 2);
    }

    #[tokio::test]
    async fn what_cargo_and_git_write_is_left_out_and_links_lead_nowhere_twice() {
        let (folder, mut watch, seen) = package();
        symlink(folder.path(), folder.path().join("src/again")).unwrap();
        for path in ["target/program", ".git/index"] {
            fs::write(folder.path().join(path), "1").unwrap();
        }
        assert_eq!(watch.read().unwrap(), seen);
    }
}
