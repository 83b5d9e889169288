//! `cargo xtask run`.

use xtask_contract::{EnvName, ReleaseId, Repo, Result};
use xtask_run::{Change, Options, Ran, Status};

use crate::{
    End,
    backends::Known,
    cli,
    ui::{Text, Ui, unified},
};

pub(crate) fn run(repo: &Repo, args: &cli::Run, backends: &Known<'_>, ui: &Ui) -> Result<End> {
    let options = args.how.options();
    if args.diff || args.only_diff {
        let changes =
            super::runtime()?.block_on(xtask_run::changes(repo, &args.env, args.id, &options, backends))?;
        if args.only_diff {
            ui.result(in_words(&changes), &changes);
            return Ok(if changes.is_empty() { End::Done } else { End::WouldChange });
        }
        ui.tell(in_words(&changes));
    }
    start(repo, &args.env, args.id, &options, backends, ui).map(|()| End::Done)
}

/// The changes as one unified diff.
fn in_words(changes: &[Change]) -> Text {
    if changes.is_empty() {
        return "nothing would change on the cluster".into();
    }
    Text::lines(changes.iter().map(|Change { object, before, after }| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let side = |name: &str, text: &Option<String>| match text {
            Some(_) => format!("{name}/{object}"),
            None => "/dev/null".to_owned(),
        };
        Text::diff(&unified((&side("now", before), &text(before)), (&side("then", after), &text(after))))
    }))
}

/// Stage 3. For a local deploy it returns when the deploy was told to stop, or was up already.
pub(super) fn start(
    repo: &Repo,
    env: &EnvName,
    id: Option<ReleaseId>,
    options: &Options,
    backends: &Known<'_>,
    ui: &Ui,
) -> Result<()> {
    let announce = |ran: &Ran| ui.result(words(ran), ran);
    let result = super::runtime()?.block_on(xtask_run::run(repo, env, id, options, backends, ui, &announce));
    ui.finish_step();
    result
}

fn words(ran: &Ran) -> String {
    let since = match (ran.status, ran.replaced) {
        (Status::Unchanged, _) => ", as before".to_owned(),
        (Status::Started, Some(before)) => format!(", after {before}"),
        (Status::Started, None) => String::new(),
    };
    let place = ran
        .supervisor
        .map_or_else(String::new, |process| format!(" (in the run that is up, process {process})"));
    // Where a service answers is not always known, and not every release has one that does.
    let url = if ran.url.is_empty() { String::new() } else { format!("{} — ", ran.url) };
    format!("{url}{} runs release {}{since}{place}", ran.env, ran.release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_begins_with_the_address_if_there_is_one() {
        let words = |url: &str| {
            words(&Ran {
                release: "2011-04-06-20:32:17".parse().unwrap(),
                env: "prod".parse().unwrap(),
                status: Status::Started,
                url: url.into(),
                replaced: None,
                elapsed_ms: 1,
                migration_ms: 0,
                supervisor: None,
            })
        };
        assert_eq!(words(""), "prod runs release 2011-04-06-20:32:17");
        assert_eq!(words("https://a"), "https://a — prod runs release 2011-04-06-20:32:17");
    }
}
