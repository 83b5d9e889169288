//! Whether the deploy's database has room for as many connections as its processes may hold.

use std::collections::BTreeMap;

use xtask_contract::{
    Deploy, Release,
    deploy::Postgres,
    service::{Service, Variable},
};

/// While a release rolls out, its processes are there beside those of the one before.
const ROLLOUT: u64 = 2;

/// Says so, if there may be too few for a release of this deploy.
pub(crate) fn warning(service: &Service, deploy: &Deploy) -> Option<String> {
    let most = |name: &str| (name.to_owned(), most(deploy, name));
    let counts = service.processes.iter().map(|process| most(&process.name)).collect();
    let set = |name: &str| deploy.config.get(name).map(|text| text.0.as_str());
    too_few(service, deploy.services.postgres.as_ref()?, set, &counts)
}

/// Says so, if there may be too few for as many processes of a release as this.
pub(crate) fn warning_of_scale(
    service: &Service,
    release: &Release,
    counts: &BTreeMap<String, u32>,
) -> Option<String> {
    let set = |name: &str| release.config.get(name).map(String::as_str);
    too_few(service, release.services.postgres.as_ref()?, set, counts)
}

fn too_few<'a>(
    service: &'a Service,
    postgres: &Postgres,
    set: impl Fn(&str) -> Option<&'a str>,
    counts: &BTreeMap<String, u32>,
) -> Option<String> {
    let allowed = postgres.allowed_connections()?;
    let variable = service.connections.as_ref()?;
    let each = per_process(service.variables.iter().find(|known| known.name == *variable)?, set)?;
    let counts: Vec<(&String, u64)> = counts
        .iter()
        .map(|(name, count)| (name, u64::from(*count)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let held = each * counts.iter().map(|(_, count)| count).sum::<u64>();
    if held * ROLLOUT <= u64::from(allowed) {
        return None;
    }
    let formation: Vec<String> = counts.iter().map(|(name, count)| format!("{name}={count}")).collect();
    Some(format!(
        "{} may hold {held} connections to the database ({variable} is {each}), and twice as many while a release rolls \
         out, but it allows {allowed}: lower {variable} or the number of processes, or say in \
         services.postgres.connections how many it allows",
        formation.join(" ")
    ))
}

fn per_process<'a>(variable: &'a Variable, set: impl Fn(&str) -> Option<&'a str>) -> Option<u64> {
    set(&variable.name).or(variable.default.as_deref())?.parse().ok()
}

/// As many as there can be of a process type, by the deploy's file.
fn most(deploy: &Deploy, process: &str) -> u32 {
    let autoscale = deploy.processes.get(process).and_then(|settings| settings.autoscale.as_ref());
    autoscale.map_or(deploy.count(process), |autoscale| autoscale.max.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning_of(deploy: &str) -> Option<String> {
        let service = r#"{"schema": 1, "service": "s", "migrate": ["migrate"], "connections": "POOL",
            "processes": [{"name": "web", "args": ["web"], "help": "h"}, {"name": "worker", "args": ["w"], "help": "h"}],
            "variables": [{"name": "POOL", "type": "integer", "min": 1, "max": 100, "required": false, "secret": false,
                "default": "10", "help": "h"}]}"#;
        let deploy = format!(r#"{{"schema": 1, "target": {{"kind": "local"}}, {deploy}}}"#);
        warning(&serde_json::from_str(service).unwrap(), &serde_json::from_str(&deploy).unwrap())
    }

    #[test]
    fn processes_that_may_hold_more_than_there_are_are_told_of() {
        let own = r#""services": {"postgres": {"variable": "URL"}}"#;
        assert_eq!(warning_of(&format!(r#"{own}, "scale": {{"web": 3, "worker": 1}}"#)), None);
        let told = warning_of(&format!(r#"{own}, "scale": {{"web": 4, "worker": 1}}"#)).unwrap();
        assert!(
            told.starts_with(
                "web=4 worker=1 may hold 50 connections to the database (POOL is 10), and twice as many while a release \
                 rolls out, but it allows 97: lower POOL"
            ),
            "{told}"
        );
        let fewer = format!(r#"{own}, "scale": {{"web": 4}}, "config": {{"POOL": 5}}"#);
        assert_eq!(warning_of(&fewer), None);
    }

    #[test]
    fn what_an_attached_server_allows_is_as_the_deploy_says() {
        let scale = r#""scale": {"web": 50, "worker": 0}"#;
        let attached = |more: &str| {
            warning_of(&format!(
                r#""services": {{"postgres": {{"variable": "URL", "attached": true{more}}}}}, {scale}"#
            ))
        };
        assert_eq!(attached(""), None);
        assert_eq!(attached(r#", "connections": 1000"#), None);
        assert!(attached(r#", "connections": 999"#).unwrap().contains("it allows 999"));
        assert_eq!(warning_of(scale), None);
    }
}
