//! Objects as manifests declare them: read, checked field by field, with the marks that say whose a resource is.

pub mod keys;
pub mod manifest;
pub mod mark;
pub mod object;
pub mod secrets;
pub mod selector;

pub use manifest::{AdoptionFields, ManifestError, RefUse, check, check_in_cluster, check_name, suggest};
pub use mark::{Installation, Owner};
pub use object::{Metadata, NotAnObject, Object, ObjectId};
pub use selector::Selector;
