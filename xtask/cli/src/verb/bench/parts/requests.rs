//! How many requests the service answers, beside a django-ninja that does the same and beside the bare statements.
//!
//! Other work on the machine takes time on the clock from all of them, so what counts is what a request costs of a
//! processor. The three take turns, round after round, each with a database of its own of the same content.

mod subject;

use std::path::Path;

use xtask_contract::{Progress, Result};

use super::{
    super::{
        Bench,
        asker::Asker,
        figure::{Figure, Goal, Unit, What, median},
        peer,
        process::on_one_core,
    },
    service,
};
use subject::Subject;

/// What the service has by default: one of its ten connections listens.
const CONNECTIONS: u32 = 9;

/// The name that the figures call the statements alone by.
const BARE: &str = "bare tokio-postgres";

/// The requests that are compared.
#[derive(Clone, Copy)]
enum Work {
    List,
    Create,
}

/// Those who take turns.
struct All<'a> {
    service: Subject<'a>,
    peer: Option<Subject<'a>>,
    bare: Subject<'a>,
}

pub(super) async fn figures(bench: &Bench<'_>, server: &str) -> Result<Vec<Figure>> {
    if let Some(why) = bench.lacks("taskset", &["--version"]).await {
        bench.skip("all of it", &format!("it takes Linux and `taskset`, of util-linux: {why}"));
        return Ok(Vec::new());
    }
    let asker = Asker::compile(bench).await?;
    let folder = peer::install(bench).await?;
    compare(bench, &asker, server, folder.as_deref()).await
}

async fn compare(
    bench: &Bench<'_>,
    asker: &Asker<'_>,
    server: &str,
    folder: Option<&Path>,
) -> Result<Vec<Figure>> {
    bench.ui.step("filling databases");
    let ours = filled(bench, asker, server, "ours").await?;
    let theirs = filled(bench, asker, server, "theirs").await?;
    let bare = filled(bench, asker, server, "bare").await?;
    let service = service::web(&ours, on_one_core(bench.program)).await?;
    let peer = match folder {
        Some(folder) => Some(peer::start(bench, folder, &theirs, CONNECTIONS).await?),
        None => None,
    };
    if let Some(peer) = &peer {
        asker.run(&["same", &service.address(), &peer.address()]).await?;
    }
    let mut figures = Vec::new();
    for work in [Work::List, Work::Create] {
        let mut all = All {
            service: Subject::new(&ours, Some(&service)),
            peer: peer.as_ref().map(|peer| Subject::new(&theirs, Some(peer))),
            bare: Subject::new(&bare, None),
        };
        bench.ui.step(&format!("measuring {}", work.name()));
        let rate = all.take_turns(asker, work, bench.runs).await?;
        bench.note(format!("{}: {} requests; p50 and p99 at {rate:.0} a second", work.name(), all.counts()));
        figures.extend(all.figures(work).into_iter().flatten());
    }
    Ok(figures)
}

/// The URL of a database with this name, made and filled.
async fn filled(bench: &Bench<'_>, asker: &Asker<'_>, server: &str, name: &str) -> Result<String> {
    asker.run_on(server, &["create", name]).await?;
    let url = database(server, name);
    service::migrate(bench, &url)?;
    asker.run_on(&url, &["seed"]).await?;
    Ok(url)
}

/// The URL of another database on the same server.
fn database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').unwrap_or((server, ""));
    let (address, _) = address.rsplit_once('/').unwrap_or((address, ""));
    let options = if options.is_empty() { String::new() } else { format!("?{options}") };
    format!("{address}/{name}{options}")
}

impl All<'_> {
    /// As fast as each can first, then both services at half of what the slower one did: that rate is given back.
    async fn take_turns(&mut self, asker: &Asker<'_>, work: Work, runs: u32) -> Result<f64> {
        for _ in 0..runs {
            for subject in [Some(&mut self.service), self.peer.as_mut(), Some(&mut self.bare)] {
                let Some(subject) = subject else { continue };
                let round = subject.round(asker, work, None).await?;
                subject.rounds.push(round);
            }
        }
        let by_clock = |subject: &Subject<'_>| median(&subject.of_rounds(|round| round.by_clock));
        let rates = [by_clock(&self.service), self.peer.as_ref().and_then(by_clock)];
        let rate = (rates.into_iter().flatten().fold(f64::INFINITY, f64::min) / 2.0).ceil();
        for _ in 0..runs {
            for subject in [Some(&mut self.service), self.peer.as_mut()].into_iter().flatten() {
                let round = subject.round(asker, work, Some(rate)).await?;
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

    fn figures(&self, work: Work) -> Vec<Option<Figure>> {
        let Kinds { core, p50, p99, all, clock } = work.figures();
        let beside_peer = |what: What, of: fn(&Subject<'_>) -> Vec<f64>| {
            let theirs = self.peer.as_ref().map(of).unwrap_or_default();
            what.beside(&of(&self.service), peer::NAME, &theirs)
        };
        let beside_bare = |what: What, of: fn(&Subject<'_>) -> Vec<f64>| {
            what.beside(&of(&self.service), BARE, &of(&self.bare))
        };
        let mut figures = vec![beside_peer(core, |subject| subject.of_rounds(|round| round.by_core))];
        // Without a peer the rate would be another one, and so would be what they mean.
        if self.peer.is_some() {
            figures.push(beside_peer(p50, |subject| subject.of_steady(|round| round.p50)));
            figures.push(beside_peer(p99, |subject| subject.of_steady(|round| round.p99)));
        }
        figures.push(beside_bare(all, |subject| subject.of_rounds(|round| round.by_all)));
        figures.push(beside_bare(clock, |subject| subject.of_rounds(|round| round.by_clock)));
        figures
    }
}

/// What is measured of a kind of requests.
struct Kinds {
    /// Beside the peer.
    core: What,
    p50: What,
    p99: What,
    /// Beside the bare statements.
    all: What,
    clock: What,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Create => "create",
        }
    }

    fn figures(self) -> Kinds {
        let names = match self {
            Self::List => [
                "list, a second of the service's core",
                "list, p50",
                "list, p99",
                "list, a second of a core with PostgreSQL's time",
                "list, a second by the clock",
            ],
            Self::Create => [
                "create, a second of the service's core",
                "create, p50",
                "create, p99",
                "create, a second of a core with PostgreSQL's time",
                "create, a second by the clock",
            ],
        };
        let [core, p50, p99, all, clock] = names;
        Kinds {
            core: What::most(core, Unit::PerSecond, Goal::Ratio(10.0)),
            p50: What::least(p50, Unit::Millis, Goal::Ratio(10.0)),
            p99: What::least(p99, Unit::Millis, Goal::Ratio(10.0)),
            all: What::most(all, Unit::PerSecond, Goal::Ratio(0.7)),
            clock: What::most(clock, Unit::PerSecond, Goal::Ratio(0.7)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::database;

    #[test]
    fn another_database_is_on_the_same_server_whatever_its_url_says_besides() {
        assert_eq!(
            database("postgres://a@127.0.0.1:5432/postgres", "ours"),
            "postgres://a@127.0.0.1:5432/ours"
        );
        assert_eq!(
            database("postgres://a@localhost/postgres?host=/tmp/x", "ours"),
            "postgres://a@localhost/ours?host=/tmp/x"
        );
    }
}
