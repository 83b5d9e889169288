//! Who changes a deploy: a Lease in its namespace, held by at most one command at a time.
//!
//! The holder renews it while it works. A command that waits looks for renewals, by a clock of its own; the clocks of
//! two machines are never compared. A holder that died on this very machine is known to be dead at once.

use std::{pin::pin, sync::Mutex, time::Duration};

use futures_util::StreamExt;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ObjectMeta, PostParams, Preconditions},
    runtime::{WatchStreamExt, watcher::watch_object},
};
use tokio::time;
use xtask_contract::{EnvName, Error, Progress, Result, labels};

use xtask_run::{IfBusy, Options, ProcessMark, Timing};

use crate::{
    api_error::{ApiContext, code},
    site::Site,
};

const NAME: &str = "xtask-run";
/// The annotations with what else is known of the holder.
const RELEASE: &str = labels::RELEASE;
const PROCESS: &str = "twelve-factor.dev/process";

/// The lock on a deploy, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Lock {
    api: Api<Lease>,
    env: EnvName,
    /// The lease as this command has last written it.
    mine: Mutex<Lease>,
    timing: Timing,
}

impl Lock {
    /// Takes the lock, after its holder: to run what bears this mark, or to stop the deploy.
    pub(crate) async fn take(
        site: &Site<'_>,
        release: Option<&str>,
        options: &Options,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let api: Api<Lease> = Api::namespaced(site.client.clone(), site.namespace);
        let (env, timing) = (site.env, options.timing);
        let doing = || format!("taking the lock of {env}");
        loop {
            let version = match api.get_opt(NAME).await.asked(doing)? {
                Some(held) if is_held(&held) => {
                    if options.if_busy == IfBusy::Refuse {
                        return Err(Error::refused(doing(), format!("{} has it", holder(&held)))
                            .next("wait for it: the same command without --no-wait"));
                    }
                    progress.step(&format!("waiting for {}", holder(&held)));
                    until_free(&api, &held).await
                }
                free => free.as_ref().and_then(ResourceExt::resource_version),
            };
            let (wanted, how) = (lease(release, version.clone(), timing.lease), PostParams::default());
            let taken = match version {
                Some(_) => api.replace(NAME, &how, &wanted).await,
                None => api.create(&how, &wanted).await,
            };
            match taken {
                Ok(mine) => return Ok(Self { api, env: env.clone(), mine: Mutex::new(mine), timing }),
                // Somebody was quicker, or has just gone: look again.
                Err(error) if matches!(code(&error), Some(404 | 409)) => {}
                Err(error) => return Err(error).asked(doing),
            }
        }
    }

    /// Renews the lock as long as it is this command's; returns why it no longer is.
    pub(crate) async fn keep(&self) -> Error {
        loop {
            time::sleep(self.timing.renewal).await;
            if let Err(Some(lost)) = self.renew().await {
                return lost;
            }
        }
    }

    /// Makes sure that the lock is this command's right now.
    pub(crate) async fn confirm(&self) -> Result<()> {
        match self.renew().await {
            Ok(()) => Ok(()),
            Err(Some(lost)) => Err(lost),
            Err(None) => Err(Error::failed(
                format!("renewing the lock of {}", self.env),
                "the cluster does not answer",
            )
            .next("the same command goes on from where this one was")),
        }
    }

    /// An error without words is a passing one: nobody has taken a lock that nobody can reach.
    async fn renew(&self) -> std::result::Result<(), Option<Error>> {
        let mut wanted = self.mine.lock().map(|mine| mine.clone()).map_err(|_| None)?;
        if let Some(spec) = &mut wanted.spec {
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        match self.api.replace(NAME, &PostParams::default(), &wanted).await {
            Ok(renewed) => {
                if let Ok(mut mine) = self.mine.lock() {
                    *mine = renewed;
                }
                Ok(())
            }
            Err(error) if matches!(code(&error), Some(404 | 409)) => self.look_again(&wanted).await,
            Err(_) => Err(None),
        }
    }

    /// An answer that was lost on the way makes one's own renewal look like somebody else's.
    async fn look_again(&self, wanted: &Lease) -> std::result::Result<(), Option<Error>> {
        let now = self.api.get_opt(NAME).await.map_err(|_| None)?;
        match now {
            Some(now) if process(&now) == process(wanted) => {
                if let Ok(mut mine) = self.mine.lock() {
                    *mine = now;
                }
                Ok(())
            }
            now => {
                let who = now.as_ref().map_or_else(|| "somebody who deleted it".to_owned(), holder);
                let doing = format!("holding the lock of {}", self.env);
                let why = format!("it was taken by {who}, as this command was not heard of for too long");
                Err(Some(Error::failed(doing, why).next(format!(
                    "look with `cargo xtask status --env {}` before you run it again",
                    self.env
                ))))
            }
        }
    }

    /// Gives the lock back. If that fails, it runs out by itself.
    pub(crate) async fn release(self) {
        let Ok(mine) = self.mine.into_inner() else { return };
        let mine = Preconditions { resource_version: mine.resource_version(), uid: mine.uid() };
        let params = DeleteParams { preconditions: Some(mine), ..DeleteParams::default() };
        let _ = time::timeout(self.timing.renewal, self.api.delete(NAME, &params)).await;
    }
}

/// Who changes a deploy now, for people; nobody, if nothing is returned.
pub(crate) async fn who(site: &Site<'_>) -> Result<Option<String>> {
    let api: Api<Lease> = Api::namespaced(site.client.clone(), site.namespace);
    let lease = api.get_opt(NAME).await.asked(|| format!("reading the Lease {NAME}"))?;
    Ok(lease.filter(is_held).map(|lease| holder(&lease)))
}

fn lease(release: Option<&str>, version: Option<String>, lasts: Duration) -> Lease {
    let now = Some(MicroTime(Timestamp::now()));
    let mark = ProcessMark::of_this_process();
    Lease {
        metadata: ObjectMeta {
            name: Some(NAME.into()),
            resource_version: version,
            annotations: Some(
                release
                    .map(|release| (RELEASE.into(), release.to_owned()))
                    .into_iter()
                    .chain([(PROCESS.into(), mark.to_string())])
                    .collect(),
            ),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(mark.holder()),
            acquire_time: now.clone(),
            renew_time: now,
            lease_duration_seconds: i32::try_from(lasts.as_secs()).ok(),
            ..LeaseSpec::default()
        }),
    }
}

/// Whether somebody has the lock, as far as one look can tell.
fn is_held(lease: &Lease) -> bool {
    let named = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.holder_identity.as_deref())
        .is_some_and(|who| !who.is_empty());
    let dead = process(lease)
        .and_then(|mark| mark.parse::<ProcessMark>().ok())
        .is_some_and(|mark| mark.is_dead_here());
    named && !dead
}

fn process(lease: &Lease) -> Option<&str> {
    lease.annotations().get(PROCESS).map(String::as_str)
}

/// `alice@laptop (process 123), which runs 2011-04-06-20:32:17 since 20:32:40Z`
fn holder(lease: &Lease) -> String {
    let spec = lease.spec.clone().unwrap_or_default();
    let who = spec.holder_identity.unwrap_or_default();
    let what = lease.annotations().get(RELEASE).map_or("stops it".to_owned(), |id| format!("runs {id}"));
    let since = spec
        .acquire_time
        .map_or_else(String::new, |since| format!(" since {}", since.0.strftime("%H:%M:%SZ")));
    format!("{who}, which {what}{since}")
}

/// Waits until a lease is given back, or not renewed for as long as it lasts; gives back the version that it was
/// last seen in, if it is still there.
async fn until_free(api: &Api<Lease>, held: &Lease) -> Option<String> {
    let mut states = pin!(watch_object(api.clone(), NAME).default_backoff());
    let (mut last, mut since) = (held.resource_version(), time::Instant::now());
    let lasts =
        held.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).and_then(|s| u64::try_from(s).ok());
    let lasts = lasts.map_or_else(|| Timing::default().lease, Duration::from_secs);
    loop {
        match time::timeout_at(since + lasts, states.next()).await {
            Ok(Some(Ok(None))) => return None,
            Ok(None) | Err(_) => return last,
            Ok(Some(Ok(Some(lease)))) if !is_held(&lease) => return lease.resource_version(),
            Ok(Some(Ok(Some(lease)))) if lease.resource_version() != last => {
                (last, since) = (lease.resource_version(), time::Instant::now());
            }
            Ok(Some(_)) => {}
        }
    }
}
