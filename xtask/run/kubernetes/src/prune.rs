//! Deletes what earlier releases have left and no later one needs, found by its labels.

use std::collections::BTreeSet;

use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ListParams},
    core::ApiResource,
};
use xtask_contract::{
    Ledger, Release, ReleaseId, Result,
    labels::{self, Part},
};

use crate::{
    api_error::{ApiContext, code},
    delete::delete,
    kinds::Kinds,
    objects::{Objects, called},
    site::Site,
};

/// The kinds that releases have objects of: version, kind, plural.
const KINDS: [(&str, &str, &str); 11] = [
    ("v1", "ConfigMap", "configmaps"),
    ("v1", "Secret", "secrets"),
    ("v1", "Service", "services"),
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("apps/v1", "Deployment", "deployments"),
    ("batch/v1", "Job", "jobs"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
    ("apps/v1", "StatefulSet", "statefulsets"),
];

/// What the deploy keeps on its cluster.
#[derive(Debug)]
pub(crate) struct Keep {
    names: BTreeSet<(String, String)>,
}

impl Keep {
    /// The objects of one release, and the config of this many of the newest ones, for a rollback.
    pub(crate) fn of(release: &Release, objects: &Objects, ledger: &Ledger, newest: usize) -> Self {
        let mut names: BTreeSet<_> = objects
            .all()
            .map(|object| (crate::objects::kind(object).to_owned(), object.name_any()))
            .collect();
        let ids = ledger.ids().unwrap_or_default();
        let kept: Vec<&ReleaseId> = ids.iter().rev().take(newest).collect();
        let others = kept.into_iter().filter_map(|id| Some(ledger.load(*id).ok()?.release));
        for config in others.chain([release.clone()]) {
            names.insert(("ConfigMap".into(), config.config_name()));
            names.insert(("Secret".into(), config.secret_name()));
        }
        Self { names }
    }

    /// Keeps nothing.
    pub(crate) fn nothing() -> Self {
        Self { names: BTreeSet::new() }
    }

    fn holds(&self, object: &DynamicObject) -> bool {
        self.names.contains(&(crate::objects::kind(object).to_owned(), object.name_any()))
    }
}

/// Deletes the deploy's objects of these parts that are not to be kept; tells which.
pub(crate) async fn prune(site: &Site<'_>, keep: &Keep, parts: &[Part]) -> Result<Vec<String>> {
    let mut pruned = Vec::new();
    for (api, object) in superfluous(site, keep, parts).await? {
        if delete(&api, &object.name_any(), &called(&object)).await? {
            pruned.push(called(&object));
        }
    }
    Ok(pruned)
}

/// The deploy's objects of these parts that are not to be kept.
pub(crate) async fn superfluous(
    site: &Site<'_>,
    keep: &Keep,
    parts: &[Part],
) -> Result<Vec<(Api<DynamicObject>, DynamicObject)>> {
    let versions = KINDS.iter().map(|(version, ..)| (*version).to_owned()).collect();
    let kinds = Kinds::of(site.client, versions).await?;
    let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
    let selector = format!("{},{} in ({})", site.selector(), labels::PART, parts.join(","));
    let mut found = Vec::new();
    for (version, kind, plural) in KINDS {
        if !kinds.knows(version, kind) {
            continue;
        }
        let api = api(site.client, site.namespace, (version, kind, plural));
        let list = api.list_metadata(&ListParams::default().labels(&selector)).await;
        let list = match list {
            // Who may not even look has made none of them.
            Err(error) if code(&error) == Some(403) => continue,
            list => list.asked(|| format!("listing the {plural}"))?,
        };
        for one in list {
            let mut object = DynamicObject::new(&one.name_any(), &resource((version, kind, plural)));
            object.metadata = one.metadata;
            if !keep.holds(&object) {
                found.push((api.clone(), object));
            }
        }
    }
    Ok(found)
}

fn api(client: &Client, namespace: &str, kind: (&str, &str, &str)) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(kind))
}

fn resource((version, kind, plural): (&str, &str, &str)) -> ApiResource {
    let (group, number) = version.rsplit_once('/').unwrap_or(("", version));
    ApiResource {
        group: group.into(),
        version: number.into(),
        api_version: version.into(),
        kind: kind.into(),
        plural: plural.into(),
    }
}

#[cfg(test)]
mod tests {
    use xtask_contract::objects::OF_RELEASES;

    use super::KINDS;

    #[test]
    fn whatever_a_release_may_have_is_deleted_again_but_for_its_namespace() {
        let group = |version: &'static str| version.rsplit_once('/').map_or("", |(group, _)| group);
        for of_releases in OF_RELEASES.iter().filter(|(_, kind)| *kind != "Namespace") {
            assert!(
                KINDS.iter().any(|(version, kind, _)| (group(version), *kind) == *of_releases),
                "{of_releases:?}"
            );
        }
    }
}
