//! YAML (and so JSON) documents with the place of every value.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

/// A value with its place in the file.
pub(crate) type Node = Spanned<Tree>;

/// A document's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// Null, text, number or truth value.
    Scalar(Value),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping: key, place of the key, value.
    Map(Vec<(Spanned<String>, Node)>),
}

impl Tree {
    /// The value without places.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(items) => Value::Array(items.iter().map(|n| n.value.value()).collect()),
            Self::Map(entries) => {
                let map: Map<_, _> = entries.iter().map(|(k, n)| (k.value.clone(), n.value.value())).collect();
                Value::Object(map)
            }
        }
    }
}

/// The place of the value at `path` (keys and list positions), or of the nearest thing above it that is there.
/// With `key`, the place of the last step's key instead of its value.
pub(crate) fn locate(node: &Node, path: &[String], key: bool) -> Location {
    let Some((step, rest)) = path.split_first() else { return node.referenced };
    match &node.value {
        Tree::Map(entries) => match entries.iter().find(|(k, _)| k.value == *step) {
            Some((k, _)) if rest.is_empty() && key => k.referenced,
            Some((_, child)) => locate(child, rest, key),
            None => node.referenced,
        },
        Tree::List(items) => match step.parse().ok().and_then(|i: usize| items.get(i)) {
            Some(child) => locate(child, rest, key),
            None => node.referenced,
        },
        Tree::Scalar(_) => node.referenced,
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        Number::from_f64(value)
            .map(|n| Tree::Scalar(Value::Number(n)))
            .ok_or_else(|| E::custom("NaN and infinity cannot be given here"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
