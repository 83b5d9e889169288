//! The schema that a deploy's database was brought to last: where it is the release's, no migration is started, which would
//! find nothing to do.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use serde::{Deserialize, Serialize};
use xtask_contract::{Digest, Release, Result};

use crate::{api_error::ApiContext, service::CLAIM, site::Site};

/// A schema, and the database that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reached {
    /// What stands for the migrations.
    migrations: Digest,
    /// What stands for the database's URL.
    database: String,
    /// The volume of the deploy's own server, which is another one where that began anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume: Option<String>,
}

impl Reached {
    /// What a release's migration brings its database to. Not known where the service does not say which migrations it has,
    /// the deploy's file not which variable names its database, or its own server has no volume that is kept.
    pub(crate) async fn by(site: &Site<'_>, release: &Release) -> Result<Option<Self>> {
        let known = release.migrations.zip(database(release));
        let Some((migrations, database)) = known else { return Ok(None) };
        if release.services.own_postgres().is_none() {
            return Ok(Some(Self { migrations, database, volume: None }));
        }
        let volume = volume(site).await?;
        Ok(volume.map(|volume| Self { migrations, database, volume: Some(volume) }))
    }
}

/// What stands for the URL of a release's database: nothing of it can be read from that.
fn database(release: &Release) -> Option<String> {
    let variable = &release.services.postgres.as_ref()?.variable;
    let in_clear = || release.config.get(variable).map(|url| Digest::of(url).to_string());
    let sealed = release.commitments().remove(variable).map(|commitment| Digest::of(commitment).to_string());
    sealed.or_else(in_clear)
}

async fn volume(site: &Site<'_>) -> Result<Option<String>> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(site.client.clone(), site.namespace);
    let claim = claims.get_metadata_opt(CLAIM).await.asked(|| "looking at the volume of PostgreSQL")?;
    Ok(claim.and_then(|claim| claim.metadata.uid))
}
