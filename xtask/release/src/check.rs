//! Holds a deploy's config against what the image asks for. All errors are reported together; no value is ever
//! repeated, as a value in the wrong place may be a secret.

mod cluster;
mod connections;
mod limits;
mod pooler;

pub(crate) use connections::{warning, warning_of_scale};
pub(crate) use pooler::warnings as warnings_of_poolers;

use std::collections::BTreeMap;

use xtask_contract::{
    Deploy, Secret,
    deploy::MOST_PROCESSES,
    nearest::did_you_mean,
    service::{RELEASE_ID, Service, Variable},
};

/// The sealed variables, and the values of those that can be opened here.
pub(crate) type Sealed<'a> = BTreeMap<&'a str, Option<Secret>>;

/// All that keeps this config from being released with this service, a line each.
pub(crate) fn problems(service: &Service, deploy: &Deploy, sealed: &Sealed) -> Vec<String> {
    let mut problems = Vec::new();
    for variable in &service.variables {
        problems.extend(variable_problem(variable, deploy, sealed));
        problems.extend(missing_beside(variable, deploy, sealed));
    }
    for name in deploy.config.keys().map(String::as_str).chain(sealed.keys().copied()) {
        if name == RELEASE_ID {
            problems.push(release_id_is_not_for_config());
        } else if !service.variables.iter().any(|variable| variable.name == name) {
            let known = service.variables.iter().map(|variable| variable.name.as_str());
            let kind = if deploy.config.contains_key(name) { "" } else { "the sealed " };
            problems.push(format!("{kind}{name} is unknown to the service{}", did_you_mean(name, known)));
        }
    }
    for (name, count) in &deploy.scale {
        if *count > MOST_PROCESSES {
            problems.push(format!(
                "scale.{name} is {count}: more than {MOST_PROCESSES} processes of one type are hardly meant"
            ));
        }
        let known = service.processes.iter().map(|process| process.name.as_str());
        if !service.processes.iter().any(|process| process.name == *name) {
            problems
                .push(format!("scale.{name} is no process type of the service{}", did_you_mean(name, known)));
        }
    }
    problems.extend(ports(service, deploy));
    problems.extend(limits::problems(deploy, sealed));
    problems.extend(cluster::problems(service, deploy, sealed));
    problems
}

/// Ports at which nobody would find a process, or another one would be found.
fn ports(service: &Service, deploy: &Deploy) -> Vec<String> {
    let own = deploy.services.own_postgres().filter(|_| !deploy.target.is_cluster());
    let problem = |name: &String| {
        let port: u16 = deploy.config.get(name)?.0.parse().ok()?;
        match own {
            _ if port == 0 => Some(format!("{name} is 0, any free port: nobody would find the service")),
            Some(own) if own.port == port => {
                Some(format!("{name} and services.postgres.port are both {port}"))
            }
            _ => None,
        }
    };
    service.processes.iter().filter_map(|process| process.port.as_ref()).filter_map(problem).collect()
}

/// The variables without which this one, which is set, may not be.
fn missing_beside(variable: &Variable, deploy: &Deploy, sealed: &Sealed) -> Vec<String> {
    let is_set = |name: &str| deploy.config.contains_key(name) || sealed.contains_key(name);
    let missing = variable.needs.iter().filter(|other| is_set(&variable.name) && !is_set(other));
    missing.map(|other| format!("{other} is missing: {} is set, which needs it", variable.name)).collect()
}

pub(crate) fn release_id_is_not_for_config() -> String {
    format!("{RELEASE_ID} is not for a deploy's config: each process gets its release's ID in it")
}

/// The secrets that are missing.
pub(crate) fn missing_secrets<'a>(service: &'a Service, deploy: &Deploy, sealed: &Sealed) -> Vec<&'a str> {
    let missing = service.variables.iter().filter(|variable| {
        let name = variable.name.as_str();
        variable.secret
            && variable.required
            && !deploy.config.contains_key(name)
            && !sealed.contains_key(name)
    });
    missing.map(|variable| variable.name.as_str()).collect()
}

fn variable_problem(variable: &Variable, deploy: &Deploy, sealed: &Sealed) -> Option<String> {
    let name = &variable.name;
    let must_be = |text: &str| variable.value.check(text).err().map(|kind| format!("{name} must be {kind}"));
    let sealed = sealed.get(name.as_str());
    match deploy.config.get(name) {
        Some(_) if sealed.is_some() => {
            Some(format!("{name} is in both files: the deploy's config and its sealed secrets"))
        }
        Some(_) if variable.secret => {
            Some(format!("{name} is a secret but stands in the clear: it must be sealed"))
        }
        Some(text) => must_be(&text.0),
        None => match sealed {
            Some(opened) => must_be(opened.as_ref()?.expose()),
            None => variable.required.then(|| format!("{name} is missing: {}", variable.help)),
        },
    }
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

    fn check(deploy: &str, sealed: &[&str]) -> Vec<String> {
        // Parsed by way of JSON, so that this crate needs no TOML of its own.
        let sealed = sealed.iter().map(|name| (*name, None)).collect();
        problems(&service(), &serde_json::from_str(deploy).unwrap(), &sealed)
    }

    const SEALED: &[&str] = &["DATABASE_URL"];

    #[test]
    fn a_complete_config_passes() {
        let deploy =
            r#"{"schema": 1, "target": {"kind": "local"}, "scale": {"web": 1}, "config": {"PORT": 30000}}"#;
        assert_eq!(check(deploy, SEALED), [""; 0]);
    }

    #[test]
    fn all_errors_are_reported_together_and_no_value_is_shown() {
        let deploy = r#"{"schema": 1, "target": {"kind": "local"}, "scale": {"wbe": 1, "web": 2},
            "config": {"PROT": "canary", "LOG_LEVEL": "canary", "COLOUR": "canary"}}"#;
        assert_eq!(
            check(deploy, &[]),
            [
                "DATABASE_URL is missing: the database",
                "LOG_LEVEL must be one of info, debug",
                "PORT is missing: the port",
                "COLOUR is unknown to the service",
                "PROT is unknown to the service (did you mean PORT?)",
                "scale.wbe is no process type of the service (did you mean web?)",
            ]
        );
    }

    #[test]
    fn a_secret_that_is_unknown_is_told_from_what_stands_in_the_clear() {
        let deploy = r#"{"schema": 1, "target": {"kind": "local"}, "scale": {}, "config": {"PORT": 1}}"#;
        assert_eq!(check(deploy, &["DATABASE_URL", "FOO"]), ["the sealed FOO is unknown to the service"]);
    }

    #[test]
    fn a_sealed_value_that_can_be_opened_is_checked_like_the_others() {
        let deploy: Deploy =
            serde_json::from_str(r#"{"schema": 1, "target": {"kind": "local"}, "config": {"PORT": 1}}"#)
                .unwrap();
        let check = |value: Option<&str>| {
            problems(&service(), &deploy, &Sealed::from([("DATABASE_URL", value.map(Secret::new))]))
        };
        assert_eq!(check(Some("canary")), ["DATABASE_URL must be a URL"]);
        assert_eq!((check(Some("postgres://u:p@h/d")), check(None)), (vec![], vec![]));
    }

    #[test]
    fn what_one_variable_needs_beside_it_is_asked_for() {
        let mut service = service();
        service.variables[1].needs = vec!["URL".into(), "DATABASE_URL".into()];
        let check = |config: &str| {
            let deploy = format!(r#"{{"schema": 1, "target": {{"kind": "local"}}, "config": {config}}}"#);
            let sealed = Sealed::from([("DATABASE_URL", None)]);
            problems(&service, &serde_json::from_str(&deploy).unwrap(), &sealed)
        };
        assert_eq!(check(r#"{"PORT": 1}"#), [""; 0]);
        assert_eq!(
            check(r#"{"PORT": 1, "LOG_LEVEL": "info"}"#),
            ["URL is missing: LOG_LEVEL is set, which needs it"]
        );
    }

    #[test]
    fn ports_and_counts_that_cannot_be_meant_are_refused() {
        let config = |port: u32, own: u32| {
            format!(
                r#"{{"schema": 1, "target": {{"kind": "local"}}, "scale": {{"web": {port}}}, "config": {{"PORT": {port}}},
                    "services": {{"postgres": {{"variable": "DATABASE_URL", "port": {own}}}}}}}"#
            )
        };
        assert_eq!(check(&config(0, 1), SEALED), ["PORT is 0, any free port: nobody would find the service"]);
        assert_eq!(check(&config(900, 900), SEALED), ["PORT and services.postgres.port are both 900"]);
        assert_eq!(
            check(&config(1001, 1), SEALED),
            ["scale.web is 1001: more than 1000 processes of one type are hardly meant"]
        );
    }

    #[test]
    fn a_secret_in_the_clear_and_a_variable_in_both_files_are_refused() {
        let deploy = r#"{"schema": 1, "target": {"kind": "local"},
            "config": {"PORT": 1, "DATABASE_URL": "postgres://u:canary@h/d"}}"#;
        assert_eq!(
            check(deploy, &[]),
            ["DATABASE_URL is a secret but stands in the clear: it must be sealed"]
        );
        assert_eq!(
            check(deploy, SEALED),
            ["DATABASE_URL is in both files: the deploy's config and its sealed secrets"]
        );
    }
}
