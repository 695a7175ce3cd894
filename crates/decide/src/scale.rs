//! Members that AWS's autoscaling moves: they differ only when the declaration changed since it was last applied.

use sagewright_kinds::{Kind, Path, values};
use sagewright_objects::keys;
use serde_json::{Value, json};

use super::desired::Desired;
use super::diff::{Diff, rule_at};
use crate::observed::Found;

/// A fingerprint of what is declared for the members that autoscaling moves; `None` where nothing is.
pub fn fingerprint(kind: &Kind, spec: &Value) -> Option<String> {
    let paths = kind.row().spec.scaled.keys().map(|path| Path::parse(path));
    let declared: Vec<(String, &Value)> =
        paths.flat_map(|path| values(spec, &path)).map(|(at, value)| (at.to_string(), value)).collect();
    (!declared.is_empty()).then(|| crate::fingerprint::fingerprint(&json!(declared).to_string(), 16))
}

/// What moves the member at a path: a scalable dimension, or a scheduled action.
pub fn mover<'k>(kind: &'k Kind, path: &Path) -> Option<&'k str> {
    rule_at(&kind.row().spec.scaled, &path.general()).map(String::as_str)
}

/// Parts differences into those that count and those that are left to autoscaling. Without a fingerprint all count: nobody
/// knows what was last declared.
pub fn part(kind: &Kind, desired: &Desired, found: &Found, diffs: Vec<Diff>) -> (Vec<Diff>, Vec<Diff>) {
    let applied = found.tags.get(keys::LAST_SCALE);
    if applied.is_none() || applied != fingerprint(kind, &desired.spec).as_ref() {
        return (diffs, Vec::new());
    }
    diffs.into_iter().partition(|diff| mover(kind, &diff.path).is_none())
}

/// Whether none of the differences that count is of a member that autoscaling moves. Only then what is declared for those
/// members was applied, and is remembered so: an update may be on its way yet, or AWS may go back from it.
pub fn is_applied(kind: &Kind, diffs: &[Diff]) -> bool {
    diffs.iter().all(|diff| mover(kind, &diff.path).is_none())
}

/// What a person should know of a difference that is left alone.
pub fn note(kind: &Kind, diff: &Diff) -> String {
    let shown = |value: Option<&Value>| value.map_or_else(|| "unset".to_owned(), Value::to_string);
    format!(
        "spec.{} is {} and declared as {}: it is left to autoscaling ({}) until the declaration changes",
        kind.spec_path_to_crd(&diff.path),
        shown(diff.from.as_ref()),
        shown(diff.to.as_ref()),
        mover(kind, &diff.path).unwrap_or_default()
    )
}
