//! `cargo xtask logs`: what a deploy's processes have written, all in one, in order of time.

use std::process;

use xtask_contract::{Progress, Repo, Result};

use crate::backends::Known;
use crate::{
    cli,
    ui::{LineForm, LineSink, Ui, when_closed},
};

pub(crate) fn logs(repo: &Repo, args: &cli::Logs, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let form = match (args.raw, ui.is_json()) {
        (true, _) => LineForm::Raw,
        (_, true) => LineForm::Json,
        _ => LineForm::Readable,
    };
    let mut sink = LineSink::new(ui, form);
    // Not only when the next line comes, which may be never. It reads alone, so that nothing is left half done.
    when_closed(|| process::exit(0));
    let read =
        super::runtime()?.block_on(xtask_run::logs(repo, &args.env, &args.query(), backends, &mut sink));
    if read.is_ok() && sink.is_empty() {
        ui.note(&format!("no line of {} is like that", args.env));
    }
    sink.end().and(read)
}
