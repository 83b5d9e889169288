//! The page that people look at: one file, nothing from elsewhere.

mod svg;

use std::fmt::Write;

use crate::{
    Calibration, Caught, Factor,
    picture::Picture,
    proof::{Panel, Proof, Verdict},
};

/// How the page looks, light and dark, on a screen and on paper.
const STYLE: &str = include_str!("page/style.css");

/// The page.
pub fn page(proof: &Proof) -> String {
    let Proof { env, service, image, release, at, took_ms, panels, calibration, .. } = proof;
    let title = format!("{}: {}", escaped(service.as_str()), headline(panels));
    let list: String = panels.iter().map(entry).collect();
    let all: String = panels.iter().map(|one| panel(one, calibration.as_ref())).collect();
    let calibrated = calibrated(proof);
    let deploy = if proof.live { "the deploy in use," } else { "a deploy of their own, with the config of" };
    let live = if proof.live { " --live" } else { "" };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n\
         <p>Shown by experiments on {deploy} <b>{env}</b>, in {} s on {}.</p>\n\
         <dl><dt>image</dt><dd><code>{image}</code></dd><dt>release</dt><dd><code>{release}</code></dd></dl>\n\
         <p>{calibrated}</p>\n</header>\n<nav><ol>\n{list}</ol></nav>\n<main>\n{all}</main>\n\
         <footer><p>Made by <code>cargo xtask prove --env {env}{live}</code>. The factors are those of \
         <a href=\"https://12factor.net\">The Twelve-Factor App</a>.</p></footer>\n</body>\n</html>\n",
        took_ms / 1000,
        at.format("%Y-%m-%d at %H:%M UTC"),
    )
}

/// What came of all of it, in a few words.
fn headline(panels: &[Panel]) -> String {
    let count = |verdict| panels.iter().filter(|panel| panel.verdict == verdict).count();
    let (broken, unshown) = (count(Verdict::Broken), count(Verdict::NotShown));
    let held = count(Verdict::Holds);
    match (broken, unshown) {
        (0, 0) => format!("{held} of {held} factors shown"),
        (0, _) => format!("{held} of {} factors shown", panels.len()),
        (1, _) => format!("1 of {} factors broken", panels.len()),
        _ => format!("{broken} of {} factors broken", panels.len()),
    }
}

/// A badge for a README, as SVG.
pub fn badge(proof: &Proof) -> String {
    let text = headline(&proof.panels);
    let colour = if proof.holds() { "#1a7f37" } else { "#cf222e" };
    svg::badge("12 factors", &text, colour)
}

fn entry(panel: &Panel) -> String {
    let (word, class) = verdict(panel.verdict);
    let Panel { factor, .. } = panel;
    format!(
        "<li class=\"{class}\"><span>{}</span><a href=\"#{factor}\">{}</a> <em>{word}</em></li>\n",
        factor.numeral(),
        factor.title()
    )
}

fn panel(panel: &Panel, calibration: Option<&Calibration>) -> String {
    let Panel { factor, verdict: found, seen, problems, not_shown, pictures, commands, took_ms } = panel;
    let (word, class) = verdict(*found);
    let problems: String = problems.iter().map(|problem| item("problem", &problem.text)).collect();
    let seen: String = seen.iter().map(|text| item("seen", text)).collect();
    let not_shown: String = not_shown.iter().map(|text| item("not-shown", text)).collect();
    let pictures: String = pictures.iter().map(drawn).collect();
    let commands = commands.iter().map(|command| escaped(command)).collect::<Vec<_>>().join("\n");
    format!(
        "<section id=\"{factor}\" class=\"{class}\">\n<h2><span>{}</span> {} <em>{word}</em></h2>\n\
         <p class=\"claim\">{}</p>\n<ul>\n{problems}{seen}{not_shown}</ul>\n{pictures}\
         {}\
         <details><summary>by hand</summary><pre>{commands}</pre></details>\n\
         <p class=\"took\">{} s</p>\n</section>\n",
        factor.numeral(),
        factor.title(),
        factor.claim(),
        caught(*factor, calibration),
        svg::short(u32::try_from(*took_ms).map_or(f64::MAX, f64::from) / 1e3),
    )
}

/// Which services the experiment was seen to catch, and which it was not.
fn caught(factor: Factor, calibration: Option<&Calibration>) -> String {
    let of_it = |caught: &&Caught| caught.factor == factor.name();
    let all = calibration.into_iter().flat_map(|calibration| &calibration.violations).filter(of_it);
    let (caught, missed): (Vec<_>, Vec<_>) = all.partition(|caught| caught.is());
    let sentence = |class: &str, begin: &str, which: &[&Caught]| {
        let words: Vec<_> =
            which.iter().map(|one| format!("a service that {}", escaped(&one.words))).collect();
        if words.is_empty() {
            return String::new();
        }
        format!("<p class=\"violation {class}\">{begin} {}.</p>\n", words.join("; "))
    };
    sentence("", "The same experiment has caught", &caught) + &sentence("missed", "It has missed", &missed)
}

/// Whether the experiments are known to be able to fail.
fn calibrated(proof: &Proof) -> String {
    let Some(calibration) = &proof.calibration else {
        return "Whether these experiments can fail was not tried on this machine: <code>cargo xtask prove --calibrate</code> does."
            .to_owned();
    };
    let (caught, all) =
        (calibration.violations.iter().filter(|caught| caught.is()).count(), calibration.violations.len());
    let by = if calibration.toolchain == proof.toolchain { "this" } else { "another" };
    format!(
        "These experiments can fail: on {} they were made by {by} version of the toolchain (<code>{}</code>) on {all} services \
         that each break a factor, and caught {caught} of them.",
        calibration.at.format("%Y-%m-%d"),
        calibration.toolchain.short(),
    )
}

fn item(class: &str, text: &str) -> String {
    format!("<li class=\"{class}\">{}</li>\n", escaped(text))
}

/// In a word, and as a class of the style.
fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Holds => ("holds", "holds"),
        Verdict::Broken => ("broken", "broken"),
        Verdict::NotShown => ("not shown", "not-shown"),
    }
}

fn drawn(picture: &Picture) -> String {
    let (title, inside) = match picture {
        Picture::Table { title, head, rows } => (title, table(head, rows)),
        Picture::Timeline { title, step, series, marks } => (title, svg::timeline(*step, series, marks)),
        Picture::Histogram { title, values } => (title, svg::histogram(values)),
    };
    format!("<figure><figcaption>{}</figcaption>{inside}</figure>\n", escaped(title))
}

fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let row = |cells: &[String], tag: &str| {
        let mut row = "<tr>".to_owned();
        for cell in cells {
            let _ = write!(row, "<{tag}>{}</{tag}>", escaped(cell));
        }
        row + "</tr>\n"
    };
    let body: String = rows.iter().map(|cells| row(cells, "td")).collect();
    format!(
        "<div class=\"wide\"><table>\n<thead>{}</thead>\n<tbody>{body}</tbody></table></div>",
        row(head, "th")
    )
}

/// As it stands in a page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use xtask_contract::Digest;

    use super::*;
    use crate::proof::Problem;

    fn proof(panels: Vec<Panel>) -> Proof {
        Proof {
            env: "local".parse().unwrap(),
            live: false,
            service: "pets".parse().unwrap(),
            image: Digest::of("image"),
            release: "2011-04-06-20:32:17".parse().unwrap(),
            at: "2011-04-06T20:32:17Z".parse().unwrap(),
            took_ms: 81_500,
            toolchain: Digest::of("this one"),
            panels,
            calibration: None,
        }
    }

    fn panel(verdict: Verdict, problems: &[&str]) -> Panel {
        let problem = |text: &&str| Problem { cause: "cause", text: (*text).to_owned() };
        Panel {
            factor: Factor::Logs,
            verdict,
            seen: vec!["Lines <came>.".into()],
            problems: problems.iter().map(problem).collect(),
            not_shown: Vec::new(),
            pictures: vec![Picture::Histogram {
                title: "Starts & ends".into(),
                values: vec![10.0, 11.0, 30.0],
            }],
            commands: vec!["cargo xtask logs | less".into()],
            took_ms: 1234,
        }
    }

    #[test]
    fn the_headline_counts_what_was_shown() {
        let says = |verdicts: &[Verdict]| {
            headline(&verdicts.iter().map(|verdict| panel(*verdict, &[])).collect::<Vec<_>>())
        };
        assert_eq!(says(&[Verdict::Holds, Verdict::Holds]), "2 of 2 factors shown");
        assert_eq!(says(&[Verdict::Holds, Verdict::NotShown]), "1 of 2 factors shown");
        assert_eq!(says(&[Verdict::Holds, Verdict::Broken, Verdict::NotShown]), "1 of 3 factors broken");
    }

    #[test]
    fn the_page_says_by_which_version_and_when_the_experiments_were_seen_to_fail() {
        let mut proof = proof(vec![panel(Verdict::Holds, &[])]);
        assert!(page(&proof).contains("prove --calibrate"));
        let caught = |cause: &str, words: &str| Caught {
            violation: words.replace(' ', "_"),
            factor: "logs".into(),
            words: words.into(),
            cause: cause.into(),
            found: vec!["log_file".into()],
        };
        proof.calibration = Some(Calibration {
            at: proof.at,
            toolchain: Digest::of("another one"),
            false_alarms: Vec::new(),
            violations: vec![
                caught("log_file", "writes a log file"),
                caught("held_back", "holds its lines back"),
            ],
        });
        let text = page(&proof);
        assert!(
            text.contains("by another version of the toolchain") && text.contains("caught 1 of them"),
            "{text}"
        );
        assert!(text.contains("has caught a service that writes a log file."), "{text}");
        assert!(text.contains("It has missed a service that holds its lines back."), "{text}");
        assert!(!proof.calibration.as_ref().is_some_and(Calibration::holds));
    }

    #[test]
    fn the_readmes_badge_is_that_of_a_service_that_keeps_all_factors() {
        let holds = |factor| Panel { factor, ..panel(Verdict::Holds, &[]) };
        let drawn = badge(&proof(Factor::ALL.map(holds).into()));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/12-factors.svg");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &drawn).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), drawn);
    }

    #[test]
    fn whatever_was_seen_stands_in_the_page_as_text() {
        let page = page(&proof(vec![panel(Verdict::Broken, &["a file <script>"])]));
        assert!(page.contains("Lines &lt;came&gt;.") && page.contains("a file &lt;script&gt;"));
        assert!(page.contains("Starts &amp; ends") && !page.contains("<script"));
        // Nothing is loaded from elsewhere.
        assert!(!page.contains(" src=") && !page.contains("@import") && !page.contains("url("));
        assert!(badge(&proof(vec![panel(Verdict::Broken, &[])])).contains("#cf222e"));
    }
}
