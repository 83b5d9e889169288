//! The log shipper of a deploy: a `DaemonSet` in a namespace of its own.

use serde_json::{Value, json};
use xtask_contract::{
    Context, Digest, Logging, Result,
    labels::{self, Part},
    logging::Destination,
};

use super::{Owner, own, selectors};

/// The annotation that starts its pods anew when their config has changed.
const CONFIG: &str = "twelve-factor.dev/config";

/// Where the pods find their config, and what else is the node's.
const CONFIG_FOLDER: &str = "/etc/logging";
const SPOOL: &str = "/var/spool";

pub(super) fn shipper(mut objects: Vec<Value>, owner: Owner<'_>, logging: &Logging) -> Result<Vec<Value>> {
    let deploy = owner.target.namespace().unwrap_or_default();
    let own = Logging::namespace(deploy);
    let config = objects.iter().find(|object| object["kind"] == "ConfigMap").map(|object| &object["data"]);
    let config = Digest::of(&serde_json::to_vec(&config).doing(|| "reading k8s/logging.yaml")?);
    for object in &mut objects {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let metadata = &mut object["metadata"];
        for (label, value) in labels::of_part(owner.env, Some(owner.service), Part::Logging) {
            metadata["labels"][label] = json!(value);
        }
        match kind.as_str() {
            "Namespace" => metadata["name"] = json!(own),
            "Role" | "RoleBinding" => metadata["namespace"] = json!(deploy),
            _ => metadata["namespace"] = json!(own),
        }
        match kind.as_str() {
            "RoleBinding" => object["subjects"][0]["namespace"] = json!(own),
            "DaemonSet" => daemon_set(object, owner, deploy, logging, &config),
            _ => {}
        }
    }
    Ok(objects)
}

fn daemon_set(object: &mut Value, owner: Owner<'_>, deploy: &str, logging: &Logging, config: &Digest) {
    let template = &mut object["spec"]["template"];
    template["metadata"]["annotations"][CONFIG] = json!(config);
    for (label, value) in labels::of(owner.env, Some(owner.service)) {
        template["metadata"]["labels"][label] = json!(value);
    }
    let place = own::place(template, "logging").unwrap_or_default();
    selectors::name_the_deploy(object, owner);
    let pod = &mut object["spec"]["template"]["spec"];
    let volumes = pod["volumes"].as_array_mut().into_iter().flatten();
    for spool in volumes.filter(|volume| volume["name"] == "spool") {
        spool["hostPath"]["path"] = json!(format!("{SPOOL}/{}", Logging::namespace(deploy)));
    }
    let mut variables = vec![("FROM", format!("/var/log/containers/*_{deploy}_*.log"))];
    let config = match &logging.to {
        Destination::Syslog { host, port } => {
            variables.extend([("HOST", host.clone()), ("PORT", port.to_string())]);
            "syslog"
        }
        Destination::Http { tls, host, port, path } => {
            let tls = if *tls { "on" } else { "off" };
            variables.extend([("HOST", host.clone()), ("PORT", port.to_string())]);
            variables.extend([("PATH", path.clone()), ("TLS", tls.to_owned())]);
            "http"
        }
        Destination::File { folder, name } => {
            variables.push(("PATH", format!("{folder}/{name}")));
            mount(pod, place, folder);
            "file"
        }
    };
    variables.push(("CONFIG", format!("{CONFIG_FOLDER}/{config}.conf")));
    let variable = |(name, value)| json!({ "name": format!("SHIP_{name}"), "value": value });
    let container = &mut pod["containers"][place];
    container["image"] = json!(logging.image);
    container["env"] = variables.into_iter().map(variable).collect();
}

/// Gives the pods a folder of their node to write to.
fn mount(pod: &mut Value, place: usize, folder: &str) {
    let push = |list: &mut Value, item: Value| {
        if let Some(list) = list.as_array_mut() {
            list.push(item);
        }
    };
    let path = json!({ "path": folder, "type": "DirectoryOrCreate" });
    push(&mut pod["volumes"], json!({ "name": "destination", "hostPath": path }));
    push(
        &mut pod["containers"][place]["volumeMounts"],
        json!({ "name": "destination", "mountPath": folder }),
    );
}

#[cfg(test)]
mod tests {
    use xtask_contract::{Repo, deploy::Target};

    use super::{super::documents, *};

    fn rendered(to: &str) -> Vec<Value> {
        let target = Target::Kind(xtask_contract::deploy::KindTarget {
            cluster: "c".into(),
            namespace: "todo".into(),
            port: 1,
        });
        let logging = Logging { to: to.parse().unwrap(), image: "shipper:1".into() };
        let (service, env) = ("greeter".parse().unwrap(), "dev".parse().unwrap());
        let owner = Owner { service: &service, env: &env, target: &target };
        shipper(documents(&Repo::at("/nonexistent"), "logging.yaml").unwrap(), owner, &logging).unwrap()
    }

    fn of<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
        objects.iter().find(|object| object["kind"] == kind).unwrap()
    }

    fn variables(objects: &[Value]) -> Vec<String> {
        let env = &of(objects, "DaemonSet")["spec"]["template"]["spec"]["containers"][0]["env"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        env.as_array().unwrap().iter().map(|one| text(&one["name"]) + "=" + &text(&one["value"])).collect()
    }

    #[test]
    fn the_shipper_has_a_namespace_of_its_own_and_may_look_at_pods_of_the_deploy_alone() {
        let objects = rendered("syslog://logs.example.com");
        for object in &objects {
            let metadata = &object["metadata"];
            assert_eq!(metadata["labels"][labels::PART], "logging", "{object}");
            let (key, wanted) = match object["kind"].as_str().unwrap() {
                "Namespace" => ("name", "todo-logging"),
                "Role" | "RoleBinding" => ("namespace", "todo"),
                _ => ("namespace", "todo-logging"),
            };
            assert_eq!(metadata[key], wanted, "{object}");
        }
        assert_eq!(of(&objects, "RoleBinding")["subjects"][0]["namespace"], "todo-logging");
        assert!(objects.iter().all(|object| !object["kind"].as_str().unwrap().starts_with("Cluster")));
    }

    #[test]
    fn a_destination_becomes_variables_of_its_config() {
        let from = "SHIP_FROM=/var/log/containers/*_todo_*.log";
        let config = |name: &str| format!("SHIP_CONFIG=/etc/logging/{name}.conf");
        for (to, name, wanted) in [
            ("syslog://logs.example.com", "syslog", &["SHIP_HOST=logs.example.com", "SHIP_PORT=514"][..]),
            (
                "https://logs.example.com/in/todo",
                "http",
                &["SHIP_HOST=logs.example.com", "SHIP_PORT=443", "SHIP_PATH=in/todo", "SHIP_TLS=on"],
            ),
            ("file:///var/log/todo/all.log", "file", &["SHIP_PATH=/var/log/todo/all.log"]),
        ] {
            let objects = rendered(to);
            let all: Vec<&str> = [from].into_iter().chain(wanted.iter().copied()).collect();
            assert_eq!(variables(&objects), [all, vec![&config(name)]].concat());
            assert!(of(&objects, "ConfigMap")["data"][format!("{name}.conf")].is_string());
        }
        let objects = rendered("file:///var/log/todo/all.log");
        let pod = &of(&objects, "DaemonSet")["spec"]["template"]["spec"];
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        assert_eq!(mounts.last().unwrap()["mountPath"], "/var/log/todo");
        assert_eq!(pod["volumes"].as_array().unwrap().last().unwrap()["hostPath"]["path"], "/var/log/todo");
    }
}
