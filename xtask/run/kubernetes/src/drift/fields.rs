//! Fields in the form in which Kubernetes notes who owns them (structured-merge-diff's `FieldsV1`): `f:spec` is a field,
//! `k:{"name":"web"}` an item of a list by its key, `v:"x"` one by its value, and `.` the parent itself.

use serde_json::{Map, Value};
use xtask_contract::quantity::Quantity;

use super::{Finding, How};

/// One field in the object as it is to be, as the release before has it, and as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Place<'a> {
    pub(super) field: String,
    pointer: Vec<String>,
    wanted: Option<&'a Value>,
    before: Option<&'a Value>,
    live: Option<&'a Value>,
    /// Whether it is a label, an annotation or the like, of the object or of its pods.
    in_metadata: bool,
}

impl<'a> Place<'a> {
    pub(super) fn root(wanted: &'a Value, before: Option<&'a Value>, live: &'a Value) -> Self {
        Self { wanted: Some(wanted), before, live: Some(live), ..Self::default() }
    }

    pub(super) fn finding(&self, how: How, who: String) -> Finding {
        Finding { field: self.field.clone(), pointer: self.pointer.clone(), how, who }
    }

    /// Tells of each field in this set what it is to the release.
    pub(super) fn owned(&self, set: &Value, tell: &mut impl FnMut(&Self, How)) {
        for (key, below) in set.as_object().into_iter().flatten() {
            let Some(place) = self.step(key) else { continue };
            let Some(live) = place.live else { continue };
            let is_value = below.as_object().is_none_or(Map::is_empty);
            let agrees = |with: Option<&Value>| with.is_some_and(|with| place.same(with, live));
            match place.wanted {
                None if agrees(place.before) => tell(&place, How::LeftOver),
                None => tell(&place, How::Added),
                Some(_) if !is_value => place.owned(below, tell),
                wanted if agrees(wanted) || agrees(place.before) => tell(&place, How::Agrees),
                Some(_) => tell(&place, How::Changed),
            }
        }
    }

    /// Tells of each field that is wanted and neither there nor owned by any of `ours`; `all` are all sets. (One that is
    /// owned and not there is one that the cluster has no use for.)
    pub(super) fn missing(&self, ours: &[&Value], all: &[&Value], tell: &mut impl FnMut(&Self)) {
        let keys: Vec<String> = match self.wanted {
            Some(Value::Object(parts)) => parts.keys().map(|name| format!("f:{name}")).collect(),
            Some(Value::Array(items)) => match item_keys(all) {
                Some(names) => items.iter().filter_map(|item| item_key(item, &names)).collect(),
                None => return,
            },
            _ => return,
        };
        for key in keys {
            let Some(place) = self.step(&key) else { continue };
            let (ours, all) = (below(ours, &key), below(all, &key));
            match (place.live, place.wanted) {
                (None, Some(wanted)) if ours.is_empty() && !is_empty(wanted) => tell(&place),
                (Some(_), _) => place.missing(&ours, &all, tell),
                _ => {}
            }
        }
    }

    /// Whether a release of a workload of this kind sets this field. The number of processes belongs to the operator
    /// who scales the deploy, or to its autoscaler; the status is the cluster's; a workload's selector cannot change.
    pub(super) fn is_for_the_release(&self, kind: &str) -> bool {
        let top = self.pointer.first().map_or("", String::as_str);
        match (top, self.wanted) {
            ("status" | "apiVersion" | "kind", _) => false,
            ("metadata", Some(_)) => {
                matches!(self.pointer.get(1).map(String::as_str), Some("labels" | "annotations"))
            }
            ("spec", _) if self.field.starts_with(".spec.selector") => !is_workload(kind),
            ("spec" | "data" | "binaryData", None) => !self.in_metadata && self.field != ".spec.replicas",
            (_, wanted) => wanted.is_some(),
        }
    }

    fn step(&self, key: &str) -> Option<Self> {
        let (sort, rest) = key.split_once(':')?;
        let mut place = self.clone();
        match sort {
            "f" => {
                place.field.extend([".", rest]);
                place.pointer.push(rest.to_owned());
                place.in_metadata |= rest == "metadata";
                [place.wanted, place.before, place.live] =
                    [self.wanted, self.before, self.live].map(|parent| parent?.get(rest));
            }
            "k" | "v" => {
                let wanted: Value = serde_json::from_str(rest).ok()?;
                let is_it = |item: &Value| match &wanted {
                    Value::Object(keys) if sort == "k" => has_keys(item, keys),
                    value => item == value,
                };
                let find = |parent: Option<&'a Value>| {
                    parent?.as_array()?.iter().enumerate().find(|(_, item)| is_it(item))
                };
                let item = match &wanted {
                    Value::Object(keys) if sort == "k" => in_words(keys),
                    value => format!("={value}"),
                };
                place.field.extend(["[", &item, "]"]);
                place.pointer.extend(find(self.live).map(|(number, _)| number.to_string()));
                [place.wanted, place.before, place.live] =
                    [self.wanted, self.before, self.live].map(|parent| find(parent).map(|(_, item)| item));
            }
            _ => return None,
        }
        Some(place)
    }

    /// Whether two values of this field mean the same: the cluster writes amounts in a form of its own.
    fn same(&self, one: &Value, other: &Value) -> bool {
        let equal =
            |(one, other): (Quantity, Quantity)| !one.is_more_than(&other) && !other.is_more_than(&one);
        one == other
            || (self.field.contains(".resources.") && amount(one).zip(amount(other)).is_some_and(equal))
    }
}

fn amount(value: &Value) -> Option<Quantity> {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).parse().ok()
}

/// Whether objects of this kind make pods.
fn is_workload(kind: &str) -> bool {
    ["Deployment", "StatefulSet", "DaemonSet", "Job"].contains(&kind)
}

/// What the cluster may leave out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(parts) => parts.values().all(is_empty),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A key that an item leaves out has the value that the cluster fills in.
fn has_keys(item: &Value, keys: &Map<String, Value>) -> bool {
    keys.iter().all(|(key, value)| item.get(key).is_none_or(|known| known == value))
}

/// What the items of this list are told apart by, where they are owned one by one.
fn item_keys(sets: &[&Value]) -> Option<Vec<String>> {
    let mut owned = sets.iter().filter_map(|set| set.as_object()).flat_map(Map::keys);
    let keys: Map<String, Value> =
        owned.find_map(|key| serde_json::from_str(key.strip_prefix("k:")?).ok())?;
    Some(keys.keys().cloned().collect())
}

fn item_key(item: &Value, names: &[String]) -> Option<String> {
    let key: Map<String, Value> =
        names.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect();
    (!key.is_empty()).then(|| format!("k:{}", Value::Object(key)))
}

fn below<'a>(sets: &[&'a Value], key: &str) -> Vec<&'a Value> {
    sets.iter().filter_map(|set| find(set, key)).collect()
}

/// The set below a key: of an item, also where the cluster has filled in a part of its key.
fn find<'a>(set: &'a Value, key: &str) -> Option<&'a Value> {
    let exact = set.get(key);
    let wanted = || serde_json::from_str::<Value>(key.strip_prefix("k:")?).ok();
    exact.or_else(|| {
        let wanted = wanted()?;
        let is_it = |known: &str| {
            let keys = known.strip_prefix("k:").and_then(|keys| serde_json::from_str(keys).ok());
            keys.is_some_and(|keys| has_keys(&wanted, &keys))
        };
        set.as_object()?.iter().find(|(known, _)| is_it(known)).map(|(_, below)| below)
    })
}

fn in_words(keys: &Map<String, Value>) -> String {
    keys.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
