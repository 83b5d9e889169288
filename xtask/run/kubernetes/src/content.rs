//! Config and secrets are named by their content. Whatever has such a name and another content is not what it is called.

use kube::{
    ResourceExt,
    api::{DynamicObject, ObjectMeta},
};
use serde_json::{Map, Value};
use xtask_contract::labels::{self, Part};

use crate::{drift, managers::MANAGER};

/// Whether the name of an object of a release is made from its content.
pub(crate) fn is_named_by_it(object: &DynamicObject) -> bool {
    object.labels().get(labels::PART).is_some_and(|part| part == Part::Config.as_str())
}

/// Whether an object on the cluster has not the content that its name stands for.
pub(crate) fn is_other(wanted: &DynamicObject, live: &DynamicObject) -> bool {
    ["data", "binaryData"].iter().any(|part| entries(wanted, part) != entries(live, part))
}

fn entries<'a>(object: &'a DynamicObject, part: &str) -> Option<&'a Map<String, Value>> {
    object.data.get(part).and_then(Value::as_object).filter(|entries| !entries.is_empty())
}

/// Who else than this toolchain has set the content, and when, as far as the cluster has noted it.
pub(crate) fn set_by(live: &ObjectMeta) -> Option<String> {
    let mut others = live.managed_fields.iter().flatten().filter(|entry| {
        let fields = entry.fields_v1.as_ref().map_or(&Value::Null, |fields| &fields.0);
        let has_content = ["f:data", "f:binaryData", "f:stringData"].iter().any(|key| !fields[key].is_null());
        has_content && entry.manager.as_deref() != Some(MANAGER)
    });
    others.next().map(drift::who)
}

/// What is said of an object with another content, after its name.
pub(crate) fn words(live: &ObjectMeta) -> String {
    let by = set_by(live).map_or_else(String::new, |who| format!(": it was set by {who}"));
    format!("has not the content that its name stands for{by}")
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn map(data: &Value) -> DynamicObject {
        from_value(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "config-1",
            "labels": { "twelve-factor.dev/part": "config" } }, "data": data }))
        .unwrap()
    }

    #[test]
    fn whatever_is_more_less_or_other_is_another_content() {
        let wanted = map(&json!({ "A": "1" }));
        assert!(is_named_by_it(&wanted));
        assert!(!is_other(&wanted, &wanted));
        for other in [json!({ "A": "2" }), json!({ "A": "1", "B": "" }), json!({}), Value::Null] {
            assert!(is_other(&wanted, &map(&other)), "{other}");
        }
        assert!(!is_other(&map(&json!({})), &map(&Value::Null)));
    }

    #[test]
    fn who_has_made_it_again_is_named() {
        let mut live = map(&json!({}));
        let entry = |manager: &str, fields: Value| {
            from_value(json!({ "manager": manager, "time": "2011-04-06T20:40:00Z", "fieldsV1": fields }))
                .unwrap()
        };
        let labels = entry("kubectl-label", json!({ "f:metadata": { "f:labels": {} } }));
        let content = entry("kubectl-create", json!({ "f:data": { "f:A": {} } }));
        live.metadata.managed_fields = Some(vec![labels, content]);
        let told = words(&live.metadata);
        assert!(told.ends_with("it was set by kubectl-create, 2011-04-06T20:40:00Z"), "{told}");
        live.metadata.managed_fields = Some(vec![entry("xtask", json!({ "f:data": {} }))]);
        assert_eq!(set_by(&live.metadata), None);
    }
}
