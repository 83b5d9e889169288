//! The Ingress: the name under which the world reaches the service.

use serde_json::json;
use xtask_contract::{Release, Repo, Result, labels::Part};

use super::{Objects, read};

pub(super) fn objects(repo: &Repo, release: &Release) -> Result<Objects> {
    let serving = release.processes.iter().find(|(_, process)| process.port.is_some());
    let (Some(ingress), Some((name, _))) = (&release.ingress, serving) else { return Ok(Vec::new()) };
    let mut objects = read(repo, "ingress", Part::Process)?;
    for (_, object) in &mut objects {
        object["metadata"]["name"] = json!(name);
        let spec = &mut object["spec"];
        let rule = &mut spec["rules"][0];
        rule["host"] = json!(ingress.host);
        rule["http"]["paths"][0]["backend"]["service"]["name"] = json!(name);
        if let Some(class) = &ingress.class {
            spec["ingressClassName"] = json!(class);
        }
        if let Some(secret) = &ingress.tls_secret {
            spec["tls"] = json!([{ "hosts": [ingress.host], "secretName": secret }]);
        }
    }
    Ok(objects)
}
