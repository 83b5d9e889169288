//! `cargo xtask down`.

use xtask_contract::{EnvName, Error, Repo, Result};
use xtask_run::{Data, Down};

use crate::{
    backends::Known,
    cli,
    ui::{Text, Ui},
};

pub(crate) fn down(repo: &Repo, args: &cli::Down, backends: &Known<'_>, ui: &Ui) -> Result<()> {
    let cli::Down { env, data, yes } = args;
    let runtime = super::runtime()?;
    if *data {
        let losses = runtime.block_on(xtask_run::losses(repo, env, backends))?;
        agree(env, &losses, *yes, ui)?;
    }
    let down = runtime.block_on(xtask_run::down(repo, env, *data, backends, ui))?;
    ui.result(words(&down), &down);
    Ok(())
}

/// Says what will be deleted for good, and has somebody agree to that.
pub(super) fn agree(env: &EnvName, losses: &[String], yes: bool, ui: &Ui) -> Result<()> {
    if losses.is_empty() {
        return Ok(());
    }
    let mut text = Text::from(format!("of {env}, this deletes for good:"));
    text.push(Text::lines(losses.iter().map(|loss| format!("  - {loss}"))));
    ui.tell(text);
    if yes || ui.ask(&format!("delete that of {env}?"))? {
        return Ok(());
    }
    Err(Error::refused(format!("deleting the data of {env}"), "you said no; nothing was changed"))
}

fn words(down: &Down) -> Text {
    let Down { env, stopped, data, left } = down;
    let stopped = if *stopped { "stopped" } else { "nothing was running" };
    let mut text = Text::from(format!("{env}: {stopped}; {}", data_words(*data)));
    text.push(Text::lines(left));
    text
}

pub(super) fn data_words(data: Data) -> &'static str {
    match data {
        Data::Kept => "its data are kept",
        Data::Deleted => "its data are deleted",
        Data::None => "it has no data of its own here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_below_what_was_done() {
        let down = |data, left: &[&str]| Down {
            env: EnvName::local(),
            stopped: true,
            data,
            left: left.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(words(&down(Data::Kept, &[])), "local: stopped; its data are kept".into());
        let left = "the kind cluster dev goes on: also on it is other";
        let told = ["local: stopped; it has no data of its own here", left];
        assert_eq!(words(&down(Data::None, &[left])), Text::lines(told));
    }
}
