//! A quick build: the work tree as it is, compiled with little effort, to be tried while it is written. No record of it is
//! kept, so that no release can be made of it, and it bears its mark.

mod attempt;
mod diagnosis;
mod stopper;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use xtask_contract::{Context, Git, Layout, Repo, Result, release};

use crate::{
    compile::{Cargo, Profile},
    image::{Origin, assemble},
    sources::Sources,
    toolchain::{Chooser, Toolchain},
    work_tree_of,
};

pub use crate::compile::WAITS;
pub use attempt::{Attempt, Call};
pub use diagnosis::Diagnosis;
pub use stopper::Stopper;

/// What compiles it.
#[derive(Debug)]
pub struct Compiler {
    toolchain: Toolchain,
}

impl Compiler {
    /// This machine's, as the caller has chosen it.
    pub fn of_this_machine(repo: &Repo) -> Result<Self> {
        Toolchain::of_this_machine(repo, Chooser::Caller).map(|toolchain| Self { toolchain })
    }
}

/// Quick builds of one checkout.
pub struct Quick<'a> {
    repo: &'a Repo,
    cargo: Cargo<'a>,
}

impl<'a> Quick<'a> {
    /// Those of the checkout's service.
    pub fn of(repo: &'a Repo, compiler: &'a Compiler) -> Result<Self> {
        let cargo = Cargo::of_caller(repo, &compiler.toolchain.target)?.with(Profile::Quick);
        Ok(Self { repo, cargo })
    }

    /// The files and folders that the compiler may read, as far as cargo can say; crates that are not on this machine are
    /// downloaded. What the last attempt has read beside that, if there was one, is among them.
    pub fn sources(&self) -> Result<BTreeSet<PathBuf>> {
        let tree = work_tree_of(self.repo)?;
        let sources = Sources::of(self.repo, &tree, &self.cargo.graph()?)?;
        let mut paths: BTreeSet<PathBuf> =
            sources.paths(&tree).iter().map(|path| tree.top().join(path)).collect();
        paths.extend(self.read().unwrap_or_default());
        Ok(paths)
    }

    /// The files that the compiler has read for the program that is there.
    pub fn read(&self) -> Result<Vec<PathBuf>> {
        let mut read = self.cargo.read()?;
        read.retain(|path| !path.starts_with(self.target_folder()));
        Ok(read)
    }

    /// What only cargo writes to.
    pub fn target_folder(&self) -> &Path {
        self.cargo.target_dir()
    }

    /// Compiles the service's program. Cargo sees that a file has changed by its time alone. So if one of these, which have
    /// changed since it was called last, looks older than that call, it is made newer than all that was left by it.
    pub fn compile(&self, changed: &[PathBuf], last: SystemTime) -> Result<Call> {
        self.make_newer(changed, last)?;
        let mut cargo = self.cargo.quickly("build");
        cargo.args(["--bin", &self.cargo.of_package().name]);
        Ok(Call { cargo, doing: "compiling the service" })
    }

    /// Runs the tests inside the service's package that need nothing beside it: those of its library and its programs.
    pub fn test(&self) -> Call {
        let mut cargo = self.cargo.quickly("test");
        cargo.args(["--bins", "--quiet"]);
        if self.cargo.of_package().beside_library {
            cargo.arg("--lib");
        }
        Call { cargo, doing: "testing the service" }
    }

    /// The program that was compiled last.
    pub fn program(&self) -> PathBuf {
        self.cargo.program()
    }

    /// Puts the image of the program that was compiled last into a layout.
    pub fn image(&self, layout: &Layout) -> Result<release::Image> {
        let revision = Git::at(self.repo.root()).line(["rev-parse", "--verify", "HEAD"]).unwrap_or_default();
        let origin = Origin { revision: &revision, dirty: true, quick: true, target: self.cargo.target() };
        let image = assemble(layout, &self.cargo.program(), self.repo.service()?, origin)?;
        Ok(release::Image { digest: image.digest, revision, dirty: true })
    }

    fn make_newer(&self, changed: &[PathBuf], last: SystemTime) -> Result<()> {
        // As late as what cargo has left by a clock that was ahead.
        let left = self.cargo.program().metadata().and_then(|meta| meta.modified());
        let left = left.unwrap_or(SystemTime::UNIX_EPOCH);
        let now = SystemTime::now().max(left + Duration::from_millis(10));
        let last = if left > SystemTime::now() { left } else { last };
        let looks_older =
            |path: &Path| path.metadata().and_then(|meta| meta.modified()).is_ok_and(|time| time <= last);
        for path in changed.iter().filter(|path| looks_older(path)) {
            let touch = || fs::File::options().append(true).open(path)?.set_modified(now);
            touch().doing(|| format!("making {} newer than what was compiled of it", path.display()))?;
        }
        Ok(())
    }
}
