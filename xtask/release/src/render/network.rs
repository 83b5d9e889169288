//! A `NetworkPolicy` for each: only what is needed gets through.

use serde_json::{Value, json};
use xtask_contract::{Release, Repo, Result, deploy::Postgres, labels, labels::Part, settings::Egress};

use super::{Objects, read};

pub(super) fn policies(repo: &Repo, release: &Release) -> Result<Objects> {
    if !release.network.isolate {
        return Ok(Vec::new());
    }
    let own = release.services.own_postgres();
    let mut policies = Objects::new();
    for (part, mut policy) in read(repo, "network", Part::Process)? {
        match policy["metadata"]["name"].as_str() {
            Some("requests") => {
                policies.extend(requests(&policy, release).into_iter().map(|policy| (part, policy)));
            }
            Some("services") => {
                open_services(&mut policy, own, &release.network.egress);
                policies.push((part, policy));
            }
            Some("postgres") => {
                let Some(postgres) = own else { continue };
                policy["spec"]["ingress"][0]["ports"][0]["port"] = json!(postgres.port);
                policies.push((part, policy));
            }
            _ => policies.push((part, policy)),
        }
    }
    Ok(policies)
}

/// One for each process type that requests come to.
fn requests(policy: &Value, release: &Release) -> Vec<Value> {
    let serving = release.processes.iter().filter_map(|(name, process)| Some((name, process.port?)));
    let open = |(name, port)| {
        let mut policy = policy.clone();
        policy["metadata"]["name"] = json!(name);
        policy["spec"]["podSelector"]["matchLabels"][labels::COMPONENT] = json!(name);
        policy["spec"]["ingress"][0]["ports"][0]["port"] = json!(port);
        policy
    };
    serving.map(open).collect()
}

fn open_services(policy: &mut Value, own: Option<&Postgres>, egress: &[Egress]) {
    let to_own = policy["spec"]["egress"][0].take();
    let mut rules = Vec::new();
    if let Some(postgres) = own {
        rules.push(to_own);
        rules[0]["ports"][0]["port"] = json!(postgres.port);
    }
    for Egress { port, to } in egress {
        let mut rule = json!({ "ports": [{ "port": port, "protocol": "TCP" }] });
        if let Some(block) = to {
            rule["to"] = json!([{ "ipBlock": { "cidr": block } }]);
        }
        rules.push(rule);
    }
    policy["spec"]["egress"] = json!(rules);
}
