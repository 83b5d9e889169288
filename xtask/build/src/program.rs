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

/// The service's program.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// What cargo calls it.
    pub(crate) name: String,
    /// Whether its package has a library, too.
    pub(crate) beside_library: bool,
}

/// The service's program: its package's only one, or the one that is called like the package.
pub(crate) fn find(metadata: &[u8], service: &ServiceName) -> Result<Program> {
    let doing = || format!("looking for the program of the package {service}");
    let Metadata { packages } = serde_json::from_slice(metadata).doing(doing)?;
    let Some(package) = packages.iter().find(|package| package.name == service.as_str()) else {
        let hint = did_you_mean(service.as_str(), packages.iter().map(|package| package.name.as_str()));
        return Err(Error::refused(doing(), format!("the workspace has no such package{hint}"))
            .next("name the service's package: `service` below [workspace.metadata.xtask] in Cargo.toml"));
    };
    let is_program = |target: &&Target| target.kind.iter().any(|kind| kind == "bin");
    let is_library = |target: &Target| target.kind.iter().any(|kind| kind == "lib" || kind == "rlib");
    let beside_library = package.targets.iter().any(is_library);
    let found = |name: &str| Ok(Program { name: name.to_owned(), beside_library });
    let programs: Vec<&str> =
        package.targets.iter().filter(is_program).map(|target| target.name.as_str()).collect();
    match programs.as_slice() {
        [only] => found(only),
        programs if programs.contains(&service.as_str()) => found(service.as_str()),
        [] => Err(Error::refused(doing(), "it has none").next("give it a src/main.rs")),
        programs => Err(Error::refused(doing(), format!("it has several: {}", programs.join(", ")))
            .next(format!("call the one that is the service {service}, like its package"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(programs: &[&str]) -> Result<Program> {
        let library = json!({ "name": "greeter", "kind": ["lib"] });
        let programs = programs.iter().map(|name| json!({ "name": name, "kind": ["bin"] }));
        let targets: Vec<_> = [library].into_iter().chain(programs).collect();
        let other = json!({ "name": "library", "targets": [{ "name": "other", "kind": ["bin"] }] });
        let metadata = json!({ "packages": [other, { "name": "greeter", "targets": targets }] });
        find(metadata.to_string().as_bytes(), &"greeter".parse().unwrap())
    }

    #[test]
    fn it_is_the_packages_only_one_or_the_one_of_its_name() {
        let program = found(&["served"]).unwrap();
        assert!(program.name == "served" && program.beside_library);
        assert_eq!(found(&["aside", "greeter"]).unwrap().name, "greeter");
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        let why = |result: Result<Program>| result.unwrap_err().to_string();
        assert!(why(found(&[])).contains("it has none"));
        assert!(why(found(&["one", "two"])).contains("it has several: one, two"));
        let metadata = json!({ "packages": [{ "name": "greeting", "targets": [] }] }).to_string();
        let missing = why(find(metadata.as_bytes(), &"greeter".parse().unwrap()));
        assert!(missing.contains("has no such package (did you mean greeting?)"), "{missing}");
    }
}
