//! The probes of a process's container: what they ask is in the service's description, how often is in k8s/objects.

use serde_json::{Map, Value, json};
use xtask_contract::{ServiceName, release::Process, settings::UP_BY_RUNNING};

/// A kind of probe, and how it is asked where k8s/objects do not say.
struct Kind {
    name: &'static str,
    /// The word in the description that names the path.
    word: &'static str,
    timing: [(&'static str, u8); 3],
}

const PROBES: [Kind; 3] = [
    Kind {
        name: "startupProbe",
        word: "liveness",
        timing: [("periodSeconds", 1), ("timeoutSeconds", 2), ("failureThreshold", 30)],
    },
    Kind {
        name: "readinessProbe",
        word: "readiness",
        timing: [("periodSeconds", 1), ("timeoutSeconds", 2), ("failureThreshold", 2)],
    },
    Kind {
        name: "livenessProbe",
        word: "liveness",
        timing: [("periodSeconds", 10), ("timeoutSeconds", 5), ("failureThreshold", 3)],
    },
];
/// To start a process in a container takes seconds where a node is busy.
const EXEC_TIMEOUT: u8 = 10;
const HANDLERS: [&str; 4] = ["httpGet", "exec", "tcpSocket", "grpc"];

/// Gives the container the probes that the description names. Without any that says whether the process is up, it has to
/// run for a while before it counts as up.
pub(super) fn put(spec: &mut Value, place: usize, process: &Process, service: &ServiceName) {
    let container = &mut spec["template"]["spec"]["containers"][place];
    for Kind { name, word, timing } in PROBES {
        let Some((handler, what)) = asks(process, service, word, &container[name]) else { continue };
        let mut whole = container[name].as_object().cloned().unwrap_or_else(|| defaults(timing, handler));
        whole.retain(|key, _| !HANDLERS.contains(&key.as_str()));
        whole.insert(handler.to_owned(), what);
        container[name] = Value::Object(whole);
    }
    let asked = ["startupProbe", "readinessProbe"].iter().any(|probe| !container[*probe].is_null());
    if !asked && spec["minReadySeconds"].is_null() {
        spec["minReadySeconds"] = json!(UP_BY_RUNNING);
    }
}

fn defaults(timing: [(&str, u8); 3], handler: &str) -> Map<String, Value> {
    let mut all: Map<String, Value> =
        timing.into_iter().map(|(key, number)| (key.to_owned(), json!(number))).collect();
    if handler == "exec" {
        all.insert("timeoutSeconds".to_owned(), json!(EXEC_TIMEOUT));
    }
    all
}

/// What a probe does by the description: a kind of handler and its fields.
fn asks(
    process: &Process,
    service: &ServiceName,
    word: &str,
    probe: &Value,
) -> Option<(&'static str, Value)> {
    let path = if word == "readiness" { &process.readiness } else { &process.liveness };
    if let (Some(path), Some(port)) = (path, process.port) {
        let mut get = probe.get("httpGet").cloned().unwrap_or_else(|| json!({ "port": port }));
        get["path"] = json!(path);
        return Some(("httpGet", get));
    }
    let alive = process.alive.as_ref().filter(|_| process.port.is_none() && word == "liveness")?;
    let program = [service.program()];
    let command: Vec<&String> = program.iter().chain(alive).collect();
    Some(("exec", json!({ "command": command })))
}

/// What a container of k8s/objects has that contradicts the description, or that its image cannot do.
pub(super) fn contradictions(
    container: &Value,
    process: &Process,
    name: &str,
    service: &ServiceName,
) -> Vec<String> {
    let program = service.program();
    let no_program = || format!("but its image holds no program but {program}");
    let mut problems = Vec::new();
    for Kind { name: probe, word, .. } in PROBES {
        let given = &container[probe];
        if given.is_null() || asks(process, service, word, given).is_some() {
            continue;
        }
        let lacks = |what: &str| format!("but the service's description names no {what} for {name}");
        if let Some(command) = given.pointer("/exec/command") {
            let is_own = command[0] == *program;
            if word == "liveness" {
                problems.push(format!("its {probe} runs {}, {}", line(command), lacks("`alive`")));
            } else if !is_own {
                problems.push(format!("its {probe} runs {}, {}", line(command), no_program()));
            }
        } else if let Some(path) = given.pointer("/httpGet/path") {
            problems.push(format!("its {probe} asks for {}, {}", text(path), lacks(&format!("`{word}`"))));
        } else if process.port.is_none() {
            problems.push(format!("its {probe} connects to a port, {}", lacks("`port`")));
        }
    }
    if process.port.is_none() && !container["ports"].is_null() {
        problems.push(format!("it has ports, but the service's description names no `port` for {name}"));
    }
    if !container["command"].is_null() && container["command"][0] != *program {
        problems.push(format!("its command is {}, {}", line(&container["command"]), no_program()));
    }
    for hook in ["postStart", "preStop"] {
        let command = &container["lifecycle"][hook]["exec"]["command"];
        if !command.is_null() && command[0] != *program {
            problems.push(format!("its {hook} hook runs {}, {}", line(command), no_program()));
        }
    }
    problems
}

fn line(command: &Value) -> String {
    let words: Vec<String> = command.as_array().into_iter().flatten().map(text).collect();
    format!("`{}`", words.join(" "))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
