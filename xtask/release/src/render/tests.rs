//! Fields picked from the rendered objects of the real files.

mod own_files;
mod probes;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use xtask_contract::Digest;

use super::*;

/// A release with one process type, `web`, and these tables in the place of the usual ones.
#[expect(clippy::needless_pass_by_value, reason = "tables are written where they are used")]
fn release(tables: Value) -> Release {
    let mut release = json!({
        "schema": 2, "id": "2011-04-06-20:32:17", "env": "prod", "sequence": 1, "by": "somebody", "service": "greeter",
        "image": { "digest": Digest::of("image"), "revision": "revision", "dirty": false },
        "target": { "kind": "kubernetes", "context": "c", "namespace": "todo-prod",
            "registry": "registry.acme.com/greeter", "pull_secret": "registry" },
        "migrate": ["migrate"], "config": { "PORT": "8080" },
        "processes": { "web": { "args": ["web"], "count": 2, "port": 8080, "readiness": "/readyz", "liveness": "/livez" } },
    });
    for (name, table) in tables.as_object().unwrap() {
        release[name] = table.clone();
    }
    serde_json::from_value(release).unwrap()
}

/// A project without objects of its own.
fn bare() -> Repo {
    Repo::at("/nonexistent")
}

/// What the objects of a release in this project are made of.
fn source<'a>(repo: &'a Repo, release: &'a Release) -> Source<'a> {
    let service = release.service.as_ref().unwrap();
    Source { repo, service, release, mark: "2011-04-06-20:32:17", further: &[] }
}

fn text(release: &Release) -> String {
    objects(source(&bare(), release)).unwrap()
}

/// The rendered objects as `Kind/name`.
fn rendered(release: &Release) -> BTreeMap<String, Value> {
    by_name(&text(release))
}

fn by_name(text: &str) -> BTreeMap<String, Value> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let name = |object: &Value| {
        format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
    };
    objects.into_iter().map(|object| (name(&object), object)).collect()
}

/// A process type with all settings.
fn full() -> Value {
    let settings = json!({ "requests": { "cpu": "200m" }, "limits": { "memory": "1Gi" }, "spread": "kubernetes.io/hostname",
        "autoscale": { "min": 3, "max": 9, "cpu": 60 }, "disruption": { "max_unavailable": 1 } });
    json!({ "web": { "args": ["web"], "count": 3, "port": 8081, "readiness": "/readyz", "liveness": "/livez",
        "settings": settings } })
}

fn own_postgres() -> Value {
    json!({ "postgres": { "variable": "DATABASE_URL", "port": 5433, "image": "postgres:17" } })
}

fn kind() -> Value {
    json!({ "kind": "kind", "cluster": "c", "namespace": "todo-dev", "port": 30100 })
}

#[test]
fn every_object_has_its_part_and_its_place_and_no_pod_has_a_part() {
    let all = json!({ "processes": full(), "services": own_postgres(), "network": { "isolate": true },
        "ingress": { "host": "todo.acme.com" } });
    let objects = rendered(&release(all));
    let mut parts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, object) in &objects {
        let labels = &object["metadata"]["labels"];
        parts.entry(labels[labels::PART].as_str().unwrap()).or_default().push(name);
        assert_eq!(labels["app.kubernetes.io/instance"], "prod", "{name}");
        if object["kind"] != "Namespace" {
            assert_eq!(object["metadata"]["namespace"], "todo-prod", "{name}");
        }
        assert!(object["spec"]["template"]["metadata"]["labels"][labels::PART].is_null(), "{name}");
    }
    let config = format!("ConfigMap/{}", release(json!({})).config_name());
    let process = vec![
        "Deployment/web",
        "HorizontalPodAutoscaler/web",
        "Ingress/web",
        "NetworkPolicy/isolate",
        "NetworkPolicy/postgres",
        "NetworkPolicy/services",
        "NetworkPolicy/web",
        "PodDisruptionBudget/web",
        "Service/web",
    ];
    let expected = BTreeMap::from([
        ("config", vec![config.as_str()]),
        ("migration", vec!["Job/migrate-2011-04-06-20-32-17"]),
        ("namespace", vec!["Namespace/todo-prod", "ServiceAccount/greeter"]),
        ("process", process),
        ("service", vec!["ConfigMap/postgres-users", "Service/postgres", "StatefulSet/postgres"]),
    ]);
    assert_eq!(parts, expected);
}

#[test]
fn what_a_cluster_may_lack_is_marked_and_nothing_else() {
    let all = json!({ "processes": full(), "services": own_postgres(), "network": { "isolate": true },
        "ingress": { "host": "todo.acme.com" } });
    for (name, object) in rendered(&release(all)) {
        let optional = ["HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Ingress"];
        let marked = object["metadata"]["annotations"][labels::OPTIONAL] == "true";
        assert_eq!(marked, optional.contains(&object["kind"].as_str().unwrap()), "{name}");
    }
}

#[test]
fn nothing_that_was_not_asked_for_is_rendered() {
    let config = format!("ConfigMap/{}", release(json!({})).config_name());
    let names: Vec<String> = rendered(&release(json!({}))).into_keys().collect();
    let expected = [
        &config,
        "Deployment/web",
        "Job/migrate-2011-04-06-20-32-17",
        "Namespace/todo-prod",
        "Service/web",
        "ServiceAccount/greeter",
    ];
    assert_eq!(names, expected);
}

#[test]
fn how_many_processes_there_are_is_not_the_releases_to_say() {
    let objects = rendered(&release(json!({ "processes": full() })));
    let spec = &objects["Deployment/web"]["spec"];
    assert!(spec["replicas"].is_null());
    assert_eq!(
        (&spec["paused"], &spec["strategy"]["rollingUpdate"]["maxUnavailable"]),
        (&json!(false), &json!(0))
    );
    let scaler = &objects["HorizontalPodAutoscaler/web"];
    assert_eq!(scaler["apiVersion"], "autoscaling/v2");
    assert_eq!((&scaler["spec"]["minReplicas"], &scaler["spec"]["maxReplicas"]), (&json!(3), &json!(9)));
    assert_eq!(scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 60);
    let budget = &objects["PodDisruptionBudget/web"]["spec"];
    assert_eq!(*budget, json!({ "selector": { "matchLabels": of_pods("web") }, "maxUnavailable": 1 }));
}

/// The labels that pods of a component bear, and by which they are selected.
fn of_pods(component: &str) -> Value {
    json!({ labels::COMPONENT: component, "app.kubernetes.io/name": "greeter", "app.kubernetes.io/instance": "prod" })
}

#[test]
fn each_selector_names_the_deploy_and_finds_the_pods_that_are_made() {
    let all = json!({ "processes": full(), "services": own_postgres(), "network": { "isolate": true } });
    let objects = rendered(&release(all));
    for (name, place, component) in [
        ("Service/web", "/spec/selector", "web"),
        ("Service/postgres", "/spec/selector", "postgres"),
        ("Deployment/web", "/spec/selector/matchLabels", "web"),
        (
            "Deployment/web",
            "/spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels",
            "web",
        ),
        ("StatefulSet/postgres", "/spec/selector/matchLabels", "postgres"),
        ("StatefulSet/postgres", "/spec/template/metadata/labels", "postgres"),
        ("PodDisruptionBudget/web", "/spec/selector/matchLabels", "web"),
        ("NetworkPolicy/web", "/spec/podSelector/matchLabels", "web"),
        ("NetworkPolicy/postgres", "/spec/podSelector/matchLabels", "postgres"),
        ("NetworkPolicy/services", "/spec/egress/0/to/0/podSelector/matchLabels", "postgres"),
    ] {
        assert_eq!(objects[name].pointer(place), Some(&of_pods(component)), "{name} {place}");
    }
    let mut any = of_pods("");
    any.as_object_mut().unwrap().remove(labels::COMPONENT);
    for name in ["NetworkPolicy/isolate", "NetworkPolicy/services"] {
        assert_eq!(objects[name]["spec"]["podSelector"]["matchLabels"], any, "{name}");
    }
    let of_web = objects["Deployment/web"]["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
    assert!(
        of_pods("web").as_object().unwrap().iter().all(|(label, value)| of_web.get(label) == Some(value))
    );
}

#[test]
fn pods_run_the_image_of_the_registry_by_digest_and_know_their_release() {
    let objects = rendered(&release(json!({ "processes": full() })));
    for name in ["Deployment/web", "Job/migrate-2011-04-06-20-32-17"] {
        let template = &objects[name]["spec"]["template"];
        let (pod, container) = (&template["spec"], &template["spec"]["containers"][0]);
        assert_eq!(container["image"], format!("registry.acme.com/greeter@{}", Digest::of("image")));
        assert_eq!(
            (&container["imagePullPolicy"], &pod["serviceAccountName"]),
            (&json!("IfNotPresent"), &json!("greeter"))
        );
        assert_eq!(pod["imagePullSecrets"], json!([{ "name": "registry" }]));
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(container["env"][0]["name"], "RELEASE_ID");
        let id = &container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"];
        assert_eq!(id, "metadata.annotations['twelve-factor.dev/release']");
        assert_eq!(template["metadata"]["annotations"][labels::RELEASE], "2011-04-06-20:32:17");
    }
    assert_eq!(objects["Job/migrate-2011-04-06-20-32-17"]["spec"]["backoffLimit"], 0);
    let pod = &objects["Deployment/web"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    // What the deploy says of resources is put over what the file says.
    assert_eq!(
        container["resources"],
        json!({ "requests": { "cpu": "200m", "memory": "32Mi" }, "limits": { "memory": "1Gi" } })
    );
    assert_eq!(pod["topologySpreadConstraints"][0]["topologyKey"], "kubernetes.io/hostname");
    for probe in ["startupProbe", "readinessProbe"] {
        assert_eq!(container[probe]["periodSeconds"], 1);
    }
}

#[test]
fn a_process_type_without_a_port_is_asked_by_its_own_program_whether_it_is_alive() {
    let worker = json!({ "args": ["worker"], "count": 0, "alive": ["worker", "--well"] });
    let network = json!({ "isolate": true });
    let objects = rendered(&release(json!({ "processes": { "worker": worker }, "network": network })));
    let of_worker: Vec<&String> = objects.keys().filter(|name| name.ends_with("/worker")).collect();
    assert_eq!(of_worker, ["Deployment/worker"]);
    let spec = &objects["Deployment/worker"]["spec"];
    assert!(spec["replicas"].is_null() && spec["paused"] == false, "{spec}");
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "greeter");
    let container = &pod["containers"][0];
    assert_eq!(container["args"], json!(["worker"]));
    assert_eq!(container["env"][0]["name"], "RELEASE_ID");
    for probe in ["startupProbe", "livenessProbe"] {
        assert_eq!(container[probe]["exec"]["command"], json!(["/greeter", "worker", "--well"]));
        assert!(container[probe]["httpGet"].is_null());
    }
    assert!(container["ports"].is_null() && container["readinessProbe"].is_null());
    // All else is as with those that serve.
    let web = &rendered(&release(json!({})))["Deployment/web"]["spec"];
    let mut others = [spec.clone(), web.clone()];
    for spec in &mut others {
        let pod = &mut spec["template"]["spec"];
        let container = pod["containers"][0].as_object_mut().unwrap();
        container
            .retain(|key, _| !["name", "args", "ports"].contains(&key.as_str()) && !key.ends_with("Probe"));
        for labels in ["/selector/matchLabels", "/template/metadata/labels"] {
            spec.pointer_mut(labels).unwrap().as_object_mut().unwrap().remove(labels::COMPONENT).unwrap();
        }
        spec["template"]["metadata"]["annotations"]
            .as_object_mut()
            .unwrap()
            .remove(labels::OWN_CONTAINER)
            .unwrap();
    }
    assert_eq!(others[0], others[1]);
}

#[test]
fn a_kind_cluster_gets_the_image_by_itself_and_a_port_of_its_node() {
    let objects = rendered(&release(json!({ "target": kind() })));
    let container = &objects["Deployment/web"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], format!("xtask.local/greeter@{}", Digest::of("image")));
    assert_eq!(container["imagePullPolicy"], "Never");
    let service = &objects["Service/web"]["spec"];
    assert_eq!((&service["type"], &service["ports"][0]["nodePort"]), (&json!("NodePort"), &json!(30100)));
    let service = &rendered(&release(json!({})))["Service/web"]["spec"];
    assert_eq!((&service["type"], &service["ports"][0]["nodePort"]), (&json!("ClusterIP"), &Value::Null));
}

#[test]
fn an_isolated_deploy_reaches_name_servers_and_its_database_and_no_more() {
    let egress = json!([{ "port": 6432, "to": "10.0.0.0/8" }, { "port": 443 }]);
    let network = json!({ "isolate": true, "egress": egress });
    let attached = rendered(&release(json!({ "processes": full(), "network": network })));
    let ports = |rule: &Value| {
        rule["ports"].as_array().unwrap().iter().map(|port| port["port"].clone()).collect::<Vec<_>>()
    };
    let closed = &attached["NetworkPolicy/isolate"]["spec"];
    assert_eq!(closed["policyTypes"], json!(["Ingress", "Egress"]));
    assert!(closed["ingress"].is_null());
    assert_eq!(
        (closed["egress"].as_array().unwrap().len(), ports(&closed["egress"][0])),
        (1, vec![json!(53), json!(53)])
    );
    assert_eq!(ports(&attached["NetworkPolicy/web"]["spec"]["ingress"][0]), [json!(8081)]);
    let open = json!([
        { "ports": [{ "port": 6432, "protocol": "TCP" }], "to": [{ "ipBlock": { "cidr": "10.0.0.0/8" } }] },
        { "ports": [{ "port": 443, "protocol": "TCP" }] },
    ]);
    assert_eq!(attached["NetworkPolicy/services"]["spec"]["egress"], open);
    assert!(!attached.contains_key("NetworkPolicy/postgres"));

    let own = rendered(&release(json!({ "services": own_postgres(), "network": { "isolate": true } })));
    let to_own = &own["NetworkPolicy/services"]["spec"]["egress"];
    assert_eq!((to_own.as_array().unwrap().len(), ports(&to_own[0])), (1, vec![json!(5433)]));
    let postgres = &own["NetworkPolicy/postgres"]["spec"];
    assert_eq!(ports(&postgres["ingress"][0]), [json!(5433)]);
    // Those who select are the labels that the pods have.
    let component = |name: &str| &own[name]["spec"]["template"]["metadata"]["labels"][labels::COMPONENT];
    assert_eq!(component("StatefulSet/postgres"), &postgres["podSelector"]["matchLabels"][labels::COMPONENT]);
    assert_eq!(
        (component("Deployment/web"), component("Job/migrate-2011-04-06-20-32-17")),
        (&json!("web"), &json!("migrate"))
    );
}

#[test]
fn an_ingress_leads_to_the_process_type_that_serves() {
    let ingress = json!({ "host": "todo.acme.com", "class": "nginx", "tls_secret": "certificate" });
    let objects = rendered(&release(json!({ "ingress": ingress })));
    let spec = &objects["Ingress/web"]["spec"];
    assert_eq!(
        (&spec["ingressClassName"], &spec["rules"][0]["host"]),
        (&json!("nginx"), &json!("todo.acme.com"))
    );
    assert_eq!(spec["tls"], json!([{ "hosts": ["todo.acme.com"], "secretName": "certificate" }]));
    let backend = json!({ "service": { "name": "web", "port": { "name": "http" } } });
    assert_eq!(spec["rules"][0]["http"]["paths"][0]["backend"], backend);
}

#[test]
fn a_rollback_to_a_release_from_before_objects_had_parts_gives_them_parts_and_no_count() {
    let mut earlier = release(json!({ "target": kind(), "services": own_postgres() }));
    let mut old: Vec<Value> = serde_saphyr::from_multiple(&text(&earlier)).unwrap();
    // There was no account then.
    old.retain(|object| object["kind"] != "ServiceAccount");
    let parts = |objects: &BTreeMap<String, Value>| {
        let part = |object: &Value| object["metadata"]["labels"][labels::PART].clone();
        objects.iter().map(|(name, object)| (name.replace("18", "17"), part(object))).collect::<Vec<_>>()
    };
    let wanted = parts(&by_name(&to_yaml("#", &old).unwrap()));
    for object in &mut old {
        object["metadata"]["labels"].as_object_mut().unwrap().remove(labels::PART);
        if object["kind"] == "Deployment" {
            object["spec"]["replicas"] = json!(2);
        }
    }
    earlier.id = "2011-04-06-20:32:18".parse().unwrap();
    let back = by_name(&again(&to_yaml("# Old.", &old).unwrap(), &earlier, &[]).unwrap());
    assert_eq!(parts(&back), wanted);
    let deployment = &back["Deployment/web"];
    assert!(deployment["spec"]["replicas"].is_null());
    for metadata in [&deployment["metadata"], &deployment["spec"]["template"]["metadata"]] {
        assert_eq!(metadata["annotations"][labels::RELEASE], "2011-04-06-20:32:18");
    }
    assert!(back.contains_key("Job/migrate-2011-04-06-20-32-18"));
}

#[test]
fn a_quick_build_bears_its_mark_and_looks_for_notices() {
    let release = release(json!({ "target": kind() }));
    let mark = release.quick_mark();
    let quick = by_name(&objects(Source { mark: &mark, ..source(&bare(), &release) }).unwrap());
    let deployment = &quick["Deployment/web"];
    let template = &deployment["spec"]["template"];
    for metadata in [&deployment["metadata"], &template["metadata"]] {
        assert_eq!(metadata["annotations"][labels::RELEASE], mark);
    }
    let (pod, container) = (&template["spec"], &template["spec"]["containers"][0]);
    let file = json!({ "name": "DEV_NOTICE", "value": "/run/dev/notice" });
    assert_eq!(container["env"].as_array().unwrap().last(), Some(&file));
    assert_eq!(container["volumeMounts"][0]["name"], pod["volumes"][0]["name"]);
    assert_eq!(container["volumeMounts"][0]["readOnly"], json!(true));
    // No one-off process shows a page, and no release has any of it.
    assert!(!quick["Job/migrate-2011-04-06-20-32-17"].to_string().contains("DEV_NOTICE"));
    assert!(!text(&release).contains("notice"));
}
