//! Checks manifests before anything is called.

mod adoption;
pub mod annotations;
mod constraints;
pub mod convert;
mod error;
mod generated;
mod suggest;

use sagewright_kinds::{Kind, Path, PathSegment};

pub use adoption::AdoptionFields;
pub use convert::RefUse;
pub use error::ManifestError;
pub use generated::{DIGITS, GeneratedNames};

use crate::keys;

use crate::mark;
use crate::object::{Object, ObjectId, is_dns_label, is_dns_subdomain};
use convert::{Converted, FieldError, convert};
pub use suggest::suggest;

/// Letters of a namespace and a name: with the longest name of an installation they have to stand in a tag's value.
const LONGEST_ID: usize = 256 - mark::LONGEST_INSTALLATION - 2;

/// Checks all objects: kinds, fields, types, constraints, references.
///
/// # Errors
/// Everything that is wrong, in the order of the objects.
pub fn check(objects: &[Object]) -> Result<(), Vec<ManifestError>> {
    let errors: Vec<_> =
        objects.iter().enumerate().filter_map(|(index, object)| converted(index, object).err()).flatten().collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Checks one object of a cluster, which may refer to kinds of other API groups there.
///
/// # Errors
/// Everything that is wrong.
pub fn check_in_cluster(object: &Object) -> Result<(), Vec<ManifestError>> {
    examined(0, object, false).map(drop)
}

/// An object that was checked: its kind, and its spec under AWS names.
pub fn converted(index: usize, object: &Object) -> Result<(&'static Kind, Converted), Vec<ManifestError>> {
    examined(index, object, true)
}

fn examined(index: usize, object: &Object, alone: bool) -> Result<(&'static Kind, Converted), Vec<ManifestError>> {
    let Some(kind) = object.row() else { return Err(vec![unknown_kind(index, object)]) };
    let converted = convert(kind, &object.spec);
    // What is only adopted or read says which resource it is, and no more.
    let partial = object.annotation(keys::ADOPTION_POLICY) == Some("adopt") || object.is_read_only();
    let mut errors = constraints::check(kind, &object.id(), &converted, partial);
    if alone {
        errors.extend(convert::foreign(kind, &converted));
    }
    let all = converted.errors.iter().cloned().chain(errors);
    let fields = all.map(|error| error.into_error(index, object));
    let errors: Vec<ManifestError> =
        misnamed(index, object).into_iter().chain(annotations::check(kind, object, index)).chain(fields).collect();
    if errors.is_empty() { Ok((kind, converted)) } else { Err(errors) }
}

/// Names are those of Kubernetes, so that a manifest means the same to `kubectl` and here; and the two together have to stand
/// in a tag's value, which says whose a resource is.
fn misnamed(index: usize, object: &Object) -> Option<ManifestError> {
    let id = object.id();
    let (field, value, expected) = unfit(&id)?;
    Some(ManifestError {
        index,
        object: id.clone(),
        path: Path::of_members(["metadata", field]),
        message: format!("`{value}` is not a valid {field}"),
        expected: Some(expected.to_owned()),
    })
}

/// Checks the name and the namespace of an object, as those of a manifest are checked.
///
/// # Errors
/// What is wrong, and what they can be.
pub fn check_name(id: &ObjectId) -> Result<(), String> {
    unfit(id).map_or(Ok(()), |(field, value, expected)| {
        Err(format!("`{value}` is not a valid {field}: expected {expected}"))
    })
}

/// What is wrong with an object's name: the field, its value, and what it can be.
fn unfit(id: &ObjectId) -> Option<(&'static str, &str, &'static str)> {
    Some(if id.namespace.len() > 63 || !is_dns_label(&id.namespace) {
        ("namespace", &id.namespace, "at most 63 lower-case letters, digits and `-`")
    } else if !is_dns_subdomain(&id.name) {
        (
            "name",
            &id.name,
            "at most 253 lower-case letters, digits, `-` and `.`; the name in AWS is a field of the spec",
        )
    } else if id.namespace.len() + id.name.len() > LONGEST_ID {
        (
            "name",
            &id.name,
            "a shorter one: with its namespace and an installation's name it has to stand in a tag of AWS, which takes 256 characters",
        )
    } else {
        return None;
    })
}

impl FieldError {
    /// The error in the manifest whose spec it is.
    #[must_use]
    pub fn into_error(self, index: usize, object: &Object) -> ManifestError {
        ManifestError {
            index,
            object: object.id(),
            path: Path([PathSegment::Member("spec".to_owned())].into_iter().chain(self.path.0).collect()),
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
            let expected = "one of the kinds that `sagewright explain` lists".to_owned();
            ("kind", format!("there is no kind `{}`{hint}", object.kind), expected)
        }
    };
    ManifestError { index, object: object.id(), path: Path::of_members([field]), message, expected: Some(expected) }
}
