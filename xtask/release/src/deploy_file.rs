//! Changes a deploy's file as a person would: what is not changed stays as it stands, comments included.

use std::fs;

use toml_edit::{DocumentMut, value};
use xtask_contract::{Context, EnvName, Error, Repo, Result, durable};

/// Sets or removes `attached` in `[services.postgres]`.
pub(crate) fn set_attached(repo: &Repo, env: &EnvName, attached: bool) -> Result<()> {
    let path = repo.deploy_file(env);
    let doing = || format!("changing {}", repo.relative(&path).display());
    let text = fs::read_to_string(&path).doing(doing)?;
    let changed = with_attached(&text, attached).map_err(|why| Error::refused(doing(), why))?;
    if changed == text {
        return Ok(());
    }
    durable::replace(&path, changed.as_bytes(), 0o644).doing(doing)
}

fn with_attached(text: &str, attached: bool) -> std::result::Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let postgres = document
        .get_mut("services")
        .and_then(|services| services.get_mut("postgres"))
        .and_then(|postgres| postgres.as_table_like_mut())
        .ok_or("it has no [services.postgres]")?;
    if attached {
        // In its place if it is there, so that a comment beside it stays.
        match postgres.get_mut("attached").and_then(|item| item.as_value_mut()) {
            Some(known) if known.as_bool() == Some(true) => {}
            _ => drop(postgres.insert("attached", value(true))),
        }
    } else {
        postgres.remove("attached");
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "# A deploy.\n[services.postgres]\nvariable = \"U\" # the URL\nport = 5432\n\n[policy]\ndirty = true\n";

    #[test]
    fn attaching_adds_a_line_and_the_way_back_removes_it() {
        let attached = with_attached(OWN, true).unwrap();
        assert_eq!(attached, OWN.replace("port = 5432\n", "port = 5432\nattached = true\n"));
        assert_eq!(with_attached(&attached, true).unwrap(), attached);
        assert_eq!(with_attached(&attached, false).unwrap(), OWN);
        assert_eq!(with_attached(OWN, false).unwrap(), OWN);
    }

    #[test]
    fn other_forms_of_the_same_table_are_edited_too() {
        let inline = "services = { postgres = { variable = \"U\", attached = false } } # all\n";
        assert_eq!(with_attached(inline, true).unwrap(), inline.replace("false", "true"));
        let dotted = "services.postgres.variable = \"U\"\n";
        assert_eq!(
            with_attached(dotted, true).unwrap(),
            format!("{dotted}services.postgres.attached = true\n")
        );
        assert!(with_attached("schema = 1\n", true).is_err());
    }
}
