//! What a deploy remembers on its cluster: small documents, each in a ConfigMap of its namespace.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use xtask_contract::{Context, ReleaseId, Result, labels, last_deployed::LastDeployed, objects::RECORDS};

use crate::{api_error::ApiContext, delete::delete, managers::MANAGER, schema::Reached, site::Site};
use xtask_run::{FailureRecord, History, Outcome};

/// The names of the documents' objects.
const LAST_DEPLOYED: &str = RECORDS[0];
const HISTORY: &str = RECORDS[1];
const FAILED: &str = RECORDS[2];
const SCHEMA: &str = RECORDS[3];

/// How many failed releases are remembered.
const MOST_FAILED: usize = 10;

/// The newest release that ran in this namespace.
pub(crate) async fn last_deployed(site: &Site<'_>) -> Result<Option<LastDeployed>> {
    read(site, LAST_DEPLOYED, "witness.json").await
}

/// Notes that a release runs.
pub(crate) async fn write_last_deployed(site: &Site<'_>, last_deployed: &LastDeployed) -> Result<()> {
    write(site, LAST_DEPLOYED, "witness.json", last_deployed).await
}

/// What befell the deploy's releases.
pub(crate) async fn history(site: &Site<'_>) -> Result<History> {
    match read(site, HISTORY, "history.json").await? {
        Some(history) => Ok(history),
        None => Ok(History::begun_by(last_deployed(site).await?.as_ref())),
    }
}

/// Notes that a release has run, or failed to.
pub(crate) async fn add_to_record(site: &Site<'_>, release: ReleaseId, outcome: Outcome) -> Result<()> {
    let before = history(site).await?;
    let mut after = before.clone();
    after.add(release, outcome);
    if after == before { Ok(()) } else { write(site, HISTORY, "history.json", &after).await }
}

/// The releases that failed, the newest last.
pub(crate) async fn failure_records(site: &Site<'_>) -> Result<Vec<FailureRecord>> {
    Ok(read(site, FAILED, "receipts.json").await?.unwrap_or_default())
}

/// Notes that a release failed.
pub(crate) async fn add_failure_record(site: &Site<'_>, failure_record: FailureRecord) -> Result<()> {
    let mut all = failure_records(site).await?;
    all.push(failure_record);
    all.drain(..all.len().saturating_sub(MOST_FAILED));
    write(site, FAILED, "receipts.json", &all).await
}

/// The schema that the deploy's database was brought to last, if that is known.
pub(crate) async fn schema(site: &Site<'_>) -> Result<Option<Reached>> {
    read(site, SCHEMA, "schema.json").await
}

/// Notes which schema the deploy's database was brought to.
pub(crate) async fn write_schema(site: &Site<'_>, reached: &Reached) -> Result<()> {
    write(site, SCHEMA, "schema.json", reached).await
}

/// Forgets which schema the deploy's database was brought to: the next release brings it to its own.
pub(crate) async fn forget_schema(site: &Site<'_>) -> Result<()> {
    let api: Api<ConfigMap> = Api::namespaced(site.client.clone(), site.namespace);
    delete(&api, SCHEMA, &format!("the ConfigMap {SCHEMA}")).await.map(drop)
}

/// Forgets what ran here, for a deploy that starts over.
pub(crate) async fn forget(site: &Site<'_>) -> Result<()> {
    let api: Api<ConfigMap> = Api::namespaced(site.client.clone(), site.namespace);
    for name in RECORDS {
        delete(&api, name, &format!("the ConfigMap {name}")).await?;
    }
    Ok(())
}

async fn read<T: DeserializeOwned>(site: &Site<'_>, name: &str, key: &str) -> Result<Option<T>> {
    let doing = || format!("reading the ConfigMap {name}");
    let api: Api<ConfigMap> = Api::namespaced(site.client.clone(), site.namespace);
    let Some(data) = api.get_opt(name).await.asked(doing)?.and_then(|map| map.data) else { return Ok(None) };
    serde_json::from_str(data.get(key).map_or("", String::as_str)).map(Some).doing(doing)
}

async fn write<T: Serialize>(site: &Site<'_>, name: &str, key: &str, document: &T) -> Result<()> {
    let doing = || format!("writing the ConfigMap {name}");
    let api: Api<ConfigMap> = Api::namespaced(site.client.clone(), site.namespace);
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "labels": labels::of(site.env, None) },
        "data": { key: serde_json::to_string(document).doing(doing)? },
    });
    // By force, if another field manager has written to it: only `run` may say what a deploy has run.
    let params = PatchParams::apply(MANAGER).force();
    api.patch(name, &params, &Patch::Apply(object)).await.map(drop).asked(doing)
}
