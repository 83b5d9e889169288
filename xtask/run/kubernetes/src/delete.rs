//! Deletes objects.

use kube::{
    Api,
    api::{DeleteParams, PropagationPolicy},
};
use xtask_contract::Result;

use crate::api_error::{ApiContext, code};

/// Deletes an object by its name, and what it owns; false if there is none.
pub(crate) async fn delete<K>(api: &Api<K>, name: &str, called: &str) -> Result<bool>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let params =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
    match api.delete(name, &params).await {
        Err(error) if code(&error) == Some(404) => Ok(false),
        other => other.map(|_| true).asked(|| format!("deleting {called}")),
    }
}
