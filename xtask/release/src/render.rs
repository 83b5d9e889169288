//! From plain YAML to the objects of one release: the project's in k8s/objects, else what the toolchain brings along. The
//! files stay valid Kubernetes objects by themselves; what differs is put into their structure, never into their text.

mod again;
mod ingress;
mod logging;
mod network;
mod own;
mod postgres;
mod probes;
mod process;
mod selectors;
mod workload;

use serde_json::{Value, json};
use xtask_contract::{
    Context, EnvName, Error, Logging, ObjectKind, Release, Repo, Result, ServiceName,
    deploy::{Postgres, Target},
    labels::{self, Part},
    objects::Allowed,
    release::Process,
    templates,
};

pub(crate) use again::again;

/// Objects in the order of application, with what they are to the deploy.
type Objects = Vec<(Part, Value)>;

/// What the objects of a release are made of.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Whose files they are made of.
    pub(crate) repo: &'a Repo,
    pub(crate) service: &'a ServiceName,
    pub(crate) release: &'a Release,
    /// What its pods bear, and its answers: its ID, or the mark of a quick build.
    pub(crate) mark: &'a str,
    /// The kinds of objects that the deploy's rules allow beside the usual ones.
    pub(crate) further: &'a [ObjectKind],
}

/// Whose objects they are, and where they belong.
#[derive(Clone, Copy)]
struct Owner<'a> {
    service: &'a ServiceName,
    env: &'a EnvName,
    target: &'a Target,
}

/// The objects of a release in the order of application, as YAML documents.
pub(crate) fn objects(source: Source<'_>) -> Result<String> {
    let Source { repo, service, release, further, .. } = source;
    check(source)?;
    let mut objects = read(repo, "namespace", Part::Namespace)?;
    objects.extend(read(repo, "account", Part::Namespace)?);
    objects.push((Part::Config, config_map(release)));
    if let Some(postgres) = release.services.own_postgres() {
        objects.extend(postgres::server(repo, &release.env, postgres)?);
    }
    objects.extend(migration(source)?);
    objects.extend(network::policies(repo, release)?);
    for (name, process) in &release.processes {
        objects.extend(process::objects(source, name, process)?);
    }
    objects.extend(ingress::objects(repo, release)?);
    let objects = placed(objects, Owner { service, env: &release.env, target: &release.target });
    check_kinds(
        release,
        further,
        &objects,
        "take it out of k8s/objects: what is not the deploy's alone is applied otherwise; further kinds of objects in its \
         namespace are named in `policy.kinds` of its file",
    )?;
    to_yaml(&head(release), &objects)
}

/// Refuses what `run` would not apply.
fn check_kinds(release: &Release, further: &[ObjectKind], objects: &[Value], next: &str) -> Result<()> {
    let namespace = release.target.namespace().unwrap_or_default();
    let allowed = Allowed::in_release(namespace, release.service.as_ref(), further);
    let objection = |object| allowed.objection_to(object);
    let problems: Vec<String> = objects.iter().filter_map(objection).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::refused_for(format!("releasing {}", release.env), problems).next(next))
}

/// Refuses what k8s/objects say that the service's description contradicts: pods would be asked for what is not there.
fn check(source: Source<'_>) -> Result<()> {
    let Source { repo, service, release, .. } = source;
    let mut problems = Vec::new();
    let mut hold = |objects: &[Value], name: &str, process: &Process| {
        let told = process::contradictions(objects, service, name, process).into_iter();
        problems.extend(told.map(|problem| format!("k8s/objects/{name}.yaml: {problem}")));
    };
    for (name, process) in &release.processes {
        hold(&process::of_type(repo, name, process)?, name, process);
    }
    hold(&documents(repo, &path("migrate"))?, "migrate", &Process::that_ends(&release.migrate));
    if problems.is_empty() {
        return Ok(());
    }
    let next = "correct the file, or what the service says of itself (`describe`), and build";
    Err(Error::refused_for(format!("releasing {}", release.env), problems).next(next))
}

/// The objects of a deploy's own PostgreSQL server alone, as they are in each of its releases. There may be none of these
/// yet, so the workspace says which service it is.
pub(crate) fn postgres_objects(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    postgres: &Postgres,
) -> Result<String> {
    let mut objects = read(repo, "namespace", Part::Namespace)?;
    objects.extend(postgres::server(repo, env, postgres)?);
    let owner = Owner { service: repo.service()?, env, target };
    to_yaml(&format!("# The PostgreSQL server of {env}."), &placed(objects, owner))
}

/// The objects of a deploy's log shipper, which no release has: from `k8s/logging.yaml`.
pub(crate) fn logging_objects(
    repo: &Repo,
    env: &EnvName,
    target: &Target,
    logging: &Logging,
) -> Result<String> {
    let owner = Owner { service: repo.service()?, env, target };
    let mut objects = placed(read(repo, "namespace", Part::Namespace)?, owner);
    objects.extend(logging::shipper(documents(repo, "logging.yaml")?, owner, logging)?);
    to_yaml(&format!("# The log shipper of {env}."), &objects)
}

fn head(release: &Release) -> String {
    format!("# The objects of release {}, made by `cargo xtask release`.", release.id)
}

fn migration_name(release: &Release) -> String {
    format!("migrate-{}", release.id.as_name())
}

fn migration(source: Source<'_>) -> Result<Objects> {
    let release = source.release;
    let mut objects = read(source.repo, "migrate", Part::Migration)?;
    for (_, object) in &mut objects {
        object["metadata"]["name"] = json!(migration_name(release));
        workload::patch(source, "migrate", object, &release.migrate)?;
    }
    Ok(objects)
}

fn read(repo: &Repo, name: &str, part: Part) -> Result<Objects> {
    let documents = documents(repo, &path(name))?;
    Ok(documents.into_iter().map(|object| (part, object)).collect())
}

/// Where the objects of this name are, below `k8s/`.
fn path(name: &str) -> String {
    format!("objects/{name}.yaml")
}

/// The objects in a file below `k8s/`. An empty one has none.
fn documents(repo: &Repo, path: &str) -> Result<Vec<Value>> {
    parsed(&templates::text(repo, path)?.unwrap_or_default(), path)
}

fn parsed(text: &str, path: &str) -> Result<Vec<Value>> {
    let is_empty = text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'));
    if is_empty {
        Ok(Vec::new())
    } else {
        serde_saphyr::from_multiple(text).doing(|| format!("reading k8s/{path}"))
    }
}

fn to_yaml(head: &str, objects: &[Value]) -> Result<String> {
    let mut text = format!("{head}\n");
    for object in objects {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(object).doing(|| "writing objects.yaml")?);
    }
    Ok(text)
}

/// The release's config, immutable and named by its content: pods of two releases each read their own.
fn config_map(release: &Release) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": release.config_name() },
        "immutable": true,
        "data": release.config,
    })
}

/// The objects in the deploy's namespace and marked as the deploy's.
fn placed(objects: Objects, owner: Owner<'_>) -> Vec<Value> {
    let Owner { service, env, target } = owner;
    let place = |(part, mut object): (Part, Value)| {
        let metadata = &mut object["metadata"];
        for (label, value) in labels::of_part(env, Some(service), part) {
            metadata["labels"][label] = json!(value);
        }
        selectors::name_the_deploy(&mut object, owner);
        if object["kind"] == "ServiceAccount" {
            object["metadata"]["name"] = json!(service); // as the pods call it
        }
        let key = if object["kind"] == "Namespace" { "name" } else { "namespace" };
        object["metadata"][key] = json!(target.namespace());
        object
    };
    objects.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests;
