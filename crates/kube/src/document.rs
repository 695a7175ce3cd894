//! From an object of the cluster to what is wanted of AWS. Pure.

use std::sync::Arc;

use sagewright_decide::{Adoption, Claims, Desired, Intent};
use sagewright_kinds::{Kind, Path, PathSegment};
use sagewright_model::name::to_crd;
use sagewright_objects::manifest::{DIGITS, GeneratedNames};
use sagewright_objects::{ManifestError, Object, keys};
use serde_json::Value;

use crate::generated;
use crate::options::{DeletionPolicy, Options};
use crate::tags;

/// What is wanted of an object's resource.
///
/// # Errors
/// What is wrong with the object, in words.
pub(crate) fn desired(
    kind: &'static Kind,
    object: &Object,
    intent: Intent,
    policy: DeletionPolicy,
    options: &Options,
    claims: &Arc<Claims>,
) -> Result<Desired, String> {
    let mut object = object.clone();
    let own_name = generated::own_name(kind, &object);
    let generated = GeneratedNames::take(kind, &mut object).map_err(|errors| words(&errors))?;
    match &generated {
        // Its references have to be resolved before the name is known: until then it has the one of before, or none in particular.
        Some(names) if intent == Intent::Present && object.arn().is_none() => {
            fill_name(kind, &mut object, names.name(kind, &"0".repeat(DIGITS)));
        }
        _ => fill_name(kind, &mut object, own_name),
    }
    if options.gates.resource_adoption && is_to_adopt(&object) {
        only_identity(kind, &mut object);
    }
    // What is there was taken by AWS, whatever this version says of it.
    if intent == Intent::Present && object.arn().is_none() {
        check(&object)?;
    }
    // The scope says the region.
    object.metadata.annotations.shift_remove(keys::REGION);
    // The policy that counts is the one that was told.
    object.metadata.annotations.shift_remove(keys::DELETION_POLICY);
    let mut desired = Desired::new(kind, &object).map_err(|errors| words(&errors))?;
    desired.intent = intent;
    desired.generated = generated;
    desired.retain = policy == DeletionPolicy::Retain;
    desired.claims = Arc::clone(claims);
    // Deleting the object means its resource, whatever that serves by now.
    desired.force = intent == Intent::Absent;
    if kind.tags_member().is_some() {
        desired.created_tags = tags::of(&options.resource_tags, kind, &object);
    }
    if !options.gates.resource_adoption {
        desired.adoption = Adoption::No;
    }
    if !options.gates.read_only {
        desired.read_only = false;
    }
    Ok(desired)
}

/// Whether an object takes over a resource as it is, and has not yet: what it declares then comes from AWS.
pub(crate) fn is_to_adopt(object: &Object) -> bool {
    object.annotation(keys::ADOPTION_POLICY) == Some("adopt") && object.annotation(keys::ADOPTED).is_none()
}

/// Leaves only what says which resource is meant.
fn only_identity(kind: &Kind, object: &mut Object) {
    let fields: Vec<String> = kind.identity_members().map(|member| to_crd(member)).collect();
    let refs: Vec<&str> = kind
        .refs()
        .iter()
        .filter(|r| kind.identity_members().any(|member| r.path.first() == Some(member.as_str())))
        .map(|r| r.field.as_str())
        .collect();
    if let Some(spec) = object.spec.as_object_mut() {
        spec.retain(|field, _| fields.iter().any(|f| f == field) || refs.contains(&field.as_str()));
    }
}

/// Checks what is declared, before something is made of it.
///
/// # Errors
/// What is wrong with the object, in words.
pub(crate) fn check(object: &Object) -> Result<(), String> {
    sagewright_objects::check_in_cluster(object).map_err(|errors| words(&errors))
}

/// A resource is named as its object, where the object does not say its name, or has the name that was generated for it.
pub(crate) fn name(kind: &Kind, object: &mut Object) {
    let name = generated::own_name(kind, object);
    fill_name(kind, object, name);
}

fn fill_name(kind: &Kind, object: &mut Object, name: String) {
    let Some(member) = kind.own_name() else { return };
    if object.annotation(keys::ADOPTION_FIELDS).is_some() {
        return;
    }
    // Known names: to work one out costs more than the rest of this.
    let Path(path) = kind.spec_path_to_crd(&Path::parse(member));
    let [PathSegment::Member(field)] = path.as_slice() else { return };
    let refers = kind.refs().iter().any(|r| r.path.first() == Some(member) && object.spec.get(&r.field).is_some());
    if let Some(spec) = object.spec.as_object_mut()
        && !refers
    {
        spec.entry(field.as_str()).or_insert(Value::String(name));
    }
}

/// Everything that is wrong with an object, in one line.
fn words(errors: &[ManifestError]) -> String {
    let one = |error: &ManifestError| {
        let expected = error.expected.as_ref().map(|e| format!(" (expected {e})")).unwrap_or_default();
        format!("{}: {}{expected}", error.path, error.message)
    };
    errors.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::tests::options;

    fn object(kind: &str, spec: Value) -> (&'static Kind, Object) {
        let kind = sagewright_kinds::find(kind).unwrap();
        (kind, Object { spec, ..Object::new(kind, "mine") })
    }

    fn wanted(kind: &str, spec: Value) -> Result<Desired, String> {
        let (kind, object) = object(kind, spec);
        desired(kind, &object, Intent::Present, DeletionPolicy::Delete, &options(), &Arc::default())
    }

    #[test]
    fn a_resource_is_named_as_its_object_unless_the_object_says_a_name() {
        for (kind, spec, field, name) in [
            ("Model", json!({}), "modelName", Some("mine")),
            ("Model", json!({"modelName": "fraud"}), "modelName", Some("fraud")),
            ("DataQualityJobDefinition", json!({}), "jobDefinitionName", Some("mine")),
            ("MlflowTrackingServer", json!({}), "trackingServerName", Some("mine")),
            ("AutoMLJobV2", json!({}), "autoMLJobName", Some("mine")),
            ("Space", json!({"domainID": "d-1"}), "spaceName", Some("mine")),
            ("UserProfile", json!({"domainID": "d-1"}), "userProfileName", Some("mine")),
            ("Domain", json!({}), "domainName", Some("mine")),
            ("ScalingPolicy", json!({"resourceID": "endpoint/e/variant/v"}), "policyName", Some("mine")),
            ("ModelPackage", json!({}), "modelPackageName", None),
            ("PipelineExecution", json!({"pipelineName": "p"}), "pipelineName", Some("p")),
        ] {
            let (kind, mut object) = object(kind, spec);
            super::name(kind, &mut object);
            assert_eq!(object.spec.get(field).and_then(Value::as_str), name, "{}", kind.name());
        }
    }

    #[test]
    fn what_is_wrong_with_an_object_is_said_field_by_field() {
        let said = wanted("Model", json!({"modelNmae": "x", "executionRoleARN": "arn:aws:iam::123456789012:role/r"}));
        let said = said.unwrap_err();
        assert!(said.contains("spec.modelNmae") && said.contains("did you mean"), "{said}");
        let (kind, mut object) = object("Model", json!({"executionRoleARN": "arn:aws:iam::123456789012:role/r"}));
        object.metadata.annotations.insert(keys::DELETION_POLICY.to_owned(), "Retain".to_owned());
        let said = desired(kind, &object, Intent::Present, DeletionPolicy::Retain, &options(), &Arc::default());
        let said = said.unwrap_err();
        assert!(said.contains(keys::DELETION_POLICY) && said.contains("delete or retain"), "{said}");
    }

    #[test]
    fn what_is_adopted_is_taken_as_it_is() {
        let (kind, mut object) = object("Model", json!({"modelName": "m", "enableNetworkIsolation": true}));
        object.metadata.annotations.insert(keys::ADOPTION_POLICY.to_owned(), "adopt".to_owned());
        let wanted = |object: &Object| {
            desired(kind, object, Intent::Present, DeletionPolicy::Delete, &options(), &Arc::default()).unwrap().spec
        };
        assert_eq!(wanted(&object), json!({"ModelName": "m"}));
        object.metadata.annotations.insert(keys::ADOPTED.to_owned(), "true".to_owned());
        assert_eq!(wanted(&object), json!({"ModelName": "m", "EnableNetworkIsolation": true}));
    }

    #[test]
    fn an_object_with_generated_names_has_the_one_of_before_until_the_next_is_known() {
        let (kind, mut object) = object("Model", json!({"executionRoleARN": "arn:aws:iam::123456789012:role/r"}));
        object.metadata.annotations.insert(keys::GENERATE_NAME.to_owned(), "fraud-".to_owned());
        let wanted = |object: &Object, intent| {
            desired(kind, object, intent, DeletionPolicy::Delete, &options(), &Arc::default())
        };
        let first = wanted(&object, Intent::Present).unwrap();
        assert_eq!(first.name(kind).as_deref(), Some("fraud-0000000000"), "that it makes a name is checked");
        assert_eq!(first.generated.map(|names| names.prefix).as_deref(), Some("fraud-"));
        assert!(first.object.annotation(keys::GENERATE_NAME).is_none());
        object.status =
            json!({"ackResourceMetadata": {"arn": "a"}, "sagewright": {"generated": {"names": ["x", "y"]}}});
        for intent in [Intent::Present, Intent::Absent] {
            assert_eq!(wanted(&object, intent).unwrap().name(kind).as_deref(), Some("y"));
        }
        object.spec["modelName"] = json!("said");
        assert!(wanted(&object, Intent::Present).unwrap_err().contains("spec.modelName says the name already: `said`"));
        object.metadata.annotations.clear();
        assert_eq!(wanted(&object, Intent::Present).unwrap().name(kind).as_deref(), Some("said"));
    }

    #[test]
    fn the_policy_and_the_region_of_the_scope_count() {
        let (kind, mut object) = object("Model", json!({"modelName": "m"}));
        object.metadata.annotations.insert(keys::REGION.to_owned(), "eu-west-1".to_owned());
        object.metadata.annotations.insert(keys::DELETION_POLICY.to_owned(), "delete".to_owned());
        let wanted =
            desired(kind, &object, Intent::Absent, DeletionPolicy::Retain, &options(), &Arc::default()).unwrap();
        assert!(wanted.retain && wanted.object.annotation(keys::REGION).is_none());
    }
}
