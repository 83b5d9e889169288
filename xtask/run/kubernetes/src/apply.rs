//! Server-side apply under one field manager: what the release says is set, what others own stays theirs.

use std::{borrow::Cow, time::Duration};

use kube::{
    Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::time;
use xtask_contract::{Error, Release, Result};

use crate::{
    api_error::{ApiContext, code},
    conflict::Conflict,
    content,
    delete::delete,
    drift::{self, Finding, How},
    kinds::Kinds,
    managers::{MANAGER, SCALE_MANAGER},
    objects::{Objects, called, kind},
    refusal::{Foreign, Refusal},
    scale,
};

/// How often an object is applied if no answer comes, and the pause before the next try.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Applies objects on one cluster.
pub(crate) struct Applier<'a> {
    pub(crate) client: &'a Client,
    pub(crate) kinds: &'a Kinds,
    /// The fields that may be taken from their managers.
    pub(crate) take_over: &'a [String],
    /// The objects that the deploy was brought to last, if they are known.
    pub(crate) before: Option<&'a Objects>,
    /// The release, which says how many processes there are of each type at their first start.
    pub(crate) release: Option<&'a Release>,
}

/// What the cluster says to an object without taking it.
pub(crate) struct Look {
    /// The object as it is.
    pub(crate) live: Option<DynamicObject>,
    /// The object as it would be.
    pub(crate) after: DynamicObject,
    /// What of it is not as it is to be, and by whom.
    pub(crate) found: Vec<Finding>,
    /// The fields that would be taken from somebody.
    pub(crate) taken: Vec<String>,
    /// Whether it is made anew, since it has not the content that its name stands for.
    pub(crate) remade: bool,
}

impl Look {
    /// Whether applying the object would leave all of it as it is, down to who has set what.
    pub(crate) fn changes_nothing(&self) -> bool {
        let live = self.live.as_ref();
        live == Some(&self.after)
            && !self.remade
            && self.taken.is_empty()
            && live.and_then(scale::to_hand_over).is_none()
    }
}

impl Applier<'_> {
    /// Applies objects in their order.
    pub(crate) async fn apply_all(&self, objects: &[DynamicObject]) -> Result<()> {
        for object in objects {
            self.apply(object).await?;
        }
        Ok(())
    }

    /// Applies an object: made if it is missing, changed where it differs. Fields that are to be taken and that the
    /// release does not set are deleted.
    pub(crate) async fn apply(&self, object: &DynamicObject) -> Result<DynamicObject> {
        let mut live = self.live(object).await?;
        let object: &DynamicObject = &with_selector_of(live.as_ref(), object);
        if live.as_ref().is_some_and(|live| is_remade(object, live)) {
            self.delete(object).await?;
            live = None;
        }
        let found = self.found(object, live.as_ref());
        self.remove(object, live.as_ref(), &found).await?;
        if let Some(number) = live.as_ref().and_then(scale::to_hand_over) {
            self.hand_over(object, number).await?;
        }
        let Some(number) = self.first_number(object, live.as_ref()) else {
            return self.apply_to(object, live.as_ref(), &found).await;
        };
        let applied = self.apply_to(&scale::with_number(object, number), None, &found).await?;
        self.hand_over(object, number).await.map(|()| applied)
    }

    async fn apply_to(
        &self,
        object: &DynamicObject,
        live: Option<&DynamicObject>,
        found: &[Finding],
    ) -> Result<DynamicObject> {
        let tried = self.attempt(object, found, false).await;
        let tried = match tried {
            Err(refusal) if refusal.code == Some(422) && self.make_way(object, live).await? => {
                self.attempt(object, found, false).await
            }
            other => other,
        };
        tried.map(|(applied, _)| applied).map_err(Refusal::into_error)
    }

    /// How many processes there are to be of a type that is not there yet.
    fn first_number(&self, object: &DynamicObject, live: Option<&DynamicObject>) -> Option<u32> {
        let process = self.release?.processes.get(&object.name_any())?;
        (live.is_none() && kind(object) == "Deployment").then_some(process.count)
    }

    /// Leaves the number of processes to the operator who scales: without another owner it would fall back to one as soon as the
    /// Deployment is applied without it.
    async fn hand_over(&self, object: &DynamicObject, number: u32) -> Result<()> {
        let api = self.kinds.api(self.client, object)?;
        let params = PatchParams::apply(SCALE_MANAGER);
        let own = scale::own(object, number);
        match api.patch(&object.name_any(), &params, &Patch::Apply(&own)).await {
            // It has an owner already: somebody was quicker to change it.
            Err(error) if code(&error) == Some(409) => Ok(()),
            other => other.map(drop).asked(|| format!("scaling {} to {number}", called(object))),
        }
    }

    /// Asks what applying an object would make of it, changing nothing. What somebody has set or added by hand is
    /// refused, unless it is to be taken.
    pub(crate) async fn dry_run(&self, object: &DynamicObject) -> std::result::Result<Look, Refusal> {
        let live = self.live(object).await?;
        let object: &DynamicObject = &with_selector_of(live.as_ref(), object);
        if live.as_ref().is_some_and(|live| is_remade(object, live)) {
            let (found, taken) = (Vec::new(), Vec::new());
            return Ok(Look { live, after: object.clone(), found, taken, remade: true });
        }
        let found = self.found(object, live.as_ref());
        let by_hand = found.iter().filter(|one| one.is_foreign());
        let (mut taken, foreign): (Vec<Foreign>, Vec<Foreign>) = by_hand
            .map(|one| Foreign { field: one.field.clone(), line: format!("{} {one}", called(object)) })
            .partition(|one| self.take_over.contains(&one.field));
        let tried = match (self.attempt(object, &found, true).await, &live) {
            // One that was given is taken as it is.
            (Err(_), Some(live)) if kind(object) == "Namespace" => Ok((live.clone(), Vec::new())),
            (tried, _) => tried,
        };
        let after = match tried {
            Ok((after, also_taken)) => {
                taken.extend(also_taken);
                after
            }
            // Refused as it stands, but not once the way is made for it.
            Err(refusal) if refusal.code == Some(422) && !in_the_way(object, live.as_ref()).is_empty() => {
                object.clone()
            }
            Err(refusal) => return Err(refusal.with(foreign)),
        };
        if foreign.is_empty() {
            let taken = taken.into_iter().map(|one| one.field).collect();
            let after = self.without_removed(object, after);
            return Ok(Look { live, after, found, taken, remade: false });
        }
        Err(Refusal::by_hand(format!("applying {}", called(object)), foreign))
    }

    /// The object on the cluster. A user without the right to look at namespaces is given one.
    async fn live(&self, object: &DynamicObject) -> Result<Option<DynamicObject>> {
        match self.kinds.api(self.client, object)?.get_opt(&object.name_any()).await {
            Err(error) if code(&error) == Some(403) && kind(object) == "Namespace" => Ok(None),
            live => live.asked(|| format!("reading {}", called(object))),
        }
    }

    /// What of the object on the cluster is not as it is to be.
    fn found(&self, object: &DynamicObject, live: Option<&DynamicObject>) -> Vec<Finding> {
        let before = self.before.and_then(|objects| objects.find(object));
        live.map_or_else(Vec::new, |live| drift::findings(object, before, live))
    }

    async fn attempt(
        &self,
        object: &DynamicObject,
        found: &[Finding],
        dry_run: bool,
    ) -> std::result::Result<(DynamicObject, Vec<Foreign>), Refusal> {
        let api = self.kinds.api(self.client, object)?;
        let params = PatchParams { dry_run, ..PatchParams::apply(MANAGER) }.validation_strict();
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
            Ok(applied) => return Ok((applied, Vec::new())),
            Err(error) => error,
        };
        let conflicts = match &error {
            kube::Error::Api(status) => Conflict::all(object, status),
            _ => Vec::new(),
        };
        if conflicts.is_empty() {
            return Err(Refusal::of(doing(), &error));
        }
        let others = conflicts.iter().filter(|one| !one.is_ours() && !one.is_settled(found));
        let (taken, foreign): (Vec<Foreign>, Vec<Foreign>) =
            others.map(|one| one.foreign(found)).partition(|one| self.take_over.contains(&one.field));
        if !foreign.is_empty() {
            return Err(Refusal::by_hand(doing(), foreign));
        }
        let applied = patch(&params.force()).await.map_err(|error| Refusal::of(doing(), &error))?;
        Ok((applied, taken))
    }

    /// The fields that go before the object is applied: additions that are to be taken, and what only the release before
    /// had.
    fn to_remove<'f>(&self, found: &'f [Finding]) -> Vec<&'f Finding> {
        let goes = |one: &&Finding| {
            one.how == How::LeftOver || (one.how == How::Added && self.take_over.contains(&one.field))
        };
        found.iter().filter(goes).collect()
    }

    async fn remove(
        &self,
        object: &DynamicObject,
        live: Option<&DynamicObject>,
        found: &[Finding],
    ) -> Result<()> {
        let steps = drift::removals(&self.to_remove(found));
        let (Some(live), false) = (live, steps.is_empty()) else { return Ok(()) };
        // The places are those in just this version of the object.
        let version =
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version() });
        let steps = std::iter::once(version).chain(steps).collect();
        self.patch_before(object, steps, "removing what was added to").await
    }

    /// The object as it would be, without what is removed before it is applied.
    fn without_removed(&self, object: &DynamicObject, after: DynamicObject) -> DynamicObject {
        let found = self.found(object, Some(&after));
        drift::without(&self.to_remove(&found), after)
    }

    /// Server-side apply cannot take a probe away from a container again: older clusters take what is left of it
    /// for a malformed one. So such probes are removed first.
    async fn make_way(&self, object: &DynamicObject, live: Option<&DynamicObject>) -> Result<bool> {
        let removals = in_the_way(object, live);
        if removals.is_empty() {
            return Ok(false);
        }
        let steps = removals.into_iter().map(|path| json!({ "op": "remove", "path": path })).collect();
        self.patch_before(object, steps, "removing probes of").await.map(|()| true)
    }

    /// Changes an object just before it is applied. A Deployment is paused meanwhile: nothing is rolled out before the
    /// apply that follows, which also ends the pause.
    async fn patch_before(&self, object: &DynamicObject, mut steps: Vec<Value>, what: &str) -> Result<()> {
        if kind(object) == "Deployment" {
            steps.push(json!({ "op": "add", "path": "/spec/paused", "value": true }));
        }
        let doing = || format!("{what} {}", called(object));
        let patch = serde_json::from_value(Value::Array(steps))
            .map_err(|error| Error::failed(doing(), error))
            .map(Patch::<()>::Json)?;
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let api = self.kinds.api(self.client, object)?;
        api.patch(&object.name_any(), &params, &patch).await.map(drop).asked(doing)
    }

    /// Deletes an object and what it owns; false if there is none.
    pub(crate) async fn delete(&self, object: &DynamicObject) -> Result<bool> {
        delete(&self.kinds.api(self.client, object)?, &object.name_any(), &called(object)).await
    }
}

/// Whether the object on the cluster is to be made anew.
fn is_remade(object: &DynamicObject, live: &DynamicObject) -> bool {
    content::is_named_by_it(object) && content::is_other(object, live)
}

/// A workload as it can be applied: its selector cannot be changed, so that the one of an earlier release stays.
fn with_selector_of<'a>(live: Option<&DynamicObject>, object: &'a DynamicObject) -> Cow<'a, DynamicObject> {
    let own = |object: &DynamicObject| object.data.pointer("/spec/selector").cloned();
    let workload = ["Deployment", "StatefulSet", "DaemonSet"].contains(&kind(object));
    match live.and_then(own).filter(|selector| workload && own(object).as_ref() != Some(selector)) {
        None => Cow::Borrowed(object),
        Some(selector) => {
            let mut object = object.clone();
            object.data["spec"]["selector"] = selector;
            Cow::Owned(object)
        }
    }
}

/// The probes that the object on the cluster has and this one has not, as JSON pointers.
fn in_the_way(object: &DynamicObject, live: Option<&DynamicObject>) -> Vec<String> {
    let live = live.filter(|_| kind(object) == "Deployment");
    live.map_or_else(Vec::new, |live| probes_to_remove(&live.data, &object.data))
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
    fn the_selector_of_a_workload_that_is_there_stays_and_any_other_is_changed() {
        let object = |kind: &str, instance: &str| -> DynamicObject {
            let selector = json!({ "component": "web", "instance": instance });
            serde_json::from_value(json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": "web" },
                "spec": { "selector": selector, "paused": instance.is_empty() } }))
            .unwrap()
        };
        let applied = |kind: &str, live: Option<&DynamicObject>| {
            with_selector_of(live, &object(kind, "dev")).data["spec"].clone()
        };
        let kept = json!({ "selector": { "component": "web", "instance": "" }, "paused": false });
        assert_eq!(applied("Deployment", Some(&object("Deployment", ""))), kept);
        assert_eq!(applied("Deployment", None)["selector"]["instance"], "dev");
        assert_eq!(applied("Service", Some(&object("Service", "")))["selector"]["instance"], "dev");
    }

    #[test]
    fn an_object_is_left_alone_only_where_all_of_it_would_stay_as_it_is() {
        let object = |manager: &str, data: &str| -> DynamicObject {
            let set = json!([{ "manager": manager, "operation": "Apply", "fieldsV1": { "f:data": { "f:A": {} } } }]);
            serde_json::from_value(json!({ "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": { "name": "c", "managedFields": set }, "data": { "A": data } }))
            .unwrap()
        };
        let look = |live: Option<DynamicObject>, after: DynamicObject| Look {
            live,
            after,
            found: Vec::new(),
            taken: Vec::new(),
            remade: false,
        };
        let same = || look(Some(object(MANAGER, "1")), object(MANAGER, "1"));
        assert!(same().changes_nothing());
        assert!(!look(None, object(MANAGER, "1")).changes_nothing(), "it is made");
        assert!(!look(Some(object(MANAGER, "2")), object(MANAGER, "1")).changes_nothing());
        assert!(
            !look(Some(object("kubectl", "1")), object(MANAGER, "1")).changes_nothing(),
            "it gets an owner"
        );
        assert!(!Look { remade: true, ..same() }.changes_nothing());
        assert!(!Look { taken: vec![".data.A".into()], ..same() }.changes_nothing());
    }

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
