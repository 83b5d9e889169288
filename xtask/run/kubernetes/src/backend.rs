//! A cluster as a backend.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use kube::Client;
use xtask_contract::{Deploy, EnvName, Error, ObjectKind, Progress, Result};
use xtask_run::{
    Amount, Announce, Asked, Backend, Change, Console, DeployState, DevLoop, Formation, Gone, IfBusy, Job,
    OneOff, Options, OwnPostgres, Report, SILENCE, Services, Shipper, Status,
    logs::{Query, Sink},
    no_quick_builds, nothing_runs,
};

use crate::{
    admin, beforehand, changes, checks, deploy_state, dev,
    down::{delete_namespace, down},
    host::{Ending, Host},
    lease::Lock,
    logging, logs, run, scale, service,
    site::Site,
    status,
};

/// More than two of the pings that kube sends each minute.
const LONG_SILENCE: Duration = Duration::from_secs(150);

/// A deploy on a cluster.
pub struct Cluster<'a, H> {
    env: &'a EnvName,
    host: H,
}

#[expect(private_bounds, reason = "which kinds of cluster there are is this crate's to say")]
impl<'a, H: Host> Cluster<'a, H> {
    /// The deploy of this name on a cluster of this kind.
    pub fn new(env: &'a EnvName, host: H) -> Self {
        Self { env, host }
    }

    /// Where the deploy is, for what looks at no objects of its releases.
    fn site<'b>(&'b self, client: &'b Client) -> Site<'b> {
        self.site_with(client, &[])
    }

    /// Where it is; `further` are the kinds of objects that its rules allow beside the usual ones.
    fn site_with<'b>(&'b self, client: &'b Client, further: &'b [ObjectKind]) -> Site<'b> {
        Site { client, env: self.env, namespace: self.host.namespace(), further }
    }

    async fn at_hand(&self) -> Result<Option<Client>> {
        self.host.at_hand(SILENCE).await
    }

    /// Stops the deploy on a cluster that runs.
    async fn down_on(
        &self,
        client: &Client,
        deploy: &Deploy,
        data: bool,
        progress: &dyn Progress,
    ) -> Result<Gone> {
        let site = self.site_with(client, &deploy.policy.kinds);
        let ending = self.host.ending(client, data).await?;
        let mut gone = if checks::has_namespace(client, site.namespace).await? {
            let lock = Lock::take(&site, None, &Options::default(), progress).await?;
            let result = tokio::select! {
                biased;
                result = empty(&site, &ending, data, progress) => result,
                lost = lock.keep() => Err(lost),
                signal = xtask_run::interrupted() => Err(interrupted(self.env, signal?)),
            };
            lock.release().await;
            result?
        } else {
            Gone::default()
        };
        self.host.end(&ending, progress).await?;
        if let Ending::Beside(others) = &ending {
            gone.left
                .insert(0, format!("{} goes on: also on it is {}", self.host.place(), others.join(", ")));
        }
        gone.stopped |= matches!(ending, Ending::Stop | Ending::Delete);
        gone.data |= ending == Ending::Delete;
        Ok(gone)
    }
}

/// Does what is to be done under the deploy's lock. With a cluster that stops or goes as a whole, its processes end.
async fn empty(site: &Site<'_>, ending: &Ending, data: bool, progress: &dyn Progress) -> Result<Gone> {
    if matches!(ending, Ending::Stop | Ending::Delete) {
        return Ok(Gone::default());
    }
    let gone = down(site, data, progress).await?;
    if data && matches!(ending, Ending::Beside(_)) {
        delete_namespace(site).await?;
    }
    Ok(gone)
}

fn interrupted(env: &EnvName, signal: &str) -> Error {
    Error::failed(format!("stopping {env}"), format!("it was interrupted by {signal} on its way"))
        .next("the same command goes on from there")
}

#[async_trait(?Send)]
impl<H: Host> Backend for Cluster<'_, H> {
    async fn preflight(&self, _: &Deploy) -> Result<()> {
        self.host.preflight().await
    }

    async fn could_run(&self, job: &Job<'_>) -> Result<()> {
        match self.host.if_it_runs().await? {
            Some(client) => {
                beforehand::could_run(job, &self.site_with(&client, &job.vouched.policy().kinds)).await
            }
            None => Ok(()),
        }
    }

    async fn run(&self, job: &Job<'_>, announce: &Announce<'_>) -> Result<()> {
        let client = self.host.ready(job.options.timing.silence, job.progress).await?;
        let site = self.site_with(&client, &job.vouched.policy().kinds);
        match run::run(job, site, &self.host, None).await {
            Ok(ran) => {
                announce(&ran);
                Ok(())
            }
            Err(error) => Err(self.host.explained(error).await),
        }
    }

    async fn dev(&self, work: &mut dyn DevLoop, progress: &dyn Progress) -> Result<()> {
        if !self.host.is_of_this_machine() {
            return Err(no_quick_builds());
        }
        let client = self.host.ready(SILENCE, progress).await?;
        dev::dev(self.site(&client), &self.host, work, progress).await
    }

    async fn changes(&self, job: &Job<'_>) -> Result<Vec<Change>> {
        let client = self.at_hand().await?;
        let site = client.as_ref().map(|client| self.site_with(client, &job.vouched.policy().kinds));
        changes::changes(job, site.as_ref()).await
    }

    async fn is_stopped(&self) -> Result<bool> {
        self.host.is_stopped().await
    }

    async fn deploy_state(&self) -> Result<DeployState> {
        if !self.host.is_named() {
            return Ok(DeployState::default());
        }
        match self.at_hand().await? {
            Some(client) => deploy_state::deploy_state(&self.site(&client)).await,
            None => Ok(DeployState::default()),
        }
    }

    async fn status(&self, asked: &Asked<'_>) -> Result<Report> {
        match self.at_hand().await? {
            Some(client) => status::report(&self.site_with(&client, asked.kinds), asked).await,
            None => Ok(Report::default()),
        }
    }

    async fn formation(&self) -> Result<Formation> {
        match self.at_hand().await? {
            Some(client) => scale::formation(&self.site(&client)).await,
            None => Ok(Formation::new()),
        }
    }

    async fn scale(
        &self,
        requests: &BTreeMap<String, Amount>,
        _: IfBusy,
        progress: &dyn Progress,
    ) -> Result<Formation> {
        match self.at_hand().await? {
            Some(client) => scale::scale(&self.site(&client), requests, progress).await,
            None => Err(scale::nothing_to_scale(self.env)),
        }
    }

    async fn logs(&self, query: &Query, sink: &mut dyn Sink) -> Result<()> {
        match self.at_hand().await? {
            Some(client) => logs::logs(&self.site(&client), query, sink).await,
            None => Err(Error::refused(
                format!("reading the logs of {}", self.env),
                "nothing of it was ever run from this checkout, which so knows no way to its cluster",
            )
            .next(format!("`cargo xtask up --env {}` runs it", self.env))),
        }
    }

    async fn admin(
        &self,
        process: &OneOff<'_>,
        console: &mut dyn Console,
        progress: &dyn Progress,
    ) -> Result<u8> {
        // A person may leave the connection alone for a while.
        match self.host.at_hand(LONG_SILENCE).await? {
            Some(client) => {
                let site = self.site_with(&client, process.kinds);
                admin::admin(&site, process.verified, process.args, console, progress).await
            }
            None => Err(nothing_runs(self.env)),
        }
    }

    async fn losses(&self) -> Result<Vec<String>> {
        self.host.losses(self.env).await
    }

    async fn down(&self, deploy: &Deploy, data: bool, progress: &dyn Progress) -> Result<Gone> {
        let own = deploy.services.own_postgres().is_some();
        let gone = match self.host.runs().await {
            Ok(Some(client)) => self.down_on(&client, deploy, data, progress).await?,
            // Nobody can be asked whether others are on a cluster that does not answer, nor for its lock.
            Err(error) if !self.host.is_of_this_machine() => return Err(error),
            Ok(None) | Err(_) => self.host.end_stopped(data, progress).await?,
        };
        Ok(Gone { data: gone.data && own, ..gone })
    }
}

#[async_trait(?Send)]
impl<H: Host> Services for Cluster<'_, H> {
    async fn start_postgres(&self, own: &OwnPostgres<'_>, progress: &dyn Progress) -> Result<Status> {
        let client = self.host.ready(SILENCE, progress).await?;
        self.host.bring_service(own.postgres.image.as_deref(), progress).await?;
        service::up(&self.site(&client), &self.host, own.objects, own.url, progress).await
    }

    async fn stop_postgres(&self, data: bool, progress: &dyn Progress) -> Result<Gone> {
        match self.host.runs().await? {
            Some(client) => service::down(&self.site(&client), data, progress).await,
            None if data && self.host.exists().await? => {
                let why = format!("{} is stopped", self.host.place());
                Err(Error::refused(format!("deleting the database of {}", self.env), why).next(format!(
                    "start it with `cargo xtask services up postgres --env {0}`, or delete all of the deploy with \
                     `cargo xtask down --env {0} --data`",
                    self.env
                )))
            }
            None => Ok(Gone::default()),
        }
    }

    fn postgres_losses(&self) -> Vec<String> {
        let (namespace, place) = (self.host.namespace(), self.host.place());
        vec![format!("the database of its own PostgreSQL server in the namespace {namespace} of {place}")]
    }

    async fn postgres_is_up(&self) -> Result<bool> {
        match self.host.runs().await? {
            Some(client) => service::is_up(&self.site(&client)).await,
            None => Ok(false),
        }
    }
}

#[async_trait(?Send)]
impl<H: Host> Shipper for Cluster<'_, H> {
    async fn start_shipper(&self, image: &str, objects: &str, progress: &dyn Progress) -> Result<Status> {
        let client = self.host.ready(SILENCE, progress).await?;
        self.host.bring_service(Some(image), progress).await?;
        logging::up(&self.site(&client), objects, progress).await
    }

    async fn stop_shipper(&self, progress: &dyn Progress) -> Result<bool> {
        match self.at_hand().await? {
            Some(client) => logging::down(&self.site(&client), progress).await,
            None => Ok(false),
        }
    }

    async fn shipper_is_up(&self) -> Result<bool> {
        match self.at_hand().await? {
            Some(client) => logging::is_up(&self.site(&client)).await,
            None => Ok(false),
        }
    }
}
