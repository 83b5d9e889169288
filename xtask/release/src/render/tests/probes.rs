//! What a process type is asked by, and what cannot be asked of it.

use std::fs;

use super::*;

/// The objects that are rendered for one process type, `task`, from this file.
#[expect(clippy::needless_pass_by_value, reason = "values are written where they are used")]
fn of_task(process: Value, file: &str) -> Result<BTreeMap<String, Value>> {
    let own = tempfile::tempdir().unwrap();
    let repo = Repo::at(own.path());
    fs::create_dir_all(repo.k8s().join("objects")).unwrap();
    fs::write(repo.k8s().join("objects/task.yaml"), file).unwrap();
    let release = release(json!({ "processes": { "task": process } }));
    made(&repo, &release).map(|text| by_name(&text))
}

fn made(repo: &Repo, release: &Release) -> Result<String> {
    objects(source(repo, release))
}

fn container(objects: &BTreeMap<String, Value>) -> Value {
    objects["Deployment/task"]["spec"]["template"]["spec"]["containers"][0].clone()
}

const BARE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: task}\nspec: {template: {spec: {containers: [{name: task}]}}}\n";

/// As somebody wrote it for another process type.
const ALIVE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: task}\nspec: {template: {spec: {containers: [{name: task,\
    startupProbe: {exec: {command: [/other, worker, --alive]}, periodSeconds: 1, failureThreshold: 30},\
    livenessProbe: {exec: {command: [/other, worker, --alive]}}}]}}}\n";
const SERVING: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: task}\nspec: {ports: [{name: http, port: 80}]}\n---\n\
    apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: task}\nspec: {template: {spec: {containers: [{name: task,\
    ports: [{name: http, containerPort: 8080}], startupProbe: {httpGet: {path: /livez, port: http}},\
    readinessProbe: {httpGet: {path: /readyz, port: http}}, livenessProbe: {httpGet: {path: /livez, port: http}}}]}}}\n";

#[test]
fn what_the_service_says_of_itself_is_asked_also_where_the_file_says_nothing() {
    let task = json!({ "args": ["task"], "count": 1, "alive": ["task", "--well"] });
    for text in [BARE, ALIVE] {
        let objects = of_task(task.clone(), text).unwrap();
        let container = container(&objects);
        for probe in ["startupProbe", "livenessProbe"] {
            assert_eq!(
                container[probe]["exec"]["command"],
                json!(["/greeter", "task", "--well"]),
                "{container}"
            );
        }
        assert_eq!(
            (&container["startupProbe"]["periodSeconds"], &container["startupProbe"]["failureThreshold"]),
            (&json!(1), &json!(30))
        );
        assert!(objects["Deployment/task"]["spec"]["minReadySeconds"].is_null());
    }
    let serves = json!({ "args": ["task"], "count": 1, "port": 81, "readiness": "/r", "liveness": "/l" });
    let container = container(&of_task(serves, BARE).unwrap());
    let asks = |probe: &str| container[probe]["httpGet"].clone();
    assert_eq!(asks("readinessProbe"), json!({ "port": 81, "path": "/r" }));
    assert_eq!(
        (asks("startupProbe"), asks("livenessProbe")),
        (json!({ "port": 81, "path": "/l" }), asks("startupProbe"))
    );
}

#[test]
fn a_process_type_that_cannot_be_asked_has_to_run_for_a_while() {
    let task = json!({ "args": ["task"], "count": 1 });
    let objects = of_task(task, BARE).unwrap();
    assert_eq!(objects["Deployment/task"]["spec"]["minReadySeconds"], 3);
    let container = container(&objects);
    assert!(container.as_object().unwrap().keys().all(|key| !key.ends_with("Probe")), "{container}");
}

#[test]
fn what_contradicts_the_description_is_refused_all_together() {
    let task = || json!({ "args": ["task"], "count": 1 });
    let refused = |process, text: &str| of_task(process, text).unwrap_err();
    let copy = refused(task(), ALIVE);
    assert_eq!(copy.kind, xtask_contract::ErrorKind::Refused);
    let not_alive = "/other worker --alive`, but the service's description names no `alive` for task";
    let file = "k8s/objects/task.yaml: its";
    assert_eq!(
        copy.why,
        [format!("{file} startupProbe runs `{not_alive}"), format!("{file} livenessProbe runs `{not_alive}")]
    );
    let names = |word: &str| format!("but the service's description names no `{word}` for task");
    assert_eq!(
        refused(task(), SERVING).why,
        [
            format!("k8s/objects/task.yaml: it has a Service, {}", names("port")),
            format!("{file} startupProbe asks for /livez, {}", names("liveness")),
            format!("{file} readinessProbe asks for /readyz, {}", names("readiness")),
            format!("{file} livenessProbe asks for /livez, {}", names("liveness")),
            format!("k8s/objects/task.yaml: it has ports, {}", names("port")),
        ]
    );
}

#[test]
fn a_migration_is_asked_nothing() {
    let own = tempfile::tempdir().unwrap();
    let repo = Repo::at(own.path());
    fs::create_dir_all(repo.k8s().join("objects")).unwrap();
    let brought = xtask_contract::templates::brought("objects/migrate.yaml").unwrap().text;
    let asked = brought.replace("args: [migrate]", "livenessProbe: {exec: {command: [/greeter, check]}}");
    fs::write(repo.k8s().join("objects/migrate.yaml"), asked).unwrap();
    let why = made(&repo, &release(json!({}))).unwrap_err().why;
    let names = "but the service's description names no `alive` for migrate";
    assert_eq!(why, [format!("k8s/objects/migrate.yaml: its livenessProbe runs `/greeter check`, {names}")]);
}

#[test]
fn a_program_that_is_not_in_the_image_is_refused() {
    let with = |more: &str| {
        let text = BARE.replace("{name: task}]", &format!("{{name: task, {more}}}]"));
        of_task(json!({ "args": ["task"], "count": 1, "port": 81 }), &text)
    };
    for more in [
        "command: [sh, -c, task]",
        "lifecycle: {preStop: {exec: {command: [sleep, '5']}}}",
        "readinessProbe: {exec: {command: [curl, localhost]}}",
    ] {
        let why = with(more).unwrap_err().why;
        assert!(why.len() == 1 && why[0].ends_with("its image holds no program but /greeter"), "{why:?}");
    }
    for more in [
        "command: [/greeter]",
        "lifecycle: {preStop: {exec: {command: [/greeter, wait]}}}",
        "readinessProbe: {exec: {command: [/greeter, check]}}",
        "readinessProbe: {tcpSocket: {port: 81}}",
        "lifecycle: {preStop: {sleep: {seconds: 5}}}",
    ] {
        assert!(with(more).is_ok(), "{more}");
    }
}

#[test]
fn the_container_of_the_program_is_the_one_with_the_name_of_its_type() {
    let with = |containers: &str| {
        let text = BARE.replace("[{name: task}]", containers);
        of_task(json!({ "args": ["task"], "count": 1 }), &text)
    };
    let objects = with("[{name: aside, image: aside}, {name: task}]").unwrap();
    let template = &objects["Deployment/task"]["spec"]["template"];
    let containers = &template["spec"]["containers"];
    assert_eq!((&containers[0]["image"], &containers[1]["args"]), (&json!("aside"), &json!(["task"])));
    assert_eq!(template["metadata"]["annotations"][labels::OWN_CONTAINER], "task");
    let only = with("[{name: other}]").unwrap();
    assert_eq!(container(&only)["args"], json!(["task"]));
    let unclear = with("[{name: one}, {name: other}]").unwrap_err();
    assert_eq!(unclear.why, ["none of its pod's containers has the name task"]);
}
