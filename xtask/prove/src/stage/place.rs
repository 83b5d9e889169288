//! The folder that the experiments' deploy is in.

use std::{
    collections::BTreeMap,
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use xtask_contract::{
    BuildRecord, Callee, Context, Deploy, EnvName, Identity, Policy, Repo, Result, SealedSecrets, Secret,
    deploy::{Postgres, Services, Text},
    service::Service,
};

use super::{free_port, own::SERVERS};
use crate::ground::{self, Beside, Ground};

/// The programs that `run` calls; no others are on its PATH.
const CALLED: [&str; 6] = ["docker", "initdb", "kind", "pg_ctl", "postgres", "psql"];

/// The folder.
pub(super) struct Place {
    project: Repo,
    /// What is on the PATH of its `run`.
    pub(super) tools: PathBuf,
    /// Whether `run` stays as long as the deploy runs.
    pub(super) stays: bool,
    /// Its database, if it has one.
    pub(super) database: Option<Postgres>,
    /// The other sealed variables.
    pub(super) secrets: BTreeMap<String, Secret>,
}

impl Place {
    /// Fills the folder with a deploy like one of the project's, and tells what its place is like.
    pub(super) fn make(
        repo: &Repo,
        env: &EnvName,
        service: &Service,
        record: &BuildRecord,
        (project, folder): (&Repo, &Path),
    ) -> Result<(Self, Box<dyn Ground>)> {
        let mut deploy = Deploy::read(repo, env)?;
        let Beside { ground, target, of_servers, port, stays } = ground::beside(&deploy.target, &SERVERS)?;
        let database = deploy.services.postgres.take();
        let mut secrets = secrets(repo, env)?;
        if let Some(Postgres { variable, .. }) = &database {
            secrets.remove(variable);
            deploy.config.remove(variable);
        }
        fill(repo, folder, record).doing(|| format!("making {}", folder.display()))?;
        let (project, tools) = (project.clone(), folder.join("no-tools"));
        let place = Self { project, tools, stays, database, secrets };
        for kind in service.processes.iter().filter(|kind| kind.port.is_some()) {
            deploy.scale.insert(kind.name.clone(), 1);
            if let (Some(variable), Some(port)) = (&kind.port, port) {
                deploy.config.insert(variable.clone(), Text(port.to_string()));
            }
        }
        // What decides how many processes there are, who reaches them and where lines go is not what is shown.
        deploy.processes.values_mut().for_each(|settings| settings.autoscale = None);
        (deploy.network, deploy.ingress, deploy.logging) = Default::default();
        deploy.policy = Policy { dirty: true, ..Policy::default() };
        deploy.target = target;
        for (server, target) in SERVERS.iter().zip(of_servers).filter(|_| place.database.is_some()) {
            let own = Deploy { services: place.postgres(false)?, target, ..deploy.clone() };
            place.write(server, &own)?;
        }
        deploy.services = place.postgres(true)?;
        place.write(env.as_str(), &deploy)?;
        Ok((place, ground))
    }

    /// A database of its own, or of another's.
    fn postgres(&self, attached: bool) -> Result<Services> {
        let Some(database) = self.database.clone() else { return Ok(Services::default()) };
        // On this machine each server has a port of its own.
        let port = if self.stays && !attached { free_port()? } else { 5432 };
        Ok(Services { postgres: Some(Postgres { port, attached, ..database }) })
    }

    fn write(&self, name: &str, deploy: &Deploy) -> Result<()> {
        let path = self.project.root().join(format!("k8s/envs/{name}.toml"));
        let doing = || format!("writing {}", path.display());
        let text = toml::to_string(deploy).doing(doing)?;
        fs::write(&path, text).doing(doing)
    }
}

/// The deploy's sealed variables. Without them the deploy cannot be run here either.
fn secrets(repo: &Repo, env: &EnvName) -> Result<BTreeMap<String, Secret>> {
    match SealedSecrets::read(repo, env)? {
        Some(sealed) => sealed.open_all(Identity::at_hand(repo)?.as_ref()),
        None => Ok(BTreeMap::new()),
    }
}

/// The workspace's manifest, no deploy, and one image.
fn fill(repo: &Repo, folder: &Path, record: &BuildRecord) -> io::Result<()> {
    let project = folder.join("project");
    for name in ["home", "no-tools", "project/k8s/envs", "project/target/xtask/builds"] {
        fs::create_dir_all(folder.join(name))?;
    }
    fs::copy(repo.root().join("Cargo.toml"), project.join("Cargo.toml"))?;
    // Where the project has objects of its own, these are its deploys'.
    for name in ["k8s/objects", "k8s/kind.yaml"] {
        if repo.root().join(name).exists() {
            symlink(repo.root().join(name), project.join(name))?;
        }
    }
    symlink(repo.images(), project.join("target/xtask/images"))?;
    let builds = project.join("target/xtask/builds");
    let name = format!("{}.toml", record.digest.hex());
    fs::copy(record.path(repo), builds.join(&name))?;
    symlink(name, builds.join("newest.toml"))?;
    let folders: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    for program in CALLED {
        if let Some(found) = folders.iter().map(|folder| folder.join(program)).find(|path| path.is_file()) {
            symlink(found, folder.join("no-tools").join(program))?;
        }
    }
    // A project is under version control.
    Callee::Git.command("git").args(["init", "--quiet"]).current_dir(&project).status().map(drop)
}
