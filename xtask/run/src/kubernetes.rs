//! Brings a release to a Kubernetes cluster, whichever one it is.
//!
//! Architecture invariant: there is one moment at which a deploy changes, the apply of its process types. All that
//! can fail before is asked for or done before it; what fails after it brings the deploy back.

mod admin;
mod api_error;
mod apply;
mod beforehand;
mod changes;
mod checks;
mod conflict;
mod connect;
mod containers;
mod content;
mod down;
mod drift;
mod failure;
mod fall_back;
mod judge;
mod kinds;
mod lease;
pub(crate) mod logging;
mod logs;
mod notes;
mod objects;
mod probes;
mod prune;
mod refusal;
mod restart;
mod run;
mod scale;
mod secrets;
mod seen;
pub(crate) mod service;
mod stateful;
mod status;
mod watch;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::{Api, Client, ResourceExt, api::ListParams};
use xtask_contract::{EnvName, ReleaseId, Result, labels};

use crate::{Job, Standing};
pub(crate) use admin::admin;
pub(crate) use api_error::ApiContext;
pub(crate) use apply::Applier;
pub(crate) use beforehand::could_run;
pub use changes::Change;
pub(crate) use changes::changes;
pub(crate) use connect::{SILENCE, client as connect, read as kubeconfig};
pub(crate) use down::{down, ended, losses, shipper};
pub(crate) use kinds::Kinds;
pub(crate) use logs::logs;
pub(crate) use objects::Objects;
pub(crate) use run::run;
pub(crate) use scale::{formation, nothing_to_scale, scale};
pub(crate) use stateful::gone;
pub(crate) use status::report;

/// Where a deploy is: all of its objects are in one namespace of one cluster.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) client: &'a Client,
    pub(crate) env: &'a EnvName,
    pub(crate) namespace: &'a str,
}

impl Site<'_> {
    /// Finds all of the deploy's objects and pods.
    fn selector(&self) -> String {
        format!("{},{}={}", labels::OURS, labels::DEPLOY, self.env)
    }
}

/// What is done in another way on another kind of cluster.
pub(crate) trait Hosting {
    /// Brings the images of a release to where its pods get them from.
    fn bring_images(&self, site: &Site<'_>, job: &Job<'_>) -> impl Future<Output = Result<()>>;

    /// Makes the volume of a backing service ready for it.
    fn prepare_volume(&self, site: &Site<'_>, service: &str) -> impl Future<Output = Result<()>>;

    /// Waits until the service of this process type answers 200 at this path, and says that it is of this release.
    fn answers(
        &self,
        site: &Site<'_>,
        process: &str,
        path: &str,
        release: ReleaseId,
    ) -> impl Future<Output = ()>;
}

/// Where a deploy stands on its cluster. It runs a release if all of its Deployments are on that one.
pub(crate) async fn standing(site: &Site<'_>) -> Result<Standing> {
    let (witness, history, on) =
        tokio::try_join!(notes::witness(site), notes::history(site), releases(site))?;
    let running = match on.as_slice() {
        [(_, only), rest @ ..] if rest.iter().all(|(_, id)| id == only) => Some(*only),
        _ => None,
    };
    Ok(Standing { witness, running, history })
}

/// The releases that the deploy's Deployments are on, by name.
async fn releases(site: &Site<'_>) -> Result<Vec<(String, ReleaseId)>> {
    let api: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let ours = ListParams::default().labels(&site.selector());
    let list = api.list_metadata(&ours).await.asked(|| "listing the Deployments")?;
    let on = |one: &kube::core::PartialObjectMeta<Deployment>| {
        Some((one.name_any(), one.annotations().get(labels::RELEASE)?.parse().ok()?))
    };
    Ok(list.items.iter().filter_map(on).collect())
}

/// Waits for a backing service, after doing what may keep it from starting.
async fn start_service(
    site: &Site<'_>,
    hosting: &impl Hosting,
    name: &str,
    progress: &dyn xtask_contract::Progress,
) -> Result<()> {
    stateful::renew(site, name, progress).await?;
    if stateful::is_up::<StatefulSet>(site, name).await? {
        return Ok(());
    }
    progress.step(&format!("starting {name}"));
    let doing = format!("waiting for the volume of {name}");
    stateful::within_deadline(&doing, hosting.prepare_volume(site, name)).await?;
    stateful::start_over(site, name).await?;
    stateful::ready::<StatefulSet>(site, name).await
}
