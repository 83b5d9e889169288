//! Holds a deploy's config against what the image asks for. Everything that is wrong is found at once; no
//! value is ever repeated, as a value in the wrong place may be a secret.

use xtask_contract::{
    Deploy,
    deploy::{Secrets, Target},
    service::{Service, Variable},
};

/// All that keeps this config from being released with this service, a line each.
pub(crate) fn problems(service: &Service, deploy: &Deploy, secrets: &Secrets) -> Vec<String> {
    let mut problems = Vec::new();
    for variable in &service.variables {
        problems.extend(variable_problem(variable, deploy, secrets));
    }
    for name in deploy.config.keys().chain(secrets.secrets.keys()) {
        if !service.variables.iter().any(|variable| variable.name == *name) {
            let known = service.variables.iter().map(|variable| variable.name.as_str());
            problems.push(format!("{name} is unknown to the service{}", did_you_mean(name, known)));
        }
    }
    for (name, count) in &deploy.scale {
        let known = service.processes.iter().map(|process| process.name.as_str());
        match service.processes.iter().find(|process| process.name == *name) {
            None => {
                problems.push(format!(
                    "scale.{name} is no process type of the service{}",
                    did_you_mean(name, known)
                ));
            }
            Some(process) if process.port.is_some() && *count > 1 && deploy.target == Target::Local {} => {
                problems
                    .push(format!("scale.{name} is {count}, but on this machine one process holds the port"));
            }
            Some(_) => {}
        }
    }
    problems
}

fn variable_problem(variable: &Variable, deploy: &Deploy, secrets: &Secrets) -> Option<String> {
    let name = &variable.name;
    let sealed = secrets.secrets.contains_key(name);
    match deploy.config.get(name) {
        Some(_) if sealed => {
            Some(format!("{name} is in both files: the deploy's config and its sealed secrets"))
        }
        Some(_) if variable.secret => {
            Some(format!("{name} is a secret but stands in the clear: it must be sealed"))
        }
        Some(text) => {
            variable.value.check(&text.0).err().map(|expected| format!("{name} must be {expected}"))
        }
        None if variable.required && !sealed => Some(format!("{name} is missing: {}", variable.help)),
        None => None,
    }
}

/// The known name that is nearest to this one, if it is near enough to be what was meant.
fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|known| {
            (strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known)
        })
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, known)| format!(" (did you mean {known}?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        let json = r#"{"schema": 1, "service": "s", "migrate": ["migrate"],
            "processes": [{"name": "web", "args": ["web"], "port": "PORT", "help": "h"}],
            "variables": [
                {"name": "DATABASE_URL", "type": "url", "required": true, "secret": true, "help": "the database"},
                {"name": "LOG_LEVEL", "type": "choice", "choices": ["info", "debug"], "required": false,
                 "secret": false, "default": "info", "help": "h"},
                {"name": "PORT", "type": "integer", "min": 0, "max": 65535, "required": true, "secret": false,
                 "help": "the port"}]}"#;
        serde_json::from_str(json).unwrap()
    }

    fn check(deploy: &str, secrets: &str) -> Vec<String> {
        // Parsed by way of JSON, so that this crate needs no TOML of its own.
        problems(&service(), &serde_json::from_str(deploy).unwrap(), &serde_json::from_str(secrets).unwrap())
    }

    const SEALED: &str = r#"{"schema": 1, "secrets": {"DATABASE_URL": "…"}}"#;

    #[test]
    fn a_complete_config_passes() {
        let deploy =
            r#"{"schema": 1, "target": {"kind": "local"}, "scale": {"web": 1}, "config": {"PORT": 30000}}"#;
        assert_eq!(check(deploy, SEALED), [""; 0]);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_no_value_is_shown() {
        let deploy = r#"{"schema": 1, "target": {"kind": "local"}, "scale": {"wbe": 1, "web": 2},
            "config": {"PROT": "canary", "LOG_LEVEL": "canary", "COLOUR": "canary"}}"#;
        assert_eq!(
            check(deploy, r#"{"schema": 1}"#),
            [
                "DATABASE_URL is missing: the database",
                "LOG_LEVEL must be one of info, debug",
                "PORT is missing: the port",
                "COLOUR is unknown to the service",
                "PROT is unknown to the service (did you mean PORT?)",
                "scale.wbe is no process type of the service (did you mean web?)",
                "scale.web is 2, but on this machine one process holds the port",
            ]
        );
    }

    #[test]
    fn a_secret_in_the_clear_and_a_variable_in_both_files_are_refused() {
        let deploy = r#"{"schema": 1, "target": {"kind": "local"},
            "config": {"PORT": 1, "DATABASE_URL": "postgres://u:canary@h/d"}}"#;
        assert_eq!(
            check(deploy, r#"{"schema": 1}"#),
            ["DATABASE_URL is a secret but stands in the clear: it must be sealed"]
        );
        assert_eq!(
            check(deploy, SEALED),
            ["DATABASE_URL is in both files: the deploy's config and its sealed secrets"]
        );
    }
}
