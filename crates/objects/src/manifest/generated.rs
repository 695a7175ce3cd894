//! The annotations that ask the operator for generated names: another resource for each change of the spec.

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path};
use sagewright_model::{check_pattern, name::to_crd};

use super::ManifestError;
use super::error::Problem;
use crate::keys;
use crate::object::Object;

/// Digits at the end of a generated name: few enough to read, and two specs of one object do not meet by chance.
pub const DIGITS: usize = 10;
/// Older resources that may be kept although nothing uses them.
const MOST_KEPT: usize = 100;

/// What an object says of names that are generated for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GeneratedNames {
    /// How they begin.
    pub prefix: String,
    /// How many older resources are kept that nothing uses.
    pub keep: usize,
}

impl GeneratedNames {
    /// Takes the annotations off an object; nothing where it asks for no generated names.
    ///
    /// # Errors
    /// The kind takes none, the object says already which resource is meant, or a value cannot be used.
    pub fn take(kind: &Kind, object: &mut Object) -> Result<Option<Self>, Vec<ManifestError>> {
        // Nearly all objects have neither.
        let annotations = &object.metadata.annotations;
        if !annotations.contains_key(keys::GENERATE_NAME) && !annotations.contains_key(keys::KEEP_GENERATED) {
            return Ok(None);
        }
        let (prefix, keep) = (prefix(kind, object), keep(object));
        let wrong = |key: &str, problem: &Problem| {
            ManifestError::of_metadata(object, 0, &["annotations", key], problem.clone())
        };
        let of_prefix = prefix.as_ref().err().map(|problem| wrong(keys::GENERATE_NAME, problem));
        let of_keep = keep.as_ref().err().map(|problem| wrong(keys::KEEP_GENERATED, problem));
        match (prefix, keep) {
            (Ok(prefix), Ok(keep)) => {
                let annotations = &mut object.metadata.annotations;
                annotations.retain(|key, _| key != keys::GENERATE_NAME && key != keys::KEEP_GENERATED);
                Ok(Some(Self { prefix, keep }))
            }
            _ => Err(of_prefix.into_iter().chain(of_keep).collect()),
        }
    }

    /// The name that ends with these digits. A prefix that leaves no room for them is cut.
    #[must_use]
    pub fn name(&self, kind: &Kind, digits: &str) -> String {
        named(kind, &self.prefix, digits)
    }
}

fn named(kind: &Kind, prefix: &str, digits: &str) -> String {
    let shape = kind.own_name().and_then(|member| kind.spec_shape(&Path::of_members([member])));
    let most = shape.and_then(|shape| shape.max).map_or(usize::MAX, |most| most as usize);
    let room = most.saturating_sub(digits.len());
    prefix.chars().take(room).chain(digits.chars()).collect()
}

fn prefix(kind: &Kind, object: &Object) -> Result<String, Problem> {
    let problem = |why: String, expected: String| Err((why, expected));
    let Some(prefix) = object.annotation(keys::GENERATE_NAME) else {
        return Ok(String::new());
    };
    if !kind.takes_generated_names() {
        let all = sagewright_kinds::all().iter().filter(|kind| kind.takes_generated_names()).map(Kind::name);
        // Under their names, whatever their files are called.
        let all: BTreeMap<&str, ()> = all.map(|name| (name, ())).collect();
        let all: Vec<&str> = all.into_keys().collect();
        let why = format!(
            "{} takes no generated names: only kinds that AWS cannot update, and that are nothing but their spec, do",
            kind.name()
        );
        return problem(why, format!("no such annotation here; it is for {}", all.join(", ")));
    }
    let member = kind.own_name().unwrap_or_default();
    let field = to_crd(member);
    if let Some(name) = object.spec.get(&field).filter(|name| !name.is_null()) {
        let name = name.as_str().map_or_else(|| name.to_string(), |name| format!("`{name}`"));
        let why = format!("spec.{field} says the name already: {name}");
        return problem(why, format!("one of the two: no spec.{field}, or no such annotation"));
    }
    let says_which = [keys::ADOPTION_POLICY, keys::ADOPTION_FIELDS, keys::READ_ONLY];
    if let Some(other) = says_which.into_iter().find(|key| object.annotation(key).is_some()) {
        let why = format!("{other} means a resource that is there, and this makes others");
        return problem(why, "one of the two annotations".to_owned());
    }
    let shape = kind.spec_shape(&Path::of_members([member]));
    let name = named(kind, prefix, &"0".repeat(DIGITS));
    if prefix.is_empty() || shape.is_some_and(|shape| !check_pattern(shape, &name)) {
        let why = format!("`{prefix}` and {DIGITS} digits make no name of a {}", kind.words());
        return problem(why, "the beginning of a name, as in `fraud-`: letters, digits and hyphens".to_owned());
    }
    Ok(prefix.to_owned())
}

fn keep(object: &Object) -> Result<usize, Problem> {
    let Some(text) = object.annotation(keys::KEEP_GENERATED) else { return Ok(0) };
    if object.annotation(keys::GENERATE_NAME).is_none() {
        let why = format!("this says nothing without {}", keys::GENERATE_NAME);
        return Err((why, format!("both annotations, or none; a beginning of names in {}", keys::GENERATE_NAME)));
    }
    let keep = text.parse().ok().filter(|keep| *keep <= MOST_KEPT);
    keep.ok_or_else(|| {
        (format!("`{text}` is not a number of resources"), format!("a whole number from 0 to {MOST_KEPT}, in quotes"))
    })
}

/// What a command says of these annotations.
pub(super) fn operators(key: &str) -> Option<Problem> {
    matches!(key, keys::GENERATE_NAME | keys::KEEP_GENERATED).then(|| {
        let why = "the Kubernetes operator alone generates names: a command remembers no older ones";
        (why.to_owned(), "no such annotation, and the name in the spec".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn take(kind: &str, spec: Value, annotations: &[(&str, &str)]) -> Result<Option<GeneratedNames>, Vec<String>> {
        let kind = sagewright_kinds::find(kind).unwrap();
        let mut object = Object { spec, ..Object::new(kind, "mine") };
        for (key, value) in annotations {
            object.metadata.annotations.insert((*key).to_owned(), (*value).to_owned());
        }
        let before = object.clone();
        let taken = GeneratedNames::take(kind, &mut object);
        let ours = |object: &Object| object.metadata.annotations.keys().any(|key| key.contains("generate"));
        assert!(!ours(&object) || taken.is_err());
        assert!(taken.is_ok() || object == before);
        taken.map_err(|errors| errors.iter().map(|e| format!("{}: {}", e.path, e.message)).collect())
    }

    #[test]
    fn annotations_say_how_names_begin_and_how_many_are_kept() {
        let taken = |annotations: &[(&str, &str)]| take("Model", json!({}), annotations).unwrap();
        assert_eq!(taken(&[]), None);
        assert_eq!(taken(&[("team", "risk")]), None);
        let names = |prefix: &str, keep| Some(GeneratedNames { prefix: prefix.to_owned(), keep });
        assert_eq!(taken(&[(keys::GENERATE_NAME, "fraud-")]), names("fraud-", 0));
        assert_eq!(taken(&[(keys::GENERATE_NAME, "f"), (keys::KEEP_GENERATED, "3")]), names("f", 3));
    }

    #[test]
    fn what_cannot_be_heeded_is_refused() {
        let key = keys::GENERATE_NAME;
        let kept = keys::KEEP_GENERATED;
        for (kind, spec, annotations, says) in [
            ("Endpoint", json!({}), vec![(key, "e-")], "Endpoint takes no generated names"),
            ("TrainingJob", json!({}), vec![(key, "e-")], "takes no generated names"),
            ("FeatureGroup", json!({}), vec![(key, "e-")], "takes no generated names"),
            ("Model", json!({"modelName": "m"}), vec![(key, "m-")], "spec.modelName says the name already: `m`"),
            ("Model", json!({}), vec![(key, "m-"), (keys::ADOPTION_POLICY, "adopt")], keys::ADOPTION_POLICY),
            ("Model", json!({}), vec![(key, "m-"), (keys::READ_ONLY, "true")], keys::READ_ONLY),
            ("Model", json!({}), vec![(key, "")], "make no name of a model"),
            ("Model", json!({}), vec![(key, "-m")], "make no name"),
            ("Model", json!({}), vec![(key, "fraud_")], "make no name"),
            ("Model", json!({}), vec![(key, "m-"), (kept, "-1")], "not a number"),
            ("Model", json!({}), vec![(key, "m-"), (kept, "101")], "not a number"),
            ("Model", json!({}), vec![(kept, "1")], "says nothing without"),
        ] {
            let said = take(kind, spec, &annotations).unwrap_err();
            assert_eq!(said.len(), 1, "{annotations:?}");
            assert!(said[0].contains(says), "{said:?}");
        }
        let both = take("Model", json!({}), &[(key, "_"), (kept, "x")]).unwrap_err();
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn a_prefix_is_cut_to_what_a_name_may_have() {
        let kind = sagewright_kinds::find("Model").unwrap();
        let names = |prefix: &str| GeneratedNames { prefix: prefix.to_owned(), keep: 0 };
        assert_eq!(names("fraud-").name(kind, "0123456789"), "fraud-0123456789");
        let long = names(&"a".repeat(100)).name(kind, "0123456789");
        assert_eq!((long.len(), long.ends_with("a0123456789")), (63, true));
    }
}
