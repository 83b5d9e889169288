//! Deletes what earlier releases have left and no later one needs, found by its labels.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams},
};
use xtask_contract::{
    Error, Ledger, Release, ReleaseId, Result,
    labels::{self, Part},
};

use crate::{
    api_error::{ApiContext, code},
    checks::AT_ONCE,
    delete::delete,
    kinds::Kinds,
    objects::{Objects, called},
    site::Site,
};

/// The kinds that any release may have objects of: version and kind.
const KINDS: [(&str, &str); 12] = [
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("networking.k8s.io/v1", "Ingress"),
    ("apps/v1", "StatefulSet"),
];

/// What the deploy keeps on its cluster.
#[derive(Debug)]
pub(crate) struct Keep {
    names: BTreeSet<(String, String)>,
    /// The kinds that the release before had objects of, whether the deploy's rules still allow them or not.
    kinds: BTreeSet<(String, String)>,
}

impl Keep {
    /// The objects of one release, and the config of this many of the newest ones, for a rollback. `before` are the objects
    /// that the deploy was brought to last.
    pub(crate) fn of(
        release: &Release,
        objects: &Objects,
        before: Option<&Objects>,
        ledger: &Ledger,
        newest: usize,
    ) -> Self {
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
        Self { names, kinds: before.map(|objects| objects.kinds.clone()).unwrap_or_default() }
    }

    /// Keeps nothing.
    pub(crate) fn nothing() -> Self {
        Self { names: BTreeSet::new(), kinds: BTreeSet::new() }
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
    let further = site.further.iter().map(|kind| (kind.version(), kind.kind()));
    let before = keep.kinds.iter().map(|(version, kind)| (version.as_str(), kind.as_str()));
    let wanted: BTreeSet<(&str, &str)> = KINDS.into_iter().chain(further).chain(before).collect();
    let versions = wanted.iter().map(|(version, _)| (*version).to_owned()).collect();
    let kinds = Kinds::of(site.client, versions).await?;
    let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
    let selector = format!("{},{} in ({})", site.selector(), labels::PART, parts.join(","));
    let lists =
        wanted.into_iter().filter_map(|(version, kind)| kinds.namespaced(version, kind)).map(|resource| {
            let api: Api<DynamicObject> = Api::namespaced_with(site.client.clone(), site.namespace, resource);
            let selector = &selector;
            async move {
                let list = match api.list_metadata(&ListParams::default().labels(selector)).await {
                    // Without the right even to look, this user has made none of them.
                    Err(error) if code(&error) == Some(403) => Vec::new(),
                    list => list.asked(|| format!("listing the {}", resource.plural))?.items,
                };
                Ok::<_, Error>((api, resource, list))
            }
        });
    let lists: Vec<_> = stream::iter(lists).buffered(AT_ONCE).try_collect().await?;
    let mut found = Vec::new();
    for (api, resource, list) in lists {
        for one in list {
            let mut object = DynamicObject::new(&one.name_any(), resource);
            object.metadata = one.metadata;
            if !keep.holds(&object) {
                found.push((api.clone(), object));
            }
        }
    }
    Ok(found)
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
                KINDS.iter().any(|(version, kind)| (group(version), *kind) == *of_releases),
                "{of_releases:?}"
            );
        }
    }
}
