//! VII: the socket is the process's own, and speaks HTTP.

use xtask_contract::{Context, Result};

use super::{READY, environment};
use crate::{http, notes::Notes, picture::Picture, stage::Stage, traffic};

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
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
        let answer = http::get(process.port, stage.readiness());
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
            let answer = traffic::write(process.port, example, &stage.text(), &[]);
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
