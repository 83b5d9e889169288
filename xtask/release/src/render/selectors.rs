//! Selectors name the deploy: a neighbour in the same namespace may call its components the same.

use serde_json::{Map, Value, json};
use xtask_contract::labels;

use super::Owner;

/// The keys of the fields that select pods.
const SELECTORS: [&str; 3] = ["selector", "labelSelector", "podSelector"];

/// Completes all selectors of an object that go by a component, and the labels of the pods that it makes.
pub(super) fn name_the_deploy(object: &mut Value, owner: Owner<'_>) {
    let deploy = labels::of_pods(owner.env, owner.service);
    if let Some(template) = object.pointer_mut("/spec/template/metadata") {
        for (label, value) in &deploy {
            template["labels"][*label] = json!(value);
        }
    }
    complete_below(object, &deploy);
}

fn complete_below(value: &mut Value, deploy: &[(&'static str, String)]) {
    match value {
        Value::Object(parts) => {
            // What is selected of other namespaces is not the deploy's.
            let elsewhere = parts.contains_key("namespaceSelector");
            for (key, below) in parts {
                match below {
                    Value::Object(selector) if SELECTORS.contains(&key.as_str()) && !elsewhere => {
                        complete(selector, deploy);
                    }
                    other => complete_below(other, deploy),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| complete_below(item, deploy)),
        _ => {}
    }
}

/// A selector is a map of labels, as in a Service, or has one, as everywhere else.
fn complete(selector: &mut Map<String, Value>, deploy: &[(&'static str, String)]) {
    let goes_by_it = |parts: &Value| !parts[labels::COMPONENT].is_null();
    let is_plain = selector.contains_key(labels::COMPONENT);
    let by_labels = selector.get("matchLabels").is_some_and(goes_by_it);
    let by_expression = selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|expression| expression["key"] == labels::COMPONENT));
    let add = |parts: &mut Map<String, Value>| {
        for (label, value) in deploy {
            parts.insert((*label).to_owned(), json!(value));
        }
    };
    if is_plain {
        add(selector);
    } else if by_labels || by_expression {
        let parts = selector.entry("matchLabels").or_insert_with(|| json!({}));
        parts.as_object_mut().into_iter().for_each(add);
    }
}

#[cfg(test)]
mod tests {
    use xtask_contract::deploy::Target;

    use super::*;

    #[test]
    fn what_goes_by_a_component_goes_by_the_deploy_too_and_nothing_else() {
        let (service, env) = ("greeter".parse().unwrap(), "prod".parse().unwrap());
        let owner = Owner { service: &service, env: &env, target: &Target::Local {} };
        let own = json!({ "matchLabels": { labels::COMPONENT: "web" } });
        let mut policy = json!({ "kind": "NetworkPolicy", "spec": {
            "podSelector": { "matchExpressions": [{ "key": labels::COMPONENT, "operator": "Exists" }] },
            "ingress": [{ "from": [
                { "podSelector": own },
                { "podSelector": own, "namespaceSelector": {} },
                { "podSelector": { "matchLabels": { "app": "neighbour" } } },
                { "podSelector": {} },
            ] }],
        } });
        let before = policy.clone();
        name_the_deploy(&mut policy, owner);
        let deploy = json!({ labels::NAME: "greeter", labels::DEPLOY: "prod" });
        assert_eq!(policy["spec"]["podSelector"]["matchLabels"], deploy);
        let from = |policy: &Value, place: usize| policy["spec"]["ingress"][0]["from"][place].clone();
        let complete = json!({ labels::COMPONENT: "web", labels::NAME: "greeter", labels::DEPLOY: "prod" });
        assert_eq!(from(&policy, 0)["podSelector"]["matchLabels"], complete);
        for place in 1..4 {
            assert_eq!(from(&policy, place), from(&before, place), "{place}");
        }
    }
}
