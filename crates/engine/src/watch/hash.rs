//! Hashes that stand for names, for what a listing shows and for what is declared.

use jiff::Timestamp;
use sagewright_decide::arn::arn_of;
use sagewright_decide::observed::Found;
use sagewright_kinds::{Kind, Listing};
use sagewright_objects::object::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Stands for a resource's name: what is kept of it, instead of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NameHash(u64);

impl NameHash {
    /// The hash of a name as [`ListItem::name`] has it.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(digest(|hash| hash.update(name.as_bytes())))
    }
}

/// Stands for a document: two that differ have different prints. The same on every machine and in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentHash(pub(super) u64);

impl ContentHash {
    /// The hash of a document, whatever the order of its members; top-level members that are `noise` do not count.
    #[must_use]
    pub fn of(document: &Value, noise: &[String]) -> Self {
        // One bit less than a word, so that the poller has one for itself.
        Self(digest(|hash| feed(hash, document, noise)) >> 1)
    }

    /// The hash of what an object declares: its spec and its annotations.
    #[must_use]
    pub fn of_declared(object: &Object) -> Self {
        let annotations = object.metadata.annotations.iter();
        let annotations = annotations.map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
        // As of a list of both, without a copy of the spec.
        Self(
            digest(|hash| {
                hash.update([b'[']);
                hash.update(2_usize.to_le_bytes());
                feed(hash, &object.spec, &[]);
                feed(hash, &Value::Object(annotations), &[]);
            }) >> 1,
        )
    }
}

fn digest(fill: impl FnOnce(&mut Sha256)) -> u64 {
    let mut hash = Sha256::new();
    fill(&mut hash);
    hash.finalize().iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn feed(hash: &mut Sha256, value: &Value, noise: &[String]) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().filter(|(name, _)| !noise.contains(name)).collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            hash.update([b'{']);
            hash.update(members.len().to_le_bytes());
            for (name, value) in members {
                hash.update(name.len().to_le_bytes());
                hash.update(name.as_bytes());
                feed(hash, value, &[]);
            }
        }
        Value::Array(items) => {
            hash.update([b'[']);
            hash.update(items.len().to_le_bytes());
            items.iter().for_each(|item| feed(hash, item, &[]));
        }
        plain => {
            let text = plain.to_string();
            hash.update(text.len().to_le_bytes());
            hash.update(text.as_bytes());
        }
    }
}

/// What a listing shows of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListItem {
    /// Its name; the ARN for kinds that AWS names.
    pub name: String,
    /// The hash of the listing's item.
    pub hash: ContentHash,
    /// When it was last changed, or created, as far as the listing shows that.
    pub changed: Option<Timestamp>,
}

impl ListItem {
    /// Reads an item of a listing, or a resource as a read gives it. Nothing where it does not identify a resource.
    #[must_use]
    pub fn of(kind: &Kind, listing: Option<&Listing>, item: &Value) -> Option<Self> {
        // The objects of other kinds are looked up by their names, which an ARN alone does not say.
        let arn = || kind.is_arn_identified().then(|| arn_of(kind, item)).flatten();
        let name = kind.name_of(item).or_else(arn)?;
        let changed = listing.and_then(|listing| time(listing, item));
        Some(Self { name, hash: ContentHash::of(item, &kind.row().list.noise), changed })
    }

    /// The hash of the item that shows what a read gave. Nothing where items have members that the read has not.
    #[must_use]
    pub fn hash_of_read(kind: &Kind, output: &Value) -> Option<ContentHash> {
        let listing = kind.listing()?;
        let read =
            |member: &str| output.get(kind.row().list.rename.get(member).map_or(member, String::as_str)).cloned();
        let item: Option<Map<String, Value>> =
            listing.members.iter().map(|member| Some(((*member).to_owned(), read(member)?))).collect();
        Some(ContentHash::of(&Value::Object(item?), &kind.row().list.noise))
    }

    /// Whether a read lags behind the listing: what it gave is older than what the listing showed before. A resource that
    /// was read so must be read again before it counts as settled.
    #[must_use]
    pub fn is_newer_than(&self, kind: &Kind, found: &Found) -> bool {
        let read = kind.listing().and_then(|listing| time(&listing, &found.output));
        read.zip(self.changed).is_some_and(|(read, shown)| read < shown)
    }
}

fn time(listing: &Listing, item: &Value) -> Option<Timestamp> {
    item.get(listing.changed()?)?.as_str()?.parse().ok()
}
