//! Which objects a legacy object stands for.

use sagewright_kinds::Kind;
use sagewright_model::crd;
use sagewright_objects::{Object, keys};
use serde_json::{Map, Value};

use crate::document::to_aws;
use crate::kinds::{Becomes, LegacyKind, find};
use crate::{GROUP, hosting, names, scaling};

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

/// A legacy object, as its document has it.
pub(crate) struct Legacy<'d> {
    pub row: &'static LegacyKind,
    pub name: &'d str,
    pub uid: &'d str,
    namespace: Option<&'d str>,
    region: &'d str,
    /// Without what is the operator's own: region and endpoint.
    pub spec: Map<String, Value>,
    pub status: &'d Value,
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

impl Legacy<'_> {
    fn one(&self, kind: &str, name: &str, longest: usize) -> Result<Object, String> {
        let mut object = self.object(kind, self.name, &self.spec)?;
        let field = sagewright_model::name::to_crd(name);
        if self.known(self.row.resource).is_some() || object.spec.get(&field).is_none() {
            let resource = self.known(self.row.resource).map(str::to_owned);
            let resource = resource.unwrap_or_else(|| names::generated(self.name, self.uid, longest));
            set(&mut object.spec, &field, resource.into());
        }
        Ok(object)
    }

    /// A field of the status.
    pub fn known(&self, field: &str) -> Option<&str> {
        self.status.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// An object of today's kind with a spec in legacy form.
    ///
    /// # Errors
    /// The spec has fields that the kind does not.
    pub fn object(&self, kind: &str, name: &str, spec: &Map<String, Value>) -> Result<Object, String> {
        let kind = row(kind)?;
        let unknown = |paths: Vec<String>| format!("no such field: spec.{}", paths.join(", spec."));
        let aws = to_aws(kind.service(), kind.create_shape(), &Value::Object(spec.clone())).map_err(unknown)?;
        let mut object = Object::new(kind, name);
        object.spec = crd::from_aws(kind.service(), kind.create_shape(), &aws);
        object.metadata.namespace = self.namespace.map(str::to_owned);
        object.metadata.annotations.insert(keys::REGION.to_owned(), self.region.to_owned());
        Ok(object)
    }
}

fn row(kind: &str) -> Result<&'static Kind, String> {
    sagewright_kinds::find(kind).ok_or_else(|| format!("there is no kind {kind}"))
}

/// Sets a field of a spec.
pub(crate) fn set(spec: &mut Value, field: &str, value: Value) {
    if let Value::Object(fields) = spec {
        fields.insert(field.to_owned(), value);
    }
}
