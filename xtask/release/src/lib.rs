//! Stage 2, release: an image's digest and one deploy's config make an immutable release.
//!
//! Architecture invariants: nothing is built or run here, and no release that exists is ever changed.

mod check;
mod ledger;
mod provision;
mod render;
mod rollback;

pub use rollback::rollback;

use std::{collections::BTreeMap, env};

use xtask_contract::{
    BuildRecord, Context, Deploy, Digest, EnvName, Error, Layout, Ledger, Release, ReleaseId, Repo, Result,
    deploy::{Schema, Secrets, Target},
    image,
    ledger::Verified,
    release::{Image, Link, Process},
    service::{ProcessType, Service},
};

/// Makes a release of a deploy from a build, the newest one if none is named.
pub fn release(repo: &Repo, env: &EnvName, build: Option<&Digest>) -> Result<Verified> {
    let mut deploy = Deploy::read(repo, env)?;
    let record = match build {
        Some(digest) => BuildRecord::of(repo, digest)?,
        None => BuildRecord::newest(repo)?,
    };
    if record.dirty && !deploy.policy.dirty {
        let why = format!("its image {} was built from uncommitted inputs", record.digest);
        return Err(Error::refused(format!("releasing {env}"), why).next(format!(
            "commit and build again (or allow it: `policy.dirty = true` in k8s/envs/{env}.toml)"
        )));
    }
    if let (Some(postgres), Ok(image)) = (&mut deploy.services.postgres, env::var("POSTGRES_IMAGE")) {
        postgres.image = postgres.image.take().map(|_| image);
    }
    let service = describe(&Layout::at(repo.images()), &record.digest)?;
    let secrets = provision::secrets(repo, env, &deploy)?;
    let problems = check::problems(&service, &deploy, &secrets);
    if !problems.is_empty() {
        return Err(Error::refused_for(format!("releasing {env}"), problems).next(format!(
            "correct k8s/envs/{env}.toml: the image {} asks for what is named above",
            record.digest.short()
        )));
    }
    let draft = Draft { env: env.clone(), by: who(), record, service, deploy, secrets };
    ledger::append(&Ledger::of(repo, env), |id, sequence, previous| {
        let release = draft.at(id, sequence, previous);
        let objects = match &release.target {
            Target::Local {} => None,
            Target::Kind { .. } => Some(render::objects(&repo.k8s().join("objects"), &release)?),
        };
        Ok((release, objects))
    })
}

/// All of a release but its place in the ledger.
struct Draft {
    env: EnvName,
    by: String,
    record: BuildRecord,
    service: Service,
    deploy: Deploy,
    secrets: Secrets,
}

impl Draft {
    fn at(&self, id: ReleaseId, sequence: u64, previous: Option<Link>) -> Release {
        let config: BTreeMap<String, String> =
            self.deploy.config.iter().map(|(name, text)| (name.clone(), text.0.clone())).collect();
        Release {
            schema: Schema,
            id,
            env: self.env.clone(),
            sequence,
            by: self.by.clone(),
            previous,
            rollback_to: None,
            image: Image {
                digest: self.record.digest,
                revision: self.record.revision.clone(),
                dirty: self.record.dirty,
            },
            target: self.deploy.target.clone(),
            migrate: self.service.migrate.clone(),
            processes: self.processes(&config),
            services: self.deploy.services.clone(),
            config,
            secrets: self.secrets.secrets.clone(),
        }
    }

    fn processes(&self, config: &BTreeMap<String, String>) -> BTreeMap<String, Process> {
        let process = |kind: &ProcessType| Process {
            args: kind.args.clone(),
            count: self.deploy.scale.get(&kind.name).copied().unwrap_or(1),
            port: kind.port.as_ref().and_then(|variable| config.get(variable)?.parse().ok()),
            readiness: kind.readiness.clone(),
            liveness: kind.liveness.clone(),
        };
        self.service.processes.iter().map(|kind| (kind.name.clone(), process(kind))).collect()
    }
}

/// Reads the service's own description from its image.
fn describe(layout: &Layout, image: &Digest) -> Result<Service> {
    let config = layout.config(&layout.manifest(image)?)?;
    let doing = || format!("reading the service's description in the image {image}");
    let label = config.config.labels.get(image::SERVICE).ok_or_else(|| {
        Error::refused(doing(), format!("it has no label {}", image::SERVICE))
            .next("build it with `cargo xtask build`")
    })?;
    serde_json::from_str(label).doing(doing)
}

/// Who makes the release: the CI system's or the login's user name.
fn who() -> String {
    ["GITHUB_ACTOR", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
