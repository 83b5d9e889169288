//! A release before it is made: all of it but its place in the ledger.

use std::{collections::BTreeMap, env, fs::File};

use xtask_contract::{
    BuildRecord, Deploy, Digest, EnvName, Error, Identity, Layout, Record, Release, ReleaseId, Repo, Result,
    SealedSecrets, Vouched,
    deploy::Schema,
    image,
    ledger::Verified,
    release::{Image, Link, Process},
    service::{ProcessType, Service},
};

use crate::{
    Clock, SystemClock, check, ledger, provision, recipients,
    render::{self, Source},
    signing, who,
};

/// A release that could be made: nothing keeps its image and its config from each other.
pub struct Draft<'a> {
    repo: &'a Repo,
    clock: &'a dyn Clock,
    env: EnvName,
    by: String,
    image: Image,
    service: Service,
    deploy: Deploy,
    secrets: Option<SealedSecrets>,
}

/// A release that is there.
pub enum Published {
    /// It was before, and a new one would be no other.
    Before(Verified),
    /// It was made now.
    Now(Verified),
}

impl<'a> Draft<'a> {
    /// A release of a build, the newest one if none is named. `ran` are the images that have run in the deploys
    /// which this one's policy promotes from.
    pub fn of_build(
        repo: &'a Repo,
        env: &EnvName,
        deploy: Deploy,
        build: Option<&Digest>,
        ran: &[Digest],
    ) -> Result<Self> {
        let record = match build {
            Some(digest) => BuildRecord::of(repo, digest)?,
            None => BuildRecord::newest(repo)?,
        };
        let layout = Layout::at(repo.images());
        check_record(&layout, &record)?;
        let image = Image { digest: record.digest, revision: record.revision, dirty: record.dirty };
        Self::new(repo, env, (deploy, image, &layout), ran)
    }

    /// A release of an image that is known from elsewhere, such as from another deploy's release.
    pub fn of_image(
        repo: &'a Repo,
        env: &EnvName,
        deploy: Deploy,
        image: &Image,
        ran: &[Digest],
    ) -> Result<Self> {
        Self::new(repo, env, (deploy, image.clone(), &Layout::at(repo.images())), ran)
    }

    /// What a quick build runs as, whose image is in this layout alone: it has all that a release has but a place in the
    /// ledger. The deploy's rules are kept, and credentials that it lacks are made.
    pub fn unpublished(
        repo: &'a Repo,
        env: &EnvName,
        image: Image,
        layout: &Layout,
        id: ReleaseId,
    ) -> Result<Verified> {
        let draft = Self::new(repo, env, (Deploy::read(repo, env)?, image, layout), &[])?;
        let release = draft.at(id, 0, None, provision::secrets(repo, env, &draft.deploy)?);
        let objects = draft.rendered(&release, &release.quick_mark())?;
        Verified::unpublished(release, objects)
    }

    fn new(
        repo: &'a Repo,
        env: &EnvName,
        (mut deploy, image, layout): (Deploy, Image, &Layout),
        ran: &[Digest],
    ) -> Result<Self> {
        if let Some(objection) = deploy.policy.objection(&image, ran) {
            return Err(Error::refused(format!("releasing {env}"), objection).next(allow(env, &image)));
        }
        set_image(&mut deploy);
        let service = layout.description(&image.digest)?;
        check_service(repo, env, &service)?;
        let secrets = SealedSecrets::read(repo, env)?;
        check(repo, env, &service, &deploy, secrets.as_ref(), &image)?;
        let clock = &SystemClock;
        let draft = Self { repo, clock, env: env.clone(), by: who(), image, service, deploy, secrets };
        // What k8s/objects contradict is told before anything is made.
        draft.objects(&draft.preview())?;
        Ok(draft)
    }

    /// The same by another clock than this machine's.
    #[must_use]
    pub fn by_clock(self, clock: &'a dyn Clock) -> Self {
        Self { clock, ..self }
    }

    /// What the release would be if it were made now, but for credentials that are only made with it.
    pub fn preview(&self) -> Release {
        self.at(ReleaseId::at(self.clock.now()), 0, None, self.secrets.clone())
    }

    /// What does not keep it from being made, but should be known.
    pub fn warnings(&self) -> Vec<String> {
        let port = self.secrets.as_ref().and_then(|all| provision::note(self.repo, &self.deploy, all));
        let poolers = check::warnings_of_poolers(&opened(self.repo, self.secrets.as_ref()));
        check::warning(&self.service, &self.deploy).into_iter().chain(port).chain(poolers).collect()
    }

    /// The deploy's newest release, if a new one would be no other: of the same image, config and objects, and signed as
    /// it has to be.
    fn newest_like_it(&self, record: &Record) -> Result<Option<Verified>> {
        let vouched = Vouched::of(self.repo, &self.env, self.deploy.policy.clone(), record)?;
        let Some(newest) = vouched.newest()? else { return Ok(None) };
        let Release { id, sequence, previous, .. } = newest.release;
        let draft = self.at(id, sequence, previous, self.secrets.clone());
        // Who made it, when, and from which commit's same content makes no difference to what runs.
        let image = Image { revision: newest.release.image.revision.clone(), ..draft.image.clone() };
        let (by, rollback_to) = (newest.release.by.clone(), newest.release.rollback_to);
        // One image is of one service, whether that was written down or not.
        let service = newest.release.service.clone();
        let draft = Release { by, rollback_to, service, image, ..draft };
        let is_like_it = draft == newest.release
            && self.objects(&draft)? == newest.objects
            && self.deploy.policy.check_signature(&newest).is_ok();
        Ok(is_like_it.then_some(newest))
    }

    /// Makes the release, after what the deploy says that it has run.
    pub fn publish(self, record: &Record) -> Result<Verified> {
        let lock = ledger::lock(self.repo, &self.env)?;
        self.publish_under(&lock, record)
    }

    /// The same, unless the newest release is like it; of several at once, one makes it.
    pub fn publish_if_new(self, record: &Record) -> Result<Published> {
        let lock = ledger::lock(self.repo, &self.env)?;
        match self.newest_like_it(record)? {
            Some(newest) => Ok(Published::Before(newest)),
            None => self.publish_under(&lock, record).map(Published::Now),
        }
    }

    fn publish_under(self, lock: &File, record: &Record) -> Result<Verified> {
        let key = signing::key(&self.env, &self.deploy.policy)?;
        let secrets = provision::secrets(self.repo, &self.env, &self.deploy)?;
        ledger::append(
            lock,
            (self.repo, &self.env, &self.deploy.policy),
            record,
            self.clock,
            key.as_ref(),
            |id, sequence, previous| {
                let release = self.at(id, sequence, previous, secrets);
                let objects = self.objects(&release)?;
                Ok((release, objects))
            },
        )
    }

    fn objects(&self, release: &Release) -> Result<Option<String>> {
        self.rendered(release, &release.id.to_string())
    }

    fn rendered(&self, release: &Release, mark: &str) -> Result<Option<String>> {
        let further = &self.deploy.policy.kinds;
        let source = Source { repo: self.repo, further, service: &self.service.service, release, mark };
        release.target.is_cluster().then(|| render::objects(source)).transpose()
    }

    fn at(
        &self,
        id: ReleaseId,
        sequence: u64,
        previous: Option<Link>,
        secrets: Option<SealedSecrets>,
    ) -> Release {
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
            service: Some(self.service.service.clone()),
            image: self.image.clone(),
            target: self.deploy.target.clone(),
            migrate: self.service.migrate.clone(),
            migrations: self.service.migrations,
            processes: self.processes(&config),
            network: self.deploy.network.clone(),
            ingress: self.deploy.ingress.clone(),
            services: self.deploy.services.clone(),
            config,
            secrets,
        }
    }

    fn processes(&self, config: &BTreeMap<String, String>) -> BTreeMap<String, Process> {
        let settings =
            |kind: &ProcessType| self.deploy.processes.get(&kind.name).cloned().unwrap_or_default();
        let process = |kind: &ProcessType| Process {
            args: kind.args.clone(),
            count: self.deploy.count(&kind.name),
            port: kind.port.as_ref().and_then(|variable| config.get(variable)?.parse().ok()),
            inherits: kind.inherits,
            tells: kind.tells,
            readiness: kind.readiness.clone(),
            liveness: kind.liveness.clone(),
            alive: kind.alive.clone(),
            settings: settings(kind),
        };
        self.service.processes.iter().map(|kind| (kind.name.clone(), process(kind))).collect()
    }
}

/// Refuses a build record that says another thing of its image than the image does, which its digest proves.
fn check_record(layout: &Layout, record: &BuildRecord) -> Result<()> {
    let labels = layout.config(&layout.manifest(&record.digest)?)?.config.labels;
    let revision = labels.get(image::REVISION).map_or("", String::as_str);
    let dirty = labels.get(image::DIRTY).is_some_and(|dirty| dirty == "true");
    if (revision, dirty) == (record.revision.as_str(), record.dirty) {
        return Ok(());
    }
    let told = |revision: &str, dirty: bool| {
        format!("{}{revision}", if dirty { "uncommitted changes to " } else { "" })
    };
    let why = format!(
        "it says that the image is of {}, but the image says that it is of {}",
        told(&record.revision, record.dirty),
        told(revision, dirty)
    );
    Err(Error::refused(format!("reading the build record of {}", record.digest), why)
        .next("run `cargo xtask build`: it writes the record anew"))
}

/// Refuses the image of another service: `run` would refuse the release.
fn check_service(repo: &Repo, env: &EnvName, service: &Service) -> Result<()> {
    let (here, other) = (repo.service()?, &service.service);
    if here == other {
        return Ok(());
    }
    let why = format!("the image is of the service {other}, and this workspace is of {here}");
    Err(Error::refused(format!("releasing {env}"), why)
        .next("build the service of this workspace: `cargo xtask build`"))
}

/// Lets the environment name the image of the deploy's own server.
pub(crate) fn set_image(deploy: &mut Deploy) {
    if let (Some(postgres), Ok(image)) = (&mut deploy.services.postgres, env::var("POSTGRES_IMAGE")) {
        postgres.image = postgres.image.take().map(|_| image);
    }
}

/// Refuses a deploy's config that is wrong for this service, with all that is.
fn check(
    repo: &Repo,
    env: &EnvName,
    service: &Service,
    deploy: &Deploy,
    secrets: Option<&SealedSecrets>,
    image: &Image,
) -> Result<()> {
    let mut sealed = opened(repo, secrets);
    // What the deploy's own services need is made with the release.
    if let Some(postgres) = deploy.services.own_postgres()
        && !deploy.config.contains_key(&postgres.variable)
    {
        sealed.entry(&postgres.variable).or_default();
    }
    let mut problems = check::problems(service, deploy, &sealed);
    problems.extend(secrets.and_then(|secrets| recipients::problem(env, deploy, secrets)));
    if problems.is_empty() {
        return Ok(());
    }
    let image = image.digest.short();
    let missing = check::missing_secrets(service, deploy, &sealed).into_iter();
    let unknown =
        sealed.keys().filter(|name| !service.variables.iter().any(|variable| variable.name == **name));
    let set =
        missing.map(|name| format!("; `cargo xtask config set --secret {name} --env {env}` sets {name}"));
    let unset =
        unknown.map(|name| format!("; `cargo xtask config unset {name} --env {env}` takes {name} out"));
    let commands: String = set.chain(unset).collect();
    let next =
        format!("correct k8s/envs/{env}.toml: the image {image} asks for what is named above{commands}");
    Err(Error::refused_for(format!("releasing {env}"), problems).next(next))
}

/// The sealed variables with their values, where the identity at hand opens them. Where it does not, `run` will
/// need another one anyhow, on a machine that has it.
fn opened<'a>(repo: &Repo, secrets: Option<&'a SealedSecrets>) -> check::Sealed<'a> {
    let identity = Identity::at_hand(repo).ok().flatten();
    let mut opened = secrets.and_then(|all| all.open_all(identity.as_ref()).ok()).unwrap_or_default();
    let names = secrets.iter().flat_map(|all| all.values.keys());
    names.map(|name| (name.as_str(), opened.remove(name))).collect()
}

/// How an image is let in that the deploy's policy keeps out.
pub(crate) fn allow(env: &EnvName, image: &Image) -> String {
    if image.dirty {
        format!("commit and build again (or allow it: `policy.dirty = true` in k8s/envs/{env}.toml)")
    } else {
        format!("run it there first, or change `policy.promote_from` in k8s/envs/{env}.toml")
    }
}
