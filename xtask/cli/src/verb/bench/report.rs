//! What was measured, as it is shown: ratios first, for they depend on the machine least.

use std::fmt::Write;

use super::{
    figure::{Figure, Goal, quantity, short},
    record::{Measured, Occasion, Record},
};

/// For a terminal.
pub(super) fn table(record: &Record) -> String {
    let mut text = String::new();
    if let Some(part) = record.parts.first() {
        let _ = writeln!(text, "medians of {}, on {}", part.occasion.runs, part.occasion.machine.words());
        text += "ratio: how many times as good as what is named beside it, in the same run; what else ran is not known, but \
                 for the load\n";
    }
    for part in &record.parts {
        let _ = writeln!(text, "\n{}: {}", part.name, part.load.words());
        if !part.figures.is_empty() {
            let line = row("", "ratio", "here", "beside", "goal", "");
            let _ = writeln!(text, "{line}");
        }
        for figure in &part.figures {
            let _ = writeln!(text, "{}", line(figure));
        }
        for skipped in &part.skipped {
            let _ = writeln!(text, "  skipped: {skipped}");
        }
    }
    text.trim_end().to_owned()
}

fn line(figure: &Figure) -> String {
    let Figure { name, unit, ours, peer, .. } = figure;
    let theirs = peer.as_ref().map_or_else(String::new, |peer| quantity(peer.value, *unit));
    let missed = if figure.is_missed() { "missed; " } else { "" };
    let peer = peer.as_ref().map_or("", |peer| &peer.name);
    let remark = format!("{missed}{peer}");
    row(name, &ratio(figure), &quantity(*ours, *unit), &theirs, &goal(figure), remark.trim_end_matches("; "))
}

fn row(name: &str, ratio: &str, here: &str, beside: &str, goal: &str, remark: &str) -> String {
    let line = format!("  {name:<50}{ratio:>8}{here:>12}{beside:>12}{goal:>12}   {remark}");
    line.trim_end().to_owned()
}

fn ratio(figure: &Figure) -> String {
    figure.ratio().map_or_else(String::new, |ratio| format!("{} x", short(ratio)))
}

fn goal(figure: &Figure) -> String {
    match figure.goal {
        Goal::Value(goal) => quantity(goal, figure.unit),
        Goal::Ratio(goal) => format!("{} x", short(goal)),
    }
}

/// For a document: a table of figures, each of which can be linked to if this is the page that has them all.
pub(super) fn markdown(part: &Measured, anchored: bool) -> String {
    let mut text = String::from("| | times as good | here | beside | goal |\n|---|--:|--:|---|--:|\n");
    for figure in &part.figures {
        let anchor = if anchored { format!("<a id=\"{}\"></a>", figure.key()) } else { String::new() };
        let peer = figure.peer.as_ref();
        let peer = peer
            .map_or_else(String::new, |peer| format!("{} {}", peer.name, quantity(peer.value, figure.unit)));
        let missed = if figure.is_missed() { ", missed" } else { "" };
        let (ratio, here, goal) = (ratio(figure), quantity(figure.ours, figure.unit), goal(figure));
        let (ratio, goal) = (ratio.trim_end_matches(" x"), goal.replace(" x", " times"));
        let _ = writeln!(text, "| {anchor}{} | {ratio} | {here} | {peer} | {goal}{missed} |", figure.name);
    }
    text
}

/// When, where and how it was measured.
pub(super) fn occasion(occasion: &Occasion) -> String {
    let Occasion { command, date, commit, uncommitted, runs, machine } = occasion;
    let changed = if *uncommitted { " with changes that were not committed" } else { "" };
    let commit = &commit[..10.min(commit.len())];
    format!("Medians of {runs}, by `{command}` on {date}, of commit {commit}{changed}; {}.", machine.words())
}

/// The page with all that was measured.
pub(super) fn page(record: &Record) -> String {
    let mut text = String::from(
        "# Measured\n\nAll of this page comes from [measured.toml](measured.toml), which `cargo xtask bench --save` writes, \
         together with each figure in the other documents that links to this page. \"Times as good\" compares with what is \
         named beside it, doing the same work in the same run; above 1 todo-api and its toolchain are better. That depends \
         on the machine least. The load average is the machine's, and what is measured is in it; what else ran is not \
         known. Goals are set by hand.\n",
    );
    let same = record.parts.windows(2).all(|parts| parts[0].occasion == parts[1].occasion);
    if let Some(part) = record.parts.first().filter(|_| same) {
        let _ = write!(text, "\n{}\n", occasion(&part.occasion));
    }
    for part in &record.parts {
        let _ = write!(text, "\n## {}\n\n", part.name);
        if !same {
            let _ = write!(text, "{} ", occasion(&part.occasion));
        }
        let _ = write!(text, "The {}.\n\n{}", part.load.words(), markdown(part, true));
        for note in &part.notes {
            let _ = write!(text, "\n{note}.\n");
        }
        for skipped in &part.skipped {
            let _ = write!(text, "\nSkipped: {skipped}.\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::record::tests::measured, *};

    #[test]
    fn the_ratio_comes_before_all_else_and_the_load_stands_beside_it() {
        let text = table(&Record { parts: vec![measured("build", 80.0)] });
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        let lines: Vec<_> = text.lines().skip(3).map(words).collect();
        assert_eq!(
            lines,
            [
                "build: load average was 0.10 before and 1.25 after",
                "ratio here beside goal",
                "it, at last 0.50 x 80.0 ms 40.0 ms 50.0 ms missed; other",
                "another 80.0 ms 10.0 x",
                "skipped: the rest (it is not there)",
            ]
        );
    }

    #[test]
    fn the_page_tells_the_occasion_once_unless_there_were_several() {
        let mut record = Record { parts: vec![measured("build", 1.0), measured("kind", 1.0)] };
        assert_eq!(page(&record).matches("2011-04-06").count(), 1);
        record.parts[1].occasion.runs = 1;
        let page = page(&record);
        assert_eq!(page.matches("2011-04-06").count(), 2);
        assert!(
            page.contains(
                "| <a id=\"it-at-last\"></a>it, at last | 40.0 | 1.0 ms | other 40.0 ms | 50.0 ms |"
            ),
            "{page}"
        );
    }
}
