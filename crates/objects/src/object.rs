//! Objects: the documents that `kubectl apply` takes.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::keys;

/// A declared or observed resource, under ACK's field names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// `sagemaker.services.k8s.aws/v1alpha1`.
    pub api_version: String,
    /// `TrainingJob`.
    pub kind: String,
    /// Name, namespace, labels, annotations.
    pub metadata: Metadata,
    /// What is wanted.
    #[serde(default = "empty", skip_serializing_if = "is_empty")]
    pub spec: Value,
    /// What is there.
    #[serde(default = "empty", skip_serializing_if = "is_empty")]
    pub status: Value,
}

/// Metadata of an object. Keys that the engine does not use are kept as they are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// Namespace; `default` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub annotations: IndexMap<String, String>,
    /// Kubernetes' count of spec changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A document that is not an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAnObject {
    /// What is wrong.
    pub message: String,
    /// The field it is about, if one is.
    pub field: Option<String>,
}

fn empty() -> Value {
    Value::Object(Map::new())
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

impl Object {
    /// An object of a kind, without spec.
    #[must_use]
    pub fn new(kind: &sagewright_kinds::Kind, name: &str) -> Self {
        Self {
            api_version: kind.api_version(),
            kind: kind.name().to_owned(),
            metadata: Metadata { name: name.to_owned(), ..Metadata::default() },
            spec: empty(),
            status: empty(),
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// What keeps it from being an object: `apiVersion`, `kind` or `metadata.name` missing or of a wrong type.
    pub fn from_value(mut value: Value) -> Result<Self, NotAnObject> {
        // Kubernetes reads `annotations:` with nothing below it as a field that is not there.
        if let Some(Value::Object(metadata)) = value.get_mut("metadata") {
            metadata.retain(|_, field| !field.is_null());
        }
        let error = |field: &str, message: String| NotAnObject { message, field: Some(field.to_owned()) };
        let Value::Object(map) = &value else {
            return Err(NotAnObject {
                message: "a manifest is a map with apiVersion, kind, metadata and spec".to_owned(),
                field: None,
            });
        };
        for field in ["apiVersion", "kind", "metadata/name"] {
            let value = value.pointer(&format!("/{field}")).filter(|v| !v.is_null());
            if value.is_some_and(|v| !v.is_string()) {
                let field = field.replace('/', ".");
                return Err(error(&field, format!("`{field}` has to be text: write it in quotes")));
            }
        }
        for field in ["apiVersion", "kind"] {
            if !map.get(field).is_some_and(Value::is_string) {
                return Err(error(field, format!("`{field}` is missing: a manifest starts with apiVersion and kind")));
            }
        }
        if value.pointer("/metadata/name").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(error("metadata.name", "`metadata.name` is missing: every object has a name".to_owned()));
        }
        for field in ["spec", "status"] {
            if map.get(field).is_some_and(|v| !v.is_object() && !v.is_null()) {
                return Err(error(field, format!("`{field}` has to be a map of fields")));
            }
        }
        for part in ["labels", "annotations"] {
            let entries = value.pointer(&format!("/metadata/{part}")).and_then(Value::as_object);
            if let Some((key, wrong)) = entries.into_iter().flatten().find(|(_, v)| v.is_boolean() || v.is_number()) {
                let word = part.trim_end_matches('s');
                let field = format!("metadata.{part}.{key}");
                // YAML reads `y`, `no` and `on` as truth values.
                return Err(error(
                    &field,
                    format!("the {word} `{key}` is {wrong}, and has to be text: write it in quotes"),
                ));
            }
        }
        let mut object: Self =
            serde_json::from_value(value).map_err(|e| error("metadata", format!("metadata cannot be read: {e}")))?;
        for part in [&mut object.spec, &mut object.status] {
            if part.is_null() {
                *part = empty();
            }
        }
        Ok(object)
    }

    /// The document.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Kind, namespace and name.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        ObjectId::new(&self.kind, self.metadata.namespace.as_deref(), &self.metadata.name)
    }

    /// The row of its kind.
    #[must_use]
    pub fn row(&self) -> Option<&'static sagewright_kinds::Kind> {
        sagewright_kinds::by_gvk(&self.api_version, &self.kind)
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.get(key).map(String::as_str)
    }

    /// Whether it is only to be read.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.annotation(keys::READ_ONLY).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// The ARN in the status, where it is known.
    #[must_use]
    pub fn arn(&self) -> Option<&str> {
        self.status.pointer("/ackResourceMetadata/arn").and_then(Value::as_str)
    }
}

/// Whether a text is a DNS label without a limit on its length (RFC 1123), which names in Kubernetes consist of.
pub fn is_dns_label(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alphanumeric) && text.ends_with(alphanumeric) && text.chars().all(|c| alphanumeric(c) || c == '-')
}

/// Whether a text is a DNS subdomain (RFC 1123), as the names of Kubernetes objects are.
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// Names one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectId {
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectId {
    /// An id; without a namespace it is `default`.
    #[must_use]
    pub fn new(kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            namespace: namespace.filter(|n| !n.is_empty()).unwrap_or("default").to_owned(),
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace == "default" {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}
