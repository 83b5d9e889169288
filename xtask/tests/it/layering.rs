//! The three stages are apart because their crates are: no edge between them, no tool of one in another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Every crate of the workspace, and the other ones of the workspace that it depends on.
const EDGES: [(&str, &[&str]); 14] = [
    ("chassis", &[]),
    ("todo-api", &["chassis"]),
    ("todo-bench", &[]),
    // The stages for the tests alone: the programs are a line each.
    (
        "xtask",
        &[
            "xtask-cli",
            "xtask-cluster",
            "xtask-contract",
            "xtask-kubernetes",
            "xtask-local",
            "xtask-prove",
            "xtask-release",
            "xtask-run",
        ],
    ),
    ("xtask-build", &["xtask-contract"]),
    (
        "xtask-cli",
        &[
            "xtask-build",
            "xtask-contract",
            "xtask-lines",
            "xtask-local",
            "xtask-prove",
            "xtask-release",
            "xtask-run",
        ],
    ),
    ("xtask-cluster", &["xtask-cli", "xtask-contract", "xtask-kubernetes", "xtask-run"]),
    ("xtask-contract", &[]),
    ("xtask-kubernetes", &["xtask-contract", "xtask-run"]),
    ("xtask-lines", &[]),
    ("xtask-local", &["xtask-contract", "xtask-run"]),
    ("xtask-prove", &["xtask-contract"]),
    ("xtask-release", &["xtask-contract"]),
    ("xtask-run", &["xtask-contract", "xtask-lines"]),
];

#[test]
fn the_crates_depend_on_one_another_as_designed_and_in_no_other_way() {
    let graph = Graph::read();
    let members: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let designed: BTreeMap<_, BTreeSet<_>> =
        EDGES.iter().map(|(name, edges)| ((*name).to_owned(), edges.iter().copied().collect())).collect();
    let found: BTreeMap<_, BTreeSet<_>> = graph
        .members()
        .map(|(name, id)| {
            let edges = graph.dependencies(id, Also::Tests).map(|id| graph.name(id));
            (name.to_owned(), edges.filter(|edge| members.contains(edge)).collect())
        })
        .collect();
    assert_eq!(found, designed);
}

#[test]
fn only_the_backend_for_clusters_knows_kubernetes_and_registries() {
    let client =
        |name: &str| ["kube", "k8s-openapi", "oci-", "reqwest"].iter().any(|begin| name.starts_with(begin));
    let others = [
        "xtask-build",
        "xtask-cli",
        "xtask-contract",
        "xtask-lines",
        "xtask-local",
        "xtask-prove",
        "xtask-release",
        "xtask-run",
    ];
    Graph::read().has_none_below(&others, client);
}

#[test]
fn one_place_turns_a_target_into_a_backend_and_nothing_else_asks_which_kind_it_is() {
    let folders = CRATES.map(|name| manifest_folder().join(name).join("src"));
    let asks = |file: &PathBuf| {
        let matches = |line: &str| {
            ["Target::Local", "Target::Kind(", "Target::Kubernetes("].iter().any(|kind| {
                let before = line.split(kind).next().unwrap_or_default();
                line.contains(kind)
                    && (line.contains("=>") || before.ends_with("let ") || before.contains("matches!"))
            })
        };
        code(file).lines().any(matches)
    };
    let found: BTreeSet<String> = folders
        .iter()
        .flat_map(|folder| files(folder))
        .filter(asks)
        .map(|file| file.strip_prefix(manifest_folder()).unwrap().display().to_string())
        .collect();
    // One more turns it into what experiments have to know of it: they act by commands, and see processes.
    let (backends, grounds) = ("cli/src/backends.rs".to_owned(), "prove/src/ground.rs".to_owned());
    assert_eq!(found, BTreeSet::from([backends, grounds]));
}

#[test]
fn no_stage_knows_a_container_engine() {
    let engine = |name: &str| name.starts_with("bollard") || name.starts_with("docker");
    let stages =
        ["xtask-build", "xtask-contract", "xtask-kubernetes", "xtask-local", "xtask-release", "xtask-run"];
    Graph::read().has_none_below(&stages, engine);
}

#[test]
fn what_both_programs_link_is_compiled_once_for_both() {
    let crates = |package: &str| {
        let mut tree = Command::new(env!("CARGO"));
        tree.args(["tree", "--locked", "--package", package, "--edges", "normal,build", "--prefix", "none"]);
        tree.args(["--format", "{p}|{f}"]).current_dir(manifest_folder());
        let mut crates = BTreeMap::<String, BTreeSet<String>>::new();
        for line in String::from_utf8(tree.output().unwrap().stdout).unwrap().lines() {
            let (package, features) = line.trim_end_matches(" (*)").split_once('|').unwrap();
            crates.entry(package.to_owned()).or_default().insert(features.to_owned());
        }
        crates
    };
    let (mut here, clusters) = (crates("xtask-cli"), crates("xtask-cluster"));
    assert!(here.len() > 100 && here.keys().all(|package| clusters.contains_key(package)));
    here.retain(|package, features| clusters[package] != *features);
    assert!(here.is_empty(), "with other features than in xtask-cluster, so compiled twice: {here:#?}");
}

#[test]
fn the_chassis_knows_no_todo() {
    let knows = |file: &PathBuf| fs::read_to_string(file).unwrap().to_lowercase().contains("todo");
    let top = manifest_folder().join("..");
    let found: Vec<PathBuf> = ["src", "tests"]
        .iter()
        .flat_map(|part| files(&top.join("chassis").join(part)))
        .filter(knows)
        .collect();
    assert!(found.is_empty(), "what any service gets says nothing of this one: {found:#?}");
    assert!(files(&top.join("todo-api/src")).iter().any(knows), "what does would not be found");
}

#[test]
fn only_build_calls_a_compiler() {
    let sources = ["contract", "release", "run", "run/kubernetes", "run/local"]
        .map(|stage| manifest_folder().join(stage).join("src"));
    let calls: Vec<String> =
        sources.iter().flat_map(|folder| files(folder)).flat_map(|file| calls(&file)).collect();
    assert!(calls.is_empty(), "compiling is the first stage's alone: {calls:#?}");
}

#[test]
fn a_call_of_a_compiler_would_be_found() {
    let found = calls(&manifest_folder().join("build/src/compile.rs"));
    assert!(found.iter().any(|call| call.contains("command(\"cargo\")")), "{found:?}");
    let found = calls(&manifest_folder().join("build/src/toolchain.rs"));
    assert!(found.iter().any(|call| call.contains("command(\"rustc\")")), "{found:?}");
}

/// The folders of the toolchain's crates.
const CRATES: [&str; 10] = [
    "contract",
    "build",
    "release",
    "run",
    "run/kubernetes",
    "run/local",
    "lines",
    "prove",
    "cli",
    "cluster",
];

/// Where a program is started otherwise, with an environment of its own that holds nothing of the caller's.
const STARTS: [&str; 3] = [
    "contract/src/callee.rs",
    // A release's config is the whole environment of its processes.
    "run/local/src/admin.rs",
    "run/local/src/child.rs",
];

#[test]
fn what_a_program_gets_of_the_environment_is_said_in_one_place() {
    let folders = CRATES.map(|name| manifest_folder().join(name).join("src"));
    let found: BTreeSet<String> = folders
        .iter()
        .flat_map(|folder| files(folder))
        .filter(|file| starts_a_program(file))
        .map(|file| file.strip_prefix(manifest_folder()).unwrap().display().to_string())
        .collect();
    // The bench measures programs of its own, as its caller would start them.
    let found: BTreeSet<&str> =
        found.iter().map(String::as_str).filter(|file| !file.starts_with("cli/src/verb/bench")).collect();
    assert_eq!(found, BTreeSet::from(STARTS));
}

/// Where the toolchain is about one service: the bench measures the one of this repository.
const MEASURES: &str = "cli/src/verb/bench";

#[test]
fn the_toolchain_is_of_no_service() {
    // Tests and what they have recorded are no exception: a reader takes them for what the toolchain knows.
    let all = CRATES.iter().chain(&["."]).flat_map(|name| files(&manifest_folder().join(name).join("src")));
    let names_it: Vec<PathBuf> = all.filter(|file| names_the_service(file)).collect();
    let (bench, others): (Vec<_>, Vec<_>) =
        names_it.iter().partition(|file| file.starts_with(manifest_folder().join(MEASURES)));
    assert!(
        others.is_empty(),
        "the service's name is the workspace's, the image's and the release's to say: {others:#?}"
    );
    assert!(!bench.is_empty(), "what names a service would not be found");
}

fn names_the_service(file: &Path) -> bool {
    let text = fs::read(file).unwrap();
    let text = String::from_utf8_lossy(&text);
    ["todo-api", "todo_api"].iter().any(|name| text.contains(name))
}

#[test]
fn only_the_one_printer_prints() {
    let folders = CRATES.map(|name| manifest_folder().join(name).join("src"));
    let printer = manifest_folder().join("cli/src/ui");
    let found: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| files(folder))
        .filter(|file| !file.starts_with(&printer) && *file != printer.with_extension("rs"))
        .filter(|file| prints(&code(file)))
        .collect();
    assert!(found.is_empty(), "what is shown goes through xtask/cli/src/ui, which escapes it: {found:#?}");
    assert!(prints(&code(&printer.with_extension("rs"))), "what prints would not be found");
}

/// Whether something is written to standard output or standard error. That a program which is called may do so is no
/// matter of this one's.
fn prints(code: &str) -> bool {
    let code = code.replace(".stdout(io::stderr())", "").replace(".stdout(std::io::stderr())", "");
    ["print!(", "println!(", "io::stdout()", "io::stderr()"].iter().any(|way| code.contains(way))
}

/// A source file without its tests.
fn code(file: &Path) -> String {
    without_tests(&fs::read_to_string(file).unwrap())
}

/// A text as rustfmt leaves it, without the items that are for tests alone: one ends with a semicolon in its first line,
/// or with a brace as far from the margin as it begins.
fn without_tests(text: &str) -> String {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let margin = line.strip_suffix("#[cfg(test)]").filter(|margin| margin.trim().is_empty());
        let Some(margin) = margin else {
            code.push(line);
            continue;
        };
        let end = format!("{margin}}}");
        let first = lines.by_ref().find(|line| !line.trim_start().starts_with("#[")).unwrap_or_default();
        if !first.ends_with(';') {
            lines.by_ref().find(|line| *line == end);
        }
    }
    code.join("\n")
}

#[test]
fn what_follows_a_test_is_no_test() {
    let text = "a\n#[cfg(test)]\nmod tests;\nb\n    #[cfg(test)]\n    #[must_use]\n    fn x() {\n        y\n    }\n    c\n\
                #[cfg(test)]\nmod tests {\n    z\n}\nd\n";
    assert_eq!(without_tests(text), "a\nb\n    c\nd");
}

/// Whether a program is started here with the whole environment, outside of tests.
fn starts_a_program(file: &Path) -> bool {
    let code = code(file);
    !file.ends_with("tests.rs") && ["Command::new(", "Shell::new("].iter().any(|start| code.contains(start))
}

/// The lines of a source file in which a program is named as one names it to start it: `cargo`, `rustc`, `cc`.
fn calls(file: &Path) -> Vec<String> {
    let names = ["cargo", "rustc", "rustup", "cc", "gcc", "ld"];
    let starts = |line: &str| {
        names.iter().any(|name| {
            line.contains(&format!("Command::new(\"{name}\""))
                || line.contains(&format!("command(\"{name}\""))
        })
    };
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().enumerate().filter(|(_, line)| starts(line));
    lines.map(|(number, line)| format!("{}:{}: {}", file.display(), number + 1, line.trim())).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn manifest_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether dependencies that only tests have count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Also {
    Tests,
    Nothing,
}

/// The packages and their dependencies, as cargo resolves them.
struct Graph(Metadata);

impl Graph {
    fn read() -> Self {
        let manifest = manifest_folder().join("Cargo.toml");
        let options = ["--locked", "--features", "clusters"].map(str::to_owned);
        Self(MetadataCommand::new().manifest_path(manifest).other_options(options).exec().unwrap())
    }

    fn members(&self) -> impl Iterator<Item = (&str, &PackageId)> {
        self.0.workspace_members.iter().map(|id| (self.name(id), id))
    }

    fn name(&self, id: &PackageId) -> &str {
        self.0[id].name.as_str()
    }

    fn dependencies(&self, id: &PackageId, also: Also) -> impl Iterator<Item = &PackageId> {
        let node = self.0.resolve.as_ref().unwrap().nodes.iter().find(|node| node.id == *id).unwrap();
        let counts = move |kind: DependencyKind| kind != DependencyKind::Development || also == Also::Tests;
        let edges = node.deps.iter().filter(move |edge| edge.dep_kinds.iter().any(|kind| counts(kind.kind)));
        edges.map(|edge| &edge.pkg)
    }

    /// None of these crates may need, directly or not, what `forbidden` names.
    #[track_caller]
    fn has_none_below(&self, crates: &[&str], forbidden: impl Fn(&str) -> bool) {
        for (name, id) in self.members().filter(|(name, _)| crates.contains(name)) {
            let mut below = BTreeSet::new();
            let mut ahead = vec![id];
            while let Some(id) = ahead.pop() {
                ahead.extend(self.dependencies(id, Also::Nothing).filter(|id| below.insert(*id)));
            }
            assert!(!below.is_empty(), "{name} has no dependencies: is it still a crate?");
            let found: Vec<&str> =
                below.iter().map(|id| self.name(id)).filter(|name| forbidden(name)).collect();
            assert!(found.is_empty(), "{name} must not know {found:?}");
        }
    }
}
