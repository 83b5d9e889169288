//! `cargo xtask config` and `config get`.

use xtask_contract::{EnvName, Repo, Result};
use xtask_release::config::{self, Entry, Source};

use crate::ui::{Text, Ui, escape};

/// What stands for a secret, whatever its length.
const MASK: &str = "********";
/// A longer value pushes its own line's source to the right, not those of all lines.
const WIDEST: usize = 12;

pub(super) fn list(repo: &Repo, env: &EnvName, ui: &Ui) -> Result<()> {
    let entries = config::list(repo, env)?;
    let text = match entries.as_slice() {
        [] => format!("{env} has no config").into(),
        entries => Text::lines(table(entries)),
    };
    ui.result(text, &entries);
    Ok(())
}

pub(super) fn get(repo: &Repo, env: &EnvName, name: &str, reveal: bool, ui: &Ui) -> Result<()> {
    let entry = config::get(repo, env, name, reveal)?;
    ui.value(entry.value.as_deref().unwrap_or_default(), &entry);
    Ok(())
}

/// The variables in columns. Lines are short: the files are named without their folder.
fn table(entries: &[Entry]) -> Vec<String> {
    let name_width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    let widths = entries.iter().map(|entry| shown(entry).chars().count()).filter(|width| *width <= WIDEST);
    let width = widths.max().unwrap_or_default();
    let line = |entry: &Entry| {
        let source = entry.source.as_str();
        let source = source.rsplit_once('/').map_or(source, |(_, file)| file);
        format!("{:<name_width$}  {:<width$}  {source}", entry.name, shown(entry))
    };
    entries.iter().map(line).collect()
}

/// The value as it is shown, which is as wide as it takes.
fn shown(entry: &Entry) -> String {
    let file = matches!(entry.source, Source::File(_));
    match &entry.value {
        Some(value) => escape(value).into_owned(),
        None if file => MASK.to_owned(),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_secrets_masked() {
        let entry = |name: &str, value: Option<&str>, secret, source| Entry {
            name: name.into(),
            value: value.map(Into::into),
            secret,
            source,
        };
        let file = |name: &str| Source::File(format!("k8s/envs/{name}"));
        let entries = [
            entry("DATABASE_STATEMENT_TIMEOUT", Some("1500ms"), false, Source::Default),
            entry("DATABASE_URL", None, true, file("local.secrets.toml")),
            entry("GREETING", Some("a long one\nof two lines"), false, file("local.toml")),
            entry("PORT", None, false, Source::Missing),
        ];
        assert_eq!(
            table(&entries).join("\n"),
            "DATABASE_STATEMENT_TIMEOUT  1500ms    default\n\
             DATABASE_URL                ********  local.secrets.toml\n\
             GREETING                    a long one\\nof two lines  local.toml\n\
             PORT                        -         missing"
        );
    }
}
