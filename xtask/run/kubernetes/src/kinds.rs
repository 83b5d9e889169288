//! Which kinds of objects a cluster knows.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::{Api, Client, ResourceExt, api::DynamicObject, core::ApiResource};
use xtask_contract::{Error, Result, labels};

use crate::{
    api_error::{ApiContext, code},
    objects::{Objects, called, kind},
};

/// The kinds that a cluster knows, as far as they were asked for.
#[derive(Debug, Clone)]
pub(crate) struct Kinds {
    known: BTreeMap<(String, String), (ApiResource, bool)>,
}

impl Kinds {
    /// Asks for the kinds of these versions: `apps/v1`.
    pub(crate) async fn of(client: &Client, versions: BTreeSet<String>) -> Result<Self> {
        let lists = versions.iter().map(|version| async move {
            match resources(client, version).await {
                Ok(list) => Ok((version, list.resources)),
                Err(error) if code(&error) == Some(404) => Ok((version, Vec::new())),
                Err(error) => {
                    Err(error).asked(|| format!("asking which kinds of {version} the cluster knows"))
                }
            }
        });
        let mut known = BTreeMap::new();
        for (version, resources) in try_join_all(lists).await? {
            let (group, number) = version.rsplit_once('/').unwrap_or(("", version));
            for one in resources.into_iter().filter(|one| !one.name.contains('/')) {
                let resource = ApiResource {
                    group: group.to_owned(),
                    version: number.to_owned(),
                    api_version: version.clone(),
                    kind: one.kind.clone(),
                    plural: one.name,
                };
                known.insert((version.clone(), one.kind), (resource, one.namespaced));
            }
        }
        Ok(Self { known })
    }

    /// The kinds of these objects.
    pub(crate) async fn of_objects(client: &Client, objects: &Objects) -> Result<Self> {
        let versions = objects.all().filter_map(|object| object.types.as_ref());
        Self::of(client, versions.map(|types| types.api_version.clone()).collect()).await
    }

    fn find(&self, object: &DynamicObject) -> Option<&(ApiResource, bool)> {
        let types = object.types.as_ref()?;
        self.known.get(&(types.api_version.clone(), types.kind.clone()))
    }

    /// The resource of a kind whose objects are in namespaces.
    pub(crate) fn namespaced(&self, version: &str, kind: &str) -> Option<&ApiResource> {
        let (resource, namespaced) = self.known.get(&(version.to_owned(), kind.to_owned()))?;
        namespaced.then_some(resource)
    }

    /// The resource of an object: `deployments` of `apps/v1`.
    pub(crate) fn resource(&self, object: &DynamicObject) -> Option<&ApiResource> {
        self.find(object).map(|(resource, _)| resource)
    }

    /// Access to the objects of this one's kind.
    pub(crate) fn api(&self, client: &Client, object: &DynamicObject) -> Result<Api<DynamicObject>> {
        let (resource, namespaced) = self.find(object).ok_or_else(|| unknown(object))?;
        Ok(match object.namespace().filter(|_| *namespaced) {
            Some(namespace) => Api::namespaced_with(client.clone(), &namespace, resource),
            None => Api::all_with(client.clone(), resource),
        })
    }

    /// Leaves out what the cluster has no kind for, where the deploy can do without; gives back what that is.
    pub(crate) fn leave_out(&self, objects: &mut Objects) -> Vec<String> {
        let missing = |object: &DynamicObject| self.find(object).is_none() && is_optional(object);
        let out = objects.all().filter(|object| missing(object)).map(|object| {
            let version = object.types.as_ref().map_or("", |types| types.api_version.as_str());
            format!("{} is left out: the cluster knows no {} of {version}", called(object), kind(object))
        });
        let out = out.collect();
        objects.retain(|object| !missing(object));
        out
    }

    /// What keeps objects from being applied: a kind that the cluster does not know, or whose objects are in no namespace,
    /// and so not the deploy's, but for that itself.
    pub(crate) fn problems(&self, objects: &Objects) -> Vec<String> {
        let problem = |object: &DynamicObject| match self.find(object) {
            None => Some(unknown(object).why.concat()),
            Some((_, false)) if kind(object) != "Namespace" => {
                Some(format!("{}: objects of its kind are the cluster's, in no namespace", called(object)))
            }
            Some(_) => None,
        };
        objects.all().filter_map(problem).collect()
    }
}

fn is_optional(object: &DynamicObject) -> bool {
    object.annotations().get(labels::OPTIONAL).is_some_and(|value| value == "true")
}

fn unknown(object: &DynamicObject) -> Error {
    let version = object.types.as_ref().map_or("", |types| types.api_version.as_str());
    let why = format!("{}: the cluster knows no {} of {version}", called(object), kind(object));
    Error::refused("looking for the kinds of the release's objects", why)
}

async fn resources(client: &Client, version: &str) -> kube::Result<APIResourceList> {
    if version.contains('/') {
        client.list_api_group_resources(version).await
    } else {
        client.list_core_api_resources(version).await
    }
}
