//! A process type: its Deployment and Service, and what keeps how many of it there are.

use serde_json::{Value, json};
use xtask_contract::{
    Context, Repo, Result, ServiceName,
    deploy::Target,
    labels::{self, Part},
    quantity::Quantity,
    release::{Process, is_quick_mark},
    service::{DEV_NOTICE, NOTICE_FILE, notice_volume},
    settings::{Amounts, Autoscale, Disruption},
    templates,
};

use super::{Objects, Source, documents, own, parsed, path, probes, read, workload};

/// The file of the toolchain's that does for any process type.
const ANY: &str = "objects/process.yaml";

pub(super) fn objects(source: Source<'_>, name: &str, process: &Process) -> Result<Objects> {
    let Source { repo, release, .. } = source;
    let mut objects: Objects =
        of_type(repo, name, process)?.into_iter().map(|object| (Part::Process, object)).collect();
    for (_, object) in &mut objects {
        match object["kind"].as_str() {
            Some("Deployment") => deployment(source, object, name, process)?,
            Some("Service") => service(object, &release.target),
            Some("CronJob") => cron_job(source, object, name)?,
            _ => {}
        }
    }
    if let Some(autoscale) = &process.settings.autoscale {
        objects.extend(named(repo, "autoscaler", name, |object| autoscaler(object, name, autoscale))?);
    }
    if let Some(disruption) = &process.settings.disruption {
        objects.extend(named(repo, "disruption", name, |object| budget(object, name, *disruption))?);
    }
    Ok(objects)
}

/// The objects of a process type before anything is put into them: those of the project's file of its name, or those that do
/// for any.
pub(super) fn of_type(repo: &Repo, name: &str, process: &Process) -> Result<Vec<Value>> {
    if let Some(text) = templates::own(repo, &path(name))? {
        return parsed(&text, &path(name));
    }
    let mut objects = documents(repo, ANY)?;
    objects.retain(|object| object["kind"] != "Service" || process.port.is_some());
    for object in &mut objects {
        call(object, name);
    }
    Ok(objects)
}

/// Gives an object that does for any process type the name of this one.
fn call(object: &mut Value, name: &str) {
    object["metadata"]["name"] = json!(name);
    let spec = &mut object["spec"];
    for selector in ["/selector", "/selector/matchLabels", "/template/metadata/labels"] {
        if let Some(component) = spec.pointer_mut(selector).and_then(|it| it.get_mut(labels::COMPONENT)) {
            *component = json!(name);
        }
    }
    if let Some(container) = spec.pointer_mut("/template/spec/containers/0/name") {
        *container = json!(name);
    }
}

/// The objects of a file, named like the process type.
fn named(repo: &Repo, file: &str, name: &str, patch: impl Fn(&mut Value)) -> Result<Objects> {
    let mut objects = read(repo, file, Part::Process)?;
    for (_, object) in &mut objects {
        object["metadata"]["name"] = json!(name);
        patch(object);
    }
    Ok(objects)
}

/// What these objects of a process type say that contradicts the service's description, a line each.
pub(super) fn contradictions(
    objects: &[Value],
    service: &ServiceName,
    name: &str,
    process: &Process,
) -> Vec<String> {
    let mut problems = Vec::new();
    for object in objects {
        if object["kind"] == "Service" && process.port.is_none() {
            problems
                .push(format!("it has a Service, but the service's description names no `port` for {name}"));
        }
        let template = &object["spec"]["template"];
        if let Some(place) = own::place(template, name) {
            let container = &template["spec"]["containers"][place];
            problems.extend(probes::contradictions(container, process, name, service));
        }
    }
    problems
}

fn deployment(source: Source<'_>, object: &mut Value, name: &str, process: &Process) -> Result<()> {
    object["metadata"]["annotations"][labels::RELEASE] = json!(source.mark);
    if let Some(spec) = object["spec"].as_object_mut() {
        // It belongs to the operator who scales the deploy, or to its autoscaler.
        spec.remove("replicas");
        spec.insert("paused".into(), json!(false));
    }
    let place = workload::patch(source, name, object, &process.args)?;
    let pod = &mut object["spec"]["template"]["spec"];
    if let Some(label) = &process.settings.spread {
        pod["topologySpreadConstraints"] = json!([{
            "maxSkew": 1,
            "topologyKey": label,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": { labels::COMPONENT: name } },
        }]);
    }
    if is_quick_mark(source.mark) {
        look_for_notices(pod, place, source.release.target.namespace().unwrap_or_default());
    }
    let container = &mut pod["containers"][place];
    resources(container, "requests", &process.settings.requests);
    resources(container, "limits", &process.settings.limits);
    if let Some(port) = process.port {
        if container["ports"].is_null() {
            container["ports"] = json!([{ "name": "http", "protocol": "TCP" }]);
        }
        container["ports"][0]["containerPort"] = json!(port);
    }
    probes::put(&mut object["spec"], place, process, source.service);
    Ok(())
}

/// Where the pages of a quick build look for what they are to show.
fn look_for_notices(pod: &mut Value, place: usize, namespace: &str) {
    const FOLDER: &str = "/run/dev";
    let volume = notice_volume(namespace);
    let container = &mut pod["containers"][place];
    let file = format!("{FOLDER}/{NOTICE_FILE}");
    push(&mut container["env"], json!({ "name": DEV_NOTICE, "value": file }));
    push(&mut container["volumeMounts"], json!({ "name": volume, "mountPath": FOLDER, "readOnly": true }));
    push(&mut pod["volumes"], json!({ "name": volume, "emptyDir": {} }));
}

fn push(list: &mut Value, one: Value) {
    if let Some(all) = list.as_array_mut() {
        all.push(one);
    } else {
        *list = json!([one]);
    }
}

/// A one-off process of the service at given times, with the arguments that the file has for it. It is none of the type's
/// processes, so nothing that selects these selects its pods.
fn cron_job(source: Source<'_>, object: &mut Value, file: &str) -> Result<()> {
    let name = object["metadata"]["name"].clone();
    let job = &mut object["spec"]["jobTemplate"];
    let place = own::find(file, &job["spec"]["template"])?;
    let args = &job["spec"]["template"]["spec"]["containers"][place]["args"];
    let args: Vec<String> = serde_json::from_value(args.clone())
        .doing(|| format!("reading the arguments of the CronJob in k8s/objects/{file}.yaml"))?;
    workload::patch(source, file, job, &args)?;
    job["spec"]["template"]["metadata"]["labels"][labels::COMPONENT] = name;
    Ok(())
}

fn resources(container: &mut Value, kind: &str, amounts: &Amounts) {
    for (name, amount) in [("cpu", &amounts.cpu), ("memory", &amounts.memory)] {
        if let Some(amount) = amount.as_ref().map(Quantity::as_str) {
            container["resources"][kind][name] = json!(amount);
        }
    }
}

/// Sets how the Service is reached. A kind cluster's node listens at the port itself; elsewhere an Ingress, or a client
/// in the cluster, connects to the Service.
fn service(object: &mut Value, target: &Target) {
    let spec = &mut object["spec"];
    if let Some(port) = target.node_port() {
        spec["type"] = json!("NodePort");
        spec["ports"][0]["nodePort"] = json!(port);
    } else {
        spec["type"] = json!("ClusterIP");
        if let Some(port) = spec["ports"][0].as_object_mut() {
            port.remove("nodePort");
        }
    }
}

fn autoscaler(object: &mut Value, name: &str, autoscale: &Autoscale) {
    let spec = &mut object["spec"];
    spec["scaleTargetRef"]["name"] = json!(name);
    spec["minReplicas"] = json!(autoscale.min);
    spec["maxReplicas"] = json!(autoscale.max);
    spec["metrics"][0]["resource"]["target"]["averageUtilization"] = json!(autoscale.cpu);
}

fn budget(object: &mut Value, name: &str, disruption: Disruption) {
    object["spec"]["selector"]["matchLabels"][labels::COMPONENT] = json!(name);
    let Some(spec) = object["spec"].as_object_mut() else { return };
    spec.retain(|key, _| key == "selector");
    match disruption {
        Disruption::MinAvailable(number) => spec.insert("minAvailable".into(), json!(number)),
        Disruption::MaxUnavailable(number) => spec.insert("maxUnavailable".into(), json!(number)),
    };
}
