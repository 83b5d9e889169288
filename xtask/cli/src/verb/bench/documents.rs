//! The documents that tell measured figures: whatever links to docs/measured.md comes from docs/measured.toml, as do the
//! tables between two marks and the image's size where a build is shown.

use std::{fs, path::PathBuf};

use regex::{Captures, Regex};
use xtask_contract::{Context, Error, Repo, Result, durable};

use super::{
    record::{self, Record},
    report,
};

const PAGE: &str = "docs/measured.md";
const BEGIN: &str = "<!-- measured: ";
const END: &str = "<!-- /measured -->";
/// What `build` says of an image, among other things.
const SIZE: &str = "image-size";

/// Writes the record, and the documents anew in which something has changed; tells which. A document that tells what was
/// not measured keeps all from being written.
pub(super) fn save(repo: &Repo, record: &Record) -> Result<Vec<String>> {
    let documents = documents(repo, record)?;
    record.write(repo)?;
    let mut written = vec![record::FILE.to_owned()];
    for (path, before, after) in documents {
        if before != after {
            let name = repo.relative(&path).display().to_string();
            durable::replace(&path, after.as_bytes(), 0o644).doing(|| format!("writing {name}"))?;
            written.push(name);
        }
    }
    Ok(written)
}

/// All documents that may tell figures, as they are and as they are to be.
fn documents(repo: &Repo, record: &Record) -> Result<Vec<(PathBuf, String, String)>> {
    let doing = || "looking for the documents that tell figures";
    let folder = repo.root().join("docs");
    let mut paths = vec![repo.root().join("README.md")];
    for entry in folder.read_dir().doing(doing)? {
        paths.push(entry.doing(doing)?.path());
    }
    let page = repo.root().join(PAGE);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md") && *path != page);
    let mut documents =
        vec![(page.clone(), fs::read_to_string(page).unwrap_or_default(), report::page(record))];
    for path in paths {
        let name = repo.relative(&path).display().to_string();
        let before = fs::read_to_string(&path).doing(|| format!("reading {name}"))?;
        let after = renewed(&before, record).map_err(|why| {
            Error::failed(format!("writing what was measured into {name}"), why)
                .next("measure it, or take it out of the document")
        })?;
        documents.push((path, before, after));
    }
    Ok(documents)
}

/// The text with each figure as it was measured.
fn renewed(text: &str, record: &Record) -> std::result::Result<String, String> {
    let table = |found: &Captures<'_>| {
        let name = &found[1];
        let part = record.parts.iter().find(|part| part.name == name);
        let part = part.ok_or_else(|| format!("{} has no part {name}", record::FILE))?;
        let (table, occasion) = (report::markdown(part, false), report::occasion(&part.occasion));
        Ok(format!("{BEGIN}{name} -->\n{table}\n{occasion} The {}.\n{END}", part.load.words()))
    };
    let words = |key: &str| {
        let figure = record.figure(key).ok_or_else(|| format!("{} has no figure {key}", record::FILE))?;
        Ok::<_, String>(figure.words())
    };
    let between = format!("(?ms)^{BEGIN}(\\S+) -->$.*?^{END}$");
    let text = replaced(text, &between, table)?;
    if text.lines().filter(|line| line.starts_with(BEGIN)).count()
        != text.lines().filter(|line| *line == END).count()
    {
        return Err(format!("nothing ends what begins with `{BEGIN}`"));
    }
    let text = replaced(&text, r"\[[^\]]*\]\(((?:docs/)?measured\.md#([^)]*))\)", |found| {
        Ok(format!("[{}]({})", words(&found[2])?, &found[1]))
    })?;
    replaced(&text, r"(?m)^(built sha256:\S+) \([^)]*\)", |found| {
        Ok(format!("{} ({})", &found[1], words(SIZE)?))
    })
}

/// The text with another one for all that is like this.
fn replaced(
    text: &str,
    like: &str,
    by: impl Fn(&Captures<'_>) -> std::result::Result<String, String>,
) -> std::result::Result<String, String> {
    let like = Regex::new(like).map_err(|error| error.to_string())?;
    let mut done = String::new();
    let mut last = 0;
    for found in like.captures_iter(text) {
        let place = found.get_match();
        done += &text[last..place.start()];
        done += &by(&found)?;
        last = place.end();
    }
    Ok(done + &text[last..])
}

#[cfg(test)]
mod tests {
    use super::{
        super::record::{Record, tests::measured},
        *,
    };

    fn record() -> Record {
        let mut part = measured("build", 12.1);
        part.figures[0].name = "image size".into();
        Record { parts: vec![part] }
    }

    #[test]
    fn figures_in_links_tables_and_transcripts_become_what_was_measured() {
        let text = "It has [16 MiB](docs/measured.md#image-size), or [a bit](measured.md#image-size) [x](y).\n\
                    built sha256:5d1c0e… (16.2 MiB) from 3f2a9c51d0\n\
                    <!-- measured: build -->\nold\n<!-- /measured -->\nend\n";
        let renewed = renewed(text, &record()).unwrap();
        let lines: Vec<_> = renewed.lines().collect();
        assert_eq!(
            lines[0],
            "It has [12.1 ms](docs/measured.md#image-size), or [12.1 ms](measured.md#image-size) [x](y)."
        );
        assert_eq!(lines[1], "built sha256:5d1c0e… (12.1 ms) from 3f2a9c51d0");
        assert_eq!(lines[2], "<!-- measured: build -->");
        assert!(lines[5].starts_with("| image size | 3.3 | 12.1 ms |"), "{renewed}");
        assert!(renewed.ends_with("\n<!-- /measured -->\nend\n") && !renewed.contains("old"), "{renewed}");
        assert_eq!(super::renewed(&renewed, &record()).unwrap(), renewed);
    }

    #[test]
    fn a_figure_that_was_not_measured_is_not_told() {
        for text in ["[1](docs/measured.md#memory)", "<!-- measured: kind -->\n<!-- /measured -->"] {
            assert!(renewed(text, &record()).unwrap_err().contains("docs/measured.toml has no"), "{text}");
        }
        assert!(renewed("<!-- measured: build -->\n", &record()).unwrap_err().contains("nothing ends"));
    }

    #[test]
    fn what_is_said_of_the_marks_is_no_mark() {
        let text = "between `<!-- measured: PART -->` and the next, `measured.md#KEY` (a key); `built sha256:` too\n";
        assert_eq!(renewed(text, &record()).unwrap(), text);
    }

    #[test]
    fn the_documents_say_what_was_measured() {
        let repo = Repo::around(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let record = Record::read(&repo).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            save(&repo, &record).unwrap();
        }
        for (path, before, after) in documents(&repo, &record).unwrap() {
            assert!(
                before == after,
                "{} does not say what docs/measured.toml does: `UPDATE=1 cargo xtask test \"unit tests\"` writes it",
                path.display()
            );
        }
    }
}
