//! Resource kinds as rows of data.
//!
//! A kind is a file in `kinds/`; everything else about it is derived from the service model. [`all`] gives every kind,
//! [`find`] one by its name, plural or `plural.group`, [`explain()`] what a field is. [`lint()`] proves a row against the model.

mod derive;
mod explain;
mod kind;
mod lint;
mod listing;
mod load;
mod path;
mod phase;
mod reference;
pub mod row;

pub use explain::{Explanation, FieldInfo, explain};
pub use kind::{Kind, SpecField};
pub use lint::lint;
pub use listing::{Listing, Shows};
pub use load::{LoadError, all, by_gvk, embedded, find, of_event, parse};
pub use path::{Path, PathSegment, get, get_mut, set, values};
pub use phase::Phase;
pub use reference::{RefField, RefTarget};
pub use row::Row;

/// Behaviours that rows may name. Each is one file of the engine; the engine's tests hold the two lists together.
pub const QUIRKS: &[&str] = &["endpoint-parts", "model-card-update", "notebook-instance-update", "training-job-update"];
