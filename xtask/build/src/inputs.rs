//! What goes into a build: the content of all files that cargo reads, and the last commit that touched one of them.

use std::{
    collections::{BTreeMap, btree_map::Entry::Vacant},
    fmt::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    thread,
};

use xtask_contract::{Context, Digest, Error, Result};

use crate::{
    sources::Sources,
    work_tree::{Change, Entries, Kind, WorkTree},
};

/// The inputs of one build.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The digest of every input's path, kind and content.
    pub(crate) content: Digest,
    /// The last commit that touched an input.
    pub(crate) revision: String,
    /// The inputs that are not, byte for byte, as in the commit that is checked out.
    changes: Vec<(PathBuf, Change)>,
    files: BTreeMap<PathBuf, (Kind, Digest)>,
}

impl Inputs {
    /// The inputs as they are now.
    pub(crate) fn of(tree: &WorkTree, sources: &Sources) -> Result<Self> {
        let paths = sources.paths(tree);
        let (entries, revision) = thread::scope(|scope| {
            let revision = scope.spawn(|| revision(tree, &paths));
            let entries = entries(tree, sources, &paths);
            (entries, revision.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (entries, revision) = (entries?, revision?);
        let changes =
            entries.iter().filter_map(|(path, entry)| Some((path.clone(), entry.change()?))).collect();
        let files: BTreeMap<_, _> =
            entries.iter().filter_map(|(path, entry)| Some((path.clone(), entry.found()?))).collect();
        Ok(Self { content: content(&files), revision, changes, files })
    }

    /// Whether the image is not what its revision says.
    pub(crate) fn dirty(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Refuses inputs that are not committed.
    pub(crate) fn refuse_uncommitted(&self, tree: &WorkTree) -> Result<()> {
        if !self.dirty() {
            return Ok(());
        }
        let paths: Vec<PathBuf> = self.changes.iter().map(|(path, _)| path.clone()).collect();
        let shown = tree.shown_by_git(&paths).unwrap_or_default();
        let mut why = "inputs differ from the last commit:".to_owned();
        why += &listed(&self.changes, |(path, change)| format!("{}: {}", word(*change), path.display()));
        let hidden: Vec<&PathBuf> = paths.iter().filter(|path| !shown.contains(*path)).collect();
        if !hidden.is_empty() {
            why += "\n  `git status` does not show all of them: line ends or a filter change a file at checkout \
                    (core.autocrlf, .gitattributes), an ignore file hides it, or git was told to take it for \
                    unchanged (`git ls-files -v`):";
            why += &listed(&hidden, |path| path.display().to_string());
        }
        Err(Error::refused("building the image", why)
            .next("commit them, or build with `--allow-dirty`: the image is then marked as dirty"))
    }

    /// Refuses inputs that are others than before: the compiler may have read some of these and some of those.
    pub(crate) fn refuse_changed_since(&self, before: &Self) -> Result<()> {
        let changed: Vec<&PathBuf> = before
            .files
            .keys()
            .chain(self.files.keys().filter(|path| before.files.contains_key(*path)))
            .filter(|path| before.files.get(*path) != self.files.get(*path))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let why = "inputs changed while the compiler read them:".to_owned();
        let why = why + &listed(&changed, |path| path.display().to_string());
        Err(Error::failed("compiling the service", why).next("run the same command again"))
    }

    /// Whether a path is among them.
    pub(crate) fn have(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }
}

#[cfg(test)]
impl Inputs {
    /// None at all, of this commit.
    pub(crate) fn clean(revision: &str) -> Self {
        let (changes, files) = (Vec::new(), BTreeMap::new());
        Self { content: content(&files), revision: revision.to_owned(), changes, files }
    }
}

#[cfg(test)]
mod tests;

/// All inputs, and what else was read although no list of git's has it.
fn entries(tree: &WorkTree, sources: &Sources, paths: &[PathBuf]) -> Result<Entries> {
    let mut entries = tree.entries(paths)?;
    for path in &sources.also_read {
        for file in files_below(tree.top(), path).doing(|| format!("reading {}", path.display()))? {
            if let Vacant(place) = entries.entry(file) {
                let entry = tree.uncommitted(place.key())?;
                place.insert(entry);
            }
        }
    }
    Ok(entries)
}

/// The path itself, or all files below it if it is a folder, whatever git thinks of them.
fn files_below(top: &Path, path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let full = top.join(path);
    if full.is_symlink() || !full.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in full.read_dir()? {
        let name = entry?.file_name();
        if name != ".git" {
            found.extend(files_below(top, &path.join(name))?);
        }
    }
    Ok(found)
}

fn revision(tree: &WorkTree, paths: &[PathBuf]) -> Result<String> {
    let doing = "looking for the commit to build";
    let last = tree.last_commit(paths).map_err(|failure| failure.doing(doing))?;
    let Some(revision) = last else {
        return Err(Error::refused(doing, "no commit has any of the build's inputs")
            .next("commit them: an image names the commit that it was built from"));
    };
    if tree.is_cut_off_at(&revision) {
        let why = "this clone's history is cut off, so the last commit that touched an input cannot be known";
        return Err(Error::refused(doing, why).next("run `git fetch --unshallow`"));
    }
    Ok(revision)
}

fn content(files: &BTreeMap<PathBuf, (Kind, Digest)>) -> Digest {
    let mut list = Vec::new();
    for (path, (kind, digest)) in files {
        list.extend_from_slice(path.as_os_str().as_bytes());
        list.extend_from_slice(format!("\0{kind:?}\0{digest}\0").as_bytes());
    }
    Digest::of(list)
}

fn word(change: Change) -> &'static str {
    match change {
        Change::New => "new",
        Change::Changed => "changed",
        Change::Deleted => "deleted",
    }
}

/// The first few, each in a line.
fn listed<T>(all: &[T], words: impl Fn(&T) -> String) -> String {
    const SHOWN: usize = 5;
    let mut text = all.iter().take(SHOWN).fold(String::new(), |text, one| text + "\n    " + &words(one));
    if all.len() > SHOWN {
        let _ = write!(text, "\n    … and {} more", all.len() - SHOWN);
    }
    text
}
