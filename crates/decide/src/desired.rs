//! What is wanted of a resource.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sagewright_kinds::{Kind, Path, get, set};
use sagewright_objects::keys;
use sagewright_objects::manifest::convert::{Converted, convert};
use sagewright_objects::manifest::{AdoptionFields, GeneratedNames, ManifestError, RefUse, annotations};
use sagewright_objects::mark::Owner;
use sagewright_objects::object::{Object, ObjectId};
use sagewright_objects::selector::Selector;
use serde_json::Value;

use super::claims::Claims;
use super::decision::KNOWN_AFTER_APPLY;
use super::intent::{Adoption, Intent};

/// A reference whose value is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRef {
    /// The reference.
    pub reference: RefUse,
    /// What it waits for, in words.
    pub on: String,
}

/// What is wanted of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The object as declared.
    pub object: Object,
    /// Whether it is to be there.
    pub intent: Intent,
    /// Its spec under AWS names, references filled in, tags taken out.
    pub spec: Value,
    /// References whose value is not known yet; the spec holds [`KNOWN_AFTER_APPLY`] in their place.
    pub pending: Vec<PendingRef>,
    /// It holds references.
    pub has_refs: bool,
    /// Its tags, ours not among them.
    pub tags: BTreeMap<String, String>,
    /// Tags that a create sends besides; later they are neither compared nor changed.
    pub created_tags: BTreeMap<String, String>,
    /// Whether tags are declared at all; without, tags of others are left alone.
    pub declares_tags: bool,
    /// What to do with an unowned resource.
    pub adoption: Adoption,
    /// The ARN, where the object says it.
    pub arn: Option<String>,
    /// The fields that say what to adopt.
    pub adopts: AdoptionFields,
    /// What its engine takes as its own.
    pub claims: Arc<Claims>,
    /// A resource without a mark may be deleted too.
    pub unowned: bool,
    /// A resource that serves something else than declared may be deleted too.
    pub force: bool,
    /// Only while it is of this set it may be deleted: another command may have moved it meanwhile.
    pub only_of: Option<Arc<Selector>>,
    /// Only to be read.
    pub read_only: bool,
    /// Not to be deleted with its object.
    pub retain: bool,
    /// An object that stays and needs this one.
    pub retained_for: Option<ObjectId>,
    /// The set that is applied whole: what is of it and no longer declared may be deleted.
    pub set: Option<Arc<Selector>>,
    /// Its name follows from its spec: what bears its mark under another name is its own, too, and of another spec.
    pub generated: Option<GeneratedNames>,
    /// When the create was first sent, where what came of it is not known: the same idempotency token is sent again.
    pub attempt: Option<Timestamp>,
}

impl Desired {
    /// Reads an object. Its references are pending until [`Desired::fill`] gives their values.
    ///
    /// # Errors
    /// Fields that the kind does not have, references that cannot be read, and annotations that could not be heeded.
    pub fn new(kind: &Kind, object: &Object) -> Result<Self, Vec<ManifestError>> {
        let converted = convert(kind, &object.spec);
        let mut errors = annotations::check(kind, object, 0);
        errors.extend(converted.errors.iter().map(|w| w.clone().into_error(0, object)));
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self::of(kind, object, converted))
    }

    /// Reads an object whose spec was converted and has nothing wrong.
    pub fn of(kind: &Kind, object: &Object, converted: Converted) -> Self {
        let annotation = |key: &str| object.annotation(key).unwrap_or_default();
        let adopts = AdoptionFields::read(kind, object);
        let mut spec = converted.spec;
        // Adoption by fields stands in for a spec that is not written yet.
        for (member, value) in &adopts.members {
            if let (Some(_), Some(map)) = (kind.spec_member(member), spec.as_object_mut()) {
                map.entry(member.as_str()).or_insert_with(|| value.clone());
            }
        }
        let declared = kind.tags_member().and_then(|m| spec.as_object_mut()?.shift_remove(m));
        let pending: Vec<PendingRef> = converted
            .refs
            .into_iter()
            .map(|reference| {
                set(&mut spec, &reference.path, Value::String(KNOWN_AFTER_APPLY.to_owned()));
                let on = format!("{} {}", reference.target.kind, reference.name);
                PendingRef { reference, on }
            })
            .collect();
        Self {
            object: object.clone(),
            intent: Intent::Present,
            spec,
            has_refs: !pending.is_empty(),
            pending,
            tags: declared.as_ref().map(read_tags).unwrap_or_default(),
            created_tags: BTreeMap::new(),
            declares_tags: declared.is_some(),
            adoption: match annotation(keys::ADOPTION_POLICY) {
                "adopt" => Adoption::Adopt,
                "adopt-or-create" => Adoption::AdoptOrCreate,
                _ => Adoption::No,
            },
            arn: adopts.arn.clone().or_else(|| object.arn().map(str::to_owned)),
            adopts,
            claims: Arc::default(),
            unowned: false,
            force: false,
            only_of: None,
            read_only: object.is_read_only(),
            retain: annotation(keys::DELETION_POLICY) == "retain",
            retained_for: None,
            set: None,
            generated: None,
            attempt: None,
        }
    }

    /// Gives a pending reference its value.
    pub fn fill(&mut self, path: &Path, value: &str) {
        if let Some(at) = self.pending.iter().position(|p| p.reference.path == *path) {
            let pending = self.pending.remove(at);
            set(&mut self.spec, path, Value::String(pending.reference.compose(value)));
        }
    }

    /// The owner's mark that its resource bears.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner::new(&self.claims.installation, &self.object.id())
    }

    /// What is known of the members that address its resource: its spec, and what the fields of its adoption say besides.
    pub fn address(&self) -> Cow<'_, Value> {
        let mut address = Cow::Borrowed(&self.spec);
        let named = self.adopts.named.iter().map(|(member, name)| (member, Value::String(name.clone())));
        let given = self.adopts.members.iter().map(|(member, value)| (member, value.clone()));
        for (member, value) in given.chain(named).filter(|(member, _)| self.spec.get(*member).is_none()) {
            if let Some(map) = address.to_mut().as_object_mut() {
                map.insert(member.clone(), value);
            }
        }
        address
    }

    /// Its name in AWS, where all parts of it are known.
    #[must_use]
    pub fn name(&self, kind: &Kind) -> Option<String> {
        let known = |m: &String| get(&self.spec, &Path::parse(m)).and_then(Value::as_str) != Some(KNOWN_AFTER_APPLY);
        kind.row().identity.name.iter().all(known).then(|| kind.name_of(&self.spec)).flatten()
    }
}

/// Tags in either of AWS's forms: a list of `Key` and `Value`, or a map.
#[must_use]
pub fn read_tags(value: &Value) -> BTreeMap<String, String> {
    let text = |v: Option<&Value>| v.and_then(Value::as_str).map(str::to_owned);
    match value {
        Value::Array(items) => {
            items.iter().filter_map(|t| Some((text(t.get("Key"))?, text(t.get("Value")).unwrap_or_default()))).collect()
        }
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect(),
        _ => BTreeMap::new(),
    }
}

impl Desired {
    /// Takes over a status that a look gave: the ARN in it says which resource is the object's.
    pub fn observe(&mut self, status: &Value) {
        let before = self.object.arn().map(str::to_owned);
        self.object.status.clone_from(status);
        if self.arn.is_none() || self.arn == before {
            self.arn = self.object.arn().map(str::to_owned).or(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inputs::{Known, address};

    #[test]
    fn a_resource_that_aws_gives_an_id_is_found_by_its_id_or_its_arn() {
        let row = r#"
            kind = "Domain"
            service = "sagemaker"
            operations = { create = "CreateDomain", read = "DescribeDomain", input = { read = { DomainId = "$arn.name" } } }
            identity = { within = ["DomainName"], arn = "DomainArn" }
        "#;
        let kind = sagewright_kinds::parse("domain", row).unwrap();
        let fields = |fields: Value| {
            let mut object = Object::new(&kind, "mine");
            object.metadata.annotations.insert(keys::ADOPTION_POLICY.into(), "adopt".into());
            object.metadata.annotations.insert(keys::ADOPTION_FIELDS.into(), fields.to_string());
            object
        };
        for said in [json!({"domainID": "d-1"}), json!({"arn": "arn:aws:sagemaker:us-east-1:123456789012:domain/d-1"})]
        {
            let object = fields(said);
            assert_eq!(annotations::check(&kind, &object, 0), []);
            let desired = Desired::new(&kind, &object).unwrap();
            let spec = desired.address();
            let known = Known { spec: Some(&spec), arn: desired.arn.as_deref(), output: None };
            assert_eq!(address(&kind, "read", "DescribeDomain", known), Some(json!({"DomainId": "d-1"})));
            assert_eq!(desired.spec, json!({}), "an id is no part of the spec");
        }
        let wrong = annotations::check(&kind, &fields(json!({"domainName": "studio"})), 0);
        let [error] = wrong.as_slice() else { panic!("{wrong:?}") };
        assert!(error.message.contains("which domain"), "{error:?}");
        assert_eq!(error.expected.as_deref(), Some("domainName, domainID, arn"));
    }
}
