//! The story: a deploy is run, scaled, brought to another release, stopped and forgotten.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use futures_util::{
    StreamExt,
    future::{FusedFuture, FutureExt, LocalBoxFuture},
    stream::FuturesUnordered,
};
use tokio::{sync::oneshot, time::timeout};
use xtask_contract::{EnvName, ErrorKind, ReleaseId, Repo, Result, progress::Silent};
use xtask_run::{
    Amount, Backends, DeployState, Down, Formation, IfBusy, Options, Ran, Report, Status,
    logs::{Line, Query, Sink},
};

use crate::support::{PATIENCE, checkout::Checkout};

pub(super) fn keeps_its_promises(checkout: &Checkout, env: &EnvName, backends: &dyn Backends) {
    let first = checkout.ids(env.as_str()).pop().unwrap_or_else(|| checkout.release(env.as_str()));
    checkout.configure(env.as_str(), "LOG_LEVEL", "debug");
    let second = checkout.release(env.as_str());
    let (repo, options) = (checkout.repo(), Options::default());
    let story = Story { repo: &repo, env, options: &options, backends, foreground: RefCell::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        story.nothing_has_run_yet().await;
        story.a_release_runs(first).await;
        story.the_same_again_changes_nothing(first).await;
        story.it_has_as_many_processes_as_are_asked_for_over_releases(second).await;
        story.what_is_older_than_what_runs_is_refused(first, second).await;
        story.stopped_it_remembers_what_has_run(second).await;
        story.with_its_data_all_of_it_is_forgotten().await;
    });
}

struct Story<'a> {
    repo: &'a Repo,
    env: &'a EnvName,
    options: &'a Options,
    backends: &'a dyn Backends,
    /// The runs that stay in the foreground.
    foreground: RefCell<FuturesUnordered<LocalBoxFuture<'a, Result<()>>>>,
}

impl Story<'_> {
    async fn nothing_has_run_yet(&self) {
        let DeployState { last_deployed, running, .. } = self.deploy_state().await;
        assert!(last_deployed.is_none() && running.is_none());
        let status = self.status().await;
        assert!(status.release.is_none() && status.processes.is_empty(), "{status:?}");
        assert!(self.scale("nothing", Amount::Exactly(1)).await.is_err());
        assert!(!self.down(false).await.stopped);
    }

    async fn a_release_runs(&self, release: ReleaseId) {
        self.beside(xtask_run::preflight(self.repo, self.env, self.backends)).await.unwrap();
        let could = xtask_run::could_run(self.repo, self.env, release, self.options, self.backends);
        self.beside(could).await.unwrap();
        let ran = self.run(release).await.unwrap();
        assert_eq!((ran.release, ran.status, ran.replaced), (release, Status::Started, None));
        let DeployState { last_deployed, running, history } = self.deploy_state().await;
        assert_eq!(
            (last_deployed.map(|last_deployed| last_deployed.id), running),
            (Some(release), Some(release))
        );
        assert_eq!(history.fate(release), xtask_run::Fate::Ran);
        let status = self.status().await;
        assert_eq!(status.release, Some(release));
        assert!(status.is_in_step() && !status.processes.is_empty(), "{status:?}");
        assert!(status.processes.iter().all(|process| process.ready == process.wanted), "{status:?}");
        let lines = self.lines().await;
        assert!(lines.iter().any(|of| *of == release.to_string()), "{lines:?}");
    }

    async fn the_same_again_changes_nothing(&self, release: ReleaseId) {
        let again = self.run(release).await.unwrap();
        assert_eq!((again.release, again.status), (release, Status::Unchanged));
    }

    async fn it_has_as_many_processes_as_are_asked_for_over_releases(&self, next: ReleaseId) {
        let web = |formation: &Formation| formation.get("web").copied();
        assert_eq!(web(&self.scale("web", Amount::Exactly(2)).await.unwrap()), Some(2));
        assert_eq!(web(&self.scale("web", Amount::More(1)).await.unwrap()), Some(3));
        assert_eq!(self.scale("wbe", Amount::More(1)).await.unwrap_err().kind, ErrorKind::Refused);
        let before = self.deploy_state().await.running;
        let ran = self.run(next).await.unwrap();
        assert_eq!((ran.release, ran.replaced), (next, before));
        let formation = xtask_run::formation(self.repo, self.env, self.backends);
        assert_eq!(web(&self.beside(formation).await.unwrap()), Some(3));
        let status = self.status().await;
        let ready = status.processes.iter().find(|process| process.name == "web").unwrap().ready;
        assert_eq!((status.release, ready), (Some(next), 3), "{status:?}");
    }

    async fn what_is_older_than_what_runs_is_refused(&self, older: ReleaseId, runs: ReleaseId) {
        assert_eq!(self.run(older).await.unwrap_err().kind, ErrorKind::Refused);
        assert_eq!(self.deploy_state().await.running, Some(runs));
    }

    async fn stopped_it_remembers_what_has_run(&self, last: ReleaseId) {
        let losses = xtask_run::losses(self.repo, self.env, self.backends);
        assert!(!self.beside(losses).await.unwrap().is_empty());
        assert!(self.down(false).await.stopped);
        match self.beside(xtask_run::deploy_state(self.repo, self.env, self.backends)).await {
            Ok(DeployState { last_deployed, running, .. }) => {
                assert_eq!(
                    (last_deployed.map(|last_deployed| last_deployed.id), running),
                    (Some(last), None)
                );
            }
            // A cluster that was stopped with the deploy cannot be asked; it is not taken for one that has run nothing.
            Err(error) => assert_eq!(error.kind, ErrorKind::Refused, "{error}"),
        }
        let status = self.status().await;
        assert!(status.release.is_none() && status.processes.is_empty(), "{status:?}");
        assert!(!self.down(false).await.stopped, "it is stopped already");
    }

    async fn with_its_data_all_of_it_is_forgotten(&self) {
        self.down(true).await;
        let DeployState { last_deployed, running, .. } = self.deploy_state().await;
        assert!(last_deployed.is_none() && running.is_none());
        assert!(self.foreground.borrow().is_empty(), "a run goes on");
    }

    /// Runs a release until it is announced. What stays in the foreground goes on beside the rest of the story.
    async fn run(&self, release: ReleaseId) -> Result<Ran> {
        let (tell, told) = oneshot::channel();
        let tell = Cell::new(Some(tell));
        let Self { repo, env, options, backends, .. } = *self;
        let run = async move {
            let announce = |ran: &Ran| drop(tell.take().map(|tell| tell.send(ran.clone())));
            xtask_run::run(repo, env, Some(release), options, backends, &Silent, &announce).await
        };
        let mut run = run.boxed_local().fuse();
        let mut told = told.fuse();
        let ended = self
            .beside(async {
                tokio::select! {
                    biased;
                    Ok(ran) = &mut told => Ok(ran),
                    ended = &mut run => ended.map(|()| told.now_or_never().unwrap().unwrap()),
                }
            })
            .await;
        if ended.is_ok() && !run.is_terminated() {
            self.foreground.borrow().push(run.boxed_local());
        }
        ended
    }

    async fn deploy_state(&self) -> DeployState {
        self.beside(xtask_run::deploy_state(self.repo, self.env, self.backends)).await.unwrap()
    }

    async fn status(&self) -> Report {
        self.beside(xtask_run::status(self.repo, self.env, self.backends)).await.unwrap()
    }

    async fn scale(&self, process: &str, amount: Amount) -> Result<Formation> {
        let requests = BTreeMap::from([(process.to_owned(), amount)]);
        let Self { repo, env, backends, .. } = *self;
        self.beside(xtask_run::scale(repo, env, &requests, IfBusy::Wait, backends, &Silent)).await
    }

    async fn down(&self, data: bool) -> Down {
        self.beside(xtask_run::down(self.repo, self.env, data, self.backends, &Silent)).await.unwrap()
    }

    /// The releases of the lines that were written so far.
    async fn lines(&self) -> Vec<String> {
        let mut releases = Releases(Vec::new());
        let query = Query::default();
        self.beside(xtask_run::logs(self.repo, self.env, &query, self.backends, &mut releases))
            .await
            .unwrap();
        releases.0
    }

    /// Does something while the runs in the foreground go on. None of them may fail.
    async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        let mut foreground = self.foreground.take();
        let both = async {
            tokio::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    Some(ended) = foreground.next() => ended.unwrap(),
                    done = &mut work => return done,
                }
            }
        };
        let done = timeout(PATIENCE * 3, both).await.expect("a step of the story ends");
        *self.foreground.borrow_mut() = foreground;
        done
    }
}

/// Hears the releases of lines.
struct Releases(Vec<String>);

impl Sink for Releases {
    fn line(&mut self, line: &Line<'_>) -> bool {
        self.0.push(line.release.to_string());
        true
    }

    fn pause(&mut self) -> bool {
        true
    }

    fn note(&mut self, _: &str) {}
}
