//! What goes into a build: the files below [`INPUTS`], as they are in the work tree, and the last commit
//! that touched them.

use std::{
    fmt::Write,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

use xshell::{Shell, cmd};
use xtask_contract::{
    Context, Digest, Error, Repo, Result,
    command::{self, Failure},
    service,
};

/// The folders and files that a build reads. Nothing else of the checkout can change an image.
const INPUTS: [&str; 5] = [service::NAME, "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo"];

/// The inputs of one build.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The digest of every input's path, mode and content.
    pub(crate) content: Digest,
    /// The last commit that touched an input.
    pub(crate) revision: String,
    /// Whether the work tree's inputs differ from that commit's.
    pub(crate) dirty: bool,
}

impl Inputs {
    /// The inputs as they are now. Uncommitted ones are refused unless `allow_dirty`.
    pub(crate) fn of_work_tree(repo: &Repo, allow_dirty: bool) -> Result<Self> {
        let doing = || "asking git for the build's inputs";
        let sh = Shell::new().doing(doing)?;
        sh.change_dir(repo.root());
        let git = |args: &[&str]| git(&sh, args);

        let changed = git(&["status", "--porcelain=v1", "--untracked-files=all"])?;
        let changed: Vec<&str> = changed.lines().collect();
        if !changed.is_empty() && !allow_dirty {
            return Err(uncommitted(&changed));
        }
        let revision = git(&["log", "-1", "--format=%H"])?;
        if revision.is_empty() {
            return Err(Error::refused(
                "looking for the commit to build",
                "no commit has any of the build's inputs",
            )
            .next("commit them: an image names the commit that it was built from"));
        }
        refuse_cut_history(&sh, repo, &revision)?;
        let files = git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        let content = content(repo.root(), &files)?;
        Ok(Self { content, revision, dirty: !changed.is_empty() })
    }
}

fn git(sh: &Shell, args: &[&str]) -> Result<String> {
    let inputs = INPUTS;
    let git = cmd!(sh, "git -c core.quotePath=false {args...} -- {inputs...}").quiet();
    match command::read(&mut git.into()) {
        Err(Failure::Ended { said, .. }) if said.contains("does not have any commits") => Ok(String::new()),
        result => result.map_err(|failure| {
            failure.error(format!("running git {}", args[0])).next(
                "build from a git checkout that git trusts: an image names the commit that it was built from",
            )
        }),
    }
}

/// In a shallow clone the oldest commit seems to have touched everything: the revision would be wrong.
fn refuse_cut_history(sh: &Shell, repo: &Repo, revision: &str) -> Result<()> {
    let path = command::read(&mut cmd!(sh, "git rev-parse --git-path shallow").quiet().into())
        .map_err(|failure| failure.error("running git rev-parse"))?;
    let cut = fs::read_to_string(repo.root().join(path)).unwrap_or_default();
    if cut.lines().any(|commit| commit == revision) {
        let why = "this clone's history is cut off, so the last commit that touched an input cannot be known";
        return Err(
            Error::refused("looking for the commit to build", why).next("run `git fetch --unshallow`")
        );
    }
    Ok(())
}

fn content(root: &Path, files: &str) -> Result<Digest> {
    let mut list = String::new();
    let mut names: Vec<&str> = files.split('\0').filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let path = root.join(name);
        let doing = || format!("reading the build's input {name}");
        let Ok(file) = path.symlink_metadata() else { continue }; // deleted in the work tree
        let content = if file.is_symlink() {
            Digest::of(fs::read_link(&path).doing(doing)?.as_os_str().as_bytes())
        } else {
            Digest::of(fs::read(&path).doing(doing)?)
        };
        let executable = file.permissions().mode() & 0o100 != 0;
        let _ = writeln!(list, "{name}\0{executable}\0{}\0{content}", file.is_symlink());
    }
    Ok(Digest::of(list))
}

fn uncommitted(changed: &[&str]) -> Error {
    const SHOWN: usize = 5;
    let mut why = "inputs differ from the last commit:".to_owned();
    for line in changed.iter().take(SHOWN) {
        let _ = write!(why, "\n    {line}");
    }
    if changed.len() > SHOWN {
        let _ = write!(why, "\n    … and {} more", changed.len() - SHOWN);
    }
    Error::refused("building the image", why)
        .next("commit them, or build with `--allow-dirty`: the image is then marked as dirty")
}
