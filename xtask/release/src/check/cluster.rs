//! What a deploy's file says of the cluster that it runs on: where that is, and how it is to treat the deploy.

use std::net::IpAddr;

use url::Url;
use xtask_contract::{
    Deploy, Repository,
    deploy::{KubernetesTarget, Target},
    kubernetes_name::is_dns_name,
    nearest::did_you_mean,
    service::{ProcessType, Service},
    settings::{Autoscale, Disruption, Egress, Settings},
    target::plain_http_objection,
};

use super::Sealed;
use crate::Endpoint;

/// All that is wrong with it, a line each.
pub(super) fn problems(service: &Service, deploy: &Deploy, sealed: &Sealed) -> Vec<String> {
    let mut problems = target(&deploy.target);
    for (name, settings) in &deploy.processes {
        let known = service.processes.iter().map(|process| process.name.as_str());
        if known.clone().any(|known| known == name) {
            let wrong = of_process(settings, deploy.count(name));
            problems.extend(wrong.into_iter().map(|why| format!("processes.{name}.{why}")));
        } else {
            let hint = did_you_mean(name, known);
            problems.push(format!("processes.{name} is no process type of the service{hint}"));
        }
    }
    problems.extend(ingress(service, deploy));
    problems.extend(network(deploy, sealed));
    problems.extend(without_cluster(deploy));
    problems
}

fn target(target: &Target) -> Vec<String> {
    let mut problems: Vec<String> = target.node_port().and_then(node_port).into_iter().collect();
    problems.extend(target.registry().map(cluster).unwrap_or_default());
    problems
}

fn cluster(target: &KubernetesTarget) -> Vec<String> {
    let KubernetesTarget { context, registry, url, pull_secret, plain_http, .. } = target;
    let mut problems = Vec::new();
    if context.trim().is_empty() {
        problems
            .push("target.context names no cluster: `kubectl config get-contexts` lists yours".to_owned());
    }
    if is_of_the_example(registry) {
        problems.push(format!(
            "target.registry is {registry}, as in the example: name a repository that you may push to"
        ));
    }
    if let Some(objection) = plain_http_objection(registry).filter(|_| *plain_http) {
        problems.push(format!("target.plain_http: {objection}"));
    }
    if let Some(name) = pull_secret.as_ref().filter(|name| !is_dns_name(name)) {
        problems.push(format!("target.pull_secret is {name:?}, which cannot name a Secret"));
    }
    let is_web = |url: &str| Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
    if url.as_ref().is_some_and(|url| !is_web(url)) {
        problems.push("target.url must begin with https:// or http:// and a host".to_owned());
    }
    problems
}

/// Why a cluster gives this port to no Service (its `--service-node-port-range`, as kind leaves it).
fn node_port(port: u16) -> Option<String> {
    let ports = 30_000..=32_767;
    (!ports.contains(&port)).then(|| {
        format!("target.port is {port}: a cluster gives ports from {} to {}", ports.start(), ports.end())
    })
}

/// Whether a host is one of those that are kept for examples (RFC 2606).
fn is_of_the_example(registry: &Repository) -> bool {
    let host = registry.host().split(':').next().unwrap_or_default();
    let under = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    ["example", "example.com", "example.net", "example.org", "invalid"].into_iter().any(under)
}

fn of_process(settings: &Settings, count: u32) -> Vec<String> {
    let Settings { spread, requests, limits, autoscale, disruption } = settings;
    let mut problems = Vec::new();
    let amounts = [("cpu", &requests.cpu, &limits.cpu), ("memory", &requests.memory, &limits.memory)];
    for (name, request, limit) in amounts {
        if let (Some(request), Some(limit)) = (request, limit)
            && request.is_more_than(limit)
        {
            problems.push(format!("requests.{name} is more than limits.{name}"));
        }
    }
    if let Some(Autoscale { min, max, .. }) = autoscale {
        if min > max {
            problems.push(format!("autoscale.min is {min}, autoscale.max only {max}"));
        } else if count < min.get() || count > max.get() {
            problems.push(format!("autoscale is from {min} to {max}, but scale begins with {count}"));
        }
    }
    let least = autoscale.map_or(count, |autoscale| autoscale.min.get());
    if let Some(Disruption::MinAvailable(stay)) = disruption
        && *stay >= least
    {
        problems.push(format!(
            "disruption.min_available is {stay}: with {least} of them none could ever be moved to another node"
        ));
    }
    if spread.as_ref().is_some_and(|label| !is_label_key(label)) {
        problems.push("spread must be a label of nodes, such as kubernetes.io/hostname".to_owned());
    }
    problems
}

/// Whether this can be a label's key: `kubernetes.io/hostname`.
fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_inner = |c: char| matches!(c, '-' | '_' | '.');
    let known = name.chars().all(|c| c.is_ascii_alphanumeric() || is_inner(c));
    let named = (1..=63).contains(&name.len()) && !name.starts_with(is_inner) && !name.ends_with(is_inner);
    known && named && prefix.is_none_or(is_dns_name)
}

fn ingress(service: &Service, deploy: &Deploy) -> Vec<String> {
    let Some(ingress) = &deploy.ingress else { return Vec::new() };
    let mut problems = Vec::new();
    if !service.processes.iter().any(serves) {
        problems.push("ingress leads nowhere: no process type of the service has a port".to_owned());
    }
    let host = ingress.host.strip_prefix("*.").unwrap_or(&ingress.host);
    let is_host = is_dns_name(host) && host.contains(|c: char| c.is_ascii_alphabetic());
    for (key, right) in [
        ("host", is_host),
        ("class", ingress.class.as_deref().is_none_or(is_dns_name)),
        ("tls_secret", ingress.tls_secret.as_deref().is_none_or(is_dns_name)),
    ] {
        if !right {
            problems.push(format!("ingress.{key} must be a DNS name"));
        }
    }
    problems
}

/// Whether requests come to processes of this type.
fn serves(process: &ProcessType) -> bool {
    process.port.is_some()
}

fn network(deploy: &Deploy, sealed: &Sealed) -> Vec<String> {
    let network = &deploy.network;
    let mut problems = Vec::new();
    for Egress { to, .. } in &network.egress {
        if let Some(to) = to.as_ref().filter(|to| !is_address_block(to)) {
            problems.push(format!("network.egress: {to:?} is no block of addresses such as 10.20.0.0/16"));
        }
    }
    if !network.isolate {
        if !network.egress.is_empty() {
            problems.push("network.egress opens what is not closed: set network.isolate = true".to_owned());
        }
        return problems;
    }
    // The deploy's own server is let through by itself.
    let attached = deploy.services.postgres.as_ref().map_or("DATABASE_URL", |postgres| &postgres.variable);
    let opened = sealed.get(attached).and_then(Option::as_ref);
    let endpoint = opened.and_then(|url| Endpoint::of(attached, url).ok());
    if let (None, Some(endpoint)) = (deploy.services.own_postgres(), endpoint)
        && !network.egress.iter().any(|egress| egress.port == endpoint.port)
    {
        problems.push(format!(
            "network.isolate keeps the processes from {attached}'s server: add {{ port = {} }} to network.egress",
            endpoint.port
        ));
    }
    problems
}

fn is_address_block(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= most)
}

/// What only a cluster can do.
fn without_cluster(deploy: &Deploy) -> Vec<String> {
    if deploy.target.is_cluster() {
        return Vec::new();
    }
    let said = [
        ("processes", !deploy.processes.is_empty()),
        ("network", !deploy.network.is_empty()),
        ("ingress", deploy.ingress.is_some()),
        ("logging", deploy.logging.is_some()),
    ];
    let said = said.into_iter().filter(|(_, said)| *said);
    said.map(|(table, _)| format!("[{table}] is for a cluster; this deploy runs on this machine")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use xtask_contract::Secret;

    use super::*;

    fn check_with(mut deploy: Value, url: Option<&str>) -> Vec<String> {
        let service = json!({ "schema": 1, "service": "s", "migrate": [], "variables": [],
            "processes": [{ "name": "web", "args": [], "port": "PORT", "help": "h" }] });
        deploy["schema"] = json!(1);
        if deploy["target"].is_null() {
            deploy["target"] = json!({ "kind": "kubernetes", "context": "c", "namespace": "n",
                "registry": "registry.acme.com/greeter" });
        }
        let sealed = Sealed::from([("DATABASE_URL", url.map(Secret::new))]);
        problems(&serde_json::from_value(service).unwrap(), &serde_json::from_value(deploy).unwrap(), &sealed)
    }

    fn check(deploy: Value) -> Vec<String> {
        check_with(deploy, None)
    }

    #[test]
    fn what_the_example_leaves_open_is_named() {
        let target = json!({ "kind": "kubernetes", "context": "", "namespace": "n",
            "registry": "registry.example.com/team/greeter" });
        let told = check(json!({ "target": target }));
        assert!(
            told[0].contains("kubectl config get-contexts") && told[1].contains("as in the example"),
            "{told:?}"
        );
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_wrong_target_is_told_in_all_its_parts() {
        let target = json!({ "kind": "kubernetes", "context": "c", "namespace": "n", "plain_http": true,
            "registry": "registry.acme.com/greeter", "pull_secret": "A B", "url": "todo.acme.com" });
        let told = check(json!({ "target": target })).join("\n");
        for part in ["target.plain_http", "target.pull_secret", "target.url"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn a_port_that_a_cluster_does_not_give_is_refused() {
        let told = |port: u16| {
            check(json!({ "target": { "kind": "kind", "cluster": "c", "namespace": "n", "port": port } }))
        };
        assert_eq!((told(30_000), told(32_767)), (vec![], vec![]));
        assert_eq!(told(33_080), ["target.port is 33080: a cluster gives ports from 30000 to 32767"]);
        assert_eq!(told(80).len(), 1);
    }

    #[test]
    fn settings_that_no_cluster_could_keep_are_named_together() {
        let web = json!({ "requests": { "cpu": 2, "memory": "1Gi" }, "limits": { "cpu": "500m", "memory": "1Gi" },
            "autoscale": { "min": 3, "max": 2, "cpu": 70 }, "disruption": { "min_available": 3 }, "spread": "a b" });
        assert_eq!(
            check(json!({ "processes": { "web": web, "wbe": {} } })),
            [
                "processes.wbe is no process type of the service (did you mean web?)",
                "processes.web.requests.cpu is more than limits.cpu",
                "processes.web.autoscale.min is 3, autoscale.max only 2",
                "processes.web.disruption.min_available is 3: with 3 of them none could ever be moved to another node",
                "processes.web.spread must be a label of nodes, such as kubernetes.io/hostname",
            ]
        );
    }

    #[test]
    fn the_first_run_is_within_what_is_scaled_by_load() {
        let web =
            json!({ "autoscale": { "min": 2, "max": 4, "cpu": 70 }, "disruption": { "min_available": 1 } });
        assert_eq!(check(json!({ "processes": { "web": web } })), [""; 0]);
        assert_eq!(
            check(json!({ "scale": { "web": 1 }, "processes": { "web": web } })),
            ["processes.web.autoscale is from 2 to 4, but scale begins with 1"]
        );
    }

    #[test]
    fn an_isolated_deploy_must_be_let_through_to_its_database() {
        let network = |egress: Value| json!({ "network": { "isolate": true, "egress": egress } });
        let url = Some("postgres://u:canary@db.acme.com:6432/d");
        let told = check_with(network(json!([{ "port": 5432 }])), url);
        assert!(
            told.len() == 1 && told[0].contains("{ port = 6432 }") && !told[0].contains("canary"),
            "{told:?}"
        );
        assert_eq!(check_with(network(json!([{ "port": 6432, "to": "10.0.0.0/8" }])), url), [""; 0]);
        assert!(
            check(network(json!([{ "port": 1, "to": "10.0.0.1" }])))[0].contains("no block of addresses")
        );
        assert_eq!(check(json!({ "network": { "egress": [{ "port": 1 }] } })).len(), 1, "nothing was closed");
        let own = json!({ "network": { "isolate": true }, "services": { "postgres": { "variable": "DATABASE_URL" } } });
        assert_eq!(check_with(own, Some("postgres://u:p@postgres:5432/d")), [""; 0]);
    }

    #[test]
    fn an_ingress_has_names_of_the_right_form() {
        let ingress = |host: &str| check(json!({ "ingress": { "host": host, "class": "A" } }));
        assert_eq!(ingress("todo.acme.com"), ["ingress.class must be a DNS name"]);
        assert_eq!(ingress("10.0.0.1").len(), 2);
    }

    #[test]
    fn what_only_a_cluster_can_do_is_refused_on_this_machine() {
        let told = check(json!({ "target": { "kind": "local" }, "processes": { "web": {} },
            "network": { "isolate": true }, "ingress": { "host": "todo.acme.com" } }));
        assert_eq!(told.len(), 3, "{told:?}");
    }
}
