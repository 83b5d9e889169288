//! Where in the repository a build reads: what cargo says that it will, and what it says afterwards that it has.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use xtask_contract::{Context, Error, Repo, Result, durable};

use crate::{cargo_home::config_file, crates::Graph, inputs::Inputs, work_tree::WorkTree};

/// What cargo reads of every workspace, beside packages.
const OF_WORKSPACE: [&str; 5] =
    ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "rust-toolchain", ".cargo"];

/// Files and folders, relative to the top folder of the work tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sources {
    /// The workspace's own files, the folders of the service's package and of all packages by path below it, and what
    /// the repository's configuration of cargo names. All that git does not ignore there is an input.
    pub(crate) folders: BTreeSet<PathBuf>,
    /// What the last compile read beside that. All of it is an input.
    pub(crate) also_read: BTreeSet<PathBuf>,
}

impl Sources {
    /// Those of the last build. They may be out of date, which can do no harm: what was built is found again only by
    /// the content of all that it was built from, a manifest that names another package among it.
    pub(crate) fn of_last_build(repo: &Repo) -> Option<Self> {
        toml::from_str(&fs::read_to_string(file(repo)).ok()?).ok()
    }

    /// Keeps them for the next build.
    pub(crate) fn save(&self, repo: &Repo) -> Result<()> {
        let path = file(repo);
        let doing = || format!("writing {}", path.display());
        // A path that is not UTF-8 cannot be kept; then the next build asks cargo again.
        let Ok(text) = toml::to_string(self) else { return Ok(()) };
        fs::create_dir_all(repo.rebuildable()).doing(doing)?;
        durable::replace(&path, text.as_bytes(), 0o644).doing(doing)
    }

    /// What cargo is going to read, by the crates that it names.
    pub(crate) fn of(repo: &Repo, tree: &WorkTree, graph: &Graph) -> Result<Self> {
        let root = repo.root().canonicalize().doing(|| "looking for the checkout")?;
        let of_workspace = OF_WORKSPACE.iter().map(|name| root.join(name));
        let mut folders: BTreeSet<PathBuf> =
            of_workspace.filter_map(|path| Some(path.strip_prefix(tree.top()).ok()?.to_owned())).collect();
        for folder in graph.values().filter_map(|known| known.folder.as_ref()).chain(&configured(&root)?) {
            let real = folder.canonicalize().doing(|| format!("looking for {}", folder.display()))?;
            let Ok(inside) = real.strip_prefix(tree.top()) else { return Err(outside(folder)) };
            folders.insert(tree.known_as(inside));
        }
        Ok(Self { folders, also_read: BTreeSet::new() })
    }

    /// Adds what cargo has read beside that, by its dep-info. What it has made itself, in the target folder, does not count.
    pub(crate) fn add(
        &mut self,
        tree: &WorkTree,
        read: &[PathBuf],
        inputs: &Inputs,
        target: &Path,
    ) -> Result<()> {
        let target = target.canonicalize().unwrap_or_else(|_| target.to_owned());
        for path in read {
            let doing = || format!("looking for {}, which the compiler has read", path.display());
            let file = path.canonicalize().doing(doing)?;
            let is_known = path.strip_prefix(tree.top()).is_ok_and(|inside| inputs.have(inside));
            if is_known || file.starts_with(&target) {
                continue;
            }
            let Ok(inside) = file.strip_prefix(tree.top()) else { return Err(outside(path)) };
            if inside.components().any(|part| part == Component::Normal(".git".as_ref())) {
                return Err(outside(path));
            }
            let all = links(tree.top(), path).into_iter().chain([inside.to_owned()]);
            self.also_read.extend(all.filter(|path| !inputs.have(path)));
        }
        Ok(())
    }

    /// All paths, as the work tree's git knows them.
    pub(crate) fn paths(&self, tree: &WorkTree) -> Vec<PathBuf> {
        let also_read = self.also_read.iter().map(|path| tree.known_as(path));
        let all: BTreeSet<PathBuf> = self.folders.iter().cloned().chain(also_read).collect();
        all.into_iter().collect()
    }
}

fn file(repo: &Repo) -> PathBuf {
    repo.rebuildable().join("sources.toml")
}

/// The links below the top folder by way of which a path leads elsewhere.
fn links(top: &Path, path: &Path) -> Vec<PathBuf> {
    let Ok(inside) = path.strip_prefix(top) else { return Vec::new() };
    let ancestors = inside.ancestors().filter(|part| top.join(part).is_symlink());
    ancestors.map(Path::to_owned).collect()
}

/// What the repository's configuration of cargo names: vendored crates, and further files of configuration.
fn configured(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut ahead: Vec<PathBuf> = config_file(&root.join(".cargo")).into_iter().collect();
    while let Some(file) = ahead.pop() {
        let doing = || format!("reading cargo's configuration {}", file.display());
        let config: Table = toml::from_str(&fs::read_to_string(&file).doing(doing)?).doing(doing)?;
        let folder = file.parent().unwrap_or(root);
        let sources = config.get("source").and_then(Value::as_table).into_iter().flatten();
        let keys = sources.flat_map(|(_, source)| ["directory", "local-registry"].map(|key| source.get(key)));
        let base = folder.parent().unwrap_or(folder);
        found.extend(keys.flatten().filter_map(Value::as_str).map(|path| base.join(path)));
        for included in included(config.get("include")).map(|path| folder.join(path)) {
            if included.is_file() && !found.contains(&included) {
                found.push(included.clone());
                ahead.push(included);
            }
        }
    }
    Ok(found)
}

/// The files that a configuration file includes: paths, or tables with one.
fn included(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let list = match value {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    list.iter().filter_map(|one| one.as_str().or_else(|| one.get("path")?.as_str()))
}

#[cfg(test)]
mod tests;

fn outside(path: &Path) -> Error {
    let why =
        format!("the service is compiled from {}, which no commit of this repository has", path.display());
    Error::refused("looking for the build's inputs", why)
        .next("bring it into the repository: what an image is built from must be what its commit has")
}
