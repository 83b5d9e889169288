//! A release's objects on the cluster: read, applied, deleted.

use super::api_error::ApiContext;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PropagationPolicy,
    },
};
use serde_json::{Map, Value, json};
use xtask_contract::{Context, Error, Result, ledger::Verified, seal, service};

/// The name under which fields are owned on the cluster (server-side apply).
const MANAGER: &str = "xtask";

/// The objects of a release that will be applied as they stand.
pub(super) fn of_release(verified: &Verified) -> Result<Vec<DynamicObject>> {
    let doing = || format!("reading the objects of {}", verified.release.id);
    let text = verified
        .objects
        .as_deref()
        .ok_or_else(|| Error::refused(doing(), "it has none: it was made for another target"))?;
    serde_saphyr::from_multiple(text).doing(doing)
}

/// The kind of an object: `Deployment`.
pub(super) fn kind(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| types.kind.as_str())
}

/// Applies an object: made if it is missing, changed where it differs.
pub(super) async fn apply(client: &Client, object: &DynamicObject) -> Result<()> {
    let params = PatchParams::apply(MANAGER);
    let api = api(client, object)?;
    api.patch(&object.name_any(), &params, &Patch::Apply(object))
        .await
        .map(drop)
        .asked(|| format!("applying the {} {}", kind(object), object.name_any()))
}

/// Deletes an object and what it owns. It is no error if there is none.
pub(super) async fn delete(client: &Client, object: &DynamicObject) -> Result<()> {
    let params =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
    match api(client, object)?.delete(&object.name_any(), &params).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop).asked(|| format!("deleting the {} {}", kind(object), object.name_any())),
    }
}

/// A Secret with these values, marked as the deploy's like all other objects.
pub(super) fn secret<'a>(
    verified: &Verified,
    namespace: &str,
    name: &str,
    immutable: bool,
    values: impl Iterator<Item = (&'a str, &'a seal::Secret)>,
) -> Result<DynamicObject> {
    let data: Map<String, Value> =
        values.map(|(name, value)| (name.to_owned(), Value::from(value.expose()))).collect();
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/name": service::NAME,
                "app.kubernetes.io/instance": verified.release.env,
                "app.kubernetes.io/managed-by": MANAGER,
            },
        },
        "immutable": immutable,
        "stringData": data,
    });
    serde_json::from_value(secret).doing(|| format!("making the Secret {name}"))
}

/// Whether a Secret of this name is there: an immutable one need not be applied again.
pub(super) async fn has_secret(client: &Client, namespace: &str, name: &str) -> Result<bool> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    Ok(api.get_metadata_opt(name).await.asked(|| format!("reading the Secret {name}"))?.is_some())
}

fn api(client: &Client, object: &DynamicObject) -> Result<Api<DynamicObject>> {
    let types = object.types.as_ref().ok_or_else(|| {
        Error::refused("reading a release's objects", format!("{} has no kind", object.name_any()))
    })?;
    let kind =
        GroupVersionKind::try_from(types).doing(|| format!("reading the kind of {}", object.name_any()))?;
    let resource = ApiResource::from_gvk(&kind);
    Ok(match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    })
}
