//! From the plain YAML in k8s/objects to the objects of one release. The files stay valid Kubernetes objects
//! by themselves; what differs is put into their structure, never into their text.

use std::{fs, path::Path};

use serde_json::{Value, json};
use xtask_contract::{
    Context, Error, Release, Result,
    deploy::Target,
    release::{Process, RELEASE_ANNOTATION},
    service,
};

/// The objects of a release in the order of application, as YAML documents.
pub(crate) fn objects(folder: &Path, release: &Release) -> Result<String> {
    let mut objects = read(folder, "namespace")?;
    objects.push(config_map(release));
    if let Some(postgres) = &release.services.postgres {
        for mut object in read(folder, "postgres")? {
            let image = postgres.image.as_deref().ok_or_else(|| {
                Error::refused(format!("releasing {}", release.env), "services.postgres names no image").next(
                    format!(
                        "add `image = \"docker.io/library/postgres:17\"` to it in k8s/envs/{}.toml",
                        release.env
                    ),
                )
            })?;
            patch_postgres(&mut object, image, postgres.port);
            objects.push(object);
        }
    }
    for mut object in read(folder, "migrate")? {
        object["metadata"]["name"] = json!(migration_name(release));
        patch_workload(&mut object, release, &release.migrate, None);
        objects.push(object);
    }
    for (name, process) in &release.processes {
        for mut object in read(folder, name)? {
            patch_process(&mut object, release, process);
            objects.push(object);
        }
    }
    for object in &mut objects {
        place(object, release);
    }
    to_yaml(release, &objects)
}

/// The objects of an earlier release for a later one that is to be like it.
pub(crate) fn again(text: &str, release: &Release) -> Result<String> {
    let doing = || format!("reading the objects that {} brings back", release.id);
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(text).doing(doing)?;
    for object in &mut objects {
        if object["kind"] == "Job" {
            object["metadata"]["name"] = json!(migration_name(release));
        }
        for place in ["/metadata/annotations", "/spec/template/metadata/annotations"] {
            if let Some(id) = object.pointer_mut(place).and_then(|all| all.get_mut(RELEASE_ANNOTATION)) {
                *id = json!(release.id);
            }
        }
    }
    to_yaml(release, &objects)
}

fn migration_name(release: &Release) -> String {
    format!("migrate-{}", release.id.as_name())
}

fn read(folder: &Path, name: &str) -> Result<Vec<Value>> {
    let path = folder.join(format!("{name}.yaml"));
    let doing = || format!("reading k8s/objects/{name}.yaml");
    let text = fs::read_to_string(&path).doing(doing)?;
    serde_saphyr::from_multiple(&text).doing(doing)
}

fn to_yaml(release: &Release, objects: &[Value]) -> Result<String> {
    let mut text = format!("# The objects of release {}, made by `cargo xtask release`.\n", release.id);
    for object in objects {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(object).doing(|| "writing objects.yaml")?);
    }
    Ok(text)
}

/// The release's config, immutable and named by its content: pods of two releases each read their own.
fn config_map(release: &Release) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": release.config_name() },
        "immutable": true,
        "data": release.config,
    })
}

/// Puts an object into the deploy's namespace and marks it as the deploy's.
fn place(object: &mut Value, release: &Release) {
    let Target::Kind { namespace, .. } = &release.target else { return };
    let metadata = &mut object["metadata"];
    if metadata["labels"].is_null() {
        metadata["labels"] = json!({});
    }
    metadata["labels"]["app.kubernetes.io/name"] = json!(service::NAME);
    metadata["labels"]["app.kubernetes.io/instance"] = json!(release.env);
    metadata["labels"]["app.kubernetes.io/managed-by"] = json!("xtask");
    if object["kind"] == "Namespace" {
        object["metadata"]["name"] = json!(namespace);
    } else {
        object["metadata"]["namespace"] = json!(namespace);
    }
}

fn patch_process(object: &mut Value, release: &Release, process: &Process) {
    match object["kind"].as_str() {
        Some("Deployment") => {
            object["spec"]["replicas"] = json!(process.count);
            object["metadata"]["annotations"][RELEASE_ANNOTATION] = json!(release.id);
            patch_workload(object, release, &process.args, Some(process));
        }
        Some("Service") => {
            if let Target::Kind { port, .. } = release.target {
                object["spec"]["ports"][0]["nodePort"] = json!(port);
            }
        }
        _ => {}
    }
}

/// The parts that Deployments and Jobs share: the first container runs the release's image with its config.
fn patch_workload(object: &mut Value, release: &Release, args: &[String], process: Option<&Process>) {
    let template = &mut object["spec"]["template"];
    template["metadata"]["annotations"][RELEASE_ANNOTATION] = json!(release.id);
    template["metadata"]["labels"]["app.kubernetes.io/name"] = json!(service::NAME);
    template["metadata"]["labels"]["app.kubernetes.io/instance"] = json!(release.env);
    let container = &mut template["spec"]["containers"][0];
    container["image"] = json!(release.image_reference());
    container["imagePullPolicy"] = json!("Never"); // `run` brings the image to each node
    container["args"] = json!(args);
    container["envFrom"] = json!([
        { "configMapRef": { "name": release.config_name() } },
        { "secretRef": { "name": release.secret_name() } },
    ]);
    let Some(process) = process else { return };
    if let Some(port) = process.port {
        container["ports"][0]["containerPort"] = json!(port);
    }
    for (probe, path) in [
        ("startupProbe", &process.liveness),
        ("livenessProbe", &process.liveness),
        ("readinessProbe", &process.readiness),
    ] {
        if let (Some(path), false) = (path, container[probe].is_null()) {
            container[probe]["httpGet"]["path"] = json!(path);
        }
    }
}

fn patch_postgres(object: &mut Value, image: &str, port: u16) {
    match object["kind"].as_str() {
        Some("Service") => object["spec"]["ports"][0]["port"] = json!(port),
        Some("StatefulSet") => {
            let container = &mut object["spec"]["template"]["spec"]["containers"][0];
            container["image"] = json!(image);
            container["args"] = json!(["-p", port.to_string()]);
            container["ports"][0]["containerPort"] = json!(port);
        }
        _ => {}
    }
}
