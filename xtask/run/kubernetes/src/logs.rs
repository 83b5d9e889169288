//! What the processes of a deploy write on its cluster: that of each pod, merged in order of time, and of those that
//! come meanwhile.

mod follow;
mod gap;
mod order;
mod place;
mod stream;
mod tail;
mod word;

use futures_util::{StreamExt, future::try_join_all};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt, api::ListParams};
use xtask_contract::{Error, Result};

use crate::{
    api_error::{ApiContext, code},
    belonging::{process_of, release_of},
    containers::{self, own},
    seen::has_ended,
    site::Site,
};
use follow::Followed;
use place::Place;
pub(crate) use stream::written;
use stream::{Heard, Opened};
use xtask_run::logs::{Line, Query, Select, Sink};

/// Shows what the deploy's pods have written, and what they write if that is wanted.
pub(crate) async fn logs(site: &Site<'_>, query: &Query, sink: &mut dyn Sink) -> Result<()> {
    let api: Api<Pod> = Api::namespaced(site.client.clone(), site.namespace);
    let list = api.list(&ListParams::default().labels(&site.selector())).await;
    let mut pods: Vec<Source> = refused_by_name(list, site)?.items.iter().filter_map(Source::of).collect();
    pods.retain(|pod| pod.is_wanted(query));
    let mut select = Select::new(query);
    if !merge(&api, site, &mut pods, &mut select, sink, query).await? {
        return Ok(());
    }
    for line in select.held() {
        if let Some(line) = Line::parse(line.trim_end_matches('\n'))
            && !sink.line(&line)
        {
            return Ok(());
        }
    }
    if !sink.pause() || !query.follow {
        return Ok(());
    }
    Followed::new(api, site, query, select, pods).show(sink).await
}

/// Whose lines they are.
#[derive(Debug, Clone)]
struct Source {
    /// The pod's name.
    name: String,
    container: String,
    release: String,
    /// The process type and the end of the pod's name, such as `web.x7k2p`.
    process: String,
    /// How often its container was started again; none, if it was never started.
    restarts: Option<i32>,
    /// Whether its container runs.
    running: bool,
    /// Whether it has ended for good.
    ended: bool,
    /// What was read of it.
    place: Place,
}

impl Source {
    /// A pod of the deploy's own processes. (Its backing services are of no release.)
    fn of(pod: &Pod) -> Option<Self> {
        let release = release_of(pod).to_owned();
        let own = own(pod)?;
        let container = own.name().to_owned();
        let (name, kind) = (pod.name_any(), process_of(pod)?);
        let end = name.rsplit('-').next().unwrap_or(&name);
        let process = format!("{kind}.{end}");
        let running = own.is_running();
        let begun = running || own.ended().is_some();
        let restarts = Some(own.restarts()).filter(|restarts| begun || *restarts > 0);
        let ended = has_ended(pod);
        let place = Place::default();
        let source = Self { name, container, release, process, restarts, running, ended, place };
        (!source.release.is_empty()).then_some(source)
    }

    /// Whether there may be lines of it that are wanted.
    fn is_wanted(&self, query: &Query) -> bool {
        self.restarts.is_some() && query.wants(&self.process, &self.name, &self.release)
    }

    fn line<'a>(&'a self, heard: &'a Heard, time: &'a str) -> Line<'a> {
        let Self { name, release, process, .. } = self;
        Line { time, release, process, instance: name, text: &heard.text }
    }
}

/// Shows what is there, in order, and notes how far that was. Tells whether more is wanted.
async fn merge(
    api: &Api<Pod>,
    site: &Site<'_>,
    pods: &mut [Source],
    select: &mut Select<'_>,
    sink: &mut dyn Sink,
    query: &Query,
) -> Result<bool> {
    let opened = try_join_all(pods.iter().map(|pod| Opened::of(api, site, pod, query))).await?;
    let mut streams: Vec<_> = opened.into_iter().map(Opened::lines).map(Box::pin).collect();
    let mut heads = Vec::new();
    for stream in &mut streams {
        heads.push(stream.next().await.transpose()?);
    }
    loop {
        let all = heads.iter().enumerate();
        let first = all.filter_map(|(n, head)| Some((head.as_ref()?.time, n))).min();
        let Some((_, first)) = first else { return Ok(true) };
        let next = streams[first].next().await.transpose()?;
        let Some(heard) = std::mem::replace(&mut heads[first], next) else { continue };
        let pod = &mut pods[first];
        pod.place.pass(heard.time);
        let time = xtask_run::logs::time(heard.time);
        let line = pod.line(&heard, &time);
        if select.pass(&line) && !sink.line(&line) {
            return Ok(false);
        }
    }
}

/// Says what to do about a refusal.
fn refused_by_name<T>(answer: kube::Result<T>, site: &Site<'_>) -> Result<T> {
    let refused = answer.as_ref().err().and_then(code) == Some(403);
    let answer = answer.asked(|| format!("reading the logs of {}", site.env));
    answer.map_err(|error: Error| {
        if refused {
            let next = "have the cluster's administrator let you list and watch `pods` and get `pods/log` in";
            return error.next(format!("{next} {}", site.namespace));
        }
        error
    })
}
