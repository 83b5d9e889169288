//! The container of a pod that runs the deploy's program: the one with the name of its process type, or the only one.
//! Others may stand beside it, before or behind it.

use serde_json::Value;
use xtask_contract::{Error, Result, labels};

/// Marks a pod's own container by its name in the pod's template, and tells where it stands. `file` is where the
/// template is from, without its ending: it has the name of the process type.
pub(super) fn mark(file: &str, template: &mut Value) -> Result<usize> {
    let place = find(file, template)?;
    let name = template["spec"]["containers"][place]["name"].clone();
    template["metadata"]["annotations"][labels::OWN_CONTAINER] = name;
    Ok(place)
}

/// Where it stands among the pod's containers, which must be clear.
pub(super) fn find(file: &str, template: &Value) -> Result<usize> {
    place(template, file).ok_or_else(|| nameless(file))
}

/// Where it stands among the pod's containers, if that is clear.
pub(super) fn place(template: &Value, name: &str) -> Option<usize> {
    let all = template["spec"]["containers"].as_array()?;
    let only = (all.len() == 1).then_some(0);
    all.iter().position(|container| container["name"] == name).or(only)
}

fn nameless(file: &str) -> Error {
    let doing = format!("reading k8s/objects/{file}.yaml");
    Error::refused(doing, format!("none of its pod's containers has the name {file}"))
        .next(format!("give the container that is to run the program the name {file}"))
}
