//! The target `kind`: a Kubernetes cluster in a container of this machine.

mod api_error;
mod cluster;
mod down;
pub(crate) mod images;
pub(crate) mod nodes;
mod objects;
mod restart;
mod rollout;
mod volumes;
mod wait;
mod witness;

use std::time::{Duration, Instant};

use kube::{Client, ResourceExt, api::DynamicObject};
use tokio::time;
use xtask_contract::{Error, Result, seal::Secret};

use crate::{Job, Ran, Status, http, postgres_url::PostgresUrl};
use cluster::Cluster;
pub(crate) use down::down;
use nodes::Nodes;

/// How long the service may take to answer at its URL once its pods are ready.
const ANSWER: Duration = Duration::from_mins(1);

/// Where on which cluster a deploy is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) port: u16,
}

impl Place<'_> {
    fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}

/// A release's objects, by the moment in which they are applied.
struct Objects {
    namespace: Vec<DynamicObject>,
    /// Config, services and backing services: nothing that runs of the release itself.
    ground: Vec<DynamicObject>,
    migration: Vec<DynamicObject>,
    processes: Vec<DynamicObject>,
}

impl Objects {
    fn sort(objects: Vec<DynamicObject>) -> Self {
        let mut sorted =
            Self { namespace: Vec::new(), ground: Vec::new(), migration: Vec::new(), processes: Vec::new() };
        for object in objects {
            let moment = match objects::kind(&object) {
                "Namespace" => &mut sorted.namespace,
                "Job" => &mut sorted.migration,
                "Deployment" => &mut sorted.processes,
                _ => &mut sorted.ground,
            };
            moment.push(object);
        }
        sorted
    }

    fn names(objects: &[DynamicObject], kind: &str) -> Vec<String> {
        objects.iter().filter(|object| objects::kind(object) == kind).map(ResourceExt::name_any).collect()
    }
}

/// Says what is missing before anything is built for it.
pub(crate) async fn preflight(cluster: &str, engine: &impl Nodes) -> Result<()> {
    engine.of_cluster(cluster).await?;
    cluster::kind(&["version"], None).await.map(drop)
}

/// Brings the deploy to the release.
pub(crate) async fn run(job: &Job<'_>, place: &Place<'_>, engine: &impl Nodes) -> Result<Ran> {
    let objects = Objects::sort(objects::of_release(job.verified)?);
    let cluster = Cluster::ready(job, place, engine).await?;
    let client = &cluster.client;
    job.check_witness(witness::read(client, place).await?.as_ref())?;
    let secrets = async {
        apply_all(client, &objects.namespace).await?;
        apply_secrets(job, place, client).await
    };
    // Images come before the pods that want them: a pull that failed is not tried again for a while.
    tokio::try_join!(images::bring(job, &cluster.nodes, engine), secrets)?;
    apply_all(client, &objects.ground).await?;
    for name in Objects::names(&objects.ground, "StatefulSet") {
        start_service(job, place, &cluster, engine, &name).await?;
    }

    let names = Objects::names(&objects.processes, "Deployment");
    let before = rollout::running(client, place, &names).await?;
    let wanted = job.verified.release.id;
    let unchanged =
        names.iter().all(|name| before.get(name).is_some_and(|now| now.id == wanted && now.settled));
    let migrating = Instant::now();
    if !unchanged {
        migrate(job, place, client, &objects.migration).await?;
    }
    let migration = migrating.elapsed();
    let replaced = before.values().map(|now| now.id).next();
    rollout::roll_out(job, place, client, &objects, replaced).await?;
    job.progress.step("waiting for the service to answer");
    answers(job, place).await?;
    witness::write(client, place, job).await?;
    Ok(job.ran(if unchanged { Status::Unchanged } else { Status::Started }, place.url(), replaced, migration))
}

/// Waits for a backing service, after doing what may keep it from starting.
async fn start_service(
    job: &Job<'_>,
    place: &Place<'_>,
    cluster: &Cluster,
    engine: &impl Nodes,
    name: &str,
) -> Result<()> {
    let client = &cluster.client;
    if wait::stateful_set_is_ready(client, place.namespace, name).await? {
        return Ok(());
    }
    job.progress.step(&format!("starting {name}"));
    wait::within_deadline(
        &format!("waiting for the volume of {name}"),
        volumes::own(client, place.namespace, name, &cluster.nodes, engine),
    )
    .await?;
    wait::start_over(client, place.namespace, name).await?;
    wait::stateful_set(client, place.namespace, name).await
}

async fn apply_all(client: &Client, objects: &[DynamicObject]) -> Result<()> {
    for object in objects {
        objects::apply(client, object).await?;
    }
    Ok(())
}

/// The release's secrets, immutable and named by content, and what the deploy's own PostgreSQL starts with.
async fn apply_secrets(job: &Job<'_>, place: &Place<'_>, client: &Client) -> Result<()> {
    let release = &job.verified.release;
    let name = release.secret_name();
    if !objects::has_secret(client, place.namespace, &name).await? {
        let values = job.secrets.iter().map(|(name, value)| (name.as_str(), value));
        let secret = objects::secret(job.verified, place.namespace, &name, true, values)?;
        objects::apply(client, &secret).await?;
    }
    let Some(postgres) = &release.services.postgres else { return Ok(()) };
    let Some(value) = job.secrets.get(&postgres.variable) else { return Ok(()) };
    let url = PostgresUrl::parse(&postgres.variable, value)?;
    let (user, database) = (Secret::new(url.user), Secret::new(url.database));
    let values = [("POSTGRES_USER", &user), ("POSTGRES_PASSWORD", &url.password), ("POSTGRES_DB", &database)];
    let secret = objects::secret(job.verified, place.namespace, "postgres", false, values.into_iter())?;
    objects::apply(client, &secret).await
}

async fn migrate(job: &Job<'_>, place: &Place<'_>, client: &Client, jobs: &[DynamicObject]) -> Result<()> {
    for object in jobs {
        let name = object.name_any();
        // A Job cannot be started again: one that failed makes way for a new one.
        if wait::job_failed(client, place.namespace, &name).await? {
            objects::delete(client, object).await?;
            wait::job_gone(client, place.namespace, &name).await?;
        }
        job.progress.step("migrating the database");
        objects::apply(client, object).await?;
        wait::job(client, place.namespace, &name).await?;
    }
    Ok(())
}

async fn answers(job: &Job<'_>, place: &Place<'_>) -> Result<()> {
    let readiness = job.verified.release.processes.values().find_map(|process| process.readiness.as_deref());
    let Some(path) = readiness else { return Ok(()) };
    time::timeout(ANSWER, http::ready(place.port, path)).await.map_err(|_| {
        let why = format!("{}{path} does not answer 200, though all pods are ready", place.url());
        Error::failed(format!("running {}", job.verified.release.id), why).next(format!(
            "was the cluster made for another port? `cargo xtask down --env {} --data` deletes it, with its data",
            job.env
        ))
    })
}
