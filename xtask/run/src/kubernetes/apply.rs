//! Server-side apply under one field manager: what the release says is set, what others own stays theirs.

use std::time::Duration;

use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PropagationPolicy},
};
use serde_json::{Value, json};
use tokio::time;
use xtask_contract::{Error, Exit, Result, labels};

use super::{
    api_error::{ApiContext, code, words},
    conflict::Conflict,
    kinds::Kinds,
    objects::{called, kind},
};

/// The name under which fields are owned on the cluster.
pub(crate) const MANAGER: &str = "xtask";

/// How often an object is applied if no answer comes, and the pause before the next try.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Applies objects on one cluster.
pub(crate) struct Applier<'a> {
    pub(crate) client: &'a Client,
    pub(crate) kinds: &'a Kinds,
    /// The fields that may be taken from whoever owns them.
    pub(crate) take_over: &'a [String],
}

impl Applier<'_> {
    /// Applies objects in their order.
    pub(crate) async fn apply_all(&self, objects: &[DynamicObject]) -> Result<()> {
        for object in objects {
            self.apply(object).await?;
        }
        Ok(())
    }

    /// Applies an object: made if it is missing, changed where it differs.
    pub(crate) async fn apply(&self, object: &DynamicObject) -> Result<DynamicObject> {
        let tried = self.attempt(object, false).await;
        match tried {
            Err(refusal) if refusal.code == Some(422) && self.make_way(object).await? => {
                self.attempt(object, false).await.map_err(|refusal| refusal.error)
            }
            other => other.map_err(|refusal| refusal.error),
        }
    }

    /// Asks what applying an object would make of it, changing nothing.
    pub(crate) async fn dry_run(&self, object: &DynamicObject) -> Result<DynamicObject> {
        let tried = self.attempt(object, true).await;
        match tried {
            // Refused as it stands, but not once the way is made for it.
            Err(refusal) if refusal.code == Some(422) && !self.in_the_way(object).await?.is_empty() => {
                Ok(object.clone())
            }
            other => other.map_err(|refusal| refusal.error),
        }
    }

    async fn attempt(
        &self,
        object: &DynamicObject,
        dry_run: bool,
    ) -> std::result::Result<DynamicObject, Refusal> {
        let api = self.kinds.api(self.client, object)?;
        let params = PatchParams { dry_run, ..PatchParams::apply(MANAGER) };
        let doing = || format!("applying {}", called(object));
        let patch = async |params: &PatchParams| {
            let mut tries = TRIES;
            loop {
                tries -= 1;
                match api.patch(&object.name_any(), params, &Patch::Apply(object)).await {
                    // No answer: whether it was applied or not, applying it again does no harm.
                    Err(error) if code(&error).is_none() && tries > 0 => time::sleep(PAUSE).await,
                    answer => return answer,
                }
            }
        };
        let error = match patch(&params).await {
            Ok(applied) => return Ok(applied),
            Err(error) => error,
        };
        let conflicts = match &error {
            kube::Error::Api(status) => Conflict::all(object, status),
            _ => Vec::new(),
        };
        let foreign: Vec<Conflict> = conflicts.iter().filter(|one| !self.may_take(one)).cloned().collect();
        if !conflicts.is_empty() && foreign.is_empty() {
            return patch(&params.force()).await.map_err(|error| Refusal::of(doing(), &error));
        }
        if foreign.is_empty() {
            Err(Refusal::of(doing(), &error))
        } else {
            Err(conflict(doing(), &foreign, object).into())
        }
    }

    fn may_take(&self, conflict: &Conflict) -> bool {
        conflict.is_ours() || self.take_over.contains(&conflict.field)
    }

    /// Server-side apply cannot take a probe away from a container again: older clusters take what is left of it
    /// for a malformed one. So such probes are removed first, while the Deployment is paused: nothing is rolled out
    /// before the apply that follows, which also ends the pause.
    async fn make_way(&self, object: &DynamicObject) -> Result<bool> {
        let removals = self.in_the_way(object).await?;
        if removals.is_empty() {
            return Ok(false);
        }
        let pause = json!({ "op": "add", "path": "/spec/paused", "value": true });
        let steps = removals.into_iter().map(|path| json!({ "op": "remove", "path": path }));
        let steps: Vec<Value> = std::iter::once(pause).chain(steps).collect();
        let doing = || format!("removing probes of {}", called(object));
        let patch = serde_json::from_value(Value::Array(steps))
            .map_err(|error| Error::failed(doing(), error))
            .map(Patch::<()>::Json)?;
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let api = self.kinds.api(self.client, object)?;
        api.patch(&object.name_any(), &params, &patch).await.asked(doing)?;
        Ok(true)
    }

    /// The probes that the object on the cluster has and this one has not, as JSON pointers.
    async fn in_the_way(&self, object: &DynamicObject) -> Result<Vec<String>> {
        if kind(object) != "Deployment" {
            return Ok(Vec::new());
        }
        let doing = || format!("reading {}", called(object));
        let live = self.kinds.api(self.client, object)?.get_opt(&object.name_any()).await.asked(doing)?;
        Ok(live.map_or_else(Vec::new, |live| probes_to_remove(&live.data, &object.data)))
    }

    /// Deletes an object and what it owns; false if there is none.
    pub(crate) async fn delete(&self, object: &DynamicObject) -> Result<bool> {
        delete(&self.kinds.api(self.client, object)?, &object.name_any(), &called(object)).await
    }
}

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

/// Why the cluster did not take an object.
struct Refusal {
    error: Error,
    code: Option<u16>,
}

impl Refusal {
    fn of(doing: String, error: &kube::Error) -> Self {
        let code = code(error);
        // The cluster has looked at it and said no: that is a check's answer, and nothing was changed.
        let exit = if matches!(code, Some(400 | 403 | 422)) { Exit::Refused } else { Exit::Failed };
        Self { error: Error { exit, ..Error::failed(doing, words(error)) }, code }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, code: None }
    }
}

fn conflict(doing: String, conflicts: &[Conflict], object: &DynamicObject) -> Error {
    let env = object.labels().get(labels::DEPLOY).map_or("ENV", String::as_str);
    let fields: Vec<String> = conflicts.iter().map(|one| format!("--take-over '{}'", one.field)).collect();
    Error::refused_for(doing, conflicts.iter().map(ToString::to_string).collect()).next(format!(
        "put that change into the release (k8s/objects or the deploy's file), or take the field: `cargo xtask run --env {env} {}`",
        fields.join(" ")
    ))
}

fn probes_to_remove(live: &Value, wanted: &Value) -> Vec<String> {
    const CONTAINERS: &str = "/spec/template/spec/containers";
    let containers =
        |of: &Value| of.pointer(CONTAINERS).and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted = containers(wanted);
    let mut found = Vec::new();
    for (place, container) in containers(live).iter().enumerate() {
        let Some(same) = wanted.iter().find(|one| one["name"] == container["name"]) else { continue };
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            if !container[probe].is_null() && same[probe].is_null() {
                found.push(format!("{CONTAINERS}/{place}/{probe}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probes_that_are_no_longer_wanted_are_in_the_way() {
        let with = |probes: &[&str]| {
            let mut container = json!({ "name": "web" });
            for probe in probes {
                container[*probe] = json!({ "httpGet": { "port": 1 } });
            }
            json!({ "spec": { "template": { "spec": { "containers": [{ "name": "other" }, container] } } } })
        };
        let (both, one) = (with(&["startupProbe", "readinessProbe"]), with(&["readinessProbe"]));
        assert_eq!(probes_to_remove(&both, &one), ["/spec/template/spec/containers/1/startupProbe"]);
        assert_eq!(probes_to_remove(&one, &both), [""; 0]);
    }
}
