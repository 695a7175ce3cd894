//! Manifest files: where they are found, how they are read, and where in them an error is.

mod read;
mod yaml;

pub(crate) use read::{Document, Manifests, read};
