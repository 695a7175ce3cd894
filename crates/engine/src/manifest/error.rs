//! Something wrong with a manifest, and where.

use std::fmt;

use serde::Serialize;

use crate::object::ObjectId;

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
