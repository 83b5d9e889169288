//! What `cargo xtask dev` and a backend are to each other: the one makes quick builds, the other runs them.

use async_trait::async_trait;
use xtask_contract::{Error, ReleaseId, Result};

use crate::{Job, Ran};

/// Makes quick builds of a deploy, one after another.
#[async_trait(?Send)]
pub trait DevLoop {
    /// Brings each to the backend, until there is to be none any more.
    async fn go(&mut self, backend: &dyn DevBackend) -> Result<()>;

    /// Hears, once it has ended, that the build with this mark runs on without it.
    async fn runs_on(&mut self, mark: &str);
}

/// A backend that runs quick builds.
#[async_trait(?Send)]
pub trait DevBackend {
    /// Brings the deploy to a quick build. No request is lost; if it fails, what ran before still does.
    async fn bring(&self, job: &Job<'_>) -> Result<Ran>;

    /// Waits until another command has brought the deploy to a release, and tells each once.
    async fn taken_over(&self) -> ReleaseId;

    /// How many processes run.
    fn processes(&self) -> usize;

    /// Those of this machine by name, with their numbers.
    fn process_ids(&self) -> Vec<(String, u32)> {
        Vec::new()
    }

    /// Has the service's pages show this, or nothing any more.
    async fn show(&self, notice: &str) -> Result<()>;
}

/// What a backend says that runs none.
pub fn no_quick_builds() -> Error {
    Error::refused(
        "running quick builds",
        "that is for deploys on this machine, as processes or on a kind cluster",
    )
    .next("name one with `--env`; `cargo xtask up` brings a change to any other")
}
