//! Whether the program for clusters is known to be current. Cargo, which always knows, needs longer to say so than most
//! commands take; so it is asked again only when something is newer than its last answer.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

use xtask_contract::Result;

/// What decides, beside its sources, how a workspace is compiled.
const OF_WORKSPACE: [&str; 6] =
    ["Cargo.lock", ".cargo", ".cargo/config", ".cargo/config.toml", "rust-toolchain", "rust-toolchain.toml"];

/// Cargo's last answer about a program: the time of an empty file beside it.
pub(super) struct LastAnswer<'a> {
    program: &'a Path,
    file: PathBuf,
}

impl<'a> LastAnswer<'a> {
    pub(super) fn about(program: &'a Path) -> Self {
        Self { program, file: program.with_extension("current") }
    }

    /// Whether the program is there, and neither what it is compiled from nor `this` is newer than the answer.
    pub(super) fn still_holds(&self, this: &Path) -> bool {
        self.program.exists() && self.is_newer_than(this).unwrap_or(false)
    }

    /// Asks anew. The time that counts is that of the question: what changes while cargo compiles may have been read before.
    pub(super) fn ask(&self, cargo: impl FnOnce() -> Result<()>) -> Result<()> {
        // Of this process's own: who asks at the same time asked at another time. Without a file, cargo is asked again.
        let asked = self.file.with_extension(format!("asked.{}", process::id()));
        let _ = fs::write(&asked, "");
        let answer = cargo();
        let _ = if answer.is_ok() { fs::rename(&asked, &self.file) } else { fs::remove_file(&asked) };
        answer
    }

    fn is_newer_than(&self, this: &Path) -> Option<bool> {
        let answered = changed(&self.file)?;
        let sources = xtask_build::sources_of(self.program).ok().filter(|sources| !sources.is_empty())?;
        let manifests = manifests(&sources);
        let mut all = sources.iter().chain(&manifests).map(PathBuf::as_path).chain([this]);
        // What is gone has no time.
        Some(all.all(|path| changed(path).is_some_and(|changed| changed < answered)))
    }
}

/// The manifests and the settings in the folders of these sources, and above them up to each workspace's top.
fn manifests(sources: &[PathBuf]) -> Vec<PathBuf> {
    let mut folders: BTreeSet<&Path> = BTreeSet::new();
    for source in sources {
        for folder in source.ancestors().skip(1) {
            if !folders.insert(folder) || folder.join(OF_WORKSPACE[0]).exists() {
                break;
            }
        }
    }
    let all = folders.into_iter().flat_map(|folder| {
        let of_workspace = OF_WORKSPACE.iter().filter(|_| folder.join(OF_WORKSPACE[0]).exists());
        ["Cargo.toml"].iter().chain(of_workspace).map(|name| folder.join(name)).collect::<Vec<_>>()
    });
    all.filter(|path| path.exists()).collect()
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use xtask_contract::Error;

    use super::*;

    /// A workspace with one package, compiled, about which cargo was asked a second ago.
    struct Compiled(tempfile::TempDir);

    impl Compiled {
        fn new() -> Self {
            let compiled = Self(tempfile::tempdir().unwrap());
            for name in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "x/Cargo.toml", "x/src/main.rs"] {
                compiled.write(name, "", 60);
            }
            let source = compiled.path("x/src/main.rs").display().to_string();
            compiled.write("target/debug/x", "", 30);
            compiled.write("target/debug/this", "", 30);
            compiled.write("target/debug/x.d", &format!("/target/debug/x: {source}\n"), 30);
            fs::File::open(compiled.path(".cargo")).unwrap().set_modified(seconds_ago(60)).unwrap();
            compiled
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str, age: u64) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::File::options().append(true).open(path).unwrap().set_modified(seconds_ago(age)).unwrap();
        }

        fn is_current(&self) -> bool {
            LastAnswer::about(&self.path("target/debug/x")).still_holds(&self.path("target/debug/this"))
        }

        fn ask(&self, cargo: impl FnOnce() -> Result<()>) -> Result<()> {
            LastAnswer::about(&self.path("target/debug/x")).ask(cargo)
        }
    }

    fn seconds_ago(seconds: u64) -> SystemTime {
        SystemTime::now() - Duration::from_secs(seconds)
    }

    #[test]
    fn cargos_answer_holds_until_something_is_newer() {
        for newer in [
            "x/src/main.rs",
            "x/Cargo.toml",
            "Cargo.toml",
            "Cargo.lock",
            ".cargo/config.toml",
            "target/debug/this",
        ] {
            let compiled = Compiled::new();
            assert!(!compiled.is_current(), "cargo was never asked");
            compiled.ask(|| Ok(())).unwrap();
            assert!(compiled.is_current());
            fs::File::options()
                .append(true)
                .open(compiled.path(newer))
                .unwrap()
                .set_modified(SystemTime::now() + Duration::from_secs(1))
                .unwrap();
            assert!(!compiled.is_current(), "{newer} is newer");
        }
    }

    #[test]
    fn what_is_gone_or_new_is_for_cargo_to_look_at() {
        for gone in ["x/src/main.rs", "target/debug/x", "target/debug/x.d", ".cargo/config.toml"] {
            let compiled = Compiled::new();
            compiled.ask(|| Ok(())).unwrap();
            fs::remove_file(compiled.path(gone)).unwrap();
            assert!(!compiled.is_current(), "{gone} is gone");
        }
        let compiled = Compiled::new();
        compiled.ask(|| Ok(())).unwrap();
        fs::write(compiled.path("rust-toolchain.toml"), "").unwrap();
        assert!(!compiled.is_current());
    }

    #[test]
    fn what_changes_while_cargo_compiles_is_newer_than_its_answer_and_a_failure_is_none() {
        let compiled = Compiled::new();
        compiled
            .ask(|| {
                fs::write(compiled.path("x/src/main.rs"), "changed").unwrap();
                Ok(())
            })
            .unwrap();
        assert!(!compiled.is_current());
        let compiled = Compiled::new();
        compiled.ask(|| Err(Error::failed("compiling", "it does not compile"))).unwrap_err();
        assert!(!compiled.is_current());
        let left: Vec<_> = fs::read_dir(compiled.path("target/debug")).unwrap().collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }
}
