//! Something wrong with a manifest, and where.

use std::fmt;

use sagewright_kinds::Path;
use serde::Serialize;

use crate::object::{Object, ObjectId};

/// Something wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub struct ManifestError {
    /// Position of the object among those given.
    pub index: usize,
    /// The object.
    pub object: ObjectId,
    /// The field, from the top of the document: `spec.productionVariants[0].modelName`. For a field that is missing, the
    /// path ends with its name, and the place to show is the longest part that exists.
    pub path: Path,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
}

/// What is wrong, and what was expected.
pub(super) type Problem = (String, String);

impl ManifestError {
    /// A problem of an object's metadata: what is wrong, and what was expected.
    pub(super) fn of_metadata(object: &Object, index: usize, path: &[&str], (message, expected): Problem) -> Self {
        let path = Path::of_members([&["metadata"], path].concat());
        Self { index, object: object.id(), path, message, expected: Some(expected) }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.object, self.path, self.message)?;
        match &self.expected {
            Some(expected) => write!(f, " (expected {expected})"),
            None => Ok(()),
        }
    }
}
