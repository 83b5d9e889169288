//! How soon others hear: whoever watches another process of what was changed, the webhook of what is due.

use std::process::Command;

use xtask_contract::{Progress, Result};

use super::{
    Bench, Best, Figure,
    asker::Asker,
    process::{Running, free_port},
    service::{configured, migrate, web},
};
use crate::verb::runtime;

const EVENTS: &str = "200";
const REMINDERS: &str = "20";

pub(super) fn figures(bench: &Bench<'_>, asker: &Asker) -> Result<Vec<Figure>> {
    bench.ui.step("measuring events and reminders");
    let figure = |name, goal, ours| Figure { name, unit: "ms", ours, goal, best: Best::Least, peer: None };
    runtime()?.block_on(xtask_run::with_postgres(bench.ui, async |url| {
        migrate(bench, url)?;
        let program = || Command::new(&bench.built.program);
        let (here, there) = (web(url, program())?, web(url, program())?);
        let events = asker.figures(&["events", &here.address(), &there.address(), "--count", EVENTS])?;
        let port = free_port()?;
        let _worker = worker(program(), url, port)?;
        let address = here.address();
        let reminders =
            asker.figures(&["reminders", &address, "--port", &port.to_string(), "--count", REMINDERS])?;
        Ok(vec![
            figure("event in another process's stream, p99", 100.0, events.p99_ms),
            figure("webhook after a todo is due, p99", 1000.0, reminders.p99_ms),
        ])
    }))
}

/// A worker that delivers to this port. Its secret is nobody's.
fn worker(program: Command, url: &str, port: u16) -> Result<Running> {
    let mut command = configured(program, url);
    command.arg("worker").env("WEBHOOK_URL", format!("http://127.0.0.1:{port}/"));
    command.env("WEBHOOK_SECRET", "whsec_bm9ib2R5J3Mgc2VjcmV0LCBmb3IgbWVhc3VyaW5n");
    Running::start("the worker", &mut command, port)
}
