//! Which objects a legacy object stands for.

use sagewright_objects::Object;
use serde_json::Value;

use crate::kinds::{Becomes, find};
use crate::legacy::Legacy;
use crate::{GROUP, hosting, scaling};

/// The objects that a legacy object stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// In the order in which they are created. They have the legacy object's namespace, and its region as an annotation.
    pub objects: Vec<Object>,
    /// The endpoint that calls go to, where the spec names one.
    pub endpoint: Option<String>,
}

/// A legacy document that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {why}")]
pub struct NotDeclared {
    /// `KIND/NAME`.
    pub object: String,
    /// What is wrong, and what is right.
    pub why: String,
}

/// The objects that a legacy document stands for. A resource that the document's status names keeps that name; otherwise
/// the spec names it, or it is generated from the object's name and uid.
///
/// # Errors
/// It is no object of the legacy group, or its spec cannot be meant.
pub fn declare(document: &Value) -> Result<Declared, NotDeclared> {
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (kind, name) = (text("/kind").unwrap_or("?"), text("/metadata/name").unwrap_or("?"));
    let refuse = |why: String| NotDeclared { object: format!("{kind}/{name}"), why };
    let is_legacy = text("/apiVersion").and_then(|v| v.split_once('/')).is_some_and(|(group, _)| group == GROUP);
    let row = find(kind).filter(|_| is_legacy).ok_or_else(|| refuse(format!("is of no kind of {GROUP}")))?;
    let mut spec = document.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    spec.remove("region");
    let endpoint = spec.remove("sageMakerEndpoint").and_then(|url| url.as_str().map(str::to_owned));
    let region = text("/spec/region").ok_or_else(|| refuse("spec.region is missing: name an AWS region".to_owned()))?;
    let legacy = Legacy {
        row,
        name: text("/metadata/name").ok_or_else(|| refuse("metadata.name is missing".to_owned()))?,
        uid: text("/metadata/uid").unwrap_or_default(),
        namespace: text("/metadata/namespace"),
        region,
        spec,
        status: document.get("status").unwrap_or(&Value::Null),
    };
    let objects = match row.becomes {
        Becomes::One { kind, name, longest } => legacy.one(kind, name, longest).map(|object| vec![object]),
        Becomes::Hosting => hosting::declare(&legacy),
        Becomes::Scaling => scaling::declare(&legacy),
    };
    Ok(Declared { objects: objects.map_err(refuse)?, endpoint: endpoint.filter(|url| !url.is_empty()) })
}
