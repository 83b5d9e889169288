//! A throw-away checkout: its own deploys and ledger, and the builds of the real one. Each part has one of its own, so that
//! none finds what another has left.

use std::{
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use xtask_contract::{Context, Deploy, EnvName, Repo, Result, throw_away};

pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn make(repo: &Repo) -> Result<Self> {
        let make = || -> io::Result<Self> {
            let place = Self(TempDir::new()?);
            copy(&repo.k8s(), &place.path("k8s"))?;
            fs::copy(repo.root().join("Cargo.toml"), place.path("Cargo.toml"))?;
            symlink(repo.root().join("target"), place.path("target"))?;
            // What programs leave in passing goes when this goes.
            fs::create_dir(place.temporary())?;
            Ok(place)
        };
        make().doing(|| "making a throw-away checkout")
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.path("tmp")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A release's folder is read-only, which keeps all but root from deleting it; the rest goes with the folder.
        let _ = throw_away::remove(&self.path("releases"));
    }
}

/// A deploy of a checkout.
pub(super) fn deploy(checkout: &Path, env: &str) -> Result<Deploy> {
    let env: EnvName = env.parse().doing(|| "naming a deploy")?;
    Deploy::read(&Repo::at(checkout), &env)
}

/// Changes a deploy's file.
pub(super) fn edit(checkout: &Path, env: &str, edit: impl FnOnce(&mut Deploy)) -> Result<()> {
    let mut deploy = deploy(checkout, env)?;
    edit(&mut deploy);
    let doing = || format!("making the deploy {env} of a throw-away checkout");
    let text = toml::to_string(&deploy).doing(doing)?;
    fs::write(checkout.join(format!("k8s/envs/{env}.toml")), text).doing(doing)
}

/// Takes out what cargo tells its children of the package that it runs; what they call is about another one.
pub(super) fn without_cargos_own(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// Copies a folder, but no deploy's secrets: these are made anew, and for nobody.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, name) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if entry.is_dir() {
            copy(&entry, &name)?;
        } else if !name.to_string_lossy().ends_with(".secrets.toml") {
            fs::copy(&entry, &name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_checkout_has_no_secrets_and_nothing_of_it_stays() {
        let real = tempfile::tempdir().unwrap();
        fs::create_dir_all(real.path().join("k8s/envs")).unwrap();
        for file in ["Cargo.toml", "k8s/envs/dev.toml", "k8s/envs/dev.secrets.toml"] {
            fs::write(real.path().join(file), file).unwrap();
        }
        let place = Place::make(&Repo::at(real.path())).unwrap();
        assert!(place.path("k8s/envs/dev.toml").exists());
        assert!(!place.path("k8s/envs/dev.secrets.toml").exists());
        let release = place.path("releases/dev/2011-04-06-20:32:17");
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("release.toml"), "").unwrap();
        fs::set_permissions(&release, Permissions::from_mode(0o555)).unwrap();
        let folder = place.folder().to_owned();
        drop(place);
        assert!(!folder.exists());
    }
}
