//! A deploy's own PostgreSQL server.

use serde_json::json;
use xtask_contract::{EnvName, Error, Repo, Result, deploy::Postgres, labels::Part};

use super::{Objects, own, read};

pub(super) fn server(repo: &Repo, env: &EnvName, postgres: &Postgres) -> Result<Objects> {
    let image = postgres.image.as_deref().ok_or_else(|| {
        let next = format!("add `image = \"docker.io/library/postgres:17\"` to it in k8s/envs/{env}.toml");
        Error::refused(format!("releasing {env}"), "services.postgres names no image").next(next)
    })?;
    let port = postgres.port;
    let mut objects = read(repo, "postgres", Part::Service)?;
    for (_, object) in &mut objects {
        match object["kind"].as_str() {
            Some("Service") => object["spec"]["ports"][0]["port"] = json!(port),
            Some("StatefulSet") => {
                let template = &mut object["spec"]["template"];
                let place = own::find("postgres", template)?;
                let container = &mut template["spec"]["containers"][place];
                container["image"] = json!(image);
                container["args"] = json!(["-p", port.to_string()]);
                container["ports"][0]["containerPort"] = json!(port);
            }
            _ => {}
        }
    }
    Ok(objects)
}
