//! Quick builds of a deploy on a kind cluster: each is rolled out as a release is, and the deploy remembers none.

use std::{
    cell::{Cell, RefCell},
    future,
    pin::pin,
    time::Duration,
};

use async_trait::async_trait;
use chrono::Utc;
use futures_util::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, ResourceExt,
    runtime::{WatchStreamExt, watcher, watcher::Config},
};
use tokio::{sync::Mutex, time};
use xtask_contract::{Digest, Progress, ReleaseId, Result, labels};
use xtask_run::{
    DevBackend, DevLoop, Job, Ran,
    logs::{Line, Query, Sink},
};

use crate::{
    health::replicas, host::Host, logs, objects::Objects, run, scale, seen::Seen, site::Site,
    was_on::QuickBuild,
};

/// The pause before the pods' lines are asked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs what the loop brings until it ends, or a signal comes.
pub(crate) async fn dev<H: Host>(
    site: Site<'_>,
    host: &H,
    work: &mut dyn DevLoop,
    progress: &dyn Progress,
) -> Result<()> {
    let backend = OnKind {
        site,
        host,
        served: RefCell::default(),
        processes: Cell::default(),
        outdated: RefCell::default(),
        shown: RefCell::default(),
        bringing: Mutex::default(),
    };
    let result = tokio::select! {
        biased;
        // What is on its way to the cluster hears the signal, too, and ends by itself.
        result = work.go(&backend) => result,
        signal = backend.interrupted() => signal,
        () = show_lines(&site, progress) => Ok(()),
    };
    backend.forget_outdated().await;
    let mark = backend.served.borrow().as_ref().map(QuickBuild::mark);
    if let Some(mark) = mark {
        work.runs_on(&mark).await;
    }
    result
}

/// A deploy on a kind cluster.
struct OnKind<'s, H> {
    site: Site<'s>,
    host: &'s H,
    /// The quick build that runs, if one does.
    served: RefCell<Option<QuickBuild>>,
    processes: Cell<usize>,
    /// Images that were brought to the nodes and that no process needs.
    outdated: RefCell<Vec<Digest>>,
    /// What its pages show, once that is known.
    shown: RefCell<Option<String>>,
    /// Held while something is on its way.
    bringing: Mutex<()>,
}

impl<H: Host> OnKind<'_, H> {
    /// Waits for a signal, and then until nothing is on its way any more.
    async fn interrupted(&self) -> Result<()> {
        xtask_run::interrupted().await?;
        let _idle = self.bringing.lock().await;
        Ok(())
    }

    /// Deletes images from the nodes. What cannot be deleted now is left to the kubelet, which does when room gets scarce.
    async fn forget_outdated(&self) {
        let outdated = self.outdated.take();
        for image in outdated {
            self.host.forget_image(&image).await;
        }
    }

    /// This is what runs now, in the place of something else.
    async fn serves(&self, build: QuickBuild, before: Option<QuickBuild>, job: &Job<'_>) -> Result<()> {
        if let Some(before) = before.filter(|before| before.image() != build.image()) {
            self.outdated.borrow_mut().push(before.image());
        }
        self.served.replace(Some(build));
        let names = Objects::of(job.verified, &job.vouched.policy().kinds)?.deployments();
        let present = scale::present(&self.site, &names).await?;
        let wanted: u32 = present.iter().map(|one| replicas(one).unsigned_abs()).sum();
        self.processes.set(usize::try_from(wanted).unwrap_or(usize::MAX));
        Ok(())
    }
}

#[async_trait(?Send)]
impl<H: Host> DevBackend for OnKind<'_, H> {
    async fn bring(&self, job: &Job<'_>) -> Result<Ran> {
        let _bringing = self.bringing.lock().await;
        let before = self.served.take();
        let build = QuickBuild::of(job);
        let site = Site { further: &job.vouched.policy().kinds, ..self.site };
        let (ran, ()) = tokio::join!(run::run(job, site, self.host, before.as_ref()), self.forget_outdated());
        match ran {
            Ok(ran) => {
                self.serves(build, before, job).await?;
                Ok(ran)
            }
            Err(error) => {
                // What is served is another image, unless only the config differs.
                if before.as_ref().is_none_or(|before| before.image() != build.image()) {
                    self.outdated.borrow_mut().push(build.image());
                }
                self.served.replace(before);
                Err(self.host.explained(error).await)
            }
        }
    }

    async fn taken_over(&self) -> ReleaseId {
        if self.served.borrow().is_none() {
            return future::pending().await;
        }
        let release = runs_a_release(&self.site).await;
        if let Some(before) = self.served.take() {
            self.outdated.borrow_mut().push(before.image());
        }
        release
    }

    fn processes(&self) -> usize {
        self.processes.get()
    }

    async fn show(&self, notice: &str) -> Result<()> {
        if self.shown.borrow().as_deref() == Some(notice) {
            return Ok(());
        }
        self.host.show_notice(notice).await?;
        self.shown.replace(Some(notice.to_owned()));
        Ok(())
    }
}

/// Waits until all of the deploy's processes are to be of one release.
async fn runs_a_release(site: &Site<'_>) -> ReleaseId {
    let api: Api<Deployment> = Api::namespaced(site.client.clone(), site.namespace);
    let mut events = pin!(watcher(api, Config::default().labels(&site.selector())).default_backoff());
    let mut seen = Seen::default();
    while let Some(event) = events.next().await {
        let Ok(event) = event else { continue };
        seen.deployment(event);
        let mut on = seen.deployments.values().map(|one| {
            one.annotations().get(labels::RELEASE).and_then(|mark| mark.parse::<ReleaseId>().ok())
        });
        if seen.complete.0
            && let Some(Some(release)) = on.next()
            && on.all(|other| other == Some(release))
        {
            return release;
        }
    }
    future::pending().await
}

/// Shows what the deploy's processes write from now on.
async fn show_lines(site: &Site<'_>, progress: &dyn Progress) {
    loop {
        let query = Query { since: Some(Utc::now()), follow: true, ..Query::default() };
        if let Err(error) = logs::logs(site, &query, &mut Lines(progress)).await {
            progress.detail(&error.to_string());
        }
        time::sleep(PAUSE).await;
    }
}

struct Lines<'a>(&'a dyn Progress);

impl Sink for Lines<'_> {
    fn line(&mut self, line: &Line<'_>) -> bool {
        self.0.line(line.process, line.text);
        true
    }

    fn pause(&mut self) -> bool {
        true
    }

    fn note(&mut self, what: &str) {
        self.0.detail(what);
    }
}
