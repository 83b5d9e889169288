//! Follows pods as they come and go: each is read to its end, over restarts of its container and of the connection.

use std::{collections::HashMap, pin::pin, rc::Rc, time::Instant};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{Config, Event, watcher},
    },
};
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    time,
};
use xtask_contract::{Result, error};

use super::{Site, Source, gap::Gap, order::Order, refused_by_name, stream::Heard, tail::Tail, word::Word};
use xtask_run::logs::{Query, Select, Sink};

/// What is told of a pod in its place among all.
enum Told {
    Line(Heard),
    Gap(Gap),
}

/// Pods that are followed.
pub(super) struct Followed<'a> {
    api: Api<Pod>,
    site: &'a Site<'a>,
    query: &'a Query,
    select: Select<'a>,
    /// The pods that are known, and who hears what becomes of them.
    known: HashMap<String, watch::Sender<Source>>,
    tails: FuturesUnordered<LocalBoxFuture<'static, ()>>,
    tell: UnboundedSender<Word>,
    told: UnboundedReceiver<Word>,
    order: Order<(Rc<Source>, Told)>,
    /// How often in a row the cluster has not answered.
    failures: u32,
}

impl<'a> Followed<'a> {
    /// To be followed are these pods, from where they were read to, and all others that come.
    pub(super) fn new(
        api: Api<Pod>,
        site: &'a Site<'a>,
        query: &'a Query,
        select: Select<'a>,
        read: Vec<Source>,
    ) -> Self {
        let (tell, told) = unbounded_channel();
        let (known, tails, order) = (HashMap::new(), FuturesUnordered::new(), Order::new());
        let mut followed = Self { api, site, query, select, known, tails, tell, told, order, failures: 0 };
        for pod in read {
            followed.begin(pod);
        }
        followed
    }

    /// Shows what comes, until nobody wants more.
    pub(super) async fn show(mut self, sink: &mut dyn Sink) -> Result<()> {
        let ours = Config::default().labels(&self.site.selector());
        let mut events = pin!(watcher(self.api.clone(), ours).default_backoff());
        loop {
            let due = self.order.due();
            let pause = time::sleep_until(due.unwrap_or_else(Instant::now).into());
            tokio::select! {
                Some(event) = events.next() => match event {
                    Ok(event) => self.see(event),
                    Err(error) => self.trouble(&error, sink),
                },
                Some(()) = self.tails.next(), if !self.tails.is_empty() => {}
                Some(word) = self.told.recv() => match word {
                    Word::Line(pod, heard) => {
                        self.order.put(heard.time, (pod, Told::Line(heard)), Instant::now());
                    }
                    Word::Gap(pod, gap) => {
                        self.order.put(gap.before, (pod, Told::Gap(gap)), Instant::now());
                    }
                    Word::Trouble(error) => self.trouble(&error, sink),
                    Word::Refused(error) => return refused_by_name(Err(error), self.site),
                },
                () = pause, if due.is_some() => {}
            }
            if !self.show_due(sink) {
                return Ok(());
            }
        }
    }

    fn see(&mut self, event: Event<Pod>) {
        self.failures = 0;
        match event {
            Event::Apply(pod) | Event::InitApply(pod) => {
                let wanted = Source::of(&pod).filter(|pod| pod.is_wanted(self.query));
                let Some(pod) = wanted else { return };
                match self.known.get(&pod.name) {
                    Some(known) => drop(known.send_replace(pod)),
                    None => self.begin(pod),
                }
            }
            Event::Delete(pod) => drop(self.known.remove(&pod.name_any())),
            Event::Init | Event::InitDone => {}
        }
    }

    fn begin(&mut self, pod: Source) {
        let (hears, becomes) = watch::channel(pod.clone());
        self.known.insert(pod.name.clone(), hears);
        let tail = Tail::new(self.api.clone(), pod, becomes, self.tell.clone());
        self.tails.push(tail.read().boxed_local());
    }

    /// Says what is wrong, once until it is well again. A watch that nothing happens in ends by itself, and begins anew:
    /// one failure is none.
    fn trouble(&mut self, why: &(dyn std::error::Error + 'static), sink: &mut dyn Sink) {
        self.failures += 1;
        if self.failures == 2 {
            let env = self.site.env;
            sink.note(&format!(
                "the cluster of {env} does not answer; it is asked again: {}",
                error::chain(why)
            ));
        }
    }

    /// Shows what was held back for long enough, and tells whether more is wanted.
    fn show_due(&mut self, sink: &mut dyn Sink) -> bool {
        let mut shown = false;
        while let Some((pod, told)) = self.order.take(Instant::now()) {
            let heard = match told {
                Told::Line(heard) => heard,
                Told::Gap(gap) => {
                    sink.note(&missing(&pod, gap));
                    continue;
                }
            };
            let time = xtask_run::logs::time(heard.time);
            let line = pod.line(&heard, &time);
            (shown, self.failures) = (true, 0);
            if self.select.pass(&line) && !sink.line(&line) {
                return false;
            }
        }
        !shown || sink.pause()
    }
}

fn missing(pod: &Source, Gap { after, before }: Gap) -> String {
    let (after, before) = (xtask_run::logs::time(after), xtask_run::logs::time(before));
    format!(
        "warning: lines of {} between {after} and {before} may be missing: its node has rotated the log faster than it \
         gives it",
        pod.process
    )
}
