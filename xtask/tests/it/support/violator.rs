//! A workspace with a service that breaks a factor when it is told to.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::{command::Xtask, git::git, ports};

const MANIFEST: &str = "[workspace]\nresolver = '3'\nmembers = ['violator']\n\
                        [workspace.metadata.xtask]\nservice = 'violator'\n[profile.release]\nopt-level = 0\n";
const PACKAGE: &str = "[package]\nname = 'violator'\nversion = '0.1.0'\nedition = '2024'\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"violator\"\nversion = \"0.1.0\"\n";

pub(crate) struct Violator {
    folder: TempDir,
}

impl Violator {
    /// The workspace, with an image of the service and a secret of its deploy's.
    pub(crate) fn built() -> Self {
        let folder = tempfile::Builder::new().prefix("violator ").tempdir().unwrap();
        let violator = Self { folder };
        let deploy = format!(
            "schema = 1\n[target]\nkind = 'local'\n[scale]\nweb = 1\n[config]\nPORT = {}\n[policy]\ndirty = true\n",
            ports::free()
        );
        for (path, text) in [
            ("Cargo.toml", MANIFEST),
            ("Cargo.lock", LOCK),
            ("violator/Cargo.toml", PACKAGE),
            ("violator/src/main.rs", include_str!("violator/main.rs")),
            ("violator/src/describe.json", include_str!("violator/describe.json")),
            ("k8s/envs/local.toml", &deploy),
            (".gitignore", "target\n.xtask\n"),
        ] {
            violator.write(path, text);
        }
        fs::create_dir(violator.folder.path().join("home")).unwrap();
        violator.commits();
        violator.xtask(["build"]).run().done();
        violator.xtask(["config", "set", "--secret", "TOKEN"]).input("correct-horse-battery").run().done();
        violator
    }

    /// Begins a repository with what is there.
    pub(crate) fn commits(&self) {
        let root = self.path("");
        let _ = fs::remove_dir_all(root.join(".git"));
        git(&root).run(&["init", "--quiet", "--initial-branch", "main"]);
        git(&root).run(&["add", "--all"]);
        git(&root).run(&["commit", "--quiet", "--message", "All of it"]);
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A path in the workspace.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("a workspace").join(path)
    }

    pub(crate) fn xtask<const N: usize>(&self, args: [&str; N]) -> Xtask {
        let (root, home) = (self.path(""), self.folder.path().join("home"));
        Xtask::at(&root, &home).args(args).env("CARGO_TARGET_DIR", root.join("target"))
    }
}
