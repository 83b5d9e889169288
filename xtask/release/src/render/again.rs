//! The objects of an earlier release for a later one that is to be like it.

use serde_json::{Value, json};
use xtask_contract::{
    Context, ObjectKind, Release, Result,
    labels::{self, Part},
};

use super::{check_kinds, head, migration_name, to_yaml};

/// The objects in this text, as the later release has them. Releases that were made before objects had parts, and
/// when the number of processes was among them, come back as if they had been made now.
pub(crate) fn again(text: &str, release: &Release, further: &[ObjectKind]) -> Result<String> {
    let doing = || format!("reading the objects that {} brings back", release.id);
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(text).doing(doing)?;
    for object in &mut objects {
        if object["kind"] == "Job" {
            object["metadata"]["name"] = json!(migration_name(release));
        }
        if object["kind"] == "Deployment"
            && let Some(spec) = object["spec"].as_object_mut()
        {
            spec.remove("replicas");
        }
        if object["metadata"]["labels"][labels::PART].is_null() {
            object["metadata"]["labels"][labels::PART] = json!(part(object, release).as_str());
        }
        for place in ["/metadata/annotations", "/spec/template/metadata/annotations"] {
            if let Some(id) = object.pointer_mut(place).and_then(|all| all.get_mut(labels::RELEASE)) {
                *id = json!(release.id);
            }
        }
    }
    check_kinds(
        release,
        further,
        &objects,
        "go back to another release, or make one: `run` would not apply this",
    )?;
    to_yaml(&head(release), &objects)
}

/// What an object without the label is: there were no other kinds then.
fn part(object: &Value, release: &Release) -> Part {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match object["kind"].as_str() {
        Some("Namespace") => Part::Namespace,
        Some("ConfigMap") if name == release.config_name() => Part::Config,
        Some("Job") => Part::Migration,
        _ if release.processes.contains_key(name) => Part::Process,
        _ => Part::Service,
    }
}
