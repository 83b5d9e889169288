//! The target `kubernetes`: any cluster that a kubeconfig knows, with images from a registry.

use std::time::Duration;

use hyper::{Request, StatusCode};
use kube::{Client, client::Body};
use tokio::time;
use xtask_contract::{EnvName, Error, Progress, ReleaseId, Repository, Result};

use crate::{
    Job, Ran, Status,
    down::Gone,
    http,
    kubernetes::{self, ApiContext, Hosting, SILENCE, Site},
    postgres_url::PostgresUrl,
    registry::{self, Registry},
    services::OwnPostgres,
};

/// How often a service is asked whether it is there, and how long the cluster's API may fail to reach it.
const PERIOD: Duration = Duration::from_millis(100);
const UNREACHED: Duration = Duration::from_secs(15);

/// Where on which cluster a deploy is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) context: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) registry: &'a Repository,
    pub(crate) plain_http: bool,
}

impl Place<'_> {
    /// A client of the cluster, which is asked nothing yet.
    pub(crate) async fn client(&self) -> Result<Client> {
        self.client_with(SILENCE).await
    }

    /// The same, which may be silent for longer.
    pub(crate) async fn client_with(&self, silence: Duration) -> Result<Client> {
        if self.context.trim().is_empty() {
            let doing = "connecting to the deploy's cluster";
            return Err(Error::refused(doing, "target.context in its file names none")
                .next("`kubectl config get-contexts` lists those that this machine knows"));
        }
        let doing = format!("connecting to the cluster of the context {}", self.context);
        let kubeconfig = kubernetes::kubeconfig(&doing)?;
        if !kubeconfig.contexts.iter().any(|known| known.name == self.context) {
            let known: Vec<&str> = kubeconfig.contexts.iter().map(|known| known.name.as_str()).collect();
            let why = format!("the kubeconfig has no such context, but: {}", known.join(", "));
            return Err(
                Error::refused(doing, why).next("set target.context in the deploy's file to one of them")
            );
        }
        kubernetes::connect(kubeconfig, Some(self.context), silence, &doing).await
    }

    pub(crate) fn site<'a>(&'a self, client: &'a Client, env: &'a EnvName) -> Site<'a> {
        Site { client, env, namespace: self.namespace }
    }
}

/// A cluster as [`kubernetes`] needs it.
pub(crate) struct There<'a> {
    pub(crate) place: &'a Place<'a>,
    pub(crate) progress: &'a dyn Progress,
}

impl Hosting for There<'_> {
    async fn bring_images(&self, _: &Site<'_>, job: &Job<'_>) -> Result<()> {
        let registry = Registry::of(self.place.registry, self.place.plain_http)?;
        let image = &job.verified.release.image.digest;
        job.progress.step(&format!("bringing the image to {}", self.place.registry));
        registry::push(job.layout, image, &registry, job.progress).await.map(drop)
    }

    /// Volumes of a cluster are given to the group of the pod (`fsGroup`).
    async fn prepare_volume(&self, _: &Site<'_>, _: &str) -> Result<()> {
        Ok(())
    }

    /// Asks by way of the cluster's API. Where that may not, or cannot, reach the service, as its network may not
    /// let it, the pods' own readiness has to do, which is known by then.
    async fn answers(&self, site: &Site<'_>, process: &str, path: &str, release: ReleaseId) {
        let since = time::Instant::now();
        loop {
            match ask(site, process, path).await {
                Some((StatusCode::OK, said))
                    if said.as_deref().is_none_or(|said| said == release.to_string()) =>
                {
                    return;
                }
                Some((StatusCode::OK, _)) => {}
                Some(_) | None if since.elapsed() < UNREACHED => {}
                _ => {
                    self.progress.note(&format!(
                        "the service could not be asked by way of the cluster's API; its pods are ready, and are of {release}"
                    ));
                    return;
                }
            }
            time::sleep(PERIOD).await;
        }
    }
}

/// What the service answers at a path, and the release that it says it is of.
async fn ask(site: &Site<'_>, process: &str, path: &str) -> Option<(StatusCode, Option<String>)> {
    let address = format!("/api/v1/namespaces/{}/services/{process}:http/proxy{path}", site.namespace);
    let request = Request::get(address).body(Body::empty()).ok()?;
    let response = site.client.send(request).await.ok()?;
    let said = response.headers().get(http::RELEASE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Some((response.status(), said))
}

/// Says what is missing before anything is built for it.
pub(crate) async fn preflight(place: &Place<'_>) -> Result<()> {
    let client = place.client().await?;
    let doing = || format!("connecting to the cluster of the context {}", place.context);
    client.apiserver_version().await.map(drop).asked(doing)
}

/// Refuses what could not run now.
pub(crate) async fn could_run(job: &Job<'_>, place: &Place<'_>) -> Result<()> {
    let client = place.client().await?;
    kubernetes::could_run(job, &place.site(&client, job.env)).await
}

/// Brings the deploy to the release.
pub(crate) async fn run(job: &Job<'_>, place: &Place<'_>) -> Result<Ran> {
    let client = place.client_with(job.options.timing.silence).await?;
    let there = There { place, progress: job.progress };
    kubernetes::run(job, place.site(&client, job.env), &there).await
}

/// What would be deleted with the data.
pub(crate) async fn losses(env: &EnvName, place: &Place<'_>) -> Result<Vec<String>> {
    let client = place.client().await?;
    kubernetes::losses(&place.site(&client, env), place.context).await
}

/// Stops the deploy's processes, and with `data` its backing services, too. The namespace stays: others may be in it.
pub(crate) async fn down(
    env: &EnvName,
    place: &Place<'_>,
    data: bool,
    progress: &dyn Progress,
) -> Result<Gone> {
    let client = place.client().await?;
    kubernetes::down(&place.site(&client, env), data, progress).await
}

/// Brings the deploy's own PostgreSQL server up.
pub(crate) async fn service_up(
    env: &EnvName,
    place: &Place<'_>,
    own: &OwnPostgres<'_>,
    url: &PostgresUrl,
    progress: &dyn Progress,
) -> Result<Status> {
    let client = place.client().await?;
    kubernetes::service::up(&place.site(&client, env), &There { place, progress }, own.objects, url, progress)
        .await
}

/// Stops it and tells whether it ran.
pub(crate) async fn service_down(
    env: &EnvName,
    place: &Place<'_>,
    data: bool,
    progress: &dyn Progress,
) -> Result<Gone> {
    let client = place.client().await?;
    kubernetes::service::down(&place.site(&client, env), data, progress).await
}

/// Whether it takes connections now.
pub(crate) async fn service_is_up(env: &EnvName, place: &Place<'_>) -> Result<bool> {
    let client = place.client().await?;
    kubernetes::service::is_up(&place.site(&client, env)).await
}
