//! What is done in another way on another kind of cluster.

use std::time::Duration;

use kube::Client;
use xtask_contract::{Digest, EnvName, Error, Progress, Result};
use xtask_run::{Gone, Job};

use crate::site::Site;

/// A kind of cluster: one of this machine that `kind` makes, or any other.
pub(crate) trait Host {
    /// The namespace that the deploy is in.
    fn namespace(&self) -> &str;

    /// Where that is: `the kind cluster dev`.
    fn place(&self) -> String;

    /// Whether the deploy's file names a cluster. Where it is not filled in yet, nothing can have run.
    fn is_named(&self) -> bool {
        true
    }

    /// Whether it is of this machine, and can be ended also where it does not answer.
    fn is_of_this_machine(&self) -> bool {
        false
    }

    /// Says what is missing or in the way before anything is built for it.
    async fn preflight(&self) -> Result<()>;

    /// Whether it is stopped, so that nothing runs there and nothing can be asked.
    async fn is_stopped(&self) -> Result<bool> {
        Ok(false)
    }

    /// A client, if this machine has ever talked to the cluster: nothing is started or waited for. One that is stopped is
    /// refused.
    async fn at_hand(&self, silence: Duration) -> Result<Option<Client>>;

    /// A client, if the cluster runs.
    async fn runs(&self) -> Result<Option<Client>>;

    /// Whether it is there, running or stopped.
    async fn exists(&self) -> Result<bool>;

    /// The same as [`Host::runs`], where it is to be used: one that could not be made is an error.
    async fn if_it_runs(&self) -> Result<Option<Client>>;

    /// A client of the cluster, which is made or started if need be.
    async fn ready(&self, silence: Duration, progress: &dyn Progress) -> Result<Client>;

    /// What of a release's images is not where its pods get them from.
    type Absent;

    /// Looks for that; nothing is changed.
    async fn absent_images(&self, job: &Job<'_>) -> Result<Self::Absent>;

    /// Brings it there.
    async fn bring_images(&self, site: &Site<'_>, job: &Job<'_>, absent: &Self::Absent) -> Result<()>;

    /// Has the pages of the deploy's quick build show this, or nothing any more.
    async fn show_notice(&self, notice: &str) -> Result<()>;

    /// Deletes an image that was brought from where it was brought to. It is not sure to be gone.
    async fn forget_image(&self, image: &Digest);

    /// Brings the image of a backing service, if it has one, to where its pods get it from.
    async fn bring_service(&self, image: Option<&str>, progress: &dyn Progress) -> Result<()>;

    /// Makes the volume of a backing service ready for it.
    async fn prepare_volume(&self, site: &Site<'_>, service: &str) -> Result<()>;

    /// Waits until the service of this process type answers 200 at this path, and bears this mark.
    async fn answers(&self, site: &Site<'_>, process: &str, path: &str, mark: &str, progress: &dyn Progress);

    /// The error of a release that could not be run, with what the cluster's own state adds to it.
    async fn explained(&self, error: Error) -> Error;

    /// What stopping the deploy, with its data or without, means for the cluster.
    async fn ending(&self, client: &Client, data: bool) -> Result<Ending>;

    /// Ends it so.
    async fn end(&self, ending: &Ending, progress: &dyn Progress) -> Result<()>;

    /// Ends a cluster that does not run, or does not answer.
    async fn end_stopped(&self, data: bool, progress: &dyn Progress) -> Result<Gone>;

    /// What would be deleted with the deploy's data.
    async fn losses(&self, env: &EnvName) -> Result<Vec<String>>;
}

/// What stopping a deploy means for its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing: it is not the deploy's.
    None,
    /// It goes on, since other deploys are on it. The deploy's namespace is deleted with its data.
    Beside(Vec<String>),
    /// It is stopped, with all of its volumes.
    Stop,
    /// It is deleted with all that is in it.
    Delete,
}
