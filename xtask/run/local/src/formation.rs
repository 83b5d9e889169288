//! The processes of one release.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::future::{join_all, try_join_all};
use rustix::process::Signal;
use xtask_contract::{
    EnvName, Error, Progress, Release, ReleaseId, Result, release::Process, service::Service,
};

use crate::{
    child::Program,
    journal::Journal,
    listening::ListenAddress,
    process_handle::ProcessHandle,
    slot::{Ready, Slot},
    socket::{Claim, Sockets},
    socket_folder::SocketFolder,
    state::ProcessState,
    task_set::TaskSet,
};

/// What it takes to start any process of a release.
pub(crate) struct Plan {
    pub(crate) release: ReleaseId,
    /// Whether it is a quick build, whose ID no ledger knows.
    pub(crate) quick: bool,
    /// What its lines and its answers bear.
    pub(crate) mark: String,
    /// Where it is reached, if that is known.
    pub(crate) url: Option<String>,
    env: EnvName,
    types: BTreeMap<String, Process>,
    /// Where they listen, those that do.
    addresses: BTreeMap<String, ListenAddress>,
    pub(crate) program: Program,
    /// How long each process may take to become ready.
    start: Duration,
    socket_folder: Rc<SocketFolder>,
    pub(crate) journal: Rc<Journal>,
}

/// A process that is about to be started. Its socket is open already.
pub(crate) struct Planned {
    slot: Slot,
    kind: String,
    number: u32,
    claim: Option<Claim>,
}

/// The processes of a release that run.
pub(crate) struct Formation {
    pub(crate) plan: Plan,
    pub(crate) since: DateTime<Utc>,
    members: RefCell<Vec<Member>>,
}

struct Member {
    kind: String,
    number: u32,
    handle: ProcessHandle,
}

impl Plan {
    pub(crate) fn new(
        (release, quick, mark): (&Release, bool, String),
        service: &Service,
        program: Program,
        start: Duration,
        socket_folder: Rc<SocketFolder>,
        journal: Rc<Journal>,
    ) -> Self {
        let listening = release.processes.iter().filter_map(|(kind, process)| Some((kind, process.port?)));
        let address = |(kind, port): (&String, u16)| {
            (kind.clone(), ListenAddress::of(service, kind, port, &release.config))
        };
        Self {
            release: release.id,
            quick,
            mark,
            url: release.url(),
            env: release.env.clone(),
            types: release.processes.clone(),
            addresses: listening.map(address).collect(),
            program,
            start,
            socket_folder,
            journal,
        }
    }

    /// The release, if it is one.
    pub(crate) fn known(&self) -> Option<ReleaseId> {
        (!self.quick).then_some(self.release)
    }

    /// The processes of the whole release.
    pub(crate) fn all(&self, counts: &xtask_run::Formation, sockets: &Sockets) -> Result<Vec<Planned>> {
        let count = |kind: &str, process: &Process| counts.get(kind).copied().unwrap_or(process.count);
        let all = self.types.iter();
        all.flat_map(|(kind, process)| {
            (1..=count(kind, process)).map(move |number| self.one(kind, process, number, sockets))
        })
        .collect()
    }

    fn one(&self, kind: &str, process: &Process, number: u32, sockets: &Sockets) -> Result<Planned> {
        let (ready, claim) = match (process.port, &process.readiness) {
            (Some(_), _) if process.inherits => {
                let at = &self.addresses[kind];
                let claim = sockets.claim(at.address).map_err(|error| at.refusal(&self.env, &error))?;
                let ready =
                    Ready::Tells { socket_folder: self.socket_folder.clone(), socket: Some(claim.socket()) };
                (ready, Some(claim))
            }
            (Some(port), _) if number > 1 => return Err(one_at_most(&self.env, kind, port)),
            (Some(port), Some(path)) => (Ready::Answers { port, path: path.clone() }, None),
            (None, _) if process.tells => {
                (Ready::Tells { socket_folder: self.socket_folder.clone(), socket: None }, None)
            }
            _ => (Ready::Runs, None),
        };
        let name = format!("{kind}.{number}");
        let stream = self.journal.stream(&self.mark, &name);
        let slot = Slot::new(name, self.program.clone(), process.args.clone(), ready, Signal::TERM);
        let slot = slot.within(self.start).kept(stream);
        Ok(Planned { slot, kind: kind.to_owned(), number, claim })
    }

    /// A port that processes of both use, and that one of them opens by itself: then no other can have it open.
    pub(crate) fn port_for_one(&self, other: &Self) -> Option<u16> {
        let ports = |plan: &Self, own: bool| {
            let processes = plan.types.values().filter(move |process| !own || !process.inherits);
            processes.filter_map(|process| process.port).collect::<Vec<_>>()
        };
        let either = |one: &Self, two: &Self| {
            let all = ports(two, false);
            ports(one, true).into_iter().find(|port| all.contains(port))
        };
        either(self, other).or_else(|| either(other, self))
    }

    /// Refuses more than one process that opens a port by itself.
    pub(crate) fn refuse_more_than_one(&self, counts: &xtask_run::Formation) -> Result<()> {
        let mut own = self.types.iter().filter(|(_, process)| !process.inherits);
        own.try_for_each(|(kind, process)| match process.port {
            Some(port) if counts.get(kind).copied().unwrap_or(process.count) > 1 => {
                Err(one_at_most(&self.env, kind, port))
            }
            _ => Ok(()),
        })
    }
}

impl Formation {
    /// Starts all processes and waits until they are ready. If one fails, none is left.
    pub(crate) async fn start<'a>(
        plan: Plan,
        planned: Vec<Planned>,
        task_set: &TaskSet<'a>,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let members = begin(planned, task_set, progress).await?;
        Ok(Self { plan, since: Utc::now(), members: RefCell::new(members) })
    }

    /// Starts its processes again after they were stopped.
    pub(crate) async fn start_again<'a>(
        &self,
        counts: &xtask_run::Formation,
        sockets: &Sockets,
        task_set: &TaskSet<'a>,
        progress: &'a dyn Progress,
    ) -> Result<()> {
        let members = begin(self.plan.all(counts, sockets)?, task_set, progress).await?;
        self.members.replace(members);
        Ok(())
    }

    /// How many processes of each type there are.
    pub(crate) fn counts(&self) -> xtask_run::Formation {
        let none = self.plan.types.keys().map(|kind| (kind.clone(), 0));
        let mut counts: xtask_run::Formation = none.collect();
        for member in self.members.borrow().iter() {
            *counts.entry(member.kind.clone()).or_default() += 1;
        }
        counts
    }

    /// Starts or stops processes until there are as many as asked for. If one fails to start, those that were there
    /// before are there still, and no other.
    pub(crate) async fn scale<'a>(
        &self,
        counts: &xtask_run::Formation,
        sockets: &Sockets,
        task_set: &TaskSet<'a>,
        progress: &'a dyn Progress,
    ) -> Result<()> {
        let mut planned = Vec::new();
        for (kind, count) in counts {
            let Some(process) = self.plan.types.get(kind) else { continue };
            let taken = self.numbers(kind);
            let missing = (*count as usize).saturating_sub(taken.len());
            let free = (1..).filter(|number| !taken.contains(number)).take(missing);
            for number in free {
                planned.push(self.plan.one(kind, process, number, sockets)?);
            }
        }
        let new = begin(planned, task_set, progress).await?;
        self.members.borrow_mut().extend(new);
        let surplus: Vec<ProcessHandle> = {
            let mut members = self.members.borrow_mut();
            // The lowest numbers stay.
            members.sort_by(|a, b| (&a.kind, a.number).cmp(&(&b.kind, b.number)));
            let mut left = counts.clone();
            members
                .extract_if(.., |member| match left.get_mut(&member.kind) {
                    Some(0) => true,
                    Some(left) => {
                        *left -= 1;
                        false
                    }
                    None => false,
                })
                .map(|member| member.handle)
                .collect()
        };
        stop_all(surplus).await;
        Ok(())
    }

    fn numbers(&self, kind: &str) -> Vec<u32> {
        let members = self.members.borrow();
        members.iter().filter(|member| member.kind == kind).map(|member| member.number).collect()
    }

    /// Whether all processes are ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.members.borrow().iter().all(|member| member.handle.slot.status().ready)
    }

    /// How each process is.
    pub(crate) fn state(&self) -> Vec<ProcessState> {
        let members = self.members.borrow();
        let state = members.iter().map(|member| {
            let status = member.handle.slot.status();
            ProcessState {
                name: member.handle.slot.name().to_owned(),
                process_type: member.kind.clone(),
                pid: status.pid,
                ready: status.ready,
                restarts: status.restarts,
                started: status.started,
            }
        });
        state.collect()
    }

    /// Stops all processes, all at once, and waits for their end.
    pub(crate) async fn stop(&self) {
        let members = self.members.take();
        stop_all(members.into_iter().map(|member| member.handle)).await;
    }
}

/// Starts processes and waits until they are ready; all of them or, in the end, none.
async fn begin<'a>(
    planned: Vec<Planned>,
    task_set: &TaskSet<'a>,
    progress: &'a dyn Progress,
) -> Result<Vec<Member>> {
    let (members, beginnings): (Vec<_>, Vec<_>) = planned
        .into_iter()
        .map(|Planned { slot, kind, number, claim }| {
            let (handle, beginning) = ProcessHandle::begin(task_set, slot, claim, progress);
            (Member { kind, number, handle }, beginning.ready())
        })
        .unzip();
    match try_join_all(beginnings).await {
        Ok(_) => Ok(members),
        Err(error) => {
            stop_all(members.into_iter().map(|member| member.handle)).await;
            Err(error)
        }
    }
}

async fn stop_all(handles: impl IntoIterator<Item = ProcessHandle>) {
    // All are told before the first one is waited for.
    let ends: Vec<_> = handles.into_iter().map(ProcessHandle::stop).collect();
    join_all(ends).await;
}

fn one_at_most(env: &EnvName, kind: &str, port: u16) -> Error {
    let why =
        format!("each of them listens on port {port} by itself, which one alone can do on this machine");
    Error::refused(format!("running more than one {kind} of {env}"), why).next(format!(
        "`cargo xtask scale --env {env} {kind}=1`; docs/your-own-service.md shows how a service lets processes share a \
         port (`inherits`)"
    ))
}
