//! How many requests the service answers, beside other services that do the same and beside the bare statements.
//!
//! Other work on the machine takes time on the clock from all of them, so what counts is what a request costs of a
//! processor. All take turns, round after round, each with a database of its own of the same content.

mod subject;
mod work;

use std::{iter, path::PathBuf};

use xtask_contract::{Progress, Result};

use super::{
    super::{
        Bench,
        asker::Asker,
        figure::{Figure, What, median},
        peer::Peer,
        process::{Running, on_one_core},
    },
    service,
};
use subject::{Round, Subject};
use work::{Kinds, Plain, Work};

/// What the service has by default: one of its ten connections listens.
const CONNECTIONS: u32 = 9;

/// The name that the figures call the statements alone by.
const BARE: &str = "bare tokio-postgres";

/// A peer's process, and the URL of its database.
struct Started {
    peer: Peer,
    url: String,
    process: Running,
}

/// Those who take turns.
struct All<'a> {
    service: Subject<'a>,
    peers: Vec<(Peer, Subject<'a>)>,
    bare: Subject<'a>,
}

pub(super) async fn figures(bench: &Bench<'_>, server: &str) -> Result<Vec<Figure>> {
    if let Some(why) = bench.lacks("taskset", &["--version"]).await {
        bench.skip("all of it", &format!("it takes Linux and `taskset`, of util-linux: {why}"));
        return Ok(Vec::new());
    }
    let asker = Asker::compile(bench).await?;
    let mut peers = Vec::new();
    for peer in Peer::ALL {
        peers.extend(peer.install(bench, &asker).await?.map(|program| (peer, program)));
    }
    compare(bench, &asker, server, peers).await
}

async fn compare(
    bench: &Bench<'_>,
    asker: &Asker<'_>,
    server: &str,
    programs: Vec<(Peer, PathBuf)>,
) -> Result<Vec<Figure>> {
    bench.ui.step("filling databases");
    let ours = filled(bench, asker, server, "ours").await?;
    let bare = filled(bench, asker, server, "bare").await?;
    let service = service::web(&ours, on_one_core(bench.program)).await?;
    let mut peers = Vec::new();
    for (peer, program) in programs {
        let url = filled(bench, asker, server, peer.database()).await?;
        let process = peer.start(bench, &program, &url, CONNECTIONS).await?;
        peers.push(Started { peer, url, process });
    }
    check_same(asker, &service, &peers).await?;
    let mut figures = Vec::new();
    for work in [Work::List, Work::Create] {
        let mut all = All {
            service: Subject::new(&ours, Some(&service)),
            peers: peers.iter().map(Started::subject).collect(),
            bare: Subject::new(&bare, None),
        };
        bench.ui.step(&format!("measuring {}", work.name()));
        let rate = all.take_turns(asker, work, bench.runs).await?;
        bench.note(format!("{}: {} requests; p50 and p99 at {rate:.0} a second", work.name(), all.counts()));
        figures.extend(all.figures(work).into_iter().flatten());
    }
    Ok(figures)
}

/// Fails unless the peers answer as the service does: what does not do the same work is not compared.
async fn check_same(asker: &Asker<'_>, service: &Running, peers: &[Started]) -> Result<()> {
    let same = async |started: &Started, what: &[&str]| {
        let (ours, theirs) = (service.address(), started.process.address());
        asker.run(&[&["same", &ours, &theirs], what].concat()).await
    };
    let (whole, plain): (Vec<_>, Vec<_>) = peers.iter().partition(|started| started.peer.is_whole());
    // The lists first, while they are the same.
    for started in &plain {
        same(started, &["--work", Work::List.name()]).await?;
    }
    for started in whole {
        same(started, &[]).await?;
    }
    for started in plain {
        same(started, &["--work", Work::Create.name()]).await?;
    }
    Ok(())
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

impl Started {
    fn subject(&self) -> (Peer, Subject<'_>) {
        (self.peer, Subject::new(&self.url, Some(&self.process)))
    }
}

impl<'a> All<'a> {
    /// As fast as each can first, then the service and the whole peer at half of what the slower one did: that rate is given
    /// back.
    async fn take_turns(&mut self, asker: &Asker<'_>, work: Work, runs: u32) -> Result<f64> {
        for _ in 0..runs {
            let peers = self.peers.iter_mut().map(|(_, subject)| subject);
            for subject in iter::once(&mut self.service).chain(peers).chain([&mut self.bare]) {
                let round = subject.round(asker, work, None).await?;
                subject.rounds.push(round);
            }
        }
        let by_clock = |subject: &Subject<'_>| median(&subject.of_rounds(|round| round.by_clock));
        let rates = [by_clock(&self.service), self.beside(Peer::Ninja).and_then(by_clock)];
        let rate = (rates.into_iter().flatten().fold(f64::INFINITY, f64::min) / 2.0).ceil();
        for _ in 0..runs {
            let whole = self.peers.iter_mut().filter(|(peer, _)| peer.is_whole()).map(|(_, subject)| subject);
            for subject in iter::once(&mut self.service).chain(whole) {
                let round = subject.round(asker, work, Some(rate)).await?;
                subject.steady.push(round);
            }
        }
        Ok(rate)
    }

    /// The peer, if it is there.
    fn beside(&self, wanted: Peer) -> Option<&Subject<'a>> {
        self.peers.iter().find_map(|(peer, subject)| (*peer == wanted).then_some(subject))
    }

    /// How many requests the figures are of.
    fn counts(&self) -> String {
        let peers = self.peers.iter().map(|(peer, subject)| (peer.name(), subject));
        let all = iter::once(("todo-api", &self.service)).chain(peers).chain([(BARE, &self.bare)]);
        all.map(|(name, subject)| format!("{name} {:.0}", subject.count())).collect::<Vec<_>>().join(", ")
    }

    fn figures(&self, work: Work) -> Vec<Option<Figure>> {
        let Kinds { core, p50, p99, all, clock } = work.figures();
        let beside_peer = |what: What, of: fn(&Subject<'_>) -> Vec<f64>| {
            let theirs = self.beside(Peer::Ninja).map(of).unwrap_or_default();
            what.beside(&of(&self.service), Peer::Ninja.name(), &theirs)
        };
        let beside_bare = |what: What, of: fn(&Subject<'_>) -> Vec<f64>| {
            what.beside(&of(&self.service), BARE, &of(&self.bare))
        };
        let mut figures = vec![beside_peer(core, |subject| subject.of_rounds(|round| round.by_core))];
        // Without a peer the rate would be another one, and so would be what they mean.
        if self.beside(Peer::Ninja).is_some() {
            figures.push(beside_peer(p50, |subject| subject.of_steady(|round| round.p50)));
            figures.push(beside_peer(p99, |subject| subject.of_steady(|round| round.p99)));
        }
        figures.push(beside_bare(all, |subject| subject.of_rounds(|round| round.by_all)));
        figures.push(beside_bare(clock, |subject| subject.of_rounds(|round| round.by_clock)));
        figures.extend(work.beside_plain().into_iter().flat_map(|plain| self.beside_plain(&plain)));
        figures
    }

    /// What is measured beside a peer that answers the measured requests alone; nothing where it is not there.
    fn beside_plain(&self, &Plain { peer, core, clock }: &Plain) -> Vec<Option<Figure>> {
        let Some(theirs) = self.beside(peer) else { return Vec::new() };
        let figure = |what: What, of: fn(&Round) -> f64| {
            what.beside(&self.service.of_rounds(of), peer.name(), &theirs.of_rounds(of))
        };
        vec![figure(core, |round| round.by_core), figure(clock, |round| round.by_clock)]
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
