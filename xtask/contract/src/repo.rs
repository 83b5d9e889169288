//! Where things are in a checkout.

use std::path::{Path, PathBuf};

use crate::{EnvName, Error, Result, ServiceName, workspace};

/// A checkout of this repository.
#[derive(Debug, Clone)]
pub struct Repo {
    root: PathBuf,
    service: std::result::Result<ServiceName, String>,
}

impl Repo {
    /// The checkout that contains this folder.
    pub fn around(folder: &Path) -> Result<Self> {
        folder
            .ancestors()
            .find(|dir| dir.join("k8s/envs").is_dir() && dir.join("Cargo.toml").is_file())
            .map(Self::at)
            .ok_or_else(|| {
                Error::usage(
                    "looking for the project",
                    format!("{} is not inside a checkout", folder.display()),
                )
                .next("change into the checkout (any folder of it will do) and run the command again")
            })
    }

    /// The checkout with this top folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { service: workspace::service(&root), root }
    }

    /// The checkout's top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The service that the workspace's metadata name. They are read once, where a command begins, and handed down from
    /// there: the stages after `build` read no manifest. They go by the name that an image, and from it a release, bears;
    /// this one is for what there is before any release (a deploy's own database, the log shipper), and no other service's
    /// release is made or run where it stands.
    pub fn service(&self) -> Result<&ServiceName> {
        self.service.as_ref().map_err(|why| {
            Error::refused("looking for the service of this workspace", why)
                .next("name the service's package: `[workspace.metadata.xtask]` with `service = \"NAME\"` in Cargo.toml")
        })
    }

    /// The OCI image layout shared by all builds. It can be rebuilt.
    pub fn images(&self) -> PathBuf {
        self.rebuildable().join("images")
    }

    /// The build records, one per image. They can be rebuilt.
    pub fn builds(&self) -> PathBuf {
        self.rebuildable().join("builds")
    }

    /// What can be rebuilt: `target/xtask`.
    pub fn rebuildable(&self) -> PathBuf {
        self.root.join("target/xtask")
    }

    /// What cannot be rebuilt and belongs to this machine alone: `.xtask`.
    pub fn state(&self) -> PathBuf {
        self.root.join(".xtask")
    }

    /// The file of a lock.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.state().join("locks").join(name)
    }

    /// A deploy's folder in the ledger.
    pub fn releases(&self, env: &EnvName) -> PathBuf {
        self.root.join("releases").join(env.as_str())
    }

    /// The folder of Kubernetes objects.
    pub fn k8s(&self) -> PathBuf {
        self.root.join("k8s")
    }

    /// A deploy's configuration file.
    pub fn deploy_file(&self, env: &EnvName) -> PathBuf {
        self.k8s().join("envs").join(format!("{env}.toml"))
    }

    /// A deploy's sealed secrets.
    pub fn secrets_file(&self, env: &EnvName) -> PathBuf {
        self.k8s().join("envs").join(format!("{env}.secrets.toml"))
    }

    /// The path relative to the checkout, for messages.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// The names of all deploys that have a configuration file, in order.
    pub fn deploys(&self) -> Vec<EnvName> {
        let Ok(entries) = self.k8s().join("envs").read_dir() else { return Vec::new() };
        let mut names: Vec<EnvName> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml")?.parse().ok())
            .collect();
        names.sort();
        names
    }
}
