//! `cargo xtask logs`: what a deploy's processes have written, all in one, in order of time.

use xtask_contract::{Progress, Repo, Result};

use crate::{
    cli,
    ui::{LineForm, LineSink, Ui},
};

pub(crate) fn logs(repo: &Repo, args: &cli::Logs, ui: &Ui) -> Result<()> {
    let form = match (args.raw, ui.is_json()) {
        (true, _) => LineForm::Raw,
        (_, true) => LineForm::Json,
        _ => LineForm::Readable,
    };
    let mut sink = LineSink::new(ui, form);
    let read = super::runtime()?.block_on(xtask_run::logs(repo, &args.env, &args.query(), &mut sink));
    if read.is_ok() && sink.is_empty() {
        ui.note(&format!("no line of {} is like that", args.env));
    }
    sink.end().and(read)
}
