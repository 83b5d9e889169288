//! Any cluster that a kubeconfig knows, with images from a registry.

use std::time::Duration;

use hyper::{Request, StatusCode};
use kube::{Client, client::Body};
use tokio::time;
use xtask_contract::{Digest, EnvName, Error, Progress, Result, deploy::KubernetesTarget};
use xtask_run::{Gone, Job, SILENCE, http};

use crate::{
    api_error::ApiContext,
    connect, down,
    host::{Ending, Host},
    registry::{self, Registry},
    site::Site,
};

/// How often a service is asked whether it is there, and how long the cluster's API may fail to reach it.
const PERIOD: Duration = Duration::from_millis(100);
const UNREACHED: Duration = Duration::from_secs(15);

/// The cluster of a kubeconfig's context.
pub struct Remote<'a> {
    target: &'a KubernetesTarget,
}

impl<'a> Remote<'a> {
    /// The cluster that a target names.
    pub fn new(target: &'a KubernetesTarget) -> Self {
        Self { target }
    }

    /// A client of the cluster, which is asked nothing yet.
    async fn client(&self, silence: Duration) -> Result<Client> {
        let context = self.target.context.as_str();
        if !self.is_named() {
            let doing = "connecting to the deploy's cluster";
            return Err(Error::refused(doing, "target.context in its file names none")
                .next("`kubectl config get-contexts` lists those that this machine knows"));
        }
        let doing = format!("connecting to the cluster of the context {context}");
        let kubeconfig = connect::read(&doing)?;
        if !kubeconfig.contexts.iter().any(|known| known.name == context) {
            let known: Vec<&str> = kubeconfig.contexts.iter().map(|known| known.name.as_str()).collect();
            let why = format!("the kubeconfig has no such context, but: {}", known.join(", "));
            return Err(
                Error::refused(doing, why).next("set target.context in the deploy's file to one of them")
            );
        }
        connect::client(kubeconfig, Some(context), silence, &doing).await
    }
}

impl Host for Remote<'_> {
    fn namespace(&self) -> &str {
        self.target.namespace.as_str()
    }

    fn place(&self) -> String {
        format!("the cluster of the context {}", self.target.context)
    }

    fn is_named(&self) -> bool {
        !self.target.context.trim().is_empty()
    }

    async fn preflight(&self) -> Result<()> {
        let client = self.client(SILENCE).await?;
        let doing = || format!("connecting to {}", self.place());
        client.apiserver_version().await.map(drop).asked(doing)
    }

    async fn at_hand(&self, silence: Duration) -> Result<Option<Client>> {
        self.client(silence).await.map(Some)
    }

    async fn runs(&self) -> Result<Option<Client>> {
        self.client(SILENCE).await.map(Some)
    }

    async fn exists(&self) -> Result<bool> {
        Ok(true)
    }

    async fn if_it_runs(&self) -> Result<Option<Client>> {
        self.client(SILENCE).await.map(Some)
    }

    async fn ready(&self, silence: Duration, _: &dyn Progress) -> Result<Client> {
        self.client(silence).await
    }

    /// The registry is asked when the image is brought.
    type Absent = ();

    async fn absent_images(&self, _: &Job<'_>) -> Result<()> {
        Ok(())
    }

    async fn bring_images(&self, _: &Site<'_>, job: &Job<'_>, (): &()) -> Result<()> {
        let registry = Registry::of(&self.target.registry, self.target.plain_http)?;
        let image = &job.verified.release.image.digest;
        job.progress.step(&format!("bringing the image to {}", self.target.registry));
        registry::push(job.layout, image, &registry, job.progress).await.map(drop)
    }

    /// No quick build runs there.
    async fn show_notice(&self, _: &str) -> Result<()> {
        Ok(())
    }

    /// What a registry has others may need, too.
    async fn forget_image(&self, _: &Digest) {}

    /// The cluster pulls it by itself.
    async fn bring_service(&self, _: Option<&str>, _: &dyn Progress) -> Result<()> {
        Ok(())
    }

    /// Volumes of a cluster are given to the group of the pod (`fsGroup`).
    async fn prepare_volume(&self, _: &Site<'_>, _: &str) -> Result<()> {
        Ok(())
    }

    /// Asks by way of the cluster's API. Where that may not, or cannot, reach the service, as its network may not
    /// let it, the pods' own readiness has to do, which is known by then.
    async fn answers(&self, site: &Site<'_>, process: &str, path: &str, mark: &str, progress: &dyn Progress) {
        let since = time::Instant::now();
        loop {
            match ask(site, process, path).await {
                Some((StatusCode::OK, said)) if said.as_deref().is_none_or(|said| said == mark) => return,
                Some((StatusCode::OK, _)) => {}
                Some(_) | None if since.elapsed() < UNREACHED => {}
                _ => {
                    progress.note(&format!(
                        "the service could not be asked by way of the cluster's API; its pods are ready, and are of {mark}"
                    ));
                    return;
                }
            }
            time::sleep(PERIOD).await;
        }
    }

    async fn explained(&self, error: Error) -> Error {
        error
    }

    async fn ending(&self, _: &Client, _: bool) -> Result<Ending> {
        Ok(Ending::None)
    }

    async fn end(&self, _: &Ending, _: &dyn Progress) -> Result<()> {
        Ok(())
    }

    async fn end_stopped(&self, _: bool, _: &dyn Progress) -> Result<Gone> {
        Ok(Gone::default())
    }

    async fn losses(&self, env: &EnvName) -> Result<Vec<String>> {
        let client = self.client(SILENCE).await?;
        let site = Site { client: &client, env, namespace: self.namespace(), further: &[] };
        down::losses(&site, &self.place()).await
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
