//! The service itself: how soon it answers after it was started, and what it holds of memory.

use std::{process::Command, time::Instant};

use xtask_contract::{Error, Progress, Result, command};

use super::super::{
    Bench,
    figure::{Figure, Goal, Unit, What},
    process::{Running, SHORT, free_port},
};

const READY: What = What::least("service ready after exec", Unit::Millis, Goal::Value(50.0));
const MEMORY: What = What::least("service's resident memory", Unit::Mebibytes, Goal::Value(20.0));

pub(super) async fn figures(bench: &Bench<'_>, url: &str) -> Result<Vec<Figure>> {
    bench.ui.step("measuring the service");
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    migrate(bench, url)?;
    for _ in 0..bench.runs {
        let started = Instant::now();
        let service = web(url, Command::new(bench.program)).await?;
        starts.push(started.elapsed().as_secs_f64() * 1e3);
        let resident = service.status("VmRSS:")?;
        let kib = resident.trim_end_matches(" kB").parse::<f64>();
        memory.push(
            kib.map_err(|_| Error::failed("reading what the service holds of memory", resident))? / 1024.0,
        );
    }
    Ok([READY.of(&starts), MEMORY.of(&memory)].into_iter().flatten().collect())
}

/// Brings a database's schema up to date.
pub(in super::super) fn migrate(bench: &Bench<'_>, url: &str) -> Result<()> {
    let mut migrate = Command::new(bench.program);
    migrate.arg("migrate").env_clear().env("DATABASE_URL", url);
    command::run(&mut migrate).map(drop).map_err(|failure| failure.error("migrating a database"))
}

/// Starts a web process by this command that ends with the program, and waits until it is ready.
pub(in super::super) async fn web(url: &str, command: Command) -> Result<Running> {
    let port = free_port()?;
    let mut command = configured(command, url);
    command.arg("web").env("PORT", port.to_string()).env("BIND_ADDRESS", "127.0.0.1");
    let mut service = Running::start("the service", &mut command, port)?;
    service.until_ready("the service", "/readyz", SHORT).await?;
    Ok(service)
}

/// A command with no environment but this. A machine that is busy with other things is not to end a measurement.
pub(in super::super) fn configured(mut command: Command, url: &str) -> Command {
    command.env_clear().env("DATABASE_URL", url);
    command.env("DATABASE_ACQUIRE_TIMEOUT", "5s").env("DATABASE_STATEMENT_TIMEOUT", "5s");
    // Where to look for the program that keeps it on one core.
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}
