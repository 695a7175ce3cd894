//! Answers of the API server without `managedFields`: they are a good part of an object, and nothing here asks for them.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A document without its `managedFields`.
pub(crate) struct Slim(pub(crate) Value);

impl<'de> Deserialize<'de> for Slim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Part::Document.deserialize(deserializer).map(Slim)
    }
}

/// What is read field by field.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Document,
    Metadata,
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Document { "an object" } else { "metadata" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(field) = map.next_key::<String>()? {
            let value = match (self, field.as_str()) {
                (Self::Document, "metadata") => map.next_value_seed(Self::Metadata)?,
                (Self::Metadata, "managedFields") => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                _ => map.next_value()?,
            };
            all.insert(field, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_else_is_left_out() {
        let own = json!({"managedFields": [1], "metadata": {"managedFields": {"a": 1}}});
        let mut document =
            json!({"kind": "Model", "metadata": {"name": "m", "managedFields": [{}]}, "spec": own, "status": null});
        let Slim(slim) = serde_json::from_value(document.clone()).unwrap();
        document["metadata"].as_object_mut().unwrap().shift_remove("managedFields");
        assert_eq!(slim, document);
        assert!(serde_json::from_str::<Slim>("[]").is_err());
    }
}
