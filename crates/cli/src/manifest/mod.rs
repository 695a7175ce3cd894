//! Manifest files: where they are found, how they are read, and where in them an error is.

mod builtin;
mod load;
mod place;
mod read;
mod yaml;

pub(crate) use builtin::BuiltIns;
pub(crate) use load::{documents, load, load_for};
