//! A legacy object, and objects of today's kinds from parts of it.

use sagewright_kinds::Kind;
use sagewright_model::crd;
use sagewright_objects::{Object, keys};
use serde_json::{Map, Value};

use crate::document::to_aws;
use crate::kinds::LegacyKind;
use crate::names;

/// A legacy object, as its document has it.
pub(crate) struct Legacy<'d> {
    pub row: &'static LegacyKind,
    pub name: &'d str,
    pub uid: &'d str,
    pub namespace: Option<&'d str>,
    pub region: &'d str,
    /// Without what is the operator's own: region and endpoint.
    pub spec: Map<String, Value>,
    pub status: &'d Value,
}

impl Legacy<'_> {
    pub fn one(&self, kind: &str, name: &str, longest: usize) -> Result<Object, String> {
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
