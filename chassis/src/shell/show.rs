//! Values as people read them.

use rhai::{Dynamic, Map};

/// The narrowest that a column is made.
const NARROWEST: usize = 8;

/// A table for an array of maps, a list for a map, in the first of these orders that has all that is in them.
pub(super) fn show(value: &Dynamic, orders: &[Vec<String>], width: Option<usize>) -> String {
    if let Ok(map) = value.as_map_ref() {
        return list(&map, orders);
    }
    let rows: Option<Vec<Map>> = value.as_array_ref().ok().and_then(|array| {
        array.iter().map(|element| element.as_map_ref().ok().map(|map| map.clone())).collect()
    });
    match rows {
        Some(rows) if !rows.is_empty() => table(&rows, orders, width),
        Some(_) => "(none)".into(),
        None => text(value),
    }
}

fn list(map: &Map, orders: &[Vec<String>]) -> String {
    let names = order(map, orders);
    let widest = names.iter().map(|name| length(name)).max().unwrap_or(0);
    let lines = names
        .iter()
        .map(|name| format!("{name:widest$}  {}", map.get(name.as_str()).map(text).unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

fn table(rows: &[Map], orders: &[Vec<String>], width: Option<usize>) -> String {
    let mut all = Map::new();
    all.extend(rows.iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    let names = order(&all, orders);
    let mut lines = vec![names.clone()];
    for row in rows {
        lines.push(names.iter().map(|name| row.get(name.as_str()).map(text).unwrap_or_default()).collect());
    }
    let mut widths: Vec<usize> = (0..names.len())
        .map(|column| lines.iter().map(|line| length(&line[column])).max().unwrap_or(0))
        .collect();
    if let Some(width) = width {
        fit(&mut widths, width);
    }
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| padded(cell, *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut shown: Vec<_> = lines.iter().map(line).collect();
    shown.insert(1, line(&widths.iter().map(|width| "-".repeat(*width)).collect()));
    shown.join("\n")
}

/// Takes from the widest until all fit.
fn fit(widths: &mut [usize], width: usize) {
    let room = width.saturating_sub(2 * widths.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            Some(_) | None => return,
        }
    }
}

fn padded(cell: &str, width: usize) -> String {
    if length(cell) <= width {
        return format!("{cell:width$}");
    }
    cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The names in a map: in the first of these orders if they are all in it, else by name.
fn order(map: &Map, orders: &[Vec<String>]) -> Vec<String> {
    let has_all = |order: &&Vec<String>| map.keys().all(|name| order.iter().any(|known| name == known));
    match orders.iter().find(has_all) {
        Some(order) => order.iter().filter(|name| map.contains_key(name.as_str())).cloned().collect(),
        None => map.keys().map(ToString::to_string).collect(),
    }
}

/// A value on one line. Control characters are spelt out: a terminal would obey them.
fn text(value: &Dynamic) -> String {
    let text = if value.is_unit() {
        "null".into()
    } else if value.is_string() {
        value.to_string()
    } else {
        rhai::serde::from_dynamic::<serde_json::Value>(value)
            .map_or_else(|_| value.to_string(), |value| value.to_string())
    };
    text.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] })
        .collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::*;

    fn shown(script: &str, columns: &[&str], width: Option<usize>) -> String {
        let orders = [columns, &["id", "title", "version"]]
            .map(|order| order.iter().map(ToString::to_string).collect::<Vec<_>>());
        show(&Engine::new().eval(script).unwrap(), &orders, width)
    }

    #[test]
    fn maps_are_tables_in_the_order_of_the_answer() {
        let script = r#"[#{a: 1, b: "x"}, #{a: (), b: "long\nand \u001b[1m"}]"#;
        let lines = [
            "b                    a",
            "-------------------  ----",
            "x                    1",
            "long\\nand \\u{1b}[1m  null",
        ];
        assert_eq!(shown(script, &["b", "a"], None), lines.join("\n"));
        assert_eq!(shown(script, &["other"], None).lines().next().unwrap().trim_end(), "a     b");
        assert_eq!(shown("[#{version: 1, id: 2}]", &[], None).lines().next(), Some("id  version"));
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let table = shown(r#"[#{a: "0123456789012345678901234567890", b: "ü"}]"#, &[], Some(20));
        assert!(table.lines().all(|line| line.chars().count() <= 20), "{table}");
        assert!(table.contains("…  ü"), "{table}");
    }

    #[test]
    fn other_values_are_themselves() {
        for (script, expected) in [
            ("1", "1"),
            ("\"a b\"", "a b"),
            ("[1, \"a\", ()]", "[1,\"a\",null]"),
            ("[]", "(none)"),
            ("#{id: 1, title: #{a: 2}}", "id     1\ntitle  {\"a\":2}"),
        ] {
            assert_eq!(shown(script, &[], None), expected);
        }
    }
}
