//! Tags: what to add and what to remove. What others tag stays: only keys that the object declared before are removed.

use std::collections::{BTreeMap, BTreeSet};

use sagewright_kinds::Kind;
use sagewright_model::is_secret_key;
use sagewright_objects::keys;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::desired::Desired;
use super::mark_location::{MarkLocation, mark_location};
use super::{Change, Effect, scale, sets};
use crate::observed::Found;

/// Keys that services and other controllers write by themselves; no declaration of a user's.
const OTHERS: &[&str] = &["aws:", "sagemaker:", "services.k8s.aws/"];
/// Tags that AWS takes on a resource, its own not counted.
const MOST_TAGS: usize = 50;
/// Characters of a tag's value.
const LONGEST_VALUE: usize = 256;
/// Characters by which a key is remembered where the keys themselves do not fit: 51 of them do, and none falls together
/// with another by chance but once in some hundred million times.
const SHORT: usize = 5;
/// Says that a list holds short forms of its keys.
const SHORTENED: char = '=';

/// Tags to add, and keys to remove.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TagSync {
    pub add: BTreeMap<String, String>,
    pub remove: Vec<String>,
    /// What changes of the user's tags.
    pub changes: Vec<Change>,
    /// What changes of Sagewright's own tags.
    pub own_changes: Vec<Change>,
    /// The declared keys, to be remembered with whatever else is written. That alone is no reason for a write: what is
    /// there is as declared.
    pub keys: Option<String>,
    pub notes: Vec<String>,
}

impl TagSync {
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// Remembers the declared keys, as something else is written. Where others' tags leave no room, they are forgotten.
    pub fn remember_keys(&mut self, found: &Found) {
        let Some(keys) = self.keys.take() else { return };
        if !self.add_where_room(found, keys::TAG_KEYS, keys) {
            let why = "the resource has as many tags as AWS takes: which of them were declared is not remembered, and one that is no longer declared will stay";
            self.notes.push(why.to_owned());
        }
    }

    /// Adds a tag of ours, unless others' tags leave no room for it.
    pub fn add_where_room(&mut self, found: &Found, key: &str, value: String) -> bool {
        let after: BTreeSet<&String> = found.tags.keys().chain(self.add.keys()).collect();
        let after = after.iter().filter(|key| !key.starts_with("aws:") && !self.remove.contains(key)).count();
        let room = after < MOST_TAGS || found.tags.contains_key(key);
        if room {
            self.add.insert(key.to_owned(), value);
        }
        room
    }
}

/// Whether a key is none of the user's.
#[must_use]
pub fn is_foreign(key: &str) -> bool {
    key.starts_with(keys::PREFIX) || OTHERS.iter().any(|p| key.starts_with(p))
}

/// A change of a tag.
pub fn change(key: &str, from: Option<&String>, to: Option<&String>) -> Change {
    Change {
        path: format!("tags.{key}"),
        from: from.map(|v| json!(v)),
        to: to.map(|v| json!(v)),
        effect: Effect::Tag,
        sensitive: false,
        hidden: secrets(key),
    }
}

/// The place of a tag's value, where its key says that it is a secret.
fn secrets(key: &str) -> Vec<String> {
    if is_secret_key(key) { vec![String::new()] } else { Vec::new() }
}

/// Sagewright's own tags on a resource, besides the fingerprint of an update.
pub fn own_tags(kind: &Kind, desired: &Desired) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::from([(keys::OWNER.to_owned(), desired.owner().to_string())]);
    tags.extend(sets::set_tag(kind, desired, None).map(|set| (keys::SET.to_owned(), set)));
    tags.extend(last_declared(kind, desired));
    tags
}

/// The tags that record what was last declared.
pub fn last_declared(kind: &Kind, desired: &Desired) -> BTreeMap<String, String> {
    let all = [(keys::TAG_KEYS, declared_keys(desired)), (keys::LAST_SCALE, scale::fingerprint(kind, &desired.spec))];
    all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// What keeps a resource's tags from being as declared. `old`: the mark is of the old form. `scaled`: what is declared
/// for the members that autoscaling moves was applied.
pub fn sync(kind: &Kind, desired: &Desired, found: &Found, old: bool, scaled: bool) -> TagSync {
    let mut sync = TagSync::default();
    // Without an ARN tags can be neither read nor written.
    if found.arn.is_none() || !matches!(mark_location(kind, &desired.spec), MarkLocation::Tags(_)) {
        return sync;
    }
    if desired.declares_tags {
        declared(desired, found, &mut sync);
    }
    let mut own = Vec::new();
    if scaled {
        own.push((keys::LAST_SCALE, scale::fingerprint(kind, &desired.spec)));
    }
    if sync.keys.is_none() && desired.declares_tags {
        own.push((keys::TAG_KEYS, declared_keys(desired)));
    }
    own.push((keys::SET, sets::set_tag(kind, desired, found.tags.get(keys::SET))));
    if old {
        own.push((keys::OWNER, Some(desired.owner().to_string())));
    }
    for (key, value) in own {
        let there = found.tags.get(key);
        if there == value.as_ref() {
            continue;
        }
        sync.own_changes.push(change(key, there, value.as_ref()));
        match value {
            Some(value) => drop(sync.add.insert(key.to_owned(), value)),
            None => sync.remove.push(key.to_owned()),
        }
    }
    sync
}

fn declared_keys(desired: &Desired) -> Option<String> {
    (!desired.tags.is_empty()).then(|| list(desired.tags.keys().map(String::as_str)))
}

fn declared(desired: &Desired, found: &Found, sync: &mut TagSync) {
    let (left, own): (Vec<_>, Vec<_>) = desired.tags.iter().partition(|(key, _)| desired.claims.is_foreign_tag(key));
    for (key, value) in own {
        let there = found.tags.get(key);
        if there != Some(value) {
            sync.changes.push(change(key, there, Some(value)));
            sync.add.insert(key.clone(), value.clone());
        }
    }
    for (key, _) in left.into_iter().filter(|(key, value)| found.tags.get(*key) != Some(*value)) {
        sync.notes
            .push(format!("the tag `{key}` is left to others: keys with its prefix are neither compared nor changed"));
    }
    let before = found.tags.get(keys::TAG_KEYS).map(|list| Keys::read(list)).unwrap_or_default();
    let kept = |key: &str| {
        desired.tags.contains_key(key) || key.starts_with(keys::PREFIX) || desired.claims.is_foreign_tag(key)
    };
    for (key, value) in found.tags.iter().filter(|(key, _)| !kept(key) && before.has(key)) {
        sync.changes.push(change(key, Some(value), None));
        sync.remove.push(key.clone());
    }
    // A key that is remembered and no longer declared may become another's: that one is forgotten at once.
    if before.are_among(desired.tags.keys()) {
        sync.keys = declared_keys(desired).filter(|keys| found.tags.get(keys::TAG_KEYS) != Some(keys));
    }
}

/// Keys as text that fits a tag's value: in full, or shortened where they do not fit or cannot be told apart by spaces.
fn list<'k>(keys: impl Iterator<Item = &'k str>) -> String {
    let keys: Vec<&str> = keys.collect();
    let plain = keys.join(" ");
    let clear = !plain.starts_with(SHORTENED) && !keys.iter().any(|key| key.contains(char::is_whitespace));
    if clear && plain.chars().count() <= LONGEST_VALUE {
        return plain;
    }
    let short: String = keys.iter().map(|key| short(key)).collect();
    format!("{SHORTENED}{short}")
}

/// A key in short: 30 bits of its SHA-256, in characters that a tag takes.
fn short(key: &str) -> String {
    const DIGITS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().take(SHORT).filter_map(|byte| DIGITS.get(usize::from(byte & 63))).map(|c| char::from(*c)).collect()
}

/// Keys that were remembered.
#[derive(Debug, Default)]
enum Keys {
    #[default]
    None,
    Full(BTreeSet<String>),
    Short(BTreeSet<String>),
}

impl Keys {
    fn read(text: &str) -> Self {
        match text.strip_prefix(SHORTENED) {
            Some(all) => {
                let all: Vec<char> = all.chars().collect();
                Self::Short(all.chunks(SHORT).map(|key| key.iter().collect()).collect())
            }
            None => Self::Full(text.split_whitespace().map(str::to_owned).collect()),
        }
    }

    fn are_among<'k>(&self, keys: impl Iterator<Item = &'k String>) -> bool {
        match self {
            Self::None => true,
            Self::Full(mine) => mine.is_subset(&keys.cloned().collect()),
            Self::Short(mine) => mine.is_subset(&keys.map(|key| short(key)).collect()),
        }
    }

    fn has(&self, key: &str) -> bool {
        match self {
            Self::None => false,
            Self::Full(keys) => keys.contains(key),
            Self::Short(keys) => keys.contains(&short(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_remembered_in_a_tags_value_however_many_there_are() {
        let many: Vec<String> = (0..47).map(|i| format!("a-long-key-of-a-tag-{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for keys in [vec!["team"], vec!["cost center", "team"], vec!["=", "team"], vec!["ключ", "team"], many] {
            let text = list(keys.iter().copied());
            assert!(text.chars().count() <= LONGEST_VALUE, "{text}");
            assert!(text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c)), "{text}");
            let read = Keys::read(&text);
            assert!(keys.iter().all(|key| read.has(key)), "{text}");
            assert!(!read.has("stage") && !read.has("a-long-key-of-a-tag-47"), "{text}");
        }
        assert_eq!(list(["cost", "team"].into_iter()), "cost team");
    }
}
