//! Answers of the API server without `managedFields`: they are a good part of an object, and nothing here asks for them.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A document without its `managedFields`.
pub(crate) struct Slim(pub(crate) Value);

/// The metadata of a document.
struct Metadata(Value);

impl<'de> Deserialize<'de> for Slim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Document;
        impl<'de> Visitor<'de> for Document {
            type Value = Slim;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Slim, A::Error> {
                let mut all = Map::new();
                while let Some(field) = map.next_key::<String>()? {
                    let value = match field.as_str() {
                        "metadata" => map.next_value::<Metadata>()?.0,
                        _ => map.next_value()?,
                    };
                    all.insert(field, value);
                }
                Ok(Slim(Value::Object(all)))
            }
        }
        deserializer.deserialize_map(Document)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metadata")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut all = Map::new();
                while let Some(field) = map.next_key::<String>()? {
                    if field == "managedFields" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        all.insert(field, map.next_value()?);
                    }
                }
                Ok(Metadata(Value::Object(all)))
            }
        }
        deserializer.deserialize_map(Fields)
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
