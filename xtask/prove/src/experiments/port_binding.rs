//! VII: the socket is the process's own, and speaks HTTP.

use xtask_contract::{Context, Result};

use super::{READY, can_be_alone, environment};
use crate::{http, notes::Notes, picture::Picture, stage::Stage, traffic};

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    listens(stage, notes)?;
    if !can_be_alone(stage, notes) {
        return Ok(());
    }
    let kind = stage.web()?;
    let environment = environment(stage)?;
    let mut rows = Vec::new();
    for _ in 0..2 {
        let mut process = stage.root.start(kind, &environment)?;
        let took = match process.ready(stage.readiness(), READY) {
            Ok(took) => took,
            Err(error) => {
                notes.broken("does_not_serve", format!("Started by itself with a port: {error}"));
                return Ok(());
            }
        };
        let own = process.process().ports().doing(|| "looking at sockets")?.contains(&process.port);
        let answer = http::get(process.address(), stage.readiness());
        let status = answer.map_or_else(|error| error.to_string(), |answer| answer.status.to_string());
        notes.check(
            own && status == "200",
            format!(
                "Started by itself with port {}, it listened there by a socket of its own and answered HTTP, with nothing in \
                 front.",
                process.port
            ),
            ("not_its_own_port", format!("At port {}: a socket of its own {own}, answer {status}.", process.port)),
        );
        if let Some(example) = &stage.service.example {
            let answer = traffic::write(process.address(), example, &stage.text(), &[]);
            let status =
                answer.map_or_else(|error| error.to_string(), |(answer, _)| answer.status.to_string());
            notes.check(
                status.starts_with('2'),
                "It does its work for a client that comes to it directly.",
                (
                    "needs_one_in_front",
                    format!(
                        "Asked directly, with no proxy in front, it answered POST {} with {status}.",
                        example.write.path
                    ),
                ),
            );
        }
        rows.push(vec![
            process.port.to_string(),
            own.to_string(),
            status,
            format!("{} ms", took.as_millis()),
        ]);
    }
    let head = ["port", "its own socket", "answer", "ready after"];
    notes.picture(Picture::table("The same program at two ports", &head, rows));
    notes.command(format!("curl -i http://localhost:PORT{}", stage.readiness()));
    Ok(())
}

/// A process of the deploy, as it serves.
fn listens(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    if let Some(one) = stage.serving()?.first() {
        let ports = one.process.ports().doing(|| format!("looking at the sockets of {}", one.name))?;
        notes.check(
            !ports.is_empty(),
            format!("{} listens by a socket of its own, at {ports:?}.", one.name),
            ("not_its_own_port", format!("{} listens at no port.", one.name)),
        );
    }
    Ok(())
}
