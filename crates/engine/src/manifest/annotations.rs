//! Checks the annotations that the engine reads: with a mistyped `retain`, a resource would be deleted.

use sagewright_kinds::{Kind, Path};
use sagewright_model::Region;

use super::{ManifestError, adoption};
use crate::keys;
use crate::object::Object;

pub(crate) fn check(kind: &Kind, object: &Object, index: usize) -> Vec<ManifestError> {
    let all = [
        (keys::DELETION_POLICY, one_of(object, keys::DELETION_POLICY, &["delete", "retain"])),
        (keys::ADOPTION_POLICY, one_of(object, keys::ADOPTION_POLICY, &["adopt", "adopt-or-create"])),
        (keys::READ_ONLY, read_only(object)),
        (keys::REGION, region(object)),
        (keys::ADOPTION_FIELDS, adoption::check(kind, object)),
    ];
    let error = |(key, problem): (&str, Option<(String, String)>)| {
        let (message, expected) = problem?;
        Some(ManifestError {
            index,
            object: object.id(),
            path: Path::of_members(["metadata", "annotations", key]),
            message,
            expected: Some(expected),
        })
    };
    all.into_iter().filter_map(error).collect()
}

/// What is wrong, and what was expected.
type Problem = Option<(String, String)>;

fn one_of(object: &Object, key: &str, allowed: &[&str]) -> Problem {
    let value = object.annotation(key).filter(|v| !allowed.contains(v))?;
    Some((format!("`{value}` is not a value of this annotation"), allowed.join(" or ")))
}

fn read_only(object: &Object) -> Problem {
    let known = |v: &&str| ["true", "false"].iter().any(|k| v.eq_ignore_ascii_case(k));
    let value = object.annotation(keys::READ_ONLY).filter(|v| !known(v))?;
    Some((format!("`{value}` is not a value of this annotation"), "true or false".to_owned()))
}

fn region(object: &Object) -> Problem {
    let value = object.annotation(keys::REGION).filter(|v| v.parse::<Region>().is_err())?;
    Some((format!("`{value}` is no region"), "a region, as in us-east-1".to_owned()))
}
