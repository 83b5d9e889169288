//! The service itself: how soon it answers after it was started, and what it holds of memory.

use std::{process::Command, time::Instant};

use xtask_contract::{Context, Error, Progress, Result};

use super::{
    Bench, Figure,
    process::{Running, free_port},
};
use crate::verb::runtime;

pub(super) fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring the service");
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    runtime()?.block_on(xtask_run::with_postgres(bench.ui, async |url| {
        migrate(bench, url)?;
        for _ in 0..bench.runs {
            let started = Instant::now();
            let service = web(url, Command::new(&bench.built.program))?;
            starts.push(started.elapsed().as_secs_f64() * 1e3);
            let resident = service.status("VmRSS:")?;
            let kib: f64 = resident.trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
            memory.push(kib / 1024.0);
        }
        Ok(())
    }))?;
    Ok(vec![
        Figure::millis("service ready after exec", 50.0, starts),
        Figure {
            name: "service's resident memory",
            unit: "MiB",
            ours: super::median(memory),
            goal: 20.0,
            best: super::Best::Least,
            peer: None,
        },
    ])
}

/// Brings a database's schema up to date.
pub(super) fn migrate(bench: &Bench<'_>, url: &str) -> Result<()> {
    let mut command = Command::new(&bench.built.program);
    command.arg("migrate").env_clear().env("DATABASE_URL", url).stdout(std::process::Stdio::null());
    let migrated = command.status().doing(|| "migrating a database")?;
    if migrated.success() { Ok(()) } else { Err(Error::failed("migrating a database", migrated)) }
}

/// Starts a web process by this command that ends with the program, and waits until it is ready.
pub(super) fn web(url: &str, command: Command) -> Result<Running> {
    let port = free_port()?;
    let mut command = configured(command, url);
    command.arg("web").env("PORT", port.to_string()).env("BIND_ADDRESS", "127.0.0.1");
    Running::start("the service", &mut command, port)?.until_ready("the service", "/readyz")
}

/// A command with no environment but this. A machine that is busy with other things is not to end a measurement.
pub(super) fn configured(mut command: Command, url: &str) -> Command {
    command.env_clear().env("DATABASE_URL", url);
    command.env("DATABASE_ACQUIRE_TIMEOUT", "5s").env("DATABASE_STATEMENT_TIMEOUT", "5s");
    // Where to look for the program that keeps it on one core.
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}
