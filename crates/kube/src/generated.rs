//! Names that the operator generates: which ones an object has had, which of its resources are older, and when they may go. Pure.

use sagewright_decide::Desired;
use sagewright_decide::fingerprint::fingerprint;
use sagewright_engine::watch::ContentHash;
use sagewright_kinds::{Kind, Path};
use sagewright_model::name::to_crd;
use sagewright_objects::manifest::DIGITS;
use sagewright_objects::{Object, keys};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::referents::Given;
use crate::remembered;

/// The member of what is remembered that holds the names.
const FIELD: &str = "generated";

/// The names that an object has had in AWS. One is added before its resource is created, so that none is forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generated {
    /// The one that was declared last is the last.
    names: Vec<String>,
    /// What was declared when the last one was found to be there as declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    declared: Option<ContentHash>,
}

impl Generated {
    /// Reads a status.
    pub(crate) fn read(status: &Value) -> Self {
        let field = status.get(remembered::FIELD).and_then(|all| all.get(FIELD));
        field.and_then(|field| Self::deserialize(field).ok()).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// The name that was declared last.
    pub(crate) fn last(&self) -> Option<&str> {
        self.names.last().map(String::as_str)
    }

    /// All but the last, the one that was declared longest ago first.
    pub(crate) fn others(&self) -> &[String] {
        self.names.split_last().map(|(_, others)| others).unwrap_or_default()
    }

    /// Those that go when nothing uses them: so many others are kept.
    pub(crate) fn older(&self, keep: usize) -> &[String] {
        let others = self.others();
        others.get(..others.len().saturating_sub(keep)).unwrap_or_default()
    }

    /// A name is declared now. `before`: what the object's resource was called when it had no generated name. Whether it is
    /// another one than before.
    pub(crate) fn declare(&mut self, name: &str, before: Option<&str>) -> bool {
        if self.last() == Some(name) {
            return false;
        }
        self.names.extend(before.filter(|before| self.names.is_empty() && *before != name).map(str::to_owned));
        // One that was never there as declared is kept last of all: it must not take the place of one that was.
        if self.declared.is_none()
            && let Some(last) = self.names.pop()
        {
            self.names.insert(0, last);
        }
        self.names.retain(|known| known != name);
        self.names.push(name.to_owned());
        self.declared = None;
        true
    }

    /// Its last resource is as declared.
    pub(crate) fn is_as_declared(&mut self, declared: ContentHash) {
        self.declared = Some(declared);
    }

    /// Whether its last resource is that of this declaration.
    pub(crate) fn is_of(&self, declared: ContentHash) -> bool {
        self.declared == Some(declared)
    }

    /// A resource is gone, or is not the object's.
    pub(crate) fn forget(&mut self, name: &str) {
        self.names.retain(|known| known != name);
    }
}

/// Whether an object asks for generated names.
pub(crate) fn is_asked_for(kind: &Kind, object: &Object) -> bool {
    object.annotation(keys::GENERATE_NAME).is_some() && kind.takes_generated_names()
}

/// How many older resources of an object are kept that nothing uses.
pub(crate) fn kept(object: &Object) -> usize {
    object.annotation(keys::KEEP_GENERATED).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Whether what an object gives to others is of its present declaration: its name changes with that.
pub(crate) fn is_current(object: &Object) -> bool {
    Generated::read(&object.status).is_of(ContentHash::of_declared(object))
}

/// What an object's resource is called where the spec does not say it.
pub(crate) fn own_name(kind: &Kind, object: &Object) -> String {
    let generated = if is_asked_for(kind, object) { Generated::read(&object.status) } else { Generated::default() };
    generated.last().unwrap_or(&object.metadata.name).to_owned()
}

/// The digits of the name of what is declared, with its references resolved. Tags can be changed, and do not count. The object
/// counts: two objects with the same spec have a resource each.
pub(crate) fn digits(kind: &Kind, desired: &Desired) -> String {
    let mut spec = desired.spec.clone();
    if let (Some(map), Some(member)) = (spec.as_object_mut(), kind.own_name()) {
        map.shift_remove(member);
    }
    spec.sort_all_objects();
    let id = desired.object.id();
    fingerprint(&format!("{}/{} {spec}", id.namespace, id.name), DIGITS)
}

/// Gives what is declared a name.
pub(crate) fn set_name(kind: &Kind, desired: &mut Desired, name: &str) {
    let Some(member) = kind.own_name() else { return };
    sagewright_kinds::set(&mut desired.spec, &Path::of_members([member]), Value::from(name));
    sagewright_kinds::set(&mut desired.object.spec, &Path::of_members([to_crd(member).as_str()]), Value::from(name));
}

/// Whether those that refer to an object have settled on what it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Not all objects of the cluster are known yet.
    Unknown,
    /// One has not.
    Not,
    /// All of them have, on this.
    By(Given),
}

/// What a look does about older resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There are none that may go.
    Nothing,
    /// Look again soon: what is known of referrers is older than this look.
    Soon,
    /// Referrers have not moved on; when one has, there is a look.
    Wait,
    /// Ask AWS what uses them.
    Ask,
}

/// What a look does about older resources. `settled`: it found the last one as declared, and wrote nothing. `gives`: what the
/// stored object gives to referrers.
pub(crate) fn turn(older: &[String], settled: bool, gives: Given, taken: Taken) -> Turn {
    match taken {
        _ if older.is_empty() => Turn::Nothing,
        Taken::By(taken) if settled && taken == gives => Turn::Ask,
        Taken::Not if settled => Turn::Wait,
        _ => Turn::Soon,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(names: &[&str]) -> Generated {
        Generated { names: names.iter().map(|name| (*name).to_owned()).collect(), declared: None }
    }

    fn hash(of: &str) -> ContentHash {
        ContentHash::of(&json!(of), &[])
    }

    #[test]
    fn a_name_is_added_once_and_the_declared_one_is_the_last() {
        for (known, name, before, after, is_other) in [
            (&[][..], "a", None, &["a"][..], true),
            (&[], "a", Some("mine"), &["mine", "a"], true),
            (&[], "a", Some("a"), &["a"], true),
            (&["a"], "a", Some("a"), &["a"], false),
            (&["a"], "b", Some("a"), &["a", "b"], true),
            (&["a", "b", "c"], "a", None, &["b", "c", "a"], true),
        ] {
            let mut all = names(known);
            all.is_as_declared(hash("x"));
            assert_eq!(all.declare(name, before), is_other, "{known:?} {name}");
            assert_eq!(all.names, after);
            assert_eq!(all.is_of(hash("x")), !is_other, "what was declared before is of another name");
        }
    }

    #[test]
    fn one_that_was_never_as_declared_is_kept_last_of_all() {
        let mut all = names(&[]);
        // (what is declared, whether it comes to be there, the names after that)
        for (name, comes, after) in [
            ("a", true, &["a"][..]),
            ("b", false, &["a", "b"]),
            ("c", false, &["b", "a", "c"]),
            ("d", true, &["c", "b", "a", "d"]),
            ("e", true, &["c", "b", "a", "d", "e"]),
        ] {
            all.declare(name, None);
            if comes {
                all.is_as_declared(hash(name));
            }
            assert_eq!(all.names, after);
        }
    }

    #[test]
    fn the_newest_others_are_kept_and_the_last_name_always_is() {
        let all = names(&["a", "b", "c", "d"]);
        for (keep, older) in [(0, &["a", "b", "c"][..]), (1, &["a", "b"]), (3, &[]), (100, &[])] {
            assert_eq!(all.older(keep), older);
        }
        assert!(names(&[]).older(0).is_empty() && names(&["a"]).older(0).is_empty());
        let mut all = all;
        all.forget("b");
        assert_eq!((all.others(), all.last()), (&["a".to_owned(), "c".to_owned()][..], Some("d")));
    }

    #[test]
    fn an_older_resource_is_asked_about_once_all_referrers_settled_on_the_last_one() {
        let (none, one): (&[String], &[String]) = (&[], &["a".to_owned()]);
        for (older, settled, gives, taken, turn) in [
            (none, true, 7, Taken::By(7), Turn::Nothing),
            (none, false, 7, Taken::Not, Turn::Nothing),
            (one, false, 7, Taken::By(7), Turn::Soon),
            (one, false, 7, Taken::Not, Turn::Soon),
            (one, true, 7, Taken::Unknown, Turn::Soon),
            (one, true, 7, Taken::Not, Turn::Wait),
            (one, true, 7, Taken::By(6), Turn::Soon),
            (one, true, 0, Taken::By(6), Turn::Soon),
            (one, true, 7, Taken::By(7), Turn::Ask),
            (one, true, 0, Taken::By(0), Turn::Ask),
        ] {
            assert_eq!(super::turn(older, settled, gives, taken), turn, "{older:?} {settled} {gives} {taken:?}");
        }
    }

    #[test]
    fn names_follow_from_the_object_and_its_spec_alone() {
        let of = |name: &str, spec: Value| {
            let kind = sagewright_kinds::find("Model").unwrap();
            let object = Object { spec, ..Object::new(kind, name) };
            let mut desired = Desired::new(kind, &object).unwrap();
            let digits = digits(kind, &desired);
            set_name(kind, &mut desired, "other");
            assert_eq!(super::digits(kind, &desired), digits, "its name is no part of it");
            assert_eq!(desired.name(kind).as_deref(), Some("other"));
            assert_eq!(desired.object.spec["modelName"], "other");
            digits
        };
        let spec = |image: &str| json!({"executionRoleARN": "r", "primaryContainer": {"image": image}});
        // Kept in clusters: another one would be another resource for everybody.
        assert_eq!(of("fraud", spec("i")), "97eaf3896f");
        let turned = json!({"primaryContainer": {"image": "i"}, "executionRoleARN": "r"});
        assert_eq!(of("fraud", spec("i")), of("fraud", turned));
        let mut tagged = spec("i");
        tagged["tags"] = json!([{"key": "team", "value": "risk"}]);
        assert_eq!(of("fraud", spec("i")), of("fraud", tagged));
        assert_ne!(of("fraud", spec("i")), of("fraud", spec("j")));
        assert_ne!(of("fraud", spec("i")), of("spam", spec("i")));
    }

    #[test]
    fn what_cannot_be_read_beside_them_does_not_lose_the_names() {
        let status = json!({"sagewright": {"memory": [], "generated": {"names": ["a", "b"]}}});
        assert_eq!(Generated::read(&status), names(&["a", "b"]));
        assert_eq!(crate::remembered::Remembered::read(&status).generated, names(&["a", "b"]));
        assert!(Generated::read(&json!({"sagewright": {"generated": 1}})).is_empty());
    }
}
