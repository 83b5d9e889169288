//! How many requests the service answers, beside a django-ninja that does the same and beside the bare statements.
//!
//! Other work on the machine takes time on the clock from all of them, so what counts is what a request costs of a
//! processor. The three take turns, round after round, each with a database of its own of the same content.

use std::path::Path;

use xtask_contract::{Progress, Result};

use super::{
    Bench, Best, Figure, Peer,
    asker::Asker,
    has, median,
    peer::{self, install},
    process::{Running, cpu_of_postgres, on_one_core},
    service,
};
use crate::verb::runtime;

/// What the service has by default: one of its ten connections listens.
const CONNECTIONS: u32 = 9;

/// The name that the figures call the statements alone by.
const BARE: &str = "bare tokio-postgres";

/// How many clients ask at once, and for how long.
const CLIENTS: &str = "16";
const SECONDS: &str = "2";

/// The requests that are compared.
#[derive(Clone, Copy)]
enum Work {
    List,
    Create,
}

/// Whoever does the work.
struct Subject<'a> {
    database: String,
    /// None asks the database itself.
    process: Option<&'a Running>,
    /// As fast as it can.
    rounds: Vec<Round>,
    /// At a rate that all who are asked at one sustain.
    steady: Vec<Round>,
}

/// Those who take turns.
struct All<'a> {
    service: Subject<'a>,
    peer: Option<Subject<'a>>,
    bare: Subject<'a>,
}

/// What one round came to.
struct Round {
    count: f64,
    /// Requests a second, by the clock.
    by_clock: f64,
    /// Requests for each second that the process used of a core.
    by_core: f64,
    /// The same with what PostgreSQL used for them.
    by_all: f64,
    p50: f64,
    p99: f64,
}

pub(super) fn figures(bench: &Bench<'_>, asker: &Asker) -> Result<Vec<Figure>> {
    if !has(&bench.place.sh, "taskset", &["--version"]) {
        bench.ui.note("skipped: all of requests (it takes Linux and `taskset`, of util-linux)");
        return Ok(Vec::new());
    }
    let folder = install(bench)?;
    runtime()?.block_on(xtask_run::with_postgres(bench.ui, async |server| {
        compare(bench, asker, server, folder.as_deref())
    }))
}

fn compare(bench: &Bench<'_>, asker: &Asker, server: &str, folder: Option<&Path>) -> Result<Vec<Figure>> {
    bench.ui.step("filling databases");
    let [ours, theirs, bare] = ["ours", "theirs", "bare"].map(|name| -> Result<String> {
        asker.run(&["create", server, name])?;
        let url = server.rsplit_once('/').map_or_else(String::new, |(server, _)| format!("{server}/{name}"));
        service::migrate(bench, &url)?;
        asker.run(&["seed", &url])?;
        Ok(url)
    });
    let (ours, theirs, bare) = (ours?, theirs?, bare?);
    let service = service::web(&ours, on_one_core(&bench.built.program))?;
    let peer = folder.map(|folder| peer::start(bench, folder, &theirs, CONNECTIONS)).transpose()?;
    if let Some(peer) = &peer {
        asker.run(&["same", &service.address(), &peer.address()])?;
    }
    let mut figures = Vec::new();
    for work in [Work::List, Work::Create] {
        let mut all = All {
            service: Subject::new(&ours, Some(&service)),
            peer: peer.as_ref().map(|peer| Subject::new(&theirs, Some(peer))),
            bare: Subject::new(&bare, None),
        };
        bench.ui.step(work.measuring());
        let rate = all.take_turns(asker, work, bench.runs)?;
        bench.ui.note(&format!("{}: {}; latencies at {rate} a second", work.name(), all.counts()));
        figures
            .extend(all.peer.as_ref().map(|peer| beside_peer(work, &all.service, peer)).unwrap_or_default());
        figures.extend(beside_bare(work, &all.service, &all.bare));
    }
    Ok(figures)
}

impl All<'_> {
    /// As fast as each can first, then both services at half of what the slower one did: that rate is given back.
    fn take_turns(&mut self, asker: &Asker, work: Work, runs: u32) -> Result<f64> {
        for _ in 0..runs {
            for subject in [Some(&mut self.service), self.peer.as_mut(), Some(&mut self.bare)] {
                let Some(subject) = subject else { continue };
                let round = subject.round(asker, work, None)?;
                subject.rounds.push(round);
            }
        }
        let by_clock = |subject: &Subject<'_>| subject.median(|round| round.by_clock);
        let peer = self.peer.as_ref().map_or(f64::INFINITY, by_clock);
        let rate = (by_clock(&self.service).min(peer) / 2.0).ceil();
        for _ in 0..runs {
            for subject in [Some(&mut self.service), self.peer.as_mut()].into_iter().flatten() {
                let round = subject.round(asker, work, Some(rate))?;
                subject.steady.push(round);
            }
        }
        Ok(rate)
    }

    /// How many requests the figures are of.
    fn counts(&self) -> String {
        let service = format!("todo-api {:.0}", self.service.count());
        let peer = self.peer.as_ref().map(|peer| format!("{} {:.0}", peer::NAME, peer.count()));
        let bare = format!("{BARE} {:.0}", self.bare.count());
        [Some(service), peer, Some(bare)].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn beside_peer(work: Work, service: &Subject<'_>, peer: &Subject<'_>) -> Vec<Figure> {
    let figure = |name, unit, best, factor, of: fn(&Subject<'_>) -> f64| Figure {
        name,
        unit,
        ours: of(service),
        goal: of(peer) * factor,
        best,
        peer: Some(Peer { name: peer::NAME, value: of(peer) }),
    };
    let [core, p50, p99] = work.names_beside_peer();
    vec![
        figure(core, "/s", Best::Most, 10.0, |subject| subject.median(|round| round.by_core)),
        figure(p50, "ms", Best::Least, 0.1, |subject| subject.steady(|round| round.p50)),
        figure(p99, "ms", Best::Least, 0.1, |subject| subject.steady(|round| round.p99)),
    ]
}

fn beside_bare(work: Work, service: &Subject<'_>, bare: &Subject<'_>) -> Vec<Figure> {
    let figure = |name, what: fn(&Round) -> f64| {
        let (ours, theirs) = (service.median(what), bare.median(what));
        Figure {
            name,
            unit: "/s",
            ours,
            goal: theirs * 0.7,
            best: Best::Most,
            peer: Some(Peer { name: BARE, value: theirs }),
        }
    };
    let [all, clock] = work.names_beside_bare();
    vec![figure(all, |round| round.by_all), figure(clock, |round| round.by_clock)]
}

impl<'a> Subject<'a> {
    fn new(database: &str, process: Option<&'a Running>) -> Self {
        Self { database: database.to_owned(), process, rounds: Vec::new(), steady: Vec::new() }
    }

    fn round(&self, asker: &Asker, work: Work, rate: Option<f64>) -> Result<Round> {
        let connections = CONNECTIONS.to_string();
        let own = || self.process.map(Running::cpu).transpose();
        let (own_before, database_before) = (own()?, cpu_of_postgres()?);
        let how = ["--work", work.name(), "--seconds", SECONDS, "--connections"];
        let figures = match self.process {
            Some(process) => {
                let address = process.address();
                let mut args = [&["load", &address], &how[..], &[CLIENTS]].concat();
                let rate = rate.map(|rate| rate.to_string());
                args.extend(rate.iter().flat_map(|rate| ["--rate", rate]));
                asker.figures(&args)?
            }
            None => {
                asker.figures_of_one_core(&[&["bare", &self.database], &how[..], &[&connections]].concat())?
            }
        };
        let own = match (own_before, own()?) {
            (Some(before), Some(after)) => after - before,
            _ => figures.cpu_seconds,
        };
        let database = cpu_of_postgres()? - database_before;
        Ok(Round {
            count: figures.count,
            by_clock: figures.count / figures.seconds,
            by_core: figures.count / own,
            by_all: figures.count / (own + database),
            p50: figures.p50_ms,
            p99: figures.p99_ms,
        })
    }

    fn median(&self, what: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(what).collect())
    }

    fn steady(&self, what: impl Fn(&Round) -> f64) -> f64 {
        median(self.steady.iter().map(what).collect())
    }

    fn count(&self) -> f64 {
        self.rounds.iter().chain(&self.steady).map(|round| round.count).sum()
    }
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Create => "create",
        }
    }

    fn measuring(self) -> &'static str {
        match self {
            Self::List => "measuring list",
            Self::Create => "measuring create",
        }
    }

    fn names_beside_peer(self) -> [&'static str; 3] {
        match self {
            Self::List => ["list, for a second of a core", "list, p50", "list, p99"],
            Self::Create => ["create, for a second of a core", "create, p50", "create, p99"],
        }
    }

    fn names_beside_bare(self) -> [&'static str; 2] {
        match self {
            Self::List => ["list, for a second with PostgreSQL's", "list, a second by the clock"],
            Self::Create => ["create, for a second with PostgreSQL's", "create, a second by the clock"],
        }
    }
}
