//! All that would keep a release from running, found before anything is changed.

use std::collections::BTreeSet;

use futures_util::{StreamExt, future::join_all, stream};
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::{Namespace, Pod},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use xtask_contract::{Error, Result};

use crate::{
    api_error::{ApiContext, code},
    apply::{Applier, Look},
    content,
    drift::How,
    kinds::Kinds,
    managers::MANAGER,
    objects::{Objects, called, kind},
    refusal::{Refusal, take_over},
    site::Site,
};

/// What `run` does besides applying objects: verbs, group and resource.
const ALSO: [(&[&str], &str, &str); 6] = [
    (&["list", "watch", "get", "create"], "", "pods"),
    (&["get"], "", "pods/log"),
    (&["list", "watch"], "", "events"),
    (&["get", "create", "update", "delete"], "coordination.k8s.io", "leases"),
    (&["get", "create", "patch", "delete"], "", "configmaps"),
    (&["get", "create", "patch", "delete"], "", "secrets"),
];

/// How many questions are asked at once. Each takes a connection of its own while it waits, and each new one a handshake,
/// which takes longer than the answer.
pub(crate) const AT_ONCE: usize = 6;

/// Whether the deploy's namespace is there.
pub(crate) async fn has_namespace(client: &Client, namespace: &str) -> Result<bool> {
    let api: Api<Namespace> = Api::all(client.clone());
    match api.get_metadata_opt(namespace).await {
        // A user without the right to look at namespaces may still be given one to work in.
        Err(error) if code(&error) == Some(403) => Ok(true),
        found => Ok(found.asked(|| format!("looking for the namespace {namespace}"))?.is_some()),
    }
}

/// The verbs that this user lacks, a line for each resource.
pub(crate) async fn permissions(
    site: &Site<'_>,
    kinds: &Kinds,
    objects: &Objects,
    has_namespace: bool,
) -> Result<Vec<String>> {
    let mut wanted = BTreeSet::new();
    // A user who is given a namespace may often not change it, and need not.
    for object in objects.all().filter(|object| kind(object) != "Namespace" || !has_namespace) {
        let Some(resource) = kinds.resource(object) else { continue };
        for verb in ["get", "create", "patch"] {
            wanted.insert((resource.group.clone(), resource.plural.clone(), verb));
        }
    }
    for resource in objects.processes.iter().chain(&objects.migration).filter_map(|one| kinds.resource(one)) {
        for verb in ["list", "delete"] {
            wanted.insert((resource.group.clone(), resource.plural.clone(), verb));
        }
    }
    for (verbs, group, resource) in ALSO {
        wanted.extend(verbs.iter().map(|verb| (group.to_owned(), resource.to_owned(), *verb)));
    }
    lacking(site, &wanted).await
}

/// Group, resource and verb, such as `batch`, `jobs` and `create`.
pub(crate) type Right = (String, String, &'static str);

/// Those of these rights that this user lacks, a line for each resource.
pub(crate) async fn lacking(site: &Site<'_>, wanted: &BTreeSet<Right>) -> Result<Vec<String>> {
    let api: Api<SelfSubjectAccessReview> = Api::all(site.client.clone());
    let asked = wanted.iter().map(|(group, resource, verb)| {
        let (resource, part) =
            resource.split_once('/').map_or((resource.as_str(), None), |(all, part)| (all, Some(part)));
        let namespace = (resource != "namespaces").then(|| site.namespace.to_owned());
        let name = (resource == "namespaces").then(|| site.namespace.to_owned());
        let attributes = ResourceAttributes {
            group: Some(group.clone()),
            resource: Some(resource.to_owned()),
            subresource: part.map(str::to_owned),
            verb: Some((*verb).to_owned()),
            namespace,
            name,
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            non_resource_attributes: None,
        };
        let review = SelfSubjectAccessReview { metadata: ObjectMeta::default(), spec, status: None };
        let api = &api;
        async move { api.create(&PostParams::default(), &review).await }
    });
    let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut lacking: Vec<(String, Vec<&str>)> = Vec::new();
    for ((_, resource, verb), answer) in wanted.iter().zip(answers) {
        let status = answer.asked(|| "asking what this user may do on the cluster")?.status;
        if status.is_some_and(|status| status.allowed) {
            continue;
        }
        match lacking.iter_mut().find(|(known, _)| known == resource) {
            Some((_, verbs)) => verbs.push(verb),
            None => lacking.push((resource.clone(), vec![verb])),
        }
    }
    let told = lacking.into_iter().map(|(resource, verbs)| {
        format!("this user may not {} {resource} in the namespace {}", verbs.join(", "), site.namespace)
    });
    Ok(told.collect())
}

/// What the cluster says to each object, and to a pod of each process type, without taking them. All that it objects to
/// is reported together.
pub(crate) async fn look<'o>(
    site: &Site<'_>,
    applier: &Applier<'_>,
    objects: &'o Objects,
    mark: &str,
) -> Result<Vec<(&'o DynamicObject, Look)>> {
    // A Job cannot be changed once it is there; whether its pods are let in is asked for below.
    let changeable: Vec<_> = objects.all().filter(|object| kind(object) != "Job").collect();
    let answers = join_all(changeable.iter().map(|object| applier.dry_run(object))).await;
    let workloads = objects.processes.iter().chain(&objects.migration);
    let pods = join_all(workloads.map(|object| workload_problem(site, applier, object))).await;
    let (mut looks, mut refusals) = (Vec::new(), Vec::new());
    for (object, answer) in changeable.into_iter().zip(answers) {
        match answer {
            Ok(look) => looks.push((object, look)),
            Err(refusal) => refusals.push(refusal),
        }
    }
    refusals.extend(pods.into_iter().flatten());
    let doing = format!("checking {} for {mark}", site.env);
    if let Some(error) = together(doing.clone(), refusals) {
        return Err(error);
    }
    let taken = |field: &String| looks.iter().any(|(_, look)| look.taken.contains(field));
    let vain = applier.take_over.iter().filter(|field| !taken(field));
    let vain: Vec<String> = vain
        .map(|field| {
            format!(
                "{} takes nothing: nobody has set or added that by hand",
                take_over(std::iter::once(field))
            )
        })
        .collect();
    if vain.is_empty() {
        return Ok(looks);
    }
    Err(Error::refused_for(doing, vain)
        .next(format!("`cargo xtask status --env {}` names what was set by hand", site.env)))
}

/// The objects that are made anew, as they have not the content that their names stand for, a line each.
pub(crate) fn remade(looks: &[(&DynamicObject, Look)]) -> Vec<String> {
    let live = looks.iter().filter(|(_, look)| look.remade).filter_map(|(_, look)| look.live.as_ref());
    live.map(|live| format!("{} {}", called(live), content::words(&live.metadata))).collect()
}

/// What applying the objects brings back, a line each: those that are not there, and fields that somebody has removed.
pub(crate) fn mended(looks: &[(&DynamicObject, Look)]) -> Vec<String> {
    let lines = looks.iter().flat_map(|(object, look)| {
        let called = called(object);
        let gone = look.live.is_none().then(|| format!("{called} was not there"));
        let removed = look.found.iter().filter(|one| one.how == How::Removed);
        gone.into_iter().chain(removed.map(move |one| format!("{called} {one}")))
    });
    lines.collect()
}

/// Whether applying the objects would change none of them that is as it was applied.
pub(crate) fn are_in_step(looks: &[(&DynamicObject, Look)]) -> bool {
    looks.iter().all(|(_, look)| {
        let in_step = look.found.iter().all(|one| one.how == How::Agrees);
        look.live.is_some() && !look.remade && look.taken.is_empty() && in_step
    })
}

/// One error for all of them. What went wrong on the way comes before what was refused.
fn together(doing: String, mut refusals: Vec<Refusal>) -> Option<Error> {
    if let Some(place) = refusals.iter().position(|refusal| !refusal.error.kind.is_refusal()) {
        return Some(refusals.swap_remove(place).error);
    }
    let next = refusals.iter().find_map(|refusal| refusal.error.next.clone());
    let (mut why, mut fields) = (Vec::new(), Vec::new());
    for Refusal { error, fields: foreign, .. } in refusals {
        let is_by_hand = !foreign.is_empty();
        let named = |line| if is_by_hand { line } else { format!("{}: {line}", error.doing) };
        why.extend(error.why.into_iter().map(named));
        fields.extend(foreign);
    }
    if why.is_empty() {
        return None;
    }
    let error = Refusal { error: Error::refused_for(doing, why), code: None, fields }.into_error();
    Some(match (error.next.is_none(), next) {
        (true, Some(next)) => error.next(next),
        _ => error,
    })
}

/// What keeps the cluster from taking a pod of this workload; of a Job, that itself.
async fn workload_problem(
    site: &Site<'_>,
    applier: &Applier<'_>,
    workload: &DynamicObject,
) -> Option<Refusal> {
    match pod_problem(site, workload).await {
        None if kind(workload) == "Job" => job_problem(applier, workload).await,
        problem => problem,
    }
}

/// What the cluster says to a Job that is not there yet.
async fn job_problem(applier: &Applier<'_>, job: &DynamicObject) -> Option<Refusal> {
    let (api, name) = (applier.kinds.api(applier.client, job).ok()?, job.name_any());
    if !matches!(api.get_metadata_opt(&name).await, Ok(None)) {
        return None;
    }
    let params = PatchParams::apply(MANAGER).validation_strict().dry_run();
    let error = api.patch(&name, &params, &Patch::Apply(job)).await.err()?;
    Some(Refusal::of(format!("applying {}", called(job)), &error))
}

/// Whether the namespace lets in a pod of this workload: its quota, its limits, its security profile.
async fn pod_problem(site: &Site<'_>, workload: &DynamicObject) -> Option<Refusal> {
    let template = workload.data.pointer("/spec/template")?;
    let mut pod =
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "generateName": "xtask-check-" } });
    pod["metadata"]["labels"] = template["metadata"]["labels"].clone();
    pod["metadata"]["annotations"] = template["metadata"]["annotations"].clone();
    pod["spec"] = template["spec"].clone();
    if pod["spec"]["restartPolicy"] == Value::Null {
        pod["spec"]["restartPolicy"] = json!("Always");
    }
    let pod: Pod = serde_json::from_value(pod).ok()?;
    let api: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let error = api.create(&params, &pod).await.err()?;
    let doing = format!("checking that a pod of {} is let in", called(workload));
    match &error {
        // A service account of the release's own, or the default one of a new namespace, is not there yet.
        kube::Error::Api(status)
            if status.message.contains("service account") || status.message.contains("serviceaccount") =>
        {
            None
        }
        other => Some(Refusal::of(doing, other)),
    }
}
