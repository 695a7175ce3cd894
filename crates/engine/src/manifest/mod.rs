//! Checks manifests before anything is called.

mod annotations;
mod constraints;
pub(crate) mod convert;
mod suggest;

use std::fmt;

use serde::Serialize;

pub use convert::RefUse;

use crate::mark;
use crate::object::{Object, ObjectId};
use convert::{Wrong, convert, steps};
pub use suggest::suggest;

/// Characters of a tag's value.
const MOST_OF_A_TAG: usize = 256;

/// One step to a field of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PathStep {
    /// A field.
    Field(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// Something wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub struct ManifestError {
    /// Position of the object among those given.
    pub index: usize,
    /// The object.
    pub object: ObjectId,
    /// Steps from the top of the document (`spec`, `productionVariants`, 0, `modelName`). For a field that is missing, the
    /// path ends with its name, and the place to show is the longest part that exists.
    pub path: Vec<PathStep>,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
}

impl ManifestError {
    /// `spec.productionVariants[0].modelName`.
    #[must_use]
    pub fn path_text(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            match step {
                PathStep::Field(name) if out.is_empty() => out.push_str(name),
                PathStep::Field(name) => {
                    out.push('.');
                    out.push_str(name);
                }
                PathStep::Index(n) => out.push_str(&format!("[{n}]")),
            }
        }
        out
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.object, self.path_text(), self.message)?;
        match &self.expected {
            Some(expected) => write!(f, " (expected {expected})"),
            None => Ok(()),
        }
    }
}

/// Checks all objects: kinds, fields, types, constraints, references.
///
/// # Errors
/// Everything that is wrong, in the order of the objects.
pub fn check(objects: &[Object]) -> Result<(), Vec<ManifestError>> {
    let errors: Vec<_> = objects.iter().enumerate().flat_map(|(index, object)| check_one(index, object)).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn check_one(index: usize, object: &Object) -> Vec<ManifestError> {
    let Some(kind) = object.row() else { return vec![unknown_kind(index, object)] };
    let converted = convert(kind, &object.spec);
    // What is only adopted or read says which resource it is, and no more.
    let partial = object.annotation(mark::ADOPTION_POLICY) == Some("adopt") || object.is_read_only();
    let mut wrong = constraints::check(kind, &converted, partial);
    let mut all = converted.wrong;
    all.append(&mut wrong);
    let fields = all.into_iter().map(|wrong| wrong.into_error(index, object));
    unmarkable(index, object).into_iter().chain(annotations::check(kind, object, index)).chain(fields).collect()
}

/// Names have to stand in a tag's value, which says whose a resource is.
fn unmarkable(index: usize, object: &Object) -> Option<ManifestError> {
    let fits = |name: &str| name.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c));
    let id = object.id();
    let field = if !fits(&id.namespace) || id.namespace.contains('/') {
        "namespace"
    } else if !fits(&id.name) || mark::owner(&id).chars().count() > MOST_OF_A_TAG {
        "name"
    } else {
        return None;
    };
    Some(ManifestError {
        index,
        object: id,
        path: ["metadata", field].map(|s| PathStep::Field(s.to_owned())).to_vec(),
        message: format!("`{field}` cannot be written into a tag of AWS, which says whose a resource is"),
        expected: Some("letters, digits, `-` and `.`, together at most 256 characters".to_owned()),
    })
}

impl Wrong {
    pub(crate) fn into_error(self, index: usize, object: &Object) -> ManifestError {
        ManifestError {
            index,
            object: object.id(),
            path: steps(&self.path),
            message: self.message,
            expected: self.expected,
        }
    }
}

fn unknown_kind(index: usize, object: &Object) -> ManifestError {
    let all = sagewright_kinds::all();
    let (field, message, expected) = match all.iter().find(|k| k.name() == object.kind) {
        Some(kind) => {
            ("apiVersion", format!("{} has no API version `{}`", object.kind, object.api_version), kind.api_version())
        }
        None => {
            let close = suggest(&object.kind, all.iter().map(sagewright_kinds::Kind::name));
            let hint = close.map(|c| format!("; did you mean `{c}`?")).unwrap_or_default();
            let names: Vec<_> = all.iter().map(sagewright_kinds::Kind::name).collect();
            ("kind", format!("there is no kind `{}`{hint}", object.kind), format!("one of {}", names.join(", ")))
        }
    };
    ManifestError {
        index,
        object: object.id(),
        path: vec![PathStep::Field(field.to_owned())],
        message,
        expected: Some(expected),
    }
}
