//! From the work tree to a quick build that could run: the parts of one round.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use xtask_build::quick::Quick;
use xtask_contract::{Context, EnvName, Error, Layout, Record, ReleaseId, Repo, Result, release::Image};
use xtask_release::Draft;
use xtask_run::Wanted;

/// What stays the same over all rounds.
pub(super) struct Stage<'a> {
    pub(super) repo: &'a Repo,
    pub(super) env: &'a EnvName,
    pub(super) quick: Quick<'a>,
    /// What the deploy has run.
    pub(super) record: Record,
    /// When the last build was made, as far as its ID says.
    last: Option<DateTime<Utc>>,
    /// The number of the build at hand.
    number: u32,
    /// Held while the deploy is this loop's, and with it the images that are left of others.
    lock: Option<File>,
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if self.lock.is_some() {
            self.forget_but(0);
        }
    }
}

impl<'a> Stage<'a> {
    pub(super) fn new(repo: &'a Repo, env: &'a EnvName, quick: Quick<'a>, record: Record) -> Self {
        Self { repo, env, quick, record, last: None, number: 0, lock: None }
    }

    /// The deploy is this loop's from now on. Another one in this checkout would take its images away.
    pub(super) fn begin(&mut self) -> Result<()> {
        let doing = || format!("running quick builds of {}", self.env);
        fs::create_dir_all(self.folders()).doing(doing)?;
        let lock = File::create(self.folders().join("lock")).doing(doing)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let why = "another one runs already in this checkout";
                return Err(Error::refused(doing(), why).next("stop that with Ctrl-C where it runs"));
            }
            Err(TryLockError::Error(error)) => return Err(error).doing(doing),
        }
        self.lock = Some(lock);
        self.forget_but(0);
        Ok(())
    }

    /// Forgets all images but the one at hand.
    pub(super) fn forget_others(&self) {
        self.forget_but(self.number);
    }

    /// Puts the image of what was compiled last into a layout of its own, where it is as long as it is needed.
    pub(super) fn image(&mut self) -> Result<(Layout, Image)> {
        self.number += 1;
        let layout = Layout::at(self.folder(self.number));
        let image = self.quick.image(&layout)?;
        Ok((layout, image))
    }

    /// Forgets the layouts of all builds but this one.
    fn forget_but(&self, number: u32) {
        for entry in self.folders().read_dir().into_iter().flatten().flatten() {
            if entry.path() != self.folder(number) {
                // What is left of it is left out by the next one.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// What an image runs as with the deploy's config as it is now.
    pub(super) fn wanted(&mut self, layout: &Layout, image: &Image) -> Result<Wanted> {
        let id = self.next_id();
        let verified = Draft::unpublished(self.repo, self.env, image.clone(), layout, id)?;
        Wanted::quick(self.repo, self.env, verified, layout.clone(), &self.record)
    }

    /// IDs are told apart by the second, and builds may be quicker than that.
    fn next_id(&mut self) -> ReleaseId {
        let now = Utc::now();
        let at = self.last.map_or(now, |last| now.max(last + TimeDelta::seconds(1)));
        self.last = Some(at);
        ReleaseId::at(at)
    }

    fn folders(&self) -> PathBuf {
        self.repo.rebuildable().join("dev").join(self.env.as_str())
    }

    fn folder(&self, number: u32) -> PathBuf {
        self.folders().join(number.to_string())
    }

    /// Where the deploy's config is.
    pub(super) fn config_places(&self) -> Vec<PathBuf> {
        let envs = self.repo.root().join("k8s/envs");
        let env = self.env;
        [format!("{env}.toml"), format!("{env}.secrets.toml")].iter().map(|name| envs.join(name)).collect()
    }
}

/// A path as a person writes it.
pub(super) fn shown(repo: &Repo, path: &Path) -> String {
    repo.relative(path).display().to_string()
}

/// A time in milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
