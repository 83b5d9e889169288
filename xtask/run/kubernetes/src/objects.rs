//! A release's objects, by the moment at which they are applied.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use kube::{ResourceExt, api::DynamicObject};
use serde_json::json;
use xtask_contract::{
    Context, EnvName, Error, ObjectKind, Release, Result, ServiceName,
    labels::{self, Part},
    last_deployed::LastDeployed,
    ledger::Verified,
    objects::{Allowed, Object},
};
use xtask_run::Job;

/// The objects of a release that will be applied as they stand.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) namespace: Vec<DynamicObject>,
    /// The release's config, in an object of its own.
    pub(crate) config: Vec<DynamicObject>,
    /// The backing services.
    pub(crate) services: Vec<DynamicObject>,
    pub(crate) migration: Vec<DynamicObject>,
    /// All that changes at the moment of the release.
    pub(crate) processes: Vec<DynamicObject>,
    /// Of which kinds the release has objects, those included that the deploy's rules no longer allow: version and kind.
    pub(crate) kinds: BTreeSet<(String, String)>,
}

impl Objects {
    /// The objects of a release that is to be applied. One that holds others than a release may is refused.
    pub(crate) fn of(verified: &Verified, further: &[ObjectKind]) -> Result<Self> {
        let doing = || format!("reading the objects of {}", verified.release.id);
        let (text, allowed) = told_by(&verified.release, verified.objects.as_deref(), further, doing)?;
        Self::parse(text, &allowed, doing).map_err(|error| {
            let env = &verified.release.env;
            error
                .next(format!("`cargo xtask release --env {env}` makes a release with its own objects alone"))
        })
    }

    /// The objects of a release that has been applied, as far as a release may have them: of nothing else is asked.
    pub(crate) fn applied(release: &Release, objects: Option<&str>, further: &[ObjectKind]) -> Result<Self> {
        let doing = || format!("reading the objects of {}", release.id);
        let (text, allowed) = told_by(release, objects, further, doing)?;
        let mut all: Vec<DynamicObject> = serde_saphyr::from_multiple(text).doing(doing)?;
        let types = all.iter().filter_map(|object| object.types.clone());
        let kinds = types.map(|types| (types.api_version, types.kind)).collect();
        all.retain(|object| misplaced(&allowed, object).is_none());
        Ok(Self { kinds, ..Self::sorted(all) })
    }

    /// The objects that the deploy was brought to last, where they can still be read.
    pub(crate) fn last_applied(job: &Job<'_>, last_deployed: Option<&LastDeployed>) -> Option<Self> {
        let verified = job.ledger.load(last_deployed?.id).ok()?;
        Self::applied(&verified.release, verified.objects.as_deref(), &job.vouched.policy().kinds).ok()
    }

    /// The objects in YAML documents; if there are others than these, it is refused.
    pub(crate) fn parse(text: &str, allowed: &Allowed, doing: impl Fn() -> String) -> Result<Self> {
        let all: Vec<DynamicObject> = serde_saphyr::from_multiple(text).doing(&doing)?;
        let mut problems = Vec::new();
        for object in &all {
            problems.extend(allowed.objection_to(&serde_json::to_value(object).doing(&doing)?));
        }
        if problems.is_empty() { Ok(Self::sorted(all)) } else { Err(Error::refused_for(doing(), problems)) }
    }

    fn sorted(all: Vec<DynamicObject>) -> Self {
        let mut sorted = Self::default();
        for mut object in all {
            // Earlier releases said how many processes there are. That belongs to the operator who scales the deploy,
            // or to its autoscaler.
            if kind(&object) == "Deployment"
                && let Some(spec) = object.data.get_mut("spec").and_then(serde_json::Value::as_object_mut)
            {
                spec.remove("replicas");
            }
            sorted.place_of(&object).push(object);
        }
        sorted
    }

    /// Objects say themselves what they are part of; those of earlier releases did not yet.
    fn place_of(&mut self, object: &DynamicObject) -> &mut Vec<DynamicObject> {
        let part = object.labels().get(labels::PART).and_then(|part| Part::of(part));
        match (part, kind(object)) {
            (Some(Part::Namespace), _) | (None, "Namespace") => &mut self.namespace,
            (Some(Part::Config), _) => &mut self.config,
            (Some(Part::Migration), _) | (None, "Job") => &mut self.migration,
            (Some(Part::Process), _) | (None, "Deployment") => &mut self.processes,
            (Some(Part::Service | Part::Admin | Part::Logging) | None, _) => &mut self.services,
        }
    }

    /// All of them, in the order of application.
    pub(crate) fn all(&self) -> impl Iterator<Item = &DynamicObject> {
        let before = self.namespace.iter().chain(&self.config).chain(&self.services);
        before.chain(&self.migration).chain(&self.processes)
    }

    /// The one of these that has the kind and the name of another.
    pub(crate) fn find(&self, like: &DynamicObject) -> Option<&DynamicObject> {
        self.all().find(|object| kind(object) == kind(like) && object.metadata.name == like.metadata.name)
    }

    /// Keeps those of which this is true.
    pub(crate) fn retain(&mut self, keep: impl Fn(&DynamicObject) -> bool) {
        for part in [&mut self.config, &mut self.services, &mut self.migration, &mut self.processes] {
            part.retain(&keep);
        }
    }

    /// The service that they say they are of.
    pub(crate) fn service(&self) -> Option<ServiceName> {
        self.all().find_map(|object| object.labels().get(labels::NAME)?.parse().ok())
    }

    /// The names of the process types' Deployments.
    pub(crate) fn deployments(&self) -> Vec<String> {
        names(&self.processes, "Deployment")
    }

    /// The names of the backing services' `StatefulSet`s.
    pub(crate) fn stateful_sets(&self) -> Vec<String> {
        names(&self.services, "StatefulSet")
    }
}

/// What a release says of its objects, and which there may be.
fn told_by<'a>(
    release: &Release,
    objects: Option<&'a str>,
    further: &[ObjectKind],
    doing: impl Fn() -> String,
) -> Result<(&'a str, Allowed)> {
    let (text, namespace) = objects
        .zip(release.target.namespace())
        .ok_or_else(|| Error::refused(doing(), "it has none: it was made for another target"))?;
    Ok((text, Allowed::in_release(namespace, release.service.as_ref(), further)))
}

fn misplaced(allowed: &Allowed, object: &DynamicObject) -> Option<String> {
    allowed.objection(&Object {
        version: object.types.as_ref().map_or("", |types| types.api_version.as_str()),
        kind: kind(object),
        name: object.metadata.name.as_deref().unwrap_or_default(),
        namespace: object.metadata.namespace.as_deref(),
    })
}

fn names(objects: &[DynamicObject], wanted: &str) -> Vec<String> {
    objects.iter().filter(|object| kind(object) == wanted).map(ResourceExt::name_any).collect()
}

/// The kind of an object: `Deployment`.
pub(crate) fn kind(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| types.kind.as_str())
}

/// An object's name for people: `deployment/web`.
pub(crate) fn called(object: &DynamicObject) -> String {
    format!("{}/{}", kind(object).to_lowercase(), object.name_any())
}

/// A Secret with these values, marked as the deploy's like all other objects.
pub(crate) fn secret<'a>(
    (env, namespace): (&EnvName, &str),
    service: Option<&ServiceName>,
    (name, part, immutable): (&str, Part, bool),
    values: impl Iterator<Item = (&'a str, &'a xtask_contract::Secret)>,
) -> Result<DynamicObject> {
    let data: BTreeMap<&str, ByteString> =
        values.map(|(name, value)| (name, ByteString(value.expose().as_bytes().to_vec()))).collect();
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels::of_part(env, service, part),
        },
        "immutable": immutable,
        "data": data,
    });
    serde_json::from_value(secret).doing(|| format!("making the Secret {name}"))
}
