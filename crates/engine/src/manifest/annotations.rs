//! Annotations that the engine heeds. One that it could not heed is told: a mistyped `retain` would delete.

use sagewright_kinds::Kind;
use sagewright_model::Region;

use super::{ManifestError, PathStep, adoption};
use crate::mark;
use crate::object::Object;

pub(crate) fn check(kind: &Kind, object: &Object, index: usize) -> Vec<ManifestError> {
    let all = [
        (mark::DELETION_POLICY, one_of(object, mark::DELETION_POLICY, &["delete", "retain"])),
        (mark::ADOPTION_POLICY, one_of(object, mark::ADOPTION_POLICY, &["adopt", "adopt-or-create"])),
        (mark::READ_ONLY, read_only(object)),
        (mark::REGION, region(object)),
        (mark::ADOPTION_FIELDS, adoption::check(kind, object)),
    ];
    let error = |(key, wrong): (&str, Option<(String, String)>)| {
        let (message, expected) = wrong?;
        Some(ManifestError {
            index,
            object: object.id(),
            path: ["metadata", "annotations", key].map(|s| PathStep::Field(s.to_owned())).to_vec(),
            message,
            expected: Some(expected),
        })
    };
    all.into_iter().filter_map(error).collect()
}

/// What is wrong, and what was expected.
type Wrong = Option<(String, String)>;

fn one_of(object: &Object, key: &str, allowed: &[&str]) -> Wrong {
    let value = object.annotation(key).filter(|v| !allowed.contains(v))?;
    Some((format!("`{value}` is not a value of this annotation"), allowed.join(" or ")))
}

fn read_only(object: &Object) -> Wrong {
    let known = |v: &&str| ["true", "false"].iter().any(|k| v.eq_ignore_ascii_case(k));
    let value = object.annotation(mark::READ_ONLY).filter(|v| !known(v))?;
    Some((format!("`{value}` is not a value of this annotation"), "true or false".to_owned()))
}

fn region(object: &Object) -> Wrong {
    let value = object.annotation(mark::REGION).filter(|v| v.parse::<Region>().is_err())?;
    Some((format!("`{value}` is no region"), "a region, as in us-east-1".to_owned()))
}
