//! The folder that the experiments' deploy is in.

use std::{
    collections::BTreeMap,
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use xtask_contract::{
    BuildRecord, Callee, Context, Deploy, EnvName, Error, Identity, Policy, Repo, Result, SealedSecrets,
    Secret,
    deploy::{Postgres, Services, Text},
    service::Service,
    throw_away,
};

use super::{SERVERS, free_port};

/// The programs that `run` calls; no others are on its PATH.
const CALLED: [&str; 4] = ["initdb", "pg_ctl", "postgres", "psql"];

/// The folder, which is deleted when this is dropped.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    /// The deploy's folder, as a project.
    pub(super) project: Repo,
    /// The port that the deploy serves at.
    pub(super) port: u16,
    /// The variable with the URL of its database, if it has one.
    pub(super) database: Option<String>,
    /// The other sealed variables.
    pub(super) secrets: BTreeMap<String, Secret>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left of it is deleted by the next one.
        let _ = throw_away::remove(&self.folder);
    }
}

impl Place {
    pub(super) fn make(repo: &Repo, env: &EnvName, service: &Service, record: &BuildRecord) -> Result<Self> {
        let mut deploy = Deploy::read(repo, env)?;
        if deploy.target.is_cluster() {
            let why = "experiments are made on this machine, and it is a deploy of a cluster";
            return Err(Error::refused(format!("proving {env}"), why)
                .next("name a deploy of this machine with `--env`: all deploys run the same image"));
        }
        let database = deploy.services.postgres.take().map(|postgres| postgres.variable);
        let mut secrets = secrets(repo, env)?;
        if let Some(variable) = &database {
            secrets.remove(variable);
            deploy.config.remove(variable);
        }
        let folder = repo.rebuildable().join("prove").join(env.as_str());
        fill(repo, &folder, record).doing(|| format!("making {}", folder.display()))?;
        let (project, port) = (Repo::at(folder.join("project")), free_port()?);
        let place = Self { folder, project, port, database, secrets };
        for kind in &service.processes {
            if let Some(variable) = &kind.port {
                deploy.config.insert(variable.clone(), Text(port.to_string()));
            }
        }
        deploy.policy = Policy { dirty: true, ..Policy::default() };
        for server in SERVERS.iter().filter(|_| place.database.is_some()) {
            let own = Deploy { services: place.postgres(false)?, ..deploy.clone() };
            place.write(server, &own)?;
        }
        deploy.services = place.postgres(true)?;
        place.write(env.as_str(), &deploy)?;
        Ok(place)
    }

    /// A database of its own, or of another's.
    fn postgres(&self, attached: bool) -> Result<Services> {
        let Some(variable) = self.database.clone() else { return Ok(Services::default()) };
        let port = if attached { 5432 } else { free_port()? };
        Ok(Services { postgres: Some(Postgres { variable, port, image: None, attached, connections: None }) })
    }

    fn write(&self, name: &str, deploy: &Deploy) -> Result<()> {
        let path = self.project.root().join(format!("k8s/envs/{name}.toml"));
        let doing = || format!("writing {}", path.display());
        let text = toml::to_string(deploy).doing(doing)?;
        fs::write(&path, text).doing(doing)
    }
}

/// The deploy's sealed variables. Who cannot open them cannot run the deploy here either.
fn secrets(repo: &Repo, env: &EnvName) -> Result<BTreeMap<String, Secret>> {
    match SealedSecrets::read(repo, env)? {
        Some(sealed) => sealed.open_all(Identity::at_hand(repo)?.as_ref()),
        None => Ok(BTreeMap::new()),
    }
}

/// The workspace's manifest, no deploy, and one image.
fn fill(repo: &Repo, folder: &Path, record: &BuildRecord) -> io::Result<()> {
    throw_away::remove(folder)?;
    let project = folder.join("project");
    for name in ["home", "no-tools", "project/k8s/envs", "project/target/xtask/builds"] {
        fs::create_dir_all(folder.join(name))?;
    }
    fs::copy(repo.root().join("Cargo.toml"), project.join("Cargo.toml"))?;
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
