//! The files that a workspace takes, each as it is there and as it is wanted.

use std::path::Path;

use xtask_contract::{Error, Repo, Result, templates};

use super::{file::File, manifest, origin::Origin, workspace::Workspace};

/// The compiler that the toolchain is written for, where the project names none.
const COMPILER: &str = concat!("[toolchain]\nchannel = \"", env!("CARGO_PKG_RUST_VERSION"), ".0\"\n");

/// All of them. `with` names the toolchain's files below `k8s/` that are wanted, too.
pub(super) fn files(workspace: &Workspace, origin: &Origin, with: &[String]) -> Result<Vec<File>> {
    let Workspace { root, service } = workspace;
    let mut files = vec![
        File::completed(root, "Cargo.toml", |text| manifest::workspace(text, service))?,
        File::completed(root, ".cargo/config.toml", manifest::cargo_config)?,
        File::completed(root, ".gitignore", |text| Ok(manifest::ignored(text)))?,
    ];
    let named = |text: &str| text.replace("SERVICE", service.as_str());
    for (path, text) in [
        ("xtask/Cargo.toml", package(origin)),
        ("xtask/src/main.rs", include_str!("files/main.rs").to_owned()),
        ("xtask/src/bin/xtask-cluster.rs", include_str!("files/xtask-cluster.rs").to_owned()),
        ("k8s/envs/local.toml", named(include_str!("files/local.toml"))),
        ("k8s/envs/dev.toml", named(include_str!("files/dev.toml"))),
        (".github/workflows/deploy.yml", include_str!("files/deploy.yml").to_owned()),
    ] {
        files.push(File::whole(root, path, text)?);
    }
    if !root.join("rust-toolchain").exists() {
        files.push(File::whole(root, "rust-toolchain.toml", COMPILER.to_owned())?);
    }
    for (path, text) in brought(root, with)? {
        files.push(File::whole(root, &path, text)?);
    }
    Ok(files)
}

fn package(origin: &Origin) -> String {
    let mut text = include_str!("files/xtask.toml").to_owned();
    for name in ["cli", "cluster"] {
        text = text.replacen("SOURCE", &origin.keys(name), 1);
    }
    text
}

/// The toolchain's files below `k8s/` that are asked for, and those of which the project has its own.
fn brought(root: &Path, asked: &[String]) -> Result<Vec<(String, String)>> {
    let repo = Repo::at(root);
    let mut files = Vec::new();
    for path in asked {
        files.push(one(path)?);
    }
    for template in &templates::TEMPLATES {
        let path = format!("k8s/{}", template.path);
        if repo.root().join(&path).exists() && !files.iter().any(|(known, _)| *known == path) {
            files.push((path, template.text.to_owned()));
        }
    }
    Ok(files)
}

/// The file of this path: one that the toolchain brings along, or the one for any process type under its name.
fn one(path: &str) -> Result<(String, String)> {
    let below = path.strip_prefix("k8s/").unwrap_or(path);
    let whole = format!("k8s/{below}");
    if let Some(template) = templates::brought(below) {
        return Ok((whole, template.text.to_owned()));
    }
    let name = below.strip_prefix("objects/").and_then(|file| file.strip_suffix(".yaml"));
    let any = templates::brought("objects/process.yaml");
    if let (Some(name), Some(any)) = (name.filter(|name| is_label(name)), any) {
        return Ok((whole, any.text.replace(": web\n", &format!(": {name}\n"))));
    }
    let known: Vec<&str> = templates::TEMPLATES.iter().map(|template| template.path).collect();
    Err(Error::usage(format!("writing {path}"), "the toolchain brings no such file along")
        .next(format!("it has {}, and objects/TYPE.yaml for each process type", known.join(", "))))
}

fn is_label(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// A file of this repository, which has been through what `init` asks of others.
    fn ours(path: &str) -> String {
        let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        fs::read_to_string(top.join(path)).unwrap()
    }

    fn workspace(root: &Path) -> Workspace {
        Workspace { root: root.to_owned(), service: "shop".parse().unwrap() }
    }

    #[test]
    fn the_programs_are_those_of_this_repository() {
        assert_eq!(include_str!("files/main.rs"), ours("xtask/src/main.rs"));
        assert_eq!(include_str!("files/xtask-cluster.rs"), ours("xtask/src/bin/xtask-cluster.rs"));
        assert!(ours("rust-toolchain.toml").ends_with(COMPILER));
        let read = |text: &str| toml::from_str::<toml::Value>(text).unwrap();
        let (wanted, ours) =
            (read(&package(&Origin::Version("0.1".into()))), read(&ours("xtask/Cargo.toml")));
        for key in ["features", "bin"] {
            assert_eq!(wanted[key], ours[key]);
        }
        assert_eq!(wanted["package"]["default-run"], ours["package"]["default-run"]);
    }

    #[test]
    fn the_workflow_takes_the_actions_that_this_repository_does() {
        let uses = |text: &str| {
            let lines = text.lines().filter_map(|line| line.trim().strip_prefix("uses: "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let ours = uses(&ours(".github/workflows/main.yml"));
        let wanted = uses(include_str!("files/deploy.yml"));
        assert!(!wanted.is_empty() && wanted.iter().all(|action| ours.contains(action)), "{wanted:?}");
    }

    #[test]
    fn what_was_written_is_as_it_is_wanted_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let (workspace, origin) = (workspace(folder.path()), Origin::Version("0.1".into()));
        fs::write(folder.path().join("Cargo.toml"), "[workspace]\nmembers = [\"shop\"]\n").unwrap();
        let plan = || files(&workspace, &origin, &["objects/web.yaml".into()]).unwrap();
        let first = plan();
        assert!(first.iter().all(File::is_written));
        for file in &first {
            file.write(folder.path()).unwrap();
        }
        let again: Vec<String> =
            plan().iter().filter(|file| file.is_written()).map(|file| file.path.clone()).collect();
        assert_eq!(again, [""; 0]);
        let own = folder.path().join("k8s/envs/dev.toml");
        fs::write(&own, "# ours\n").unwrap();
        for file in plan() {
            file.write(folder.path()).unwrap();
        }
        assert_eq!(fs::read_to_string(own).unwrap(), "# ours\n");
    }

    #[test]
    fn a_process_type_gets_the_file_for_any_under_its_name() {
        let (path, text) = one("k8s/objects/api.yaml").unwrap();
        assert_eq!(path, "k8s/objects/api.yaml");
        assert!(text.contains("name: api\n") && !text.contains(": web\n"), "{text}");
        assert!(one("kind.yaml").unwrap().1.contains("kind.x-k8s.io"));
        for wrong in ["objects/../../x.yaml", "envs/dev.toml", "", "objects/.yaml"] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
    }
}
