//! The latency of events: of a change, for a client that watches another process; of a reminder, for the webhook.

use std::process::Command;

use xtask_contract::{Progress, Result};

use super::{
    super::{
        Bench,
        asker::Asker,
        figure::{Figure, Goal, Unit, What},
        process::{Running, free_port},
    },
    service::{configured, migrate, web},
};

const EVENT: What = What::least("event in another process's stream, p99", Unit::Millis, Goal::Value(100.0));
const REMINDER: What = What::least("webhook after a todo is due, p99", Unit::Millis, Goal::Value(1000.0));

const EVENTS: &str = "200";
const REMINDERS: &str = "20";

pub(super) async fn figures(bench: &Bench<'_>, url: &str) -> Result<Vec<Figure>> {
    let asker = Asker::compile(bench).await?;
    bench.ui.step("measuring events and reminders");
    migrate(bench, url)?;
    let program = || Command::new(bench.program);
    let (here, there) = (web(url, program()).await?, web(url, program()).await?);
    let (address, port) = (here.address(), free_port()?);
    let worker = worker(program(), url, port)?;
    let (mut events, mut reminders) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        let port = port.to_string();
        let told = asker.figures(&["reminders", &address, "--port", &port, "--count", REMINDERS]).await?;
        reminders.push(told.p99_ms);
    }
    // Events go from process to process; nobody is told of them besides.
    drop(worker);
    for _ in 0..bench.runs {
        let told = asker.figures(&["events", &address, &there.address(), "--count", EVENTS]).await?;
        events.push(told.p99_ms);
    }
    bench.note(format!("each p99 is of {EVENTS} events, and of {REMINDERS} reminders"));
    Ok([EVENT.of(&events), REMINDER.of(&reminders)].into_iter().flatten().collect())
}

/// A worker that delivers to this port. Its secret is nobody's.
fn worker(program: Command, url: &str, port: u16) -> Result<Running> {
    let mut command = configured(program, url);
    command.arg("worker").env("WEBHOOK_URL", format!("http://127.0.0.1:{port}/"));
    command.env("WEBHOOK_SECRET", "whsec_bm9ib2R5J3Mgc2VjcmV0LCBmb3IgbWVhc3VyaW5n");
    Running::start("the worker", &mut command, port)
}
