//! Manifest files: where they are found, how they are read, and where in them an error is.

mod load;
mod place;
mod read;
mod yaml;

pub(crate) use load::load;
