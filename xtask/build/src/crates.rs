//! The crates of a build: which ones cargo compiled, what for, and how they hang together.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::BufRead,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use xtask_contract::{Context, Result};

/// A crate in one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// What a crate was compiled for. One that was compiled for both is in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// It is linked into the program.
    Linked,
    /// It ran while the program was compiled: a procedural macro, a build script, or what these need.
    BuildTime,
}

/// All crates that cargo compiled, now or earlier, for one program.
pub(crate) type Compiled = BTreeMap<Package, Role>;

/// The crates that cargo's JSON messages name. With the target spelled out, cargo keeps what is compiled for it
/// below a folder of the target's name, and what runs during the build elsewhere.
pub(crate) fn compiled(messages: impl BufRead, target: &str) -> Result<Compiled> {
    let doing = || "reading which crates cargo compiled";
    let mut compiled = Compiled::new();
    for line in messages.lines() {
        let line = line.doing(doing)?;
        if !line.starts_with('{') {
            continue;
        }
        let Message::CompilerArtifact(artifact) = serde_json::from_str(&line).doing(doing)? else { continue };
        let Some(package) = package(&artifact.package_id) else { continue };
        let role = artifact.role(target);
        compiled.entry(package).and_modify(|known| *known = role.min(*known)).or_insert(role);
    }
    Ok(compiled)
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact(Artifact),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Artifact {
    fn role(&self, target: &str) -> Role {
        let runs = self.target.kind.iter().any(|kind| kind == "proc-macro" || kind == "custom-build");
        if !runs && self.filenames.iter().any(|file| is_for(file, target)) {
            Role::Linked
        } else {
            Role::BuildTime
        }
    }
}

/// Whether a file is below TARGET/release.
fn is_for(file: &Path, target: &str) -> bool {
    let profile = file.ancestors().find(|folder| folder.ends_with("release"));
    profile.and_then(Path::parent).is_some_and(|folder| folder.ends_with(target))
}

/// A crate by cargo's ID: `SOURCE#NAME@VERSION`, or `SOURCE#VERSION` if the source's last part is the name.
fn package(id: &str) -> Option<Package> {
    let (source, fragment) = id.rsplit_once('#')?;
    let (name, version) =
        fragment.split_once('@').or_else(|| Some((source.rsplit('/').next()?, fragment)))?;
    Some(Package { name: name.to_owned(), version: version.to_owned() })
}

/// What cargo knows of crates.
pub(crate) type Graph = BTreeMap<Package, Known>;

/// What cargo knows of a crate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The licence, as its manifest names it.
    pub(crate) licence: String,
    /// The crates that it uses, with the features of this build.
    pub(crate) dependencies: BTreeSet<Package>,
    /// Its folder, if it is a package by path: nothing but what is in that folder says what it is.
    pub(crate) folder: Option<PathBuf>,
}

/// How [`graph`] wants `cargo tree` to write: depth, crate, licence.
pub(crate) const TREE: [&str; 4] = ["--prefix", "depth", "--format", "\t{p}\t{l}"];

/// The crates in what `cargo tree` printed.
pub(crate) fn graph(tree: &str) -> Graph {
    let mut graph = Graph::new();
    let mut above: Vec<Package> = Vec::new();
    for line in tree.lines() {
        let mut fields = line.split('\t');
        let (Some(Ok(depth)), Some(package), Some(licence)) =
            (fields.next().map(str::parse::<usize>), fields.next(), fields.next())
        else {
            continue;
        };
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let folder = folder(package);
        let package = Package { name: name.to_owned(), version: version.trim_start_matches('v').to_owned() };
        let known = graph.entry(package.clone()).or_default();
        // What stands below a crate that was shown before is not shown again.
        licence.trim_end_matches(" (*)").clone_into(&mut known.licence);
        known.folder = folder;
        above.truncate(depth);
        if let Some(parent) = above.last().and_then(|parent| graph.get_mut(parent)) {
            parent.dependencies.insert(package.clone());
        }
        above.push(package);
    }
    graph
}

/// The folder in `NAME vVERSION (proc-macro) (/FOLDER)`. Of a crate from elsewhere a URL stands there, or nothing.
fn folder(package: &str) -> Option<PathBuf> {
    let (_, folder) = package.split_once(" (/")?;
    Some(Path::new("/").join(folder.strip_suffix(')')?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn package(name: &str, version: &str) -> Package {
        Package { name: name.into(), version: version.into() }
    }

    #[test]
    fn what_is_linked_is_told_from_what_only_ran() {
        let artifact = |id: &str, kind: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"{id}","target":{{"kind":["{kind}"],"name":"x"}},"filenames":["{file}"],"fresh":true}}"#
            )
        };
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        let lines = [
            artifact(&format!("{registry}#syn@2.0.1"), "lib", "/t/release/deps/libsyn-1.rlib"),
            artifact(&format!("{registry}#both@1.0.0"), "lib", "/t/release/deps/libboth-1.rlib"),
            artifact(&format!("{registry}#both@1.0.0"), "lib", "/t/riscv/release/deps/libboth-2.rlib"),
            artifact(&format!("{registry}#ring@0.17.14"), "custom-build", "/t/release/build/ring-1/build"),
            artifact(&format!("{registry}#ring@0.17.14"), "lib", "/t/riscv/release/deps/libring-1.rlib"),
            artifact(&format!("{registry}#derive@1.0.0"), "proc-macro", "/t/release/deps/libderive-1.so"),
            artifact("path+file:///src/greeter#0.1.0", "bin", "/t/riscv/release/greeter"),
            artifact("git+https://example.org/of?rev=1#fork@3.0.0-a.1", "lib", "/t/riscv/release/deps/x"),
            r#"{"reason":"build-script-executed","package_id":"x#y@1.0.0","linked_libs":[]}"#.to_owned(),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let expected = [
            (package("both", "1.0.0"), Role::Linked),
            (package("derive", "1.0.0"), Role::BuildTime),
            (package("fork", "3.0.0-a.1"), Role::Linked),
            (package("ring", "0.17.14"), Role::Linked),
            (package("syn", "2.0.1"), Role::BuildTime),
            (package("greeter", "0.1.0"), Role::Linked),
        ];
        assert_eq!(compiled(lines.join("\n").as_bytes(), "riscv").unwrap(), Compiled::from(expected));
    }

    #[test]
    fn only_a_package_by_path_has_a_folder() {
        for (package, expected) in [
            ("greeting v0.1.0 (/a b (c)/greeting)", Some("/a b (c)/greeting")),
            ("derive v0.1.0 (proc-macro) (/src/derive)", Some("/src/derive")),
            ("forked v1.0.0 (https://example.org/forked?rev=1#01234567)", None),
            ("serde_derive v1.0.229 (proc-macro)", None),
            ("axum v0.8.9", None),
        ] {
            assert_eq!(folder(package).as_deref(), expected.map(Path::new), "{package}");
        }
    }

    #[test]
    fn the_graph_has_an_edge_wherever_the_tree_has_one() {
        let tree = "0\tgreeter v0.1.0 (/a b/greeter)\tMIT\n\
                    1\taxum v0.8.9\tMIT\n\
                    2\tbytes v1.12.2\tMIT\n\
                    1\tserde v1.0.229\tMIT OR Apache-2.0\n\
                    2\tserde_derive v1.0.229 (proc-macro)\tMIT/Apache-2.0\n\
                    1\taxum v0.8.9\tMIT (*)\n";
        let graph = graph(tree);
        let of = |name: &str, version: &str| -> Vec<String> {
            graph[&package(name, version)].dependencies.iter().map(ToString::to_string).collect()
        };
        assert_eq!(graph.len(), 5);
        assert_eq!(of("greeter", "0.1.0"), ["axum@0.8.9", "serde@1.0.229"]);
        assert_eq!(of("axum", "0.8.9"), ["bytes@1.12.2"]);
        assert_eq!(of("serde", "1.0.229"), ["serde_derive@1.0.229"]);
        assert_eq!(graph[&package("axum", "0.8.9")].licence, "MIT");
        assert_eq!(graph[&package("greeter", "0.1.0")].folder, Some(PathBuf::from("/a b/greeter")));
        assert_eq!(graph[&package("axum", "0.8.9")].folder, None);
    }
}
