//! A copy of the service's sources, to be changed and compiled.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::recipe::{Change, Step};

/// A workspace of the service alone. All that it depends on is where it was.
pub(super) struct Copy(TempDir);

impl Copy {
    pub(super) fn new() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = package.parent().unwrap();
        let copy = Self(TempDir::new().unwrap());
        for name in ["Cargo.lock", "rust-toolchain.toml"] {
            fs::copy(root.join(name), copy.path(name)).unwrap();
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        fs::write(copy.path("Cargo.toml"), alone(&manifest, root)).unwrap();
        for name in ["Cargo.toml", "build.rs", "migrations", "src"] {
            copy_all(&package.join(name), &copy.path("todo-api").join(name));
        }
        copy
    }

    /// Changes it.
    pub(super) fn follow(&self, Step { file, change }: &Step) {
        let path = self.path(file);
        match change {
            Change::New(text) => {
                assert!(!path.exists(), "{file} is not new");
                fs::write(path, text).unwrap();
            }
            Change::Edits(edits) => {
                let mut text = fs::read_to_string(&path).unwrap();
                for [before, after] in edits {
                    assert_eq!(text.matches(before).count(), 1, "{file} has not once:\n{before}");
                    text = text.replace(before, after);
                }
                fs::write(path, text).unwrap();
            }
        }
    }

    /// The program that it becomes. What others wrote is compiled once, and kept; nobody looks for a line in it.
    pub(super) fn compile(&self) -> PathBuf {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contributing");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--offline", "--quiet"]).current_dir(self.0.path());
        cargo
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("RUSTFLAGS", "-D warnings");
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug/todo-api")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// The manifest of a workspace whose other members are elsewhere.
fn alone(manifest: &str, root: &Path) -> String {
    let lines = manifest.lines().map(|line| {
        if line.starts_with("members = ") {
            return "members = [\"todo-api\"]\n".to_owned();
        }
        format!("{}\n", line.replace("path = \"", &format!("path = \"{}/", root.display())))
    });
    lines.collect()
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy_all(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}
