//! What the workspace's manifest and cargo's own settings get: keys that they lack. What is there stays as it is, comments
//! and order, too.

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};
use xtask_contract::{Context, Error, Result, ServiceName};

/// The package of `cargo xtask`, and its folder.
const PACKAGE: &str = "xtask";

/// Crates that hash, compress and parse: without optimisation they would take longer than all else.
const OPTIMISED: [&str; 11] = [
    "flate2",
    "memchr",
    "miniz_oxide",
    "regex-automata",
    "serde_json",
    "sha2",
    "toml",
    "toml_datetime",
    "toml_parser",
    "winnow",
    "xtask-lines",
];

/// Cargo.toml with the package among its members, the service's name, and what makes the toolchain quick.
pub(super) fn workspace(text: &str, service: &ServiceName) -> Result<String> {
    let mut document = parsed(text, "Cargo.toml")?;
    let workspace = table(&mut document, &["workspace"], "Cargo.toml")?;
    let members = workspace.entry("members").or_insert(Item::Value(Array::new().into()));
    let Some(members) = members.as_array_mut() else {
        return Err(no_table("Cargo.toml", "workspace.members"));
    };
    if !members.iter().any(|member| matches!(member.as_str(), Some(PACKAGE | "*"))) {
        // On a line of its own, where the others are: what stands before the last one, without the comment in it.
        let last = members.iter().last().and_then(|last| last.decor().prefix()?.as_str());
        let line = last.and_then(|before| before.rsplit_once('\n')).map(|(_, margin)| format!("\n{margin}"));
        members.push(PACKAGE);
        if let (Some(line), Some(own)) = (line, members.iter_mut().last()) {
            own.decor_mut().set_prefix(line);
        }
    }
    let metadata = table(&mut document, &["workspace", "metadata", "xtask"], "Cargo.toml")?;
    metadata.entry("service").or_insert(Item::Value(service.as_str().into()));
    let packages = table(&mut document, &["profile", "dev", "package"], "Cargo.toml")?;
    for name in OPTIMISED {
        if !packages.contains_key(name) {
            let mut profile = Table::new();
            profile.set_dotted(true);
            profile.insert("opt-level", Item::Value(Value::from(3)));
            packages.insert(name, Item::Table(profile));
        }
    }
    Ok(document.to_string())
}

/// .cargo/config.toml with the alias.
pub(super) fn cargo_config(text: &str) -> Result<String> {
    let path = ".cargo/config.toml";
    let mut document = parsed(text, path)?;
    let alias = table(&mut document, &["alias"], path)?;
    alias.entry(PACKAGE).or_insert(Item::Value(format!("run --package {PACKAGE} --").into()));
    Ok(document.to_string())
}

/// .gitignore with the lines that it lacks.
pub(super) fn ignored(text: &str) -> String {
    const PATHS: [&str; 6] = [
        "/target/",
        "/.xtask/",
        "/releases/local/",
        "/releases/dev/",
        "/k8s/envs/local.secrets.toml",
        "/k8s/envs/dev.secrets.toml",
    ];
    let bare = |line: &str| line.trim().trim_matches('/').to_owned();
    let known: Vec<String> = text.lines().map(bare).collect();
    let mut all = text.to_owned();
    for path in PATHS.iter().filter(|path| !known.contains(&bare(path))) {
        if !all.is_empty() && !all.ends_with('\n') {
            all.push('\n');
        }
        all.push_str(path);
        all.push('\n');
    }
    all
}

fn parsed(text: &str, path: &str) -> Result<DocumentMut> {
    text.parse().doing(|| format!("reading {path}"))
}

/// The table of these keys, made where it is missing.
fn table<'a>(document: &'a mut DocumentMut, keys: &[&str], path: &str) -> Result<&'a mut dyn TableLike> {
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for (place, key) in keys.iter().enumerate() {
        let mut made = Table::new();
        made.set_implicit(place + 1 < keys.len());
        let item = table.entry(key).or_insert(Item::Table(made));
        let Some(below) = item.as_table_like_mut() else {
            return Err(no_table(path, &keys[..=place].join(".")));
        };
        table = below;
    }
    Ok(table)
}

fn no_table(path: &str, key: &str) -> Error {
    Error::refused(format!("adding to {path}"), format!("{key} is not what cargo takes there"))
        .next("mend it; `cargo metadata` says what it does not understand")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(text: &str) -> String {
        workspace(text, &"shop".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_manifest_gets_what_it_lacks_and_keeps_what_it_has() {
        let before = "[workspace] # ours\nmembers = [\n    \"shop\", # sells\n    \"goods\",\n]\n\n[profile.dev.package]\nsha2.opt-level = 1\n";
        let after = completed(before);
        let begin =
            "[workspace] # ours\nmembers = [\n    \"shop\", # sells\n    \"goods\",\n    \"xtask\",\n]\n";
        assert!(after.starts_with(begin), "{after}");
        let value: toml::Value = toml::from_str(&after).unwrap();
        let members = value["workspace"]["members"].as_array().unwrap();
        assert_eq!(
            members.iter().map(|it| it.as_str().unwrap()).collect::<Vec<_>>(),
            ["shop", "goods", "xtask"]
        );
        assert_eq!(value["workspace"]["metadata"]["xtask"]["service"].as_str(), Some("shop"));
        let levels = &value["profile"]["dev"]["package"];
        assert_eq!(levels["sha2"]["opt-level"].as_integer(), Some(1));
        assert_eq!(levels["winnow"]["opt-level"].as_integer(), Some(3));
        assert_eq!(completed(&after), after);
    }

    #[test]
    fn a_package_becomes_a_workspace() {
        let after = completed("[package]\nname = \"shop\"\nversion = \"0.1.0\"\n");
        let value: toml::Value = toml::from_str(&after).unwrap();
        assert_eq!(value["workspace"]["members"][0].as_str(), Some("xtask"));
        assert_eq!(value["package"]["name"].as_str(), Some("shop"));
        assert_eq!(completed(&after), after);
    }

    #[test]
    fn what_names_another_service_or_alias_stays() {
        let named = "[workspace]\nmembers = [\"*\"]\n\n[workspace.metadata.xtask]\nservice = \"other\"\n";
        assert!(completed(named).contains("service = \"other\""));
        assert!(!completed(named).contains("\"xtask\"]"), "{}", completed(named));
        let alias = "[alias]\nxtask = \"run -p tasks --\"\n";
        assert_eq!(cargo_config(alias).unwrap(), alias);
        assert_eq!(cargo_config("").unwrap(), "[alias]\nxtask = \"run --package xtask --\"\n");
    }

    #[test]
    fn what_is_no_manifest_is_refused_and_nothing_is_guessed() {
        for text in ["workspace = 1\n", "[workspace]\nmembers = \"shop\"\n", "[workspace"] {
            assert!(workspace(text, &"shop".parse().unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_are_ignored_once() {
        let text = "target\n/.xtask";
        let all = ignored(text);
        assert!(all.starts_with("target\n/.xtask\n/releases/local/\n"), "{all}");
        assert_eq!(all.matches("target").count(), 1);
        assert_eq!(ignored(&all), all);
    }
}
