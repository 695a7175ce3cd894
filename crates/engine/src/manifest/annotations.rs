//! Annotations that the engine heeds. One that it could not heed is told: a mistyped `retain` would delete, and so would a
//! mistyped `deletion-policy`.

use sagewright_kinds::Kind;
use sagewright_model::Region;

use super::{ManifestError, PathStep, adoption, suggest};
use crate::mark;
use crate::object::Object;

/// ACK's prefix, and the end of the prefixes of its controllers (`sagemaker.services.k8s.aws/`).
const ACK: &str = "services.k8s.aws/";
/// The annotations that have an effect.
const SUPPORTED: &[&str] =
    &[mark::ADOPTION_FIELDS, mark::ADOPTION_POLICY, mark::DELETION_POLICY, mark::READ_ONLY, mark::REGION];
/// What is wrong with an object's annotations, and with labels that are meant as annotations.
pub(super) fn check(kind: &Kind, object: &Object, index: usize) -> Vec<ManifestError> {
    let error = |path: Vec<&str>, (message, expected): (String, String)| ManifestError {
        index,
        object: object.id(),
        path: [vec!["metadata"], path].concat().into_iter().map(|s| PathStep::Field(s.to_owned())).collect(),
        message,
        expected: Some(expected),
    };
    let metadata = &object.metadata;
    let keys = metadata.annotations.keys().filter_map(|key| Some(error(vec!["annotations", key], unknown(key)?)));
    let labels = metadata.labels.keys().filter_map(|key| Some(error(vec!["labels", key], no_label(key)?)));
    let values = values(kind, object).into_iter().map(|(key, wrong)| error(vec!["annotations", key], wrong));
    keys.chain(labels).chain(values).collect()
}

fn values(kind: &Kind, object: &Object) -> Vec<(&'static str, Wrong)> {
    let all = [
        (mark::DELETION_POLICY, one_of(object, mark::DELETION_POLICY, &["delete", "retain"])),
        (mark::ADOPTION_POLICY, one_of(object, mark::ADOPTION_POLICY, &["adopt", "adopt-or-create"])),
        (mark::READ_ONLY, read_only(object)),
        (mark::REGION, region(object)),
        (mark::ADOPTION_FIELDS, adoption::check(kind, object)),
    ];
    all.into_iter().filter_map(|(key, wrong)| Some((key, wrong?))).collect()
}

/// What is wrong, and what was expected.
type Wrong = (String, String);

/// A key that looks like a supported one and is none. Annotations of others are theirs, and those of ACK's
/// controllers below their own prefixes.
fn unknown(key: &str) -> Option<Wrong> {
    if SUPPORTED.contains(&key) || key == mark::ADOPTED {
        return None;
    }
    let (prefix, name) = key.split_once('/')?;
    let named =
        || suggest(name, SUPPORTED.iter().filter_map(|key| key.strip_prefix(ACK))).map(|name| format!("{ACK}{name}"));
    let close = if key.starts_with(ACK) || key.starts_with(mark::PREFIX) {
        named()
    } else if prefix.ends_with(".services.k8s.aws") {
        // `sagemaker.services.k8s.aws/deletion-policy` is a Namespace's; what the controller writes there is its own.
        Some(named()?)
    } else {
        Some(suggest(key, SUPPORTED.iter().copied())?.to_owned())
    };
    let hint = close.map(|close| format!("; did you mean `{close}`?")).unwrap_or_default();
    Some((format!("unknown annotation{hint}"), expected()))
}

/// An annotation that stands among the labels does nothing.
fn no_label(key: &str) -> Option<Wrong> {
    let is = SUPPORTED.contains(&key) || unknown(key).is_some();
    is.then(|| ("unknown label: this is meant for metadata.annotations".to_owned(), expected()))
}

fn expected() -> String {
    SUPPORTED.join(", ")
}

fn one_of(object: &Object, key: &str, allowed: &[&str]) -> Option<Wrong> {
    let value = object.annotation(key).filter(|v| !allowed.contains(v))?;
    Some((format!("`{value}` is not a value of this annotation"), allowed.join(" or ")))
}

fn read_only(object: &Object) -> Option<Wrong> {
    let known = |v: &&str| ["true", "false"].iter().any(|k| v.eq_ignore_ascii_case(k));
    let value = object.annotation(mark::READ_ONLY).filter(|v| !known(v))?;
    Some((format!("`{value}` is not a value of this annotation"), "true or false".to_owned()))
}

fn region(object: &Object) -> Option<Wrong> {
    let value = object.annotation(mark::REGION).filter(|v| v.parse::<Region>().is_err())?;
    Some((format!("`{value}` is no region"), "a region, as in us-east-1".to_owned()))
}
