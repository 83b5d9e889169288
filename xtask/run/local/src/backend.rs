//! This machine as a backend.

use std::collections::BTreeMap;

use async_trait::async_trait;
use xtask_contract::{Deploy, EnvName, Error, Progress, Repo, Result};
use xtask_run::{
    Amount, Announce, Asked, Backend, Change, Console, DeployState, DevLoop, Formation, Gone, IfBusy, Job,
    OneOff, OwnPostgres, Report, Services, Shipper, Status, Wanted,
    logs::{Query, Sink},
};

use crate::{admin, dev, down, journal, preflight, run, scale, service, status};

/// A deploy on this machine.
#[derive(Debug, Clone, Copy)]
pub struct Local<'a> {
    /// The repository whose deploy it is.
    pub repo: &'a Repo,
    /// The deploy's name.
    pub env: &'a EnvName,
}

#[async_trait(?Send)]
impl Backend for Local<'_> {
    async fn preflight(&self, deploy: &Deploy) -> Result<()> {
        preflight::preflight(self.repo, self.env, deploy).await
    }

    async fn could_run(&self, job: &Job<'_>) -> Result<()> {
        preflight::could_run(job).await
    }

    async fn run(&self, job: &Job<'_>, announce: &Announce<'_>) -> Result<()> {
        job.options.note_options_without_effect(job.progress);
        run::run(job, announce).await
    }

    async fn dev(&self, work: &mut dyn DevLoop, progress: &dyn Progress) -> Result<()> {
        dev::dev(self.repo, self.env, work, progress).await
    }

    async fn changes(&self, job: &Job<'_>) -> Result<Vec<Change>> {
        let (id, env) = (job.verified.release.id, self.env);
        Err(Error::usage(format!("comparing {id} with {env}"), "there is no cluster to compare it with")
            .next(format!("`cargo xtask releases diff --env {env}` compares two releases")))
    }

    async fn deploy_state(&self) -> Result<DeployState> {
        status::deploy_state(self.repo, self.env).await
    }

    async fn status(&self, _: &Asked<'_>) -> Result<Report> {
        status::status(self.repo, self.env).await
    }

    async fn formation(&self) -> Result<Formation> {
        scale::formation(self.repo, self.env).await
    }

    async fn scale(
        &self,
        requests: &BTreeMap<String, Amount>,
        if_busy: IfBusy,
        progress: &dyn Progress,
    ) -> Result<Formation> {
        scale::scale(self.repo, self.env, requests, if_busy, progress).await
    }

    async fn logs(&self, query: &Query, sink: &mut dyn Sink) -> Result<()> {
        journal::read(self.repo, self.env, query, sink)
    }

    async fn admin(
        &self,
        process: &OneOff<'_>,
        console: &mut dyn Console,
        progress: &dyn Progress,
    ) -> Result<u8> {
        let wanted = Wanted::check(self.repo, self.env, process.verified.release.id, process.record)?;
        admin::admin(self.repo, self.env, &wanted, process.args, console.terminal(), progress)
            .map(|never| match never {})
    }

    async fn losses(&self) -> Result<Vec<String>> {
        Ok(down::losses(self.repo, self.env))
    }

    async fn down(&self, deploy: &Deploy, data: bool, progress: &dyn Progress) -> Result<Gone> {
        down::down(self.repo, self.env, deploy, data, progress).await
    }
}

#[async_trait(?Send)]
impl Services for Local<'_> {
    async fn start_postgres(&self, own: &OwnPostgres<'_>, progress: &dyn Progress) -> Result<Status> {
        service::up(self.repo, self.env, own.url, progress).await
    }

    async fn stop_postgres(&self, data: bool, progress: &dyn Progress) -> Result<Gone> {
        service::down(self.repo, self.env, data, progress).await
    }

    fn postgres_losses(&self) -> Vec<String> {
        service::losses(self.repo, self.env)
    }

    async fn postgres_is_up(&self) -> Result<bool> {
        Ok(service::is_up(self.repo, self.env))
    }
}

#[async_trait(?Send)]
impl Shipper for Local<'_> {
    async fn start_shipper(&self, _: &str, _: &str, _: &dyn Progress) -> Result<Status> {
        Err(Error::refused(format!("shipping the logs of {}", self.env), "it is not on a cluster"))
    }

    async fn stop_shipper(&self, _: &dyn Progress) -> Result<bool> {
        Ok(false)
    }

    async fn shipper_is_up(&self) -> Result<bool> {
        Ok(false)
    }
}
