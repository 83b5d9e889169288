//! A service of the tests' own, which compiles in a second: a package by path below it, no other dependency, and the
//! shortest description of itself that makes an image. It has a checkout of its own, and a folder around that with all
//! that its builds leave.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use xtask_contract::Repo;

use super::{
    command::{Outcome, Xtask, tool_home},
    git::git,
};

/// The variable that the service's build script does not want to see.
pub(crate) const UNWANTED: &str = "CANARY_IN_THE_ENVIRONMENT";
/// The name of the file in the caller's home for as long as which the service's build script waits.
pub(crate) const WAIT: &str = "wait";

const WORKSPACE: &str = "[workspace]\nresolver = '3'\nmembers = ['service', 'library']\n\
                         [workspace.metadata.xtask]\nservice = 'tiny'\n\
                         [profile.release]\nlto = 'thin'\n";
const SERVICE: &str = "[package]\nname = 'tiny'\nversion = '0.1.0'\nedition = '2024'\n\
                       [dependencies]\nlibrary = { path = '../library' }\n";
const LIBRARY: &str = "[package]\nname = 'library'\nversion = '0.1.0'\nedition = '2024'\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"library\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"tiny\"\nversion = \"0.1.0\"\ndependencies = [\n \"library\",\n]\n";

/// It has each kind of text in it that could name a folder of this machine.
const PROGRAM: &str = r##"
include!(concat!(env!("OUT_DIR"), "/generated.rs"));

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("describe") => println!(
            r#"{{"schema":1,"service":"tiny","processes":[],"migrate":[],"variables":[]}}"#
        ),
        Some("generated") => generated(),
        Some(_) => panic!("of the service"),
        None => library::text(),
    }
}
"##;

const BUILD_SCRIPT: &str = r#"
use std::{env, fs, path::Path, thread, time::Duration};

fn main() {
    for (name, _) in env::vars() {
        assert!(!name.starts_with("XTASK_") && name != "CANARY_IN_THE_ENVIRONMENT", "{name} is in the environment");
    }
    while Path::new(&env::var("HOME").unwrap()).join("wait").exists() {
        thread::sleep(Duration::from_millis(10));
    }
    let generated = Path::new(&env::var("OUT_DIR").unwrap()).join("generated.rs");
    fs::write(generated, "fn generated() { panic!(\"of a generated file\") }").unwrap();
    println!("cargo::rerun-if-changed=build.rs");
}
"#;

pub(crate) struct Tiny {
    pub(crate) root: PathBuf,
    pub(crate) home: PathBuf,
    folder: TempDir,
}

impl Tiny {
    /// A checkout in which nothing was done yet. All is committed.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("tiny service ").tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let tiny = Self { root: path.join("a checkout"), home: path.join("home"), folder };
        for folder in [&tiny.root, &tiny.home] {
            fs::create_dir(folder).unwrap();
        }
        git(&tiny.root).run(&["init", "--quiet", "--initial-branch", "main"]);
        for (path, text) in [
            ("Cargo.toml", WORKSPACE),
            ("Cargo.lock", LOCK),
            ("service/Cargo.toml", SERVICE),
            ("service/build.rs", BUILD_SCRIPT),
            ("service/src/main.rs", PROGRAM),
            ("library/Cargo.toml", LIBRARY),
            ("library/src/lib.rs", "pub fn text() { panic!(\"of a library\") }\n"),
            ("k8s/envs/local.toml", "schema = 1\ntarget.kind = \"local\"\n"),
            (".gitignore", "/target/\n"),
            ("README.md", "nothing that the compiler reads\n"),
        ] {
            tiny.write(path, text);
        }
        for name in ["rust-toolchain.toml", ".gitattributes"] {
            fs::copy(workspace().join(name), tiny.root.join(name)).unwrap();
        }
        tiny.commit("A tiny service");
        tiny
    }

    /// The same in another place, with all that was ever built there.
    pub(crate) fn moved(self) -> Self {
        let folder = tempfile::Builder::new().prefix("moved ").tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        for part in [&self.root, &self.home, &self.target()] {
            fs::rename(part, path.join(part.file_name().unwrap())).unwrap();
        }
        Self { root: path.join("a checkout"), home: path.join("home"), folder }
    }

    /// The folder that holds all of it.
    pub(crate) fn around(&self) -> &Path {
        self.folder.path()
    }

    /// The folder in which the compiler leaves what it makes.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.with_file_name("the target")
    }

    pub(crate) fn repo(&self) -> Repo {
        Repo::around(&self.root).unwrap()
    }

    /// A file of the checkout.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    /// Writes a file of the checkout.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits all that differs, and tells the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        git(&self.root).run(&["add", "--all"]);
        git(&self.root).run(&["commit", "--quiet", "--message", message]);
        self.head()
    }

    /// The commit that is checked out.
    pub(crate) fn head(&self) -> String {
        git(&self.root).run(&["rev-parse", "HEAD"])
    }

    /// Calls the program under test there.
    pub(crate) fn xtask(&self, args: &[&str]) -> Xtask {
        self.xtask_in(&self.root, args)
    }

    /// Calls it in another checkout, as the same user.
    pub(crate) fn xtask_in(&self, folder: &Path, args: &[&str]) -> Xtask {
        let call = Xtask::at(folder, &self.home).args(args).env("CARGO_HOME", self.home.join(".cargo"));
        call.env("CARGO_TARGET_DIR", self.target())
    }

    /// Builds.
    pub(crate) fn build(&self, args: &[&str]) -> Outcome {
        self.xtask(&[&["build", "--json"], args].concat()).run()
    }
}

/// The variables with which another program calls the program under test as [`Tiny::xtask`] does.
impl Tiny {
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 5] {
        [
            ("DOCKER_HOST", "unix:///nowhere/docker.sock".into()),
            ("HOME", self.home.clone()),
            ("CARGO_HOME", self.home.join(".cargo")),
            ("RUSTUP_HOME", tool_home("RUSTUP_HOME", ".rustup")),
            ("CARGO_TARGET_DIR", self.target()),
        ]
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
