//! The deploy's witness on the cluster: a ConfigMap in its namespace.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use serde_json::{from_value, json};
use xtask_contract::{Context, Result, service, witness::Witness};

use super::{Place, api_error::ApiContext, objects};
use crate::Job;

const NAME: &str = "release-witness";

/// The newest release that ran in this namespace.
pub(super) async fn read(client: &Client, place: &Place<'_>) -> Result<Option<Witness>> {
    let doing = || format!("reading the ConfigMap {NAME}");
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), place.namespace);
    let Some(data) = api.get_opt(NAME).await.asked(doing)?.and_then(|map| map.data) else { return Ok(None) };
    let text = data.get("witness.json").map_or("", String::as_str);
    serde_json::from_str(text).map(Some).doing(doing)
}

/// Notes that this release runs.
pub(super) async fn write(client: &Client, place: &Place<'_>, job: &Job<'_>) -> Result<()> {
    let doing = || format!("writing the ConfigMap {NAME}");
    let text = serde_json::to_string(&job.witness()).doing(doing)?;
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": NAME,
            "namespace": place.namespace,
            "labels": {
                "app.kubernetes.io/name": service::NAME,
                "app.kubernetes.io/instance": job.env,
                "app.kubernetes.io/managed-by": "xtask",
            },
        },
        "data": { "witness.json": text },
    });
    objects::apply(client, &from_value(object).doing(doing)?).await
}
