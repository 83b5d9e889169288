//! What a client calls its request is in each line about it.

use xtask_contract::Result;

use crate::{http::Connection, notes::Notes, stage::Stage};

pub(super) fn show(stage: &Stage<'_>, notes: &mut Notes) -> Result<()> {
    // A trace of the client's own (W3C Trace Context).
    let trace = format!("{:032x}", 0x1000_0000_u64 + u64::from(std::process::id()));
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let fields = [("connection", "close"), ("traceparent", parent.as_str())];
    let answer = Connection::open(stage.address()).and_then(|mut to| to.request("GET /", &fields, None));
    let lines = stage.logs()?;
    let found =
        lines.iter().filter(|line| line["text"].as_str().is_some_and(|text| text.contains(&trace))).count();
    notes.check(
        answer.is_ok() && found > 0,
        format!("The trace that a client named is in {found} lines about its request."),
        ("no_trace", "The trace that a client named (`traceparent`) is in no line."),
    );
    notes.command(format!("cargo xtask logs --env {} --grep {trace}", stage.env));
    Ok(())
}
