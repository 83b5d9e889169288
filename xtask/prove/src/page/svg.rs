//! Pictures as SVG. Colours are the style's, so that they fit light and dark.

use std::fmt::Write;

use super::escaped;

/// The size of a picture, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
/// The room below for the axis, and above for marks.
const BELOW: f64 = 22.0;
const ABOVE: f64 = 24.0;

/// A number with as many digits as it needs.
pub(super) fn short(number: f64) -> String {
    if number >= 10.0 { format!("{number:.0}") } else { format!("{number:.1}") }
}

/// Columns over time, each made of the kinds that there were, and lines at moments with a name.
pub(super) fn timeline(step: f64, series: &[(String, Vec<u32>)], marks: &[(f64, String)]) -> String {
    let parts = series.iter().map(|(_, counts)| counts.len()).max().unwrap_or(1).max(1);
    let total = |part: usize| -> u32 {
        series.iter().map(|(_, counts)| counts.get(part).copied().unwrap_or(0)).sum()
    };
    let most = f64::from((0..parts).map(total).max().unwrap_or(1).max(1));
    let (column, room) = (WIDTH / number(parts), HEIGHT - ABOVE - BELOW);
    let mut drawn = String::new();
    for part in 0..parts {
        let mut bottom = HEIGHT - BELOW;
        for (place, (name, counts)) in series.iter().enumerate() {
            let count = counts.get(part).copied().unwrap_or(0);
            if count > 0 {
                let height = f64::from(count) / most * room;
                bottom -= height;
                let (left, class) = (number(part) * column, class(name, place));
                let _ = write!(
                    drawn,
                    "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{bottom:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                    column - 1.0
                );
            }
        }
    }
    let end = step * number(parts);
    for (place, (at, name)) in marks.iter().enumerate() {
        let left = at / end * WIDTH;
        let (anchor, by) = if left > WIDTH / 2.0 { ("end", -4.0) } else { ("start", 4.0) };
        let top = 10.0 + 11.0 * number(place % 2);
        let _ = write!(
            drawn,
            "<line class=\"mark\" x1=\"{left:.1}\" x2=\"{left:.1}\" y1=\"0\" y2=\"{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{top}\" text-anchor=\"{anchor}\">{}</text>",
            HEIGHT - BELOW,
            left + by,
            escaped(name)
        );
    }
    let _ = write!(drawn, "{}", axis("0 s", &format!("{} s", short(end))));
    let mut legend = String::new();
    for (place, (name, counts)) in series.iter().enumerate() {
        let sum: u32 = counts.iter().sum();
        let _ = write!(legend, "<li class=\"{}\">{} ({sum})</li>", class(name, place), escaped(name));
    }
    format!("{}<ul class=\"legend\">{legend}</ul>", picture(&drawn))
}

/// How often each length of time was measured.
pub(super) fn histogram(values: &[f64]) -> String {
    const BINS: usize = 20;
    let (least, most) =
        values.iter().fold((f64::MAX, 0.0_f64), |(least, most), value| (least.min(*value), most.max(*value)));
    if values.is_empty() {
        return String::new();
    }
    let width = ((most - least) / number(BINS)).max(0.1);
    let mut counts = [0_u32; BINS];
    for value in values {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 20")]
        let bin = ((value - least) / width) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    let highest = f64::from(counts.iter().copied().max().unwrap_or(1).max(1));
    let (column, room) = (WIDTH / number(BINS), HEIGHT - ABOVE - BELOW);
    let mut drawn = String::new();
    for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = f64::from(*count) / highest * room;
        let (left, top) = (number(place) * column, HEIGHT - BELOW - height);
        let _ = write!(
            drawn,
            "<rect class=\"a\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{count}</text>",
            column - 2.0,
            left + column / 2.0,
            top - 4.0
        );
    }
    drawn.push_str(&axis(&short(least), &short(most)));
    picture(&drawn)
}

/// A word and what is to be said, side by side.
pub(super) fn badge(word: &str, text: &str, colour: &str) -> String {
    // Nobody can say how wide a text is without the font: seven units for each character do.
    let width = |text: &str| 7 * text.chars().count() + 12;
    let (left, right) = (width(word), width(text));
    let all = left + right;
    let place = |from: usize, wide: usize| from + wide / 2;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"20\" role=\"img\" aria-label=\"{word}: {text}\">\
         <rect width=\"{all}\" height=\"20\" rx=\"3\" fill=\"#444d56\"/>\
         <path fill=\"{colour}\" d=\"M{left} 0h{}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{}z\"/>\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\
         <text x=\"{}\" y=\"14\">{word}</text><text x=\"{}\" y=\"14\">{text}</text></g></svg>\n",
        right - 3,
        right - 3,
        place(0, left),
        place(left, right),
    )
}

fn picture(drawn: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">{drawn}</svg>")
}

fn axis(left: &str, right: &str) -> String {
    let (line, text) = (HEIGHT - BELOW, HEIGHT - 6.0);
    format!(
        "<line class=\"axis\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{line}\" y2=\"{line}\"/>\
         <text x=\"0\" y=\"{text}\">{left}</text><text x=\"{WIDTH}\" y=\"{text}\" text-anchor=\"end\">{right}</text>"
    )
}

/// The colour of a kind: what was lost is red, what was refused in good order is grey.
fn class(name: &str, place: usize) -> &'static str {
    match name {
        "lost" => "lost",
        name if name.starts_with("status ") => "refused",
        _ => ["a", "b", "c"][place % 3],
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
