//! Plans, reports, events and failures as documents: JSON with a format and its version, and a digest where one is wanted.

use sagewright_decide::error::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::event::Event;
use crate::report::{Plan, Report};

/// A value that is stored and read again by later versions of the program.
pub trait Document: Serialize + DeserializeOwned {
    /// Name and version of the format. A change that older readers would misunderstand is a new version.
    const FORMAT: &'static str;

    /// The document.
    #[must_use]
    fn to_document(&self) -> Value {
        let mut document = Map::from_iter([("format".to_owned(), json!(Self::FORMAT))]);
        if let Ok(Value::Object(fields)) = serde_json::to_value(self) {
            document.extend(fields);
        }
        Value::Object(document)
    }

    /// Reads a document.
    ///
    /// # Errors
    /// Why it is none of this format.
    fn from_document(document: Value) -> Result<Self, String> {
        match document.get("format").and_then(Value::as_str) {
            Some(format) if format == Self::FORMAT => {
                serde_json::from_value(document).map_err(|e| format!("it is damaged: {e}"))
            }
            Some(format) => Err(format!("its format is `{format}`; this version reads `{}`", Self::FORMAT)),
            None => Err(format!("it has no `format`; `{}` is expected", Self::FORMAT)),
        }
    }
}

impl Document for Plan {
    // Changes of version 1 may lack the places of secrets (`Change::hidden`).
    const FORMAT: &'static str = "sagewright.dev/plan/v2";
}

impl Document for Report {
    const FORMAT: &'static str = "sagewright.dev/report/v1";
}

impl Document for Event {
    const FORMAT: &'static str = "sagewright.dev/event/v1";
}

impl Document for Failure {
    const FORMAT: &'static str = "sagewright.dev/failure/v1";
}

/// The digest of a value: SHA-256 over its JSON with sorted keys and without spaces, so that it does not depend
/// on how the value was written down.
#[must_use]
pub fn digest(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    format!("sha256:{}", hex::encode(Sha256::digest(sorted.to_string().as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_content_and_not_on_the_order_of_keys() {
        let one: Value = serde_json::from_str(r#"{"a": [1, {"b": null, "c": "x"}], "d": 2}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"d":2,"a":[1,{"c":"x","b":null}]}"#).unwrap();
        assert_eq!(digest(&one), digest(&other));
        assert_ne!(digest(&one), digest(&json!({"a": [1, {"b": null, "c": "y"}], "d": 2})));
        // Plans that were kept by earlier versions: the SHA-256 of {"a":"x","b":[1,2],"c":{"d":null,"e":true}}.
        let kept = "sha256:a0fa749c733f12995a1f6c96ca343387a1781ebbfb1432b8343b3a642fa71fcc";
        assert_eq!(digest(&json!({"c": {"e": true, "d": null}, "b": [1, 2], "a": "x"})), kept);
    }
}
