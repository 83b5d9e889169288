//! The Secrets that `run` makes from a release's sealed values.

use k8s_openapi::api::core::v1::Secret as KubeSecret;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use std::collections::BTreeMap;

use xtask_contract::{Release, Result, Secret, labels::Part};

use super::{Site, api_error::ApiContext, apply::MANAGER, objects};
use crate::postgres_url::PostgresUrl;

/// A release's secrets, immutable and named by their content: one that is there need not be made again.
pub(crate) async fn of_release(
    site: &Site<'_>,
    release: &Release,
    values: &BTreeMap<String, Secret>,
) -> Result<()> {
    let name = release.secret_name();
    let api: Api<KubeSecret> = Api::namespaced(site.client.clone(), site.namespace);
    if api.get_metadata_opt(&name).await.asked(|| format!("reading the Secret {name}"))?.is_some() {
        return Ok(());
    }
    let values = values.iter().map(|(name, value)| (name.as_str(), value));
    write(site, (&name, Part::Config, true), values).await
}

/// What the deploy's own PostgreSQL server makes its user and database from, when its volume is new.
pub(crate) async fn postgres(site: &Site<'_>, url: &PostgresUrl) -> Result<()> {
    let (user, database) = (Secret::new(&url.user), Secret::new(&url.database));
    let values = [("POSTGRES_USER", &user), ("POSTGRES_PASSWORD", &url.password), ("POSTGRES_DB", &database)];
    write(site, ("postgres", Part::Service, false), values.into_iter()).await
}

async fn write<'a>(
    site: &Site<'_>,
    marks: (&str, Part, bool),
    values: impl Iterator<Item = (&'a str, &'a Secret)>,
) -> Result<()> {
    let secret = objects::secret(site.env, site.namespace, marks, values)?;
    let api: Api<KubeSecret> = Api::namespaced(site.client.clone(), site.namespace);
    let params = PatchParams::apply(MANAGER).force();
    let doing = || format!("writing the Secret {}", marks.0);
    api.patch(marks.0, &params, &Patch::Apply(&secret)).await.map(drop).asked(doing)
}
