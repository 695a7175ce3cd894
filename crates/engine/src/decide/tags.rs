//! Tags: what to add and what to remove.

use std::collections::BTreeMap;

use sagewright_kinds::Kind;
use serde_json::json;

use super::desired::Desired;
use super::inputs::{Place, place};
use super::{Change, Effect};
use crate::mark;
use crate::observe::Found;

/// Keys that services and other controllers write by themselves.
const OTHERS: &[&str] = &["aws:", "sagemaker:", "services.k8s.aws/"];

/// Tags to add, and keys to remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TagSync {
    pub add: BTreeMap<String, String>,
    pub remove: Vec<String>,
}

impl TagSync {
    pub(crate) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// Whether a key is none of the user's.
#[must_use]
pub(crate) fn is_foreign(key: &str) -> bool {
    key.starts_with(mark::PREFIX) || OTHERS.iter().any(|p| key.starts_with(p))
}

/// What keeps a resource's tags from being as declared.
pub(crate) fn sync(kind: &Kind, desired: &Desired, found: &Found) -> (TagSync, Vec<Change>) {
    let mut sync = TagSync::default();
    let mut changes = Vec::new();
    // Without an ARN tags can be neither read nor written.
    if !desired.declares_tags || found.arn.is_none() || !matches!(place(kind, desired), Place::Tags(_)) {
        return (sync, changes);
    }
    let change = |key: &str, from: Option<&String>, to: Option<&String>| Change {
        path: format!("tags.{key}"),
        from: from.map(|v| json!(v)),
        to: to.map(|v| json!(v)),
        effect: Effect::Tag,
        sensitive: false,
    };
    for (key, value) in &desired.tags {
        let there = found.tags.get(key);
        if there != Some(value) {
            changes.push(change(key, there, Some(value)));
            sync.add.insert(key.clone(), value.clone());
        }
    }
    for (key, value) in &found.tags {
        if !desired.tags.contains_key(key) && !is_foreign(key) {
            changes.push(change(key, Some(value), None));
            sync.remove.push(key.clone());
        }
    }
    (sync, changes)
}
