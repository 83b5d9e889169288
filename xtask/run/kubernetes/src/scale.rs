//! How many processes there are of each type. That belongs to the operator who scales the deploy, or to its autoscaler: a
//! release only says with how many a type begins. A Deployment is made with that number, since without one it would begin
//! with one, and the number is handed over to a manager of its own at once.

use std::{collections::BTreeMap, time::Instant};

use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v1::HorizontalPodAutoscaler};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams, ObjectMeta, Patch, PatchParams},
};
use serde_json::{Value, json};
use xtask_contract::{EnvName, Error, Progress, Result};

use crate::{
    api_error::ApiContext,
    deploy_state,
    health::replicas,
    managers::{MANAGER, SCALE_MANAGER},
    objects::kind,
    site::Site,
    watch,
};
use xtask_run::{Amount, Formation, Options, resolve};

/// How often a number is read again that somebody else changes at the same time.
const TRIES: u32 = 10;

/// The Deployments that are there.
pub(crate) async fn present(site: &Site<'_>, names: &[String]) -> Result<Vec<Deployment>> {
    let api: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let mut found = Vec::new();
    for name in names {
        found.extend(api.get_opt(name).await.asked(|| format!("reading the Deployment {name}"))?);
    }
    Ok(found)
}

/// A Deployment that begins with so many processes.
pub(crate) fn with_number(object: &DynamicObject, number: u32) -> DynamicObject {
    let mut object = object.clone();
    object.data["spec"]["replicas"] = json!(number);
    object
}

/// The number alone, for its own manager to apply.
pub(crate) fn own(object: &DynamicObject, number: u32) -> DynamicObject {
    let metadata = ObjectMeta {
        name: object.metadata.name.clone(),
        namespace: object.metadata.namespace.clone(),
        ..ObjectMeta::default()
    };
    DynamicObject { types: object.types.clone(), metadata, data: json!({ "spec": { "replicas": number } }) }
}

/// The number of a Deployment that was made and whose number was not handed over any more.
pub(crate) fn to_hand_over(live: &DynamicObject) -> Option<u32> {
    let is_owned_by = |manager: &str| {
        live.managed_fields().iter().any(|entry| {
            let fields = entry.fields_v1.as_ref().map_or(&Value::Null, |fields| &fields.0);
            entry.manager.as_deref() == Some(manager) && fields.pointer("/f:spec/f:replicas").is_some()
        })
    };
    let is_left = is_owned_by(MANAGER) && !is_owned_by(SCALE_MANAGER);
    let number = live.data.pointer("/spec/replicas").and_then(Value::as_u64);
    number.filter(|_| is_left && kind(live) == "Deployment").and_then(|number| number.try_into().ok())
}

async fn patch(site: &Site<'_>, name: &str, patch: Value) -> kube::Result<()> {
    let api: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let params = PatchParams { field_manager: Some(SCALE_MANAGER.into()), ..PatchParams::default() };
    api.patch_scale(name, &params, &Patch::Merge(patch)).await.map(drop)
}

/// How many processes there are to be of each type.
pub(crate) async fn formation(site: &Site<'_>) -> Result<Formation> {
    let api: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let list = api.list(&ListParams::default().labels(&site.selector())).await;
    let all = list.asked(|| format!("listing the Deployments of {}", site.env))?;
    Ok(all.items.iter().map(|one| (one.name_any(), replicas(one).unsigned_abs())).collect())
}

/// Sets the number of processes of these types, waits until there are as many, and tells how many there are of each.
/// It takes no part in the lock: an operator who has to scale while a release is stuck must be able to, and no release sets
/// these numbers.
pub(crate) async fn scale(
    site: &Site<'_>,
    requests: &BTreeMap<String, Amount>,
    progress: &dyn Progress,
) -> Result<Formation> {
    let deadline = Instant::now() + Options::default().deadline;
    let now = formation(site).await?;
    if now.is_empty() {
        return Err(nothing_to_scale(site.env));
    }
    let then = resolve(site.env, requests, &now)?;
    refuse_autoscaled(site, &then).await?;
    for (name, amount) in requests {
        change(site, name, *amount).await?;
    }
    let mut of_release: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, release) in
        deploy_state::marks(site).await?.into_iter().filter(|(name, _)| then.contains_key(name))
    {
        of_release.entry(release).or_default().push(name);
    }
    for (release, names) in &of_release {
        watch::rollout(site, names, release, deadline, progress).await.map_err(|failure| {
            let next = format!(
                "what was asked for stays asked for; `cargo xtask scale --env {} {}={}` takes it back",
                site.env,
                failure.process,
                now.get(&failure.process).copied().unwrap_or_default()
            );
            let error = failure.error(format!("scaling {}", failure.process));
            let remedy = error.next.clone().unwrap_or_default();
            error.next(format!("{remedy}; {next}"))
        })?;
    }
    formation(site).await
}

/// Changes a number that is still the one that was read: two who each add one add two.
async fn change(site: &Site<'_>, name: &str, amount: Amount) -> Result<()> {
    let doing = || format!("scaling {name} of {}", site.env);
    let api: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    for _ in 0..TRIES {
        let known = api.get_scale(name).await.asked(doing)?;
        let now = known.spec.and_then(|spec| spec.replicas).unwrap_or(0).unsigned_abs();
        let request = BTreeMap::from([(name.to_owned(), amount)]);
        let then = resolve(site.env, &request, &Formation::from([(name.to_owned(), now)]))?;
        let version = known.metadata.resource_version;
        let changed = patch(
            site,
            name,
            json!({ "metadata": { "resourceVersion": version }, "spec": { "replicas": then[name] } }),
        );
        match changed.await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            result => return result.asked(doing),
        }
    }
    Err(Error::failed(doing(), format!("it was changed by others {TRIES} times meanwhile"))
        .next("run the same command again"))
}

/// Whatever is scaled by an autoscaler would be scaled back by it.
async fn refuse_autoscaled(site: &Site<'_>, wanted: &Formation) -> Result<()> {
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(site.client.clone(), site.namespace);
    let list = api.list(&ListParams::default()).await;
    let all = list.asked(|| format!("listing the autoscalers of {}", site.env))?;
    let problems: Vec<String> = all.items.iter().filter_map(|one| owned(one, wanted)).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let env = site.env;
    Err(Error::refused_for(format!("scaling {env}"), problems).next(format!(
        "give the autoscaler other bounds: `autoscale` of the process type in k8s/envs/{env}.toml, and a new release"
    )))
}

fn owned(autoscaler: &HorizontalPodAutoscaler, wanted: &Formation) -> Option<String> {
    let spec = autoscaler.spec.as_ref()?;
    let target = &spec.scale_target_ref;
    let name = Some(&target.name).filter(|name| target.kind == "Deployment" && wanted.contains_key(*name))?;
    let (least, most) = (spec.min_replicas.unwrap_or(1), spec.max_replicas);
    Some(format!(
        "how many {name} there are is up to the autoscaler {} ({least} to {most})",
        autoscaler.name_any()
    ))
}

/// There is nothing on the cluster yet.
pub(crate) fn nothing_to_scale(env: &EnvName) -> Error {
    Error::refused(format!("scaling {env}"), "none of it runs yet")
        .next(format!("`[scale]` in k8s/envs/{env}.toml says how many processes its first `run` starts"))
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;

    fn deployment(managers: &[&str]) -> DynamicObject {
        let entry = |manager: &&str| {
            let fields = json!({ "f:spec": { "f:replicas": {} } });
            json!({ "manager": manager, "operation": "Apply", "fieldsV1": fields })
        };
        let entries: Vec<Value> = managers.iter().map(entry).collect();
        from_value(json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "worker", "namespace": "n", "labels": { "a": "b" }, "managedFields": entries },
            "spec": { "replicas": 0, "paused": false } }))
        .unwrap()
    }

    #[test]
    fn a_number_that_was_not_handed_over_is_known_by_its_owner() {
        assert_eq!(to_hand_over(&deployment(&["xtask"])), Some(0));
        assert_eq!(to_hand_over(&deployment(&["xtask", SCALE_MANAGER])), None);
        assert_eq!(to_hand_over(&deployment(&[SCALE_MANAGER, "kubectl"])), None);
    }

    #[test]
    fn a_type_is_made_with_its_number_and_its_manager_owns_nothing_else() {
        let object = deployment(&[]);
        assert_eq!(with_number(&object, 2).data["spec"], json!({ "replicas": 2, "paused": false }));
        let own = serde_json::to_value(own(&object, 2)).unwrap();
        let expected = json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "worker", "namespace": "n" }, "spec": { "replicas": 2 } });
        assert_eq!(own, expected);
    }
}
