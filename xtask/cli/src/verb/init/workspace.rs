//! The workspace, and which of its packages is the service.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use xtask_contract::{Callee, Context, Error, Repo, Result, ServiceName, command};

/// The workspace that takes the toolchain up.
#[derive(Debug)]
pub(super) struct Workspace {
    /// Its top folder.
    pub(super) root: PathBuf,
    pub(super) service: ServiceName,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Workspace {
    /// The one around a folder. Its service is the one that it names already, the one that is asked for, or the only
    /// package with a program.
    pub(super) fn around(folder: &Path, asked: Option<&ServiceName>) -> Result<Self> {
        let doing = || format!("reading the workspace of {}", folder.display());
        let next = "name the folder of a Cargo workspace: `cargo init` makes one";
        if !folder.is_dir() {
            return Err(Error::usage(doing(), "there is no such folder").next(next));
        }
        let mut cargo = Callee::Downloads.command("cargo");
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(folder);
        let said = command::read(&mut cargo).map_err(|failure| failure.error(doing()).next(next))?;
        let metadata: Metadata = serde_json::from_str(&said).doing(doing)?;
        let root = metadata.workspace_root;
        let known = Repo::at(&root).service().ok().cloned();
        let service = chosen(&metadata.packages, known.as_ref(), asked)?;
        Ok(Self { root, service })
    }
}

fn chosen(
    packages: &[Package],
    known: Option<&ServiceName>,
    asked: Option<&ServiceName>,
) -> Result<ServiceName> {
    let doing = "finding the service's package";
    if let (Some(known), Some(asked)) = (known, asked)
        && known != asked
    {
        let why = format!("[workspace.metadata.xtask] in Cargo.toml names {known}, and not {asked}");
        return Err(Error::refused(doing, why).next("leave --service out, or change it there"));
    }
    let is_program = |package: &&Package| {
        package.name != "xtask"
            && package.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "bin"))
    };
    let programs: Vec<&str> =
        packages.iter().filter(is_program).map(|package| package.name.as_str()).collect();
    if let Some(service) = asked.or(known) {
        if programs.contains(&service.as_str()) {
            return Ok(service.clone());
        }
        let why = format!("no package of the workspace that has a program is called {service}");
        return Err(Error::refused(doing, why).next(format!("those that have are {}", programs.join(", "))));
    }
    match programs.as_slice() {
        [only] => only.parse().doing(|| format!("calling a service {only}, as its package")),
        [] => Err(Error::refused(doing, "no package of the workspace has a program")
            .next("`cargo new NAME` makes one; what it has to do stands in docs/your-own-service.md")),
        many => Err(Error::refused(doing, format!("several packages have a program: {}", many.join(", ")))
            .next("name one of them: --service NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, kind: &str) -> Package {
        Package { name: name.into(), targets: vec![Target { kind: vec![kind.into()] }] }
    }

    fn name(name: &str) -> ServiceName {
        name.parse().unwrap()
    }

    #[test]
    fn the_service_is_the_only_program_or_the_one_that_is_named() {
        let one = [package("shop", "bin"), package("shop-core", "lib"), package("xtask", "bin")];
        assert_eq!(chosen(&one, None, None).unwrap(), name("shop"));
        let two = [package("shop", "bin"), package("stock", "bin")];
        assert_eq!(chosen(&two, None, Some(&name("stock"))).unwrap(), name("stock"));
        assert_eq!(chosen(&two, Some(&name("shop")), None).unwrap(), name("shop"));
    }

    #[test]
    fn what_is_not_clear_is_asked_for() {
        let two = [package("shop", "bin"), package("stock", "bin")];
        let why = |packages: &[Package], known: Option<&str>, asked: Option<&str>| {
            let (known, asked) = (known.map(name), asked.map(name));
            chosen(packages, known.as_ref(), asked.as_ref()).unwrap_err().why.join("\n")
        };
        assert_eq!(why(&two, None, None), "several packages have a program: shop, stock");
        assert!(why(&two, None, Some("web")).ends_with("is called web"));
        assert!(why(&two, Some("shop"), Some("stock")).ends_with("names shop, and not stock"));
        assert!(why(&[package("core", "lib")], None, None).starts_with("no package"));
        assert!(why(&[package("My_Shop", "bin")], None, None).contains("a service's name is"));
    }
}
