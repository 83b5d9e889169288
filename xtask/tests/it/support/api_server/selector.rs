//! Which objects of a kind a list or a watch asks for.

use serde_json::Value;

use crate::support::call::Call;

/// What objects must have: each term is a field's JSON pointer or a label, and the values that it may have.
#[derive(Debug)]
pub(super) struct Selector {
    fields: Vec<(String, String)>,
    labels: Vec<(String, Vec<String>)>,
}

impl Selector {
    pub(super) fn of(call: &Call) -> Self {
        let fields = call.query("fieldSelector").unwrap_or_default();
        let fields = fields.split(',').filter_map(|term| {
            let (field, value) = term.split_once('=')?;
            Some((format!("/{}", field.replace('.', "/")), value.to_owned()))
        });
        let labels = call.query("labelSelector").unwrap_or_default();
        Self { fields: fields.collect(), labels: terms(&labels).iter().map(|term| label(term)).collect() }
    }

    pub(super) fn takes(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.fields.iter().all(|(field, value)| object.pointer(field) == Some(&Value::from(value.as_str())))
            && self.labels.iter().all(|(label, values)| {
                labels[label].as_str().is_some_and(|has| values.iter().any(|value| value == has))
            })
    }
}

/// The parts between the commas that are not in parentheses.
fn terms(selector: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut inside = false;
    for character in selector.chars() {
        inside = match character {
            '(' => true,
            ')' => false,
            _ => inside,
        };
        if character == ',' && !inside {
            terms.push(String::new());
        } else if let Some(term) = terms.last_mut() {
            term.push(character);
        }
    }
    terms.retain(|term| !term.is_empty());
    terms
}

/// `a=b` or `a in (b,c)`
fn label(term: &str) -> (String, Vec<String>) {
    if let Some((label, values)) = term.split_once(" in (") {
        let values = values.trim_end_matches(')').split(',').map(|value| value.trim().to_owned());
        return (label.to_owned(), values.collect());
    }
    let (label, value) =
        term.split_once('=').unwrap_or_else(|| panic!("the tests' server does not know {term}"));
    (label.to_owned(), vec![value.trim_start_matches('=').to_owned()])
}
