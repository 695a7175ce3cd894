//! What is remembered of an object between two looks: in this process, and in the object's status for the next one.

use sagewright_engine::reconcile::Memory;
use sagewright_engine::watch::{ContentHash, Settled};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::generated::Generated;
use crate::referents::Given;

/// The member of an object's status that holds what is remembered.
pub(crate) const FIELD: &str = "sagewright";

/// What is remembered of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// What the engine has to know of earlier looks.
    #[serde(default, skip_serializing_if = "is_blank")]
    pub(crate) memory: Memory,
    /// What was declared and listed when a look last found the object settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settled: Option<Settled>,
    /// What was declared when its resource was created, where nothing was looked at since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made: Option<ContentHash>,
    /// What the objects gave to which it refers.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub(crate) relied: Given,
    /// The names that were generated for its resources.
    #[serde(default, skip_serializing_if = "Generated::is_empty")]
    pub(crate) generated: Generated,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_nothing(given: &Given) -> bool {
    *given == 0
}

fn is_blank(memory: &Memory) -> bool {
    *memory == Memory::default()
}

impl Remembered {
    /// Reads a status. What cannot be read is forgotten: that costs a look. Names are read by themselves: who forgets one
    /// leaves a resource behind.
    pub(crate) fn read(status: &Value) -> Self {
        let all = status.get(FIELD).and_then(|field| Self::deserialize(field).ok());
        all.unwrap_or_else(|| Self { generated: Generated::read(status), ..Self::default() })
    }

    /// Puts it into a status.
    pub(crate) fn write(&self, status: &mut Value) {
        let Some(map) = status.as_object_mut() else { return };
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) if !fields.is_empty() => {
                map.insert(FIELD.to_owned(), Value::Object(fields));
            }
            _ => {
                map.shift_remove(FIELD);
            }
        }
    }

    /// Whether the next process needs to know it, where it would go on from `before`. How calls failed, and what a listing showed
    /// of an object that is settled, can be lost: that costs a look.
    pub(crate) fn must_be_kept(&self, before: &Self) -> bool {
        !self.memory.is_like(&before.memory) || self.generated != before.generated
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_remembered_comes_back_from_the_status() {
        let memory: Memory = serde_json::from_value(json!({"c": 1_800_000_000, "a": true})).unwrap();
        let settled: Settled = serde_json::from_value(json!({"d": 1, "s": 2})).unwrap();
        let all = Remembered { memory, settled: Some(settled), relied: 7, ..Remembered::default() };
        let mut status = json!({"conditions": []});
        all.write(&mut status);
        assert_eq!(Remembered::read(&status), all);
        Remembered::default().write(&mut status);
        assert_eq!(status, json!({"conditions": []}));
        for odd in [json!({}), json!(null), json!({"sagewright": 1}), json!({"sagewright": {"memory": []}})] {
            assert_eq!(Remembered::read(&odd), Remembered::default(), "{odd}");
        }
    }

    #[test]
    fn failures_alone_are_not_worth_a_write() {
        let of =
            |memory: Value| Remembered { memory: serde_json::from_value(memory).unwrap(), ..Remembered::default() };
        let blank = Remembered::default();
        assert!(!of(json!({"f": 1_800_000_000, "n": 3, "b": "t"})).must_be_kept(&blank));
        assert!(of(json!({"c": 1_800_000_000})).must_be_kept(&blank));
        assert!(blank.must_be_kept(&of(json!({"c": 1_800_000_000}))));
    }
}
