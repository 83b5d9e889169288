//! A JSON object as it was written, with what is in it twice: readers differ in which of the two they take.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// A JSON object, and which of its names are there more than once.
pub(crate) struct Object {
    /// The last value of each name.
    pub(crate) values: Map<String, Value>,
    /// The names that are there more than once.
    pub(crate) repeated: BTreeSet<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
                let mut object = Object { values: Map::new(), repeated: BTreeSet::new() };
                while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                    if object.values.insert(name.clone(), value).is_some() {
                        object.repeated.insert(name);
                    }
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_noted() {
        for (text, repeated) in [
            ("{}", &[][..]),
            (r#"{"a": 1, "b": {"a": 1}}"#, &[]),
            (r#"{"a": 1, "a": 1}"#, &["a"]),
            (r#"{"a": 1, "b": 2, "\u0061": null, "b": 2, "b": 3}"#, &["a", "b"]),
        ] {
            let object: Object = serde_json::from_str(text).unwrap();
            assert_eq!(object.repeated.iter().collect::<Vec<_>>(), repeated, "{text}");
        }
        assert!(serde_json::from_str::<Object>("[]").is_err());
        assert!(serde_json::from_str::<Object>("{} {}").is_err());
    }
}
