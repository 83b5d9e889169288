//! The Secrets that `run` makes from a release's sealed values.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret as KubeSecret};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use xtask_contract::{Release, Result, Secret, ServiceName, labels::Part};

use crate::{
    api_error::{ApiContext, code},
    content,
    delete::delete,
    managers::MANAGER,
    objects,
    site::Site,
};
use xtask_run::PostgresUrl;

/// How a release's Secret stands on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It is as the release says, as far as that can be told.
    InStep,
    /// There is none.
    Missing,
    /// It has not the content that its name stands for: a line that says so.
    Other(String),
}

/// Looks at a release's Secret; `values` are what it is to hold, where they can be opened here.
pub(crate) async fn look(
    site: &Site<'_>,
    release: &Release,
    values: Option<&BTreeMap<String, Secret>>,
) -> Result<Stand> {
    let name = release.secret_name();
    let api: Api<KubeSecret> = Api::namespaced(site.client.clone(), site.namespace);
    match api.get_opt(&name).await {
        // Without the right to look nothing can be told.
        Err(error) if code(&error) == Some(403) => Ok(Stand::InStep),
        live => Ok(stand(live.asked(|| format!("reading the Secret {name}"))?.as_ref(), &name, values)),
    }
}

fn stand(live: Option<&KubeSecret>, name: &str, values: Option<&BTreeMap<String, Secret>>) -> Stand {
    let Some(live) = live else { return Stand::Missing };
    let is_other = match values {
        Some(values) => live.data.clone().unwrap_or_default() != bytes(values),
        // Another field manager that has set the content is unlikely to have known the values.
        None => content::set_by(&live.metadata).is_some(),
    };
    if is_other {
        Stand::Other(format!("secret/{name} {}", content::words(&live.metadata)))
    } else {
        Stand::InStep
    }
}

fn bytes(values: &BTreeMap<String, Secret>) -> BTreeMap<String, ByteString> {
    let bytes = |value: &Secret| ByteString(value.expose().as_bytes().to_vec());
    values.iter().map(|(name, value)| (name.clone(), bytes(value))).collect()
}

/// A release's secrets, immutable and named by their content: one that is there need not be made again, unless it has
/// another content. Tells whether it had.
pub(crate) async fn of_release(
    site: &Site<'_>,
    release: &Release,
    values: &BTreeMap<String, Secret>,
) -> Result<bool> {
    let name = release.secret_name();
    let stand = look(site, release, Some(values)).await?;
    if matches!(stand, Stand::Other(_)) {
        let api: Api<KubeSecret> = Api::namespaced(site.client.clone(), site.namespace);
        delete(&api, &name, &format!("the Secret {name}")).await?;
    }
    if stand != Stand::InStep {
        let values = values.iter().map(|(name, value)| (name.as_str(), value));
        write(site, release.service.as_ref(), (&name, Part::Config, true), values).await?;
    }
    Ok(matches!(stand, Stand::Other(_)))
}

/// What the deploy's own PostgreSQL server makes its user and database from, when its volume is new.
pub(crate) async fn postgres(
    site: &Site<'_>,
    service: Option<&ServiceName>,
    url: &PostgresUrl,
) -> Result<()> {
    let (user, database) = (Secret::new(&url.user), Secret::new(&url.database));
    let values = [("POSTGRES_USER", &user), ("POSTGRES_PASSWORD", &url.password), ("POSTGRES_DB", &database)];
    write(site, service, ("postgres", Part::Service, false), values.into_iter()).await
}

async fn write<'a>(
    site: &Site<'_>,
    service: Option<&ServiceName>,
    marks: (&str, Part, bool),
    values: impl Iterator<Item = (&'a str, &'a Secret)>,
) -> Result<()> {
    let secret = objects::secret((site.env, site.namespace), service, marks, values)?;
    let api: Api<KubeSecret> = Api::namespaced(site.client.clone(), site.namespace);
    let params = PatchParams::apply(MANAGER).force();
    let doing = || format!("writing the Secret {}", marks.0);
    api.patch(marks.0, &params, &Patch::Apply(&secret)).await.map(drop).asked(doing)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn live(data: &Value, manager: &str) -> Option<KubeSecret> {
        let entry = json!({ "manager": manager, "fieldsV1": { "f:data": { "f:A": {} } } });
        from_value(json!({ "metadata": { "name": "s", "managedFields": [entry] }, "data": data })).ok()
    }

    #[test]
    fn a_secret_is_compared_by_its_values_and_by_who_made_it_where_they_are_not_known() {
        let values = BTreeMap::from([("A".to_owned(), Secret::new("canary"))]);
        let right = json!({ "A": "Y2FuYXJ5" });
        let is_other = |live: Option<KubeSecret>, values: Option<&BTreeMap<String, Secret>>| matches!(stand(live.as_ref(), "s", values), Stand::Other(line) if !line.contains("canary"));
        assert!(is_other(live(&json!({ "A": "b3RoZXI=" }), "kubectl-create"), Some(&values)));
        assert!(is_other(live(&json!({ "A": "Y2FuYXJ5", "B": "" }), "xtask"), Some(&values)));
        assert!(!is_other(live(&right, "kubectl-create"), Some(&values)));
        assert!(is_other(live(&right, "kubectl-create"), None));
        assert!(!is_other(live(&right, "xtask"), None));
        assert_eq!(stand(None, "s", Some(&values)), Stand::Missing);
    }
}
