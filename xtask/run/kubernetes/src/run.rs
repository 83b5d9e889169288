//! `run` on a cluster: everything is checked, what can be made beforehand is made, the database is migrated, and
//! only then the process types change, all at one moment.

use std::{
    cell::{Cell, OnceCell},
    time::Instant,
};

use k8s_openapi::api::{apps::v1::Deployment, batch::v1};
use kube::{Api, ResourceExt, api::DynamicObject};
use tokio::time;
use xtask_contract::{
    Error, ErrorKind, ReleaseId, Result,
    labels::{self, Part},
    last_deployed::LastDeployed,
};

use crate::{
    api_error::ApiContext,
    apply::Applier,
    beforehand::Beforehand,
    checks,
    failure::Failure,
    fall_back, health,
    host::Host,
    lease::Lock,
    notes,
    objects::Objects,
    objects::{called, kind},
    prune::{self, Keep},
    refusal::is_given,
    restart::restart,
    rollout::Rollout,
    scale,
    schema::Reached,
    secrets::{self, Stand},
    service,
    site::Site,
    stateful, status,
    was_on::{QuickBuild, WasOn},
    watch,
};
use xtask_run::{Cause, Job, Outcome, PostgresUrl, Ran, Status};

/// Brings a deploy to a release, or to a quick build after this one.
pub(crate) async fn run(
    job: &Job<'_>,
    site: Site<'_>,
    host: &impl Host,
    quick_before: Option<&QuickBuild>,
) -> Result<Ran> {
    let deadline = Instant::now() + job.options.deadline;
    let mark = job.verified.mark();
    let (beforehand, absent) = tokio::try_join!(Beforehand::look(job, &site), host.absent_images(job))?;
    let Beforehand { objects, kinds, left_out, has_namespace } = beforehand;
    for line in left_out {
        job.progress.note(&line);
    }
    if has_namespace {
        job.check_last_deployed(notes::last_deployed(&site).await?.as_ref())?;
    }
    let take_over = &job.options.take_over;
    let applier = Applier { client: site.client, kinds: &kinds, take_over, before: None, release: None };
    if !has_namespace {
        applier.apply_all(&objects.namespace).await?;
    }
    // Without its namespace nothing could be asked about what is in it.
    let told = |error: Error| match error.kind {
        kind if kind.is_refusal() && !has_namespace => {
            let mut error = begun(error);
            error.why.push(format!("the namespace {} was made for it, and is empty", site.namespace));
            error
        }
        _ => error,
    };
    let lock = Lock::take(&site, Some(&mark), job.options, job.progress).await?;
    let run = Rollout {
        job,
        site,
        host,
        kinds: &kinds,
        objects: &objects,
        absent,
        lock: &lock,
        mark,
        quick_before,
        deadline,
        before: OnceCell::new(),
        remade: Cell::new(false),
        is_settled: Cell::new(false),
        has_schema: Cell::new(false),
    };
    let result = tokio::select! {
        biased;
        result = run.locked() => result,
        lost = lock.keep() => Err(lost),
        signal = xtask_run::interrupted() => Err(stopped(&run, signal?)),
    };
    lock.release().await;
    result.map_err(told)
}

fn stopped(run: &Rollout<'_, impl Host>, signal: &str) -> Error {
    let mark = &run.mark;
    Error::failed(format!("running {mark}"), format!("it was stopped by {signal} on its way")).next(format!(
        "the same command goes on from there; `cargo xtask status --env {}` shows where the deploy stands",
        run.site.env
    ))
}

impl<H: Host> Rollout<'_, H> {
    /// All that is done under the lock.
    async fn locked(&self) -> Result<Ran> {
        let Self { job, site, objects, .. } = self;
        let last_deployed = notes::last_deployed(site).await?;
        job.check_last_deployed(last_deployed.as_ref())?;
        let _ = self.before.set(Objects::last_applied(job, last_deployed.as_ref()));
        let names = objects.deployments();
        let before = scale::present(site, &names).await?;
        let release_before = release_before(&before, last_deployed.as_ref());
        let was_on = self.quick_before.map(WasOn::Quick).or(release_before.map(WasOn::Release));
        let mended = self.in_time(self.check(last_deployed.as_ref(), &before)).await?;
        let unchanged = is_unchanged(&before, &names, &self.mark) && !self.remade.get();
        self.in_time(self.make_ready()).await.map_err(begun)?;
        let migrating = Instant::now();
        if !unchanged && let Err(failure) = self.in_time(self.migrate()).await {
            return Err(fall_back::before_the_change(self, begun(failure), was_on).await);
        }
        let migration = migrating.elapsed();
        self.lock.confirm().await?;
        if let Err(error) = self.change(&before).await {
            // The database may not be what the record says, so that the same command migrates it. If that cannot be
            // noted now, going back fails as well, and says so.
            if self.has_schema.get() {
                let _ = notes::forget_schema(site).await;
            }
            return Err(fall_back::after_the_change(self, begun(error), was_on).await);
        }
        tokio::try_join!(self.note(last_deployed.as_ref()), self.prune())?;
        let status = if unchanged && mended.is_empty() { Status::Unchanged } else { Status::Started };
        Ok(job.ran(status, release_before, migration))
    }

    /// Makes what can be made before anything changes.
    async fn make_ready(&self) -> Result<()> {
        // Images come before the pods that want them: a pull that failed is not tried again for a while.
        self.host.bring_images(&self.site, self.job, &self.absent).await?;
        self.job.progress.step("preparing");
        self.prepare().await?;
        for name in self.objects.stateful_sets() {
            service::start(&self.site, self.host, &name, self.job.progress).await?;
        }
        Ok(())
    }

    /// The last resort, for what does not watch the time by itself.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let late = |_| {
            let why = format!("it is not done after {} s", self.job.options.deadline.as_secs());
            let doing = format!("preparing {}", self.mark);
            Err(Failure::new(Cause::DeadlineExceeded, "", None, why).error(doing))
        };
        time::timeout_at(self.deadline.into(), work).await.unwrap_or_else(late)
    }

    /// Asks the cluster what it says to all objects; tells what of the release that runs comes back.
    async fn check(
        &self,
        last_deployed: Option<&LastDeployed>,
        present: &[Deployment],
    ) -> Result<Vec<String>> {
        self.job.progress.step("checking");
        let release = &self.job.verified.release;
        let looks = checks::look(&self.site, &self.applier(), self.objects, &self.mark).await?;
        let secret = secrets::look(&self.site, release, Some(self.job.secrets)).await?;
        let mut mended = checks::remade(&looks);
        mended.extend(match &secret {
            Stand::Other(line) => Some(line.clone()),
            _ => None,
        });
        self.remade.set(!mended.is_empty());
        if last_deployed.is_some_and(|last_deployed| last_deployed.id == release.id)
            && !self.job.verified.is_quick()
        {
            mended.extend(checks::mended(&looks));
            let gone = secret == Stand::Missing;
            mended.extend(gone.then(|| format!("secret/{} was not there", release.secret_name())));
        }
        if is_unchanged(present, &self.objects.deployments(), &self.mark) && checks::are_in_step(&looks) {
            status::check_pods(&self.site, self.job.verified).await?;
            self.is_settled.set(looks.iter().all(|(_, look)| look.changes_nothing()));
        }
        for line in &mended {
            self.job.progress.note(&format!("{line}; it is brought back"));
        }
        Ok(mended)
    }

    /// Makes what is of no consequence before the process types change: config and secrets under new names, and
    /// the backing services.
    async fn prepare(&self) -> Result<()> {
        let (release, values) = (&self.job.verified.release, self.job.secrets);
        let applier = self.applier();
        for object in self.to_apply(&self.objects.namespace) {
            match applier.apply(object).await {
                // One that was given is taken as it is.
                Err(error) if kind(object) == "Namespace" && is_given(&error) => {}
                result => drop(result?),
            }
        }
        let service = release.service.as_ref();
        let postgres = async {
            let own = release.services.own_postgres();
            let Some((name, value)) = own.and_then(|own| values.get_key_value(&own.variable)) else {
                return Ok(());
            };
            secrets::postgres(&self.site, service, &PostgresUrl::parse(name, value)?).await
        };
        let labels = async {
            for name in self.objects.stateful_sets() {
                stateful::label(&self.site, service, &name).await?;
            }
            Ok(())
        };
        tokio::try_join!(secrets::of_release(&self.site, release, values), postgres, labels)?;
        applier.apply_all(self.to_apply(&self.objects.config)).await?;
        applier.apply_all(self.to_apply(&self.objects.services)).await
    }

    /// Those of these objects that are to be applied: none where that would change none.
    fn to_apply<'o>(&self, objects: &'o [DynamicObject]) -> &'o [DynamicObject] {
        if self.is_settled.get() { &[] } else { objects }
    }

    /// Brings the database to the release's schema, unless it is known to have that.
    async fn migrate(&self) -> Result<()> {
        let reached = Reached::by(&self.site, &self.job.verified.release).await?;
        if reached.is_some() && notes::schema(&self.site).await? == reached {
            self.has_schema.set(true);
            return Ok(());
        }
        self.run_migration().await?;
        match &reached {
            Some(reached) => notes::write_schema(&self.site, reached).await,
            None => Ok(()),
        }
    }

    /// Runs the release's migration, unless it is known to have succeeded.
    async fn run_migration(&self) -> Result<()> {
        let applier = self.applier();
        for object in &self.objects.migration {
            let name = object.name_any();
            let jobs: Api<v1::Job> = Api::namespaced(self.site.client.clone(), self.site.namespace);
            let known = jobs.get_opt(&name).await.asked(|| format!("reading {}", called(object)))?;
            // A Job cannot be started again: one that failed makes way for a new one.
            let has_failed = match &known {
                Some(job) => {
                    job.metadata.deletion_timestamp.is_some() || watch::has_failed(&self.site, job).await
                }
                None => false,
            };
            if has_failed {
                applier.delete(object).await?;
                stateful::gone(jobs, &name).await?;
            }
            self.job.progress.step("migrating the database");
            applier.apply(object).await?;
            let done = watch::job(&self.site, &name, self.deadline, self.job.progress).await;
            done.map_err(|failure| failure.error("migrating the database"))?;
        }
        Ok(())
    }

    /// The moment of the release, and what follows from it until all of it has arrived.
    async fn change(&self, before: &[Deployment]) -> Result<()> {
        let release = &self.job.verified.release;
        self.applier().apply_all(self.to_apply(&self.objects.processes)).await?;
        if self.remade.get() && before.iter().any(|one| on(one) == Some(&self.mark)) {
            restart(&self.site, &self.objects.deployments()).await?;
        }
        let (names, mark) = (self.objects.deployments(), self.mark.as_str());
        watch::rollout(&self.site, &names, mark, self.deadline, self.job.progress)
            .await
            .map_err(|failure| failure.error(format!("rolling out {}", failure.process)))?;
        let Some((name, path)) = readiness(release) else { return Ok(()) };
        let present = scale::present(&self.site, &[name.to_owned()]).await?;
        if present.iter().all(|one| health::replicas(one) == 0) {
            self.job.progress.note(&format!("{name} is scaled to zero: nobody is there to be asked"));
            return Ok(());
        }
        self.job.progress.step("waiting for the service to answer");
        let answers = self.host.answers(&self.site, name, path, mark, self.job.progress);
        time::timeout_at(self.deadline.into(), answers).await.map_err(|_| {
            let place = release.url().unwrap_or_else(|| format!("the service {name}"));
            let why = format!("{place}{path} does not answer 200 as {mark}, though all pods are ready");
            let env = self.site.env;
            Failure::new(Cause::NotAnswering, name, None, why).error(format!("running {mark}")).next(format!(
                "see where the address leads: was the cluster made for another port? `cargo xtask down --env {env} \
                 --data` deletes it, with its data"
            ))
        })
    }

    /// Notes that the release has run.
    async fn note(&self, last_deployed: Option<&LastDeployed>) -> Result<()> {
        let Self { job, site, .. } = self;
        if job.verified.is_quick() {
            return Ok(());
        }
        // In this order: the history of a deploy that has kept none begins with the last-deployed record of before.
        notes::add_to_record(site, job.verified.release.id, Outcome::Ran).await?;
        notes::write_last_deployed(site, &job.last_deployed(last_deployed)).await
    }

    /// Deletes what no release needs that one could go back to.
    async fn prune(&self) -> Result<()> {
        let Self { job, objects, .. } = self;
        let before = self.before.get().and_then(Option::as_ref);
        let keep = Keep::of(&job.verified.release, objects, before, job.ledger, job.keep);
        let pruned = prune::prune(&self.site, &keep, &[Part::Config, Part::Migration, Part::Process]).await?;
        if !pruned.is_empty() {
            self.job.progress.note(&format!("no longer needed, and deleted: {}", pruned.join(", ")));
        }
        Ok(())
    }
}

/// From here on something has been changed: what is refused now is no check's answer any more.
fn begun(error: Error) -> Error {
    let kind = if error.kind.is_refusal() { ErrorKind::Failed } else { error.kind };
    Error { kind, ..error }
}

/// The process type that serves HTTP, and the path that tells whether it takes requests.
fn readiness(release: &xtask_contract::Release) -> Option<(&str, &str)> {
    release.processes.iter().find_map(|(name, process)| Some((name.as_str(), process.readiness.as_deref()?)))
}

/// Whether these Deployments, of those that there are to be, have all arrived at what bears this mark.
pub(crate) fn is_unchanged(present: &[Deployment], names: &[String], mark: &str) -> bool {
    present.len() == names.len() && present.iter().all(|one| on(one) == Some(mark) && health::is_settled(one))
}

fn on(deployment: &Deployment) -> Option<&str> {
    deployment.annotations().get(labels::RELEASE).map(String::as_str)
}

/// The release that a deploy was last known to run, if any of its processes are there. What the Deployments
/// themselves say may be a release that a killed `run` has only begun with.
fn release_before(present: &[Deployment], last_deployed: Option<&LastDeployed>) -> Option<ReleaseId> {
    let last = last_deployed.map(|last_deployed| last_deployed.id);
    last.filter(|_| !present.is_empty())
}
