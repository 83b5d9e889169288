//! One of the compared services, or the database alone, and its measurements, round after round.

use xtask_contract::Result;

use super::{
    super::super::{
        asker::Asker,
        process::{Running, cpu_of_postgres},
    },
    CONNECTIONS, Work,
};

/// How many clients ask at once, and for how long.
const CLIENTS: &str = "16";
const SECONDS: &str = "2";

/// What is measured: a service, or the database alone.
pub(super) struct Subject<'a> {
    database: String,
    /// The service's process; none for the database alone.
    process: Option<&'a Running>,
    /// As fast as it can.
    pub(super) rounds: Vec<Round>,
    /// At a rate that all who are asked at one sustain.
    pub(super) steady: Vec<Round>,
}

/// What one round came to.
pub(super) struct Round {
    count: f64,
    /// Requests a second, by the clock.
    pub(super) by_clock: f64,
    /// Requests for each second that the process used of a core.
    pub(super) by_core: f64,
    /// The same with what PostgreSQL used for them.
    pub(super) by_all: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl<'a> Subject<'a> {
    pub(super) fn new(database: &str, process: Option<&'a Running>) -> Self {
        Self { database: database.to_owned(), process, rounds: Vec::new(), steady: Vec::new() }
    }

    pub(super) async fn round(&self, asker: &Asker<'_>, work: Work, rate: Option<f64>) -> Result<Round> {
        let connections = CONNECTIONS.to_string();
        let own = || self.process.map(Running::cpu).transpose();
        let (own_before, database_before) = (own()?, cpu_of_postgres()?);
        let how = ["--work", work.name(), "--seconds", SECONDS, "--connections"];
        let figures = if let Some(process) = self.process {
            process.forget();
            let (address, rate) = (process.address(), rate.map(|rate| rate.to_string()));
            let mut args = [&["load", &address], &how[..], &[CLIENTS]].concat();
            args.extend(rate.iter().flat_map(|rate| ["--rate", rate]));
            asker.figures(&args).await?
        } else {
            let args = [&["bare"], &how[..], &[&connections]].concat();
            asker.figures_of_one_core(&args, &self.database).await?
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

    pub(super) fn of_rounds(&self, what: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(what).collect()
    }

    pub(super) fn of_steady(&self, what: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.steady.iter().map(what).collect()
    }

    pub(super) fn count(&self) -> f64 {
        self.rounds.iter().chain(&self.steady).map(|round| round.count).sum()
    }
}
