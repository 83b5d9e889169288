//! A deploy's log shipper on its cluster: a `DaemonSet` in a namespace of its own, which no release has.

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::Namespace,
    rbac::v1::{Role, RoleBinding},
};
use kube::Api;
use xtask_contract::{Error, Logging, Progress, Result, objects::Allowed};

use crate::{
    api_error::ApiContext,
    apply::Applier,
    delete::delete,
    kinds::Kinds,
    objects::Objects,
    objects::called,
    refusal::is_given,
    site::Site,
    stateful::{self, gone},
};
use xtask_run::Status;

/// The name of its objects.
const NAME: &str = "logging";

/// Starts the shipper, or brings it to these objects, and waits until it reads on each node.
pub(crate) async fn up(site: &Site<'_>, objects: &str, progress: &dyn Progress) -> Result<Status> {
    let allowed = Allowed::in_shipper(site.namespace);
    let doing = || format!("reading the objects of the log shipper of {}", site.env);
    let objects = Objects::parse(objects, &allowed, doing)?;
    let kinds = Kinds::of_objects(site.client, &objects).await?;
    let applier = Applier { client: site.client, kinds: &kinds, take_over: &[], before: None, release: None };
    for object in &objects.namespace {
        match applier.apply(object).await {
            // One that was given is taken as it is.
            Err(error) if is_given(&error) => {
                progress.note(&format!("{} is left as it is", called(object)));
            }
            result => drop(result?),
        }
    }
    let namespace = Logging::namespace(site.namespace);
    let own = Site { namespace: &namespace, ..*site };
    let before = daemon_set(&own).await?;
    progress.step("starting the log shipper");
    applier.apply_all(&objects.services).await?;
    stateful::start_over(&own, NAME).await?;
    stateful::ready::<DaemonSet>(&own, NAME).await.map_err(|error| hint(error, &namespace))?;
    let after = daemon_set(&own).await?;
    let generation = |set: Option<DaemonSet>| set.map(|set| (set.metadata.uid, set.metadata.generation));
    Ok(if generation(before) == generation(after) { Status::Unchanged } else { Status::Started })
}

fn hint(error: Error, namespace: &str) -> Error {
    match error.next {
        Some(_) => error,
        None => {
            error.next(format!("`kubectl --namespace {namespace} logs daemonset/{NAME}` shows what it says"))
        }
    }
}

/// Stops the shipper and tells whether there was one. What it could not send yet stays on the nodes, and the next one
/// sends it.
pub(crate) async fn down(site: &Site<'_>, progress: &dyn Progress) -> Result<bool> {
    progress.step("stopping the log shipper");
    let namespace = Logging::namespace(site.namespace);
    let namespaces: Api<Namespace> = Api::all(site.client.clone());
    let there = delete(&namespaces, &namespace, &format!("the namespace {namespace}")).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(site.client.clone(), site.namespace);
    delete(&bindings, NAME, "the RoleBinding of the log shipper").await?;
    let roles: Api<Role> = Api::namespaced(site.client.clone(), site.namespace);
    delete(&roles, NAME, "the Role of the log shipper").await?;
    if there {
        gone(namespaces, &namespace).await?;
    }
    Ok(there)
}

/// Whether it reads on each node now.
pub(crate) async fn is_up(site: &Site<'_>) -> Result<bool> {
    let namespace = Logging::namespace(site.namespace);
    stateful::is_up::<DaemonSet>(&Site { namespace: &namespace, ..*site }, NAME).await
}

async fn daemon_set(own: &Site<'_>) -> Result<Option<DaemonSet>> {
    let sets: Api<DaemonSet> = Api::namespaced(own.client.clone(), own.namespace);
    sets.get_opt(NAME).await.asked(|| "looking for the log shipper")
}
