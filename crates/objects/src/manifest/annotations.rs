//! Checks the annotations that the engine reads: with a mistyped `retain` or `deletion-policy`, a resource would be deleted.

use sagewright_kinds::Kind;
use sagewright_model::Region;

use super::error::Problem;
use super::{ManifestError, adoption, generated, suggest};
use crate::keys;
use crate::object::Object;

/// ACK's prefix, and the end of the prefixes of its controllers (`sagemaker.services.k8s.aws/`).
const ACK: &str = "services.k8s.aws/";
/// The annotations that have an effect.
const SUPPORTED: &[&str] =
    &[keys::ADOPTION_FIELDS, keys::ADOPTION_POLICY, keys::DELETION_POLICY, keys::READ_ONLY, keys::REGION];

/// The annotations that have an effect in the Kubernetes operator alone.
const OPERATORS: &[&str] = &[keys::GENERATE_NAME, keys::KEEP_GENERATED, keys::RECONCILE_AT];

/// What is wrong with an object's annotations, and with labels that are meant as annotations.
pub fn check(kind: &Kind, object: &Object, index: usize) -> Vec<ManifestError> {
    let error = |path: Vec<&str>, problem: Problem| ManifestError::of_metadata(object, index, &path, problem);
    let metadata = &object.metadata;
    let annotations =
        metadata.annotations.keys().filter_map(|key| Some(error(vec!["annotations", key], unknown(key)?)));
    let labels = metadata.labels.keys().filter_map(|key| Some(error(vec!["labels", key], no_label(key)?)));
    let values = values(kind, object).into_iter().map(|(key, wrong)| error(vec!["annotations", key], wrong));
    annotations.chain(labels).chain(values).collect()
}

fn values(kind: &Kind, object: &Object) -> Vec<(&'static str, Problem)> {
    let all = [
        (keys::DELETION_POLICY, one_of(object, keys::DELETION_POLICY, &["delete", "retain"])),
        (keys::ADOPTION_POLICY, one_of(object, keys::ADOPTION_POLICY, &["adopt", "adopt-or-create"])),
        (keys::READ_ONLY, read_only(object)),
        (keys::REGION, region(object)),
        (keys::ADOPTION_FIELDS, adoption::check(kind, object)),
    ];
    all.into_iter().filter_map(|(key, wrong)| Some((key, wrong?))).collect()
}

/// A key that looks like a supported one and is none. Annotations of others are theirs, and those of ACK's
/// controllers below their own prefixes.
fn unknown(key: &str) -> Option<Problem> {
    if SUPPORTED.contains(&key) || matches!(key, keys::ADOPTED | keys::RECONCILE_AT) {
        return None;
    }
    // Whoever heeds them has taken them off.
    if let Some(problem) = generated::operators(key) {
        return Some(problem);
    }
    let Some((prefix, name)) = key.split_once('/') else {
        // Without its prefix it would do nothing.
        let (_, meant) = known().find(|(name, _)| *name == key)?;
        return Some((format!("unknown annotation; did you mean `{meant}`?"), expected()));
    };
    let named = || {
        let close = suggest(name, known().map(|(name, _)| name))?;
        known().find(|(name, _)| *name == close).map(|(_, key)| key)
    };
    let close = if key.starts_with(ACK) || key.starts_with(keys::PREFIX) {
        named()
    } else if prefix.ends_with(".services.k8s.aws") {
        // `sagemaker.services.k8s.aws/deletion-policy` is a Namespace's; what the controller writes there is its own.
        Some(named()?)
    } else {
        Some(suggest(key, known().map(|(_, key)| key))?)
    };
    let hint = close.map(|close| format!("; did you mean `{close}`?")).unwrap_or_default();
    Some((format!("unknown annotation{hint}"), expected()))
}

/// The annotations that have an effect, each with its name without the prefix.
fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    SUPPORTED.iter().chain(OPERATORS).filter_map(|key| Some((key.split_once('/')?.1, *key)))
}

/// An annotation that stands among the labels does nothing.
fn no_label(key: &str) -> Option<Problem> {
    if known().any(|(_, known)| known == key) {
        return Some((
            "unknown label: this is an annotation, and belongs in metadata.annotations".to_owned(),
            expected(),
        ));
    }
    if key.starts_with(keys::PREFIX) {
        let why = format!("unknown label: labels below {} are reserved", keys::PREFIX);
        return Some((why, "a label of your own".to_owned()));
    }
    let (message, expected) = unknown(key)?;
    let message = message.replacen("unknown annotation", "unknown label", 1);
    Some((message.replacen("did you mean", "did you mean the annotation", 1), expected))
}

fn expected() -> String {
    SUPPORTED.join(", ")
}

fn one_of(object: &Object, key: &str, allowed: &[&str]) -> Option<Problem> {
    let value = object.annotation(key).filter(|v| !allowed.contains(v))?;
    Some((format!("`{value}` is not a value of this annotation"), allowed.join(" or ")))
}

fn read_only(object: &Object) -> Option<Problem> {
    let known = |v: &&str| ["true", "false"].iter().any(|k| v.eq_ignore_ascii_case(k));
    let value = object.annotation(keys::READ_ONLY).filter(|v| !known(v))?;
    Some((format!("`{value}` is not a value of this annotation"), "true or false".to_owned()))
}

fn region(object: &Object) -> Option<Problem> {
    let value = object.annotation(keys::REGION).filter(|v| v.parse::<Region>().is_err())?;
    Some((format!("`{value}` is not a region"), "a region, as in us-east-1".to_owned()))
}
