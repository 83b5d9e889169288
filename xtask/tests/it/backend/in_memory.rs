//! A backend that only remembers what it was asked for.

use std::{cell::RefCell, collections::BTreeMap};

use async_trait::async_trait;
use xtask_contract::{Deploy, EnvName, Error, Progress, ReleaseId, Result, last_deployed::LastDeployed};
use xtask_run::{
    Amount, Announce, Asked, Backend, Change, Console, DeployState, Formation, Gone, History, IfBusy, Job,
    OneOff, Outcome, OwnPostgres, ProcessStatus, Report, Services, Shipper, Status,
    logs::{Line, Query, Sink, now},
    resolve,
};

/// What all deploys of one repository have come to.
pub(super) type Memory = RefCell<State>;

#[derive(Default)]
pub(super) struct State {
    last_deployed: Option<LastDeployed>,
    history: History,
    running: Option<ReleaseId>,
    formation: Formation,
    lines: Vec<(String, String)>,
}

pub(super) struct InMemory<'a> {
    pub(super) env: &'a EnvName,
    pub(super) memory: &'a Memory,
}

#[async_trait(?Send)]
impl Backend for InMemory<'_> {
    async fn preflight(&self, _: &Deploy) -> Result<()> {
        Ok(())
    }

    async fn could_run(&self, job: &Job<'_>) -> Result<()> {
        job.check_history(self.memory.borrow().last_deployed.as_ref())
    }

    async fn run(&self, job: &Job<'_>, announce: &Announce<'_>) -> Result<()> {
        let mut state = self.memory.borrow_mut();
        job.check_last_deployed(state.last_deployed.as_ref())?;
        let (release, before) = (&job.verified.release, state.running);
        let status = if before == Some(release.id) { Status::Unchanged } else { Status::Started };
        for (name, process) in &release.processes {
            state.formation.entry(name.clone()).or_insert(process.count);
        }
        state.running = Some(release.id);
        state.history.add(release.id, Outcome::Ran);
        state.lines.push((now(), release.id.to_string()));
        state.last_deployed = Some(job.last_deployed(state.last_deployed.as_ref()));
        announce(&job.ran(status, before, std::time::Duration::ZERO));
        Ok(())
    }

    async fn changes(&self, _: &Job<'_>) -> Result<Vec<Change>> {
        Ok(Vec::new())
    }

    async fn deploy_state(&self) -> Result<DeployState> {
        let State { last_deployed, running, history, .. } = &*self.memory.borrow();
        Ok(DeployState { last_deployed: last_deployed.clone(), running: *running, history: history.clone() })
    }

    async fn status(&self, _: &Asked<'_>) -> Result<Report> {
        let State { running, formation, .. } = &*self.memory.borrow();
        let process = |(name, count): (&String, &u32)| ProcessStatus {
            name: name.clone(),
            wanted: *count,
            ready: *count,
            restarts: 0,
            pods: Vec::new(),
        };
        let processes = running.iter().flat_map(|_| formation.iter().map(process)).collect();
        Ok(Report { release: *running, processes, ..Report::default() })
    }

    async fn formation(&self) -> Result<Formation> {
        Ok(self.memory.borrow().formation.clone())
    }

    async fn scale(
        &self,
        requests: &BTreeMap<String, Amount>,
        _: IfBusy,
        _: &dyn Progress,
    ) -> Result<Formation> {
        let mut state = self.memory.borrow_mut();
        let then = resolve(self.env, requests, &state.formation)?;
        state.formation.extend(then);
        Ok(state.formation.clone())
    }

    async fn logs(&self, _: &Query, sink: &mut dyn Sink) -> Result<()> {
        for (time, release) in &self.memory.borrow().lines {
            sink.line(&Line { time, release, process: "web.1", instance: "1", text: "ready" });
        }
        Ok(())
    }

    async fn admin(&self, _: &OneOff<'_>, _: &mut dyn Console, _: &dyn Progress) -> Result<u8> {
        Ok(0)
    }

    async fn losses(&self) -> Result<Vec<String>> {
        Ok(self
            .memory
            .borrow()
            .last_deployed
            .iter()
            .map(|_| "what is remembered of its releases".into())
            .collect())
    }

    async fn down(&self, _: &Deploy, data: bool, _: &dyn Progress) -> Result<Gone> {
        let mut state = self.memory.borrow_mut();
        let stopped = state.running.take().is_some();
        if data {
            *state = State::default();
        }
        Ok(Gone { stopped, data, left: Vec::new() })
    }
}

#[async_trait(?Send)]
impl Services for InMemory<'_> {
    async fn start_postgres(&self, _: &OwnPostgres<'_>, _: &dyn Progress) -> Result<Status> {
        Err(self.has_none())
    }

    async fn stop_postgres(&self, _: bool, _: &dyn Progress) -> Result<Gone> {
        Err(self.has_none())
    }

    fn postgres_losses(&self) -> Vec<String> {
        Vec::new()
    }

    async fn postgres_is_up(&self) -> Result<bool> {
        Ok(false)
    }
}

#[async_trait(?Send)]
impl Shipper for InMemory<'_> {
    async fn start_shipper(&self, _: &str, _: &str, _: &dyn Progress) -> Result<Status> {
        Err(self.has_none())
    }

    async fn stop_shipper(&self, _: &dyn Progress) -> Result<bool> {
        Ok(false)
    }

    async fn shipper_is_up(&self) -> Result<bool> {
        Ok(false)
    }
}

impl InMemory<'_> {
    fn has_none(&self) -> Error {
        Error::refused(format!("starting a service of {}", self.env), "nothing of it is more than remembered")
    }
}
