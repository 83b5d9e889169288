//! What a measurement makes outside of its folder, in the Docker Engine, and how it goes again: a kind cluster, images and
//! what the engine has kept of building them. It is told from all else by the checkout's own name, so that what a bench has
//! left that was killed goes, too.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    process::Stdio,
};

use tokio::process::Command;
use xtask_contract::{
    Repo, Result,
    command::{Failure, outcome},
};

/// The label of the peer's images.
const LABEL: &str = "xtask.local.bench";

pub(super) struct Made {
    /// The name of all that this checkout's bench makes.
    name: String,
    /// The cache entries of the engine's image builder that were there before.
    cached: BTreeSet<String>,
    has_docker: bool,
    has_kind: bool,
}

impl Made {
    /// What there is before anything is measured.
    pub(super) async fn by(repo: &Repo) -> Self {
        let mut hasher = DefaultHasher::new();
        repo.root().hash(&mut hasher);
        let name = format!("xtask-bench-{:03x}", hasher.finish() % 4096);
        let has_docker = call("docker", &["info"]).await.is_ok();
        let has_kind = has_docker && call("kind", &["version"]).await.is_ok();
        let cached = if has_docker { cache().await } else { BTreeSet::new() };
        Self { name, cached, has_docker, has_kind }
    }

    /// The kind cluster's name.
    pub(super) fn cluster(&self) -> &str {
        &self.name
    }

    /// The name of the peer's image.
    pub(super) fn tag(&self) -> String {
        format!("xtask.local/{}", self.name)
    }

    /// The label of each of the peer's images.
    pub(super) fn label(&self) -> String {
        format!("{LABEL}={}", self.name)
    }

    /// Removes all of it.
    pub(super) async fn clear_away(&self) -> Result<()> {
        if self.has_kind {
            let delete = call("kind", &["delete", "cluster", "--name", &self.name]).await;
            delete.map_err(|failure| {
                failure
                    .error(format!("deleting the kind cluster {}", self.name))
                    .next(format!("`kind delete cluster --name {}`", self.name))
            })?;
        }
        if self.has_docker {
            self.remove_images().await.map_err(|failure| {
                failure
                    .error("removing the images that docker has built to be measured")
                    .next(format!("`docker image prune --all --filter label={}`", self.label()))
            })?;
        }
        Ok(())
    }

    async fn remove_images(&self) -> std::result::Result<(), Failure> {
        let filter = format!("label={}", self.label());
        let images = call("docker", &["images", "--quiet", "--no-trunc", "--filter", &filter]).await?;
        let images: BTreeSet<&str> = images.lines().collect();
        if !images.is_empty() {
            let remove = [&["rmi", "--force"], &images.into_iter().collect::<Vec<_>>()[..]].concat();
            call("docker", &remove).await?;
        }
        // An entry that another one is made from goes only after that.
        let mut left = usize::MAX;
        loop {
            let now = cache().await;
            let new: Vec<&String> = now.difference(&self.cached).collect();
            if new.is_empty() || new.len() >= left {
                return Ok(());
            }
            left = new.len();
            for entry in new {
                let filter = format!("id={entry}");
                call("docker", &["buildx", "prune", "--force", "--all", "--filter", &filter]).await?;
            }
        }
    }
}

/// The entries of the image builder's cache; none where docker still builds without one.
async fn cache() -> BTreeSet<String> {
    let told = call("docker", &["buildx", "du", "--verbose"]).await;
    told.map(|told| ids(&told)).unwrap_or_default()
}

fn ids(told: &str) -> BTreeSet<String> {
    told.lines().filter_map(|line| line.strip_prefix("ID:")).map(|id| id.trim().to_owned()).collect()
}

/// Runs a command that no Ctrl-C reaches: what was made has to go all the more then.
async fn call(program: &str, args: &[&str]) -> std::result::Result<String, Failure> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).process_group(0).output().await;
    outcome(program, output).map(|output| String::from_utf8_lossy(&output).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_of_the_builders_cache_are_read_by_their_ids() {
        let told = "ID:           c8zr2r\nCreated at:   2011-04-06\nType: x\n\nID:\t7zwteh\nSize: 0B\n\nTotal:\t0B\n";
        assert_eq!(ids(told).into_iter().collect::<Vec<_>>(), ["7zwteh", "c8zr2r"]);
        assert!(ids("Reclaimable:\t0B\nTotal:\t\t0B\n").is_empty());
    }

    #[tokio::test]
    async fn another_checkout_makes_things_of_another_name() {
        let of = async |root: &str| Made::by(&Repo::at(root)).await.name;
        assert_ne!(of("/a").await, of("/b").await);
        assert_eq!(of("/a").await, of("/a").await);
    }
}
