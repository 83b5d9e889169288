//! All that would keep a release from running, found before anything is changed.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::{Namespace, Pod},
};
use kube::{
    Api, Client,
    api::{DynamicObject, ObjectMeta, PostParams},
};
use serde_json::{Value, json};
use xtask_contract::{Error, Result};

use super::{
    Site,
    api_error::{ApiContext, code, said, words},
    apply::Applier,
    kinds::Kinds,
    objects::{Objects, called, kind},
};

/// What `run` does besides applying objects: verbs, group and resource.
const ALSO: [(&[&str], &str, &str); 5] = [
    (&["list", "watch", "get", "create"], "", "pods"),
    (&["get"], "", "pods/log"),
    (&["list", "watch"], "", "events"),
    (&["get", "create", "update", "delete"], "coordination.k8s.io", "leases"),
    (&["get", "create", "patch"], "", "configmaps"),
];

/// Whether the deploy's namespace is there.
pub(crate) async fn has_namespace(client: &Client, namespace: &str) -> Result<bool> {
    let api: Api<Namespace> = Api::all(client.clone());
    match api.get_metadata_opt(namespace).await {
        // Who may not look at namespaces may still be given one to work in.
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
    // Who is given a namespace may often not change it, and need not.
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
    let mut lacking: Vec<(String, Vec<&str>)> = Vec::new();
    for ((_, resource, verb), answer) in wanted.iter().zip(join_all(asked).await) {
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

/// What the cluster says to each object, and to a pod of each process type, without taking them.
pub(crate) async fn dry_run(site: &Site<'_>, applier: &Applier<'_>, objects: &Objects) -> Vec<Error> {
    // A Job cannot be changed once it is there; whether its pods are let in is asked for below.
    let changeable = objects.all().filter(|object| kind(object) != "Job" && kind(object) != "Namespace");
    let answers = join_all(changeable.map(|object| applier.dry_run(object))).await;
    let workloads = objects.processes.iter().chain(&objects.migration);
    let pods = join_all(workloads.map(|object| pod_problem(site, object))).await;
    answers.into_iter().filter_map(std::result::Result::err).chain(pods.into_iter().flatten()).collect()
}

/// Whether the namespace lets in a pod of this workload: its quota, its limits, its security profile.
async fn pod_problem(site: &Site<'_>, workload: &DynamicObject) -> Option<Error> {
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
        kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => {
            Some(Error::refused(doing, said(status)))
        }
        other => Some(Error::failed(doing, words(other))),
    }
}
