//! What `cargo xtask dev` and a place where deploys run are to each other: the one makes quick builds, the other runs them.

use async_trait::async_trait;
use xtask_contract::{ReleaseId, Result};

use crate::{Job, Ran};

/// Makes quick builds of a deploy, one after another.
#[async_trait(?Send)]
pub trait DevLoop {
    /// Brings each to the place, until there is to be none any more.
    async fn go(&mut self, place: &dyn DevPlace) -> Result<()>;
}

/// A place that runs quick builds.
#[async_trait(?Send)]
pub trait DevPlace {
    /// Brings the deploy to a quick build. No request is lost; if it fails, what ran before still does.
    async fn bring(&self, job: &Job<'_>) -> Result<Ran>;

    /// Waits until another command has brought the deploy to a release.
    async fn taken_over(&self) -> ReleaseId;

    /// How many processes run.
    fn processes(&self) -> usize;

    /// Has the service's pages show this, or nothing any more.
    fn show(&self, notice: &str) -> Result<()>;
}
