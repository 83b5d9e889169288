//! Which of a workspace's programs is the service.

use serde::Deserialize;
use xtask_contract::{Context, Error, Result, ServiceName, nearest::did_you_mean};

/// What `cargo metadata --no-deps` says of a workspace.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The name of the service's program: of its package's only one, or of the one that is called like the package.
pub(crate) fn name(metadata: &[u8], service: &ServiceName) -> Result<String> {
    let doing = || format!("looking for the program of the package {service}");
    let Metadata { packages } = serde_json::from_slice(metadata).doing(doing)?;
    let Some(package) = packages.iter().find(|package| package.name == service.as_str()) else {
        let hint = did_you_mean(service.as_str(), packages.iter().map(|package| package.name.as_str()));
        return Err(Error::refused(doing(), format!("the workspace has no such package{hint}"))
            .next("name the service's package: `service` below [workspace.metadata.xtask] in Cargo.toml"));
    };
    let is_program = |target: &&Target| target.kind.iter().any(|kind| kind == "bin");
    let programs: Vec<&str> =
        package.targets.iter().filter(is_program).map(|target| target.name.as_str()).collect();
    match programs.as_slice() {
        [only] => Ok((*only).to_owned()),
        programs if programs.contains(&service.as_str()) => Ok(service.to_string()),
        [] => Err(Error::refused(doing(), "it has none").next("give it a src/main.rs")),
        programs => Err(Error::refused(doing(), format!("it has several: {}", programs.join(", ")))
            .next(format!("call the one that is the service {service}, like its package"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(programs: &[&str]) -> Result<String> {
        let library = json!({ "name": "greeter", "kind": ["lib"] });
        let programs = programs.iter().map(|name| json!({ "name": name, "kind": ["bin"] }));
        let targets: Vec<_> = [library].into_iter().chain(programs).collect();
        let other = json!({ "name": "library", "targets": [{ "name": "other", "kind": ["bin"] }] });
        let metadata = json!({ "packages": [other, { "name": "greeter", "targets": targets }] });
        name(metadata.to_string().as_bytes(), &"greeter".parse().unwrap())
    }

    #[test]
    fn it_is_the_packages_only_one_or_the_one_of_its_name() {
        assert_eq!(found(&["served"]).unwrap(), "served");
        assert_eq!(found(&["aside", "greeter"]).unwrap(), "greeter");
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        let why = |result: Result<String>| result.unwrap_err().to_string();
        assert!(why(found(&[])).contains("it has none"));
        assert!(why(found(&["one", "two"])).contains("it has several: one, two"));
        let metadata = json!({ "packages": [{ "name": "greeting", "targets": [] }] }).to_string();
        let missing = why(name(metadata.as_bytes(), &"greeter".parse().unwrap()));
        assert!(missing.contains("has no such package (did you mean greeting?)"), "{missing}");
    }
}
