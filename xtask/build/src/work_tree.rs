//! The files of a work tree beside those of a commit, byte for byte. Git's own comparison takes a file for unchanged that
//! a filter or a line-end setting has changed, or that somebody told it to take for unchanged, and does not see one
//! that an ignore file of the user's hides. The compiler sees all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fmt::Write,
    fs, io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    thread,
};

use ring::digest::{self, Algorithm};
use xtask_contract::{Context, Digest, Error, Git, Result, git::Failure};

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Link,
    /// Another repository in this one, by the commit that is checked out: a submodule.
    Repository,
}

/// What a path is in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Committed {
    kind: Kind,
    id: String,
}

/// What a path is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    kind: Kind,
    id: String,
    digest: Digest,
}

/// A path, in the commit and on disk.
#[derive(Debug, Default, Clone)]
pub(crate) struct Entry {
    committed: Option<Committed>,
    found: Option<Found>,
}

/// In what a path on disk is not as in the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    New,
    Changed,
    Deleted,
}

impl Entry {
    pub(crate) fn change(&self) -> Option<Change> {
        match (&self.committed, &self.found) {
            (Some(committed), Some(found)) if (committed.kind, &committed.id) == (found.kind, &found.id) => {
                None
            }
            (Some(_), Some(_)) => Some(Change::Changed),
            (Some(_), None) => Some(Change::Deleted),
            (None, Some(_)) => Some(Change::New),
            (None, None) => None,
        }
    }

    /// The kind and the digest of what is on disk, if anything is.
    pub(crate) fn found(&self) -> Option<(Kind, Digest)> {
        self.found.as_ref().map(|found| (found.kind, found.digest))
    }
}

/// Entries by their path below the work tree's top folder.
pub(crate) type Entries = BTreeMap<PathBuf, Entry>;

/// A work tree of a git repository.
#[derive(Debug)]
pub(crate) struct WorkTree {
    git: Git,
    /// The commit that is checked out, if there is one.
    head: Option<String>,
    /// The file with the commits at which a shallow clone's history is cut off.
    shallow: PathBuf,
}

impl WorkTree {
    /// The work tree that holds a folder.
    pub(crate) fn around(folder: &Path) -> std::result::Result<Self, Failure> {
        let git = Git::at(folder);
        let said =
            git.line(["rev-parse", "--show-toplevel", "--git-path", "shallow", "--revs-only", "HEAD"])?;
        let mut lines = said.lines();
        let [top, shallow] = [(); 2].map(|()| lines.next().unwrap_or_default());
        Ok(Self { git: Git::at(top), head: lines.next().map(str::to_owned), shallow: folder.join(shallow) })
    }

    /// Its top folder.
    pub(crate) fn top(&self) -> &Path {
        self.git.folder()
    }

    /// The last commit that touched one of these paths.
    pub(crate) fn last_commit(&self, paths: &[PathBuf]) -> std::result::Result<Option<String>, Failure> {
        let Some(head) = &self.head else { return Ok(None) };
        let said = self.git.line(with_paths(&["rev-list", "-1", head], paths))?;
        Ok(Some(said).filter(|commit| !commit.is_empty()))
    }

    /// Whether history is cut off at this commit, so that it seems to have touched everything.
    pub(crate) fn is_cut_off_at(&self, commit: &str) -> bool {
        fs::read_to_string(&self.shallow).unwrap_or_default().lines().any(|cut| cut == commit)
    }

    /// Which of these paths git shows as changed or new.
    pub(crate) fn shown_by_git(&self, paths: &[PathBuf]) -> std::result::Result<BTreeSet<PathBuf>, Failure> {
        let said =
            self.git.run(with_paths(&["status", "--porcelain=v1", "-z", "--untracked-files=all"], paths))?;
        // Each has two letters and a space before it.
        Ok(records(&said).filter_map(|record| record.get(3..)).map(path).collect())
    }

    /// All entries at or below these paths, or all there are. Of the ignore files, only those in the work tree count.
    pub(crate) fn entries(&self, paths: &[PathBuf]) -> Result<Entries> {
        let (committed, listed) = thread::scope(|scope| {
            let committed = scope.spawn(|| self.committed(paths));
            let listed = self.listed(paths);
            (committed.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), listed)
        });
        let doing = "asking git for the build's inputs";
        let committed = committed.map_err(|failure| failure.doing(doing))?;
        let mut entries: Entries = committed
            .into_iter()
            .map(|(path, committed)| (path, Entry { committed: Some(committed), found: None }))
            .collect();
        for path in listed.map_err(|failure| failure.doing(doing))? {
            entries.entry(path).or_default();
        }
        let mut below = Entries::new();
        for (path, entry) in &mut entries {
            entry.found = self.find(path)?;
            if entry.found.as_ref().is_some_and(|found| found.kind == Kind::Repository) {
                let inner = Self::around(&self.top().join(path)).map_err(|failure| failure.doing(doing))?;
                below.extend(inner.entries(&[])?.into_iter().map(|(name, entry)| (path.join(name), entry)));
            }
        }
        entries.append(&mut below);
        Ok(entries)
    }

    /// A file that no list of git's has, because it is ignored.
    pub(crate) fn uncommitted(&self, path: &Path) -> Result<Entry> {
        Ok(Entry { committed: None, found: self.find(path)? })
    }

    /// The nearest place that this work tree's git knows of: a path in another repository is that repository.
    pub(crate) fn known_as(&self, path: &Path) -> PathBuf {
        let mut above = PathBuf::new();
        for part in path {
            above.push(part);
            if self.top().join(&above).join(".git").exists() {
                break;
            }
        }
        above
    }

    fn committed(&self, paths: &[PathBuf]) -> std::result::Result<BTreeMap<PathBuf, Committed>, Failure> {
        let Some(head) = &self.head else { return Ok(BTreeMap::new()) };
        let said = self.git.run(with_paths(&["ls-tree", "-r", "-z", "--full-tree", head], paths))?;
        Ok(records(&said).filter_map(committed).collect())
    }

    fn listed(&self, paths: &[PathBuf]) -> std::result::Result<Vec<PathBuf>, Failure> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-per-directory=.gitignore"];
        let said = self.git.run(with_paths(&list, paths))?;
        // Another repository is listed with a slash behind its name.
        Ok(records(&said).map(|name| path(name.strip_suffix(b"/").unwrap_or(name))).collect())
    }

    fn find(&self, path: &Path) -> Result<Option<Found>> {
        let full = self.top().join(path);
        let doing = || format!("reading the build's input {}", path.display());
        let (kind, content) = match full.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => {
                (Kind::Link, fs::read_link(&full).doing(doing)?.into_os_string().into_vec())
            }
            Ok(meta) if meta.is_file() => (Kind::File, fs::read(&full).doing(doing)?),
            Ok(meta) if meta.is_dir() && full.join(".git").exists() => {
                let head = Self::around(&full).map_err(|failure| failure.doing(doing()))?.head;
                let head = head.unwrap_or_default();
                return Ok(Some(Found { kind: Kind::Repository, digest: Digest::of(&head), id: head }));
            }
            // Anything else holds no content.
            Ok(_) => return Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(Error::failed(doing(), error)),
        };
        Ok(Some(Found { kind, id: self.id(&content), digest: Digest::of(&content) }))
    }

    /// The ID that git gives to a file with this content.
    fn id(&self, content: &[u8]) -> String {
        let sha256 = self.head.as_ref().is_some_and(|head| head.len() == 64);
        let algorithm: &Algorithm = if sha256 { &digest::SHA256 } else { &digest::SHA1_FOR_LEGACY_USE_ONLY };
        let mut blob = digest::Context::new(algorithm);
        blob.update(format!("blob {}\0", content.len()).as_bytes());
        blob.update(content);
        blob.finish().as_ref().iter().fold(String::new(), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        })
    }
}

fn with_paths(args: &[&str], paths: &[PathBuf]) -> Vec<OsString> {
    let paths = paths.iter().map(|path| path.as_os_str().to_owned());
    args.iter().map(OsString::from).chain([OsString::from("--")]).chain(paths).collect()
}

/// What stands before each NUL.
fn records(said: &[u8]) -> impl Iterator<Item = &[u8]> {
    said.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

/// A line of `ls-tree`: mode, type and ID, and the path behind a tab.
fn committed(record: &[u8]) -> Option<(PathBuf, Committed)> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let words = std::str::from_utf8(&record[..tab]).ok()?;
    let mut words = words.split(' ');
    let kind = match words.next()? {
        "120000" => Kind::Link,
        "160000" => Kind::Repository,
        _ => Kind::File,
    };
    Some((path(&record[tab + 1..]), Committed { kind, id: words.nth(1)?.to_owned() }))
}

/// What `ls-tree` prints of other repositories: where they are and at which commit.
pub(crate) fn submodules(said: &[u8]) -> impl Iterator<Item = (PathBuf, String)> {
    let all = records(said).filter_map(committed);
    all.filter(|(_, entry)| entry.kind == Kind::Repository).map(|(path, entry)| (path, entry.id))
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
