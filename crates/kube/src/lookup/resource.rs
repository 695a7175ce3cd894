//! The AWS resource that an object stands for. Pure.

use sagewright_kinds::Kind;
use sagewright_legacy::kinds::Becomes;
use sagewright_model::name::to_crd;
use sagewright_objects::{Object, keys};
use serde_json::Value;

use super::word::Served;
use crate::declared;

/// The AWS resource that an object stands for.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The resource's kind.
    pub kind: &'static Kind,
    /// The object's kind: `trainingjobs.sagemaker.services.k8s.aws`.
    pub object: String,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The resource's name.
    pub resource: String,
    /// The resource's region; none where neither the object nor the namespace says it.
    pub region: Option<String>,
    /// The resource's account, once the object says it.
    pub account: Option<String>,
    /// The URL for all AWS services, where the namespace names one.
    pub endpoint: Option<String>,
    /// The URL for SageMaker alone, where a legacy object names one.
    pub sagemaker_endpoint: Option<String>,
    /// What the object says is wrong; empty where nothing is.
    pub trouble: String,
    /// Why the namespace could not be read, and so says nothing.
    pub unread: Option<String>,
}

impl Resource {
    /// Whether another object stands for the same resource.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.kind.name() == other.kind.name() && self.resource == other.resource && self.region == other.region
    }
}

/// What a namespace says of its objects' resources.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    region: Option<String>,
    endpoint: Option<String>,
    /// Why it could not be read.
    unread: Option<String>,
}

impl Scope {
    /// What is known of a namespace that could not be read.
    pub(super) fn unread(why: String) -> Self {
        Self { unread: Some(why), ..Self::default() }
    }

    pub(super) fn of(namespace: &Value) -> Self {
        let annotation = |key| text(namespace.pointer("/metadata/annotations"), key);
        Self { region: annotation(keys::DEFAULT_REGION), endpoint: annotation(keys::ENDPOINT_URL), unread: None }
    }
}

fn text(value: Option<&Value>, field: &str) -> Option<String> {
    value?.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The resource of an object of ACK's group.
///
/// # Errors
/// The object does not name it; with what the object says is wrong.
pub(super) fn of_ack(served: &Served, document: Value, scope: &Scope) -> Result<Resource, String> {
    let trouble = conditions(&document);
    let kind = sagewright_kinds::find(&served.full()).ok_or_else(|| trouble.clone())?;
    let object = Object::from_value(document).map_err(|error| error.to_string())?;
    let known = |field| text(object.status.get("ackResourceMetadata"), field);
    let region = known("region").or_else(|| object.annotation(keys::REGION).map(str::to_owned));
    Ok(Resource {
        resource: adopted(kind, &object)
            .or_else(|| declared::resource(kind, &object))
            .ok_or_else(|| trouble.clone())?,
        region: region.filter(|region| !region.is_empty()).or_else(|| scope.region.clone()),
        account: known("ownerAccountID"),
        endpoint: scope.endpoint.clone(),
        sagemaker_endpoint: None,
        trouble,
        ..empty(kind, served, scope)
    })
}

/// The name of a resource that is to be adopted, and that the spec does not have yet.
fn adopted(kind: &Kind, object: &Object) -> Option<String> {
    let [member] = kind.row().identity.name.as_slice() else { return None };
    let field = to_crd(member);
    if object.spec.get(&field).is_some() {
        return None;
    }
    let fields: Value = serde_json::from_str(object.annotation(keys::ADOPTION_FIELDS)?).ok()?;
    text(Some(&fields), &field)
}

/// The resource of an object of the legacy group.
///
/// # Errors
/// As [`of_ack`].
pub(super) fn of_legacy(served: &Served, document: Value, scope: &Scope) -> Result<Resource, String> {
    let (spec, status) = (document.get("spec"), document.get("status"));
    let trouble = text(status, "additional").unwrap_or_default();
    let row = sagewright_legacy::find(&served.kind);
    let (Some(row), Some(kind)) = (row, super::becomes(&served.kind)) else { return Err(trouble) };
    let declared = match row.becomes {
        // `TrainingJobName` of AWS is `trainingJobName` here.
        Becomes::One { name, .. } => text(spec, &first_small(name)),
        Becomes::Hosting | Becomes::Scaling => text(spec, "endpointName"),
    };
    Ok(Resource {
        resource: text(status, row.resource).or(declared).ok_or_else(|| trouble.clone())?,
        region: text(spec, "region").or_else(|| scope.region.clone()),
        account: None,
        endpoint: scope.endpoint.clone(),
        sagemaker_endpoint: text(spec, "sageMakerEndpoint"),
        trouble,
        ..empty(kind, served, scope)
    })
}

fn empty(kind: &'static Kind, served: &Served, scope: &Scope) -> Resource {
    Resource {
        kind,
        object: served.full(),
        namespace: String::new(),
        name: String::new(),
        resource: String::new(),
        region: None,
        account: None,
        endpoint: None,
        sagemaker_endpoint: None,
        trouble: String::new(),
        unread: scope.unread.clone(),
    }
}

fn first_small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// Conditions that say that something is wrong.
const WRONG: [(&str, &str); 3] =
    [("ACK.Terminal", "True"), ("ACK.Recoverable", "True"), ("ACK.ReferencesResolved", "False")];

fn conditions(document: &Value) -> String {
    let all = document.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let has =
        |condition: &&Value, field: &str, value: &str| condition.get(field).and_then(Value::as_str) == Some(value);
    let wrong = all.filter(|c| WRONG.iter().any(|(kind, status)| has(c, "type", kind) && has(c, "status", status)));
    let said: Vec<String> = wrong.filter_map(|condition| text(Some(condition), "message")).collect();
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn served(group: &str, kind: &str, plural: &str) -> Served {
        Served::new(group, "v1", &json!({"name": plural, "kind": kind})).unwrap()
    }

    fn ack(document: Value, scope: &Scope) -> Result<Resource, String> {
        let mut document = document;
        document["apiVersion"] = json!("sagemaker.services.k8s.aws/v1alpha1");
        document["kind"] = json!("TrainingJob");
        document["metadata"]["name"] = json!("mine");
        of_ack(&served("sagemaker.services.k8s.aws", "TrainingJob", "trainingjobs"), document, scope)
    }

    #[test]
    fn status_annotation_and_namespace_say_the_region_in_this_order() {
        let namespace = json!({"metadata": {"annotations": {
            "services.k8s.aws/default-region": "eu-west-1", "services.k8s.aws/endpoint-url": "https://aws.corp",
        }}});
        let scope = Scope::of(&namespace);
        let region = |document: Value| ack(document, &scope).unwrap().region;
        let annotated = json!({"annotations": {"services.k8s.aws/region": "eu-west-2"}});
        let known = json!({"ackResourceMetadata": {"region": "eu-west-3", "ownerAccountID": "123456789012"}});
        assert_eq!(region(json!({})).as_deref(), Some("eu-west-1"));
        assert_eq!(region(json!({"metadata": annotated})).as_deref(), Some("eu-west-2"));
        assert_eq!(region(json!({"metadata": annotated, "status": known})).as_deref(), Some("eu-west-3"));
        let found = ack(json!({"status": known}), &scope).unwrap();
        assert_eq!(
            (found.account.as_deref(), found.endpoint.as_deref()),
            (Some("123456789012"), Some("https://aws.corp"))
        );
        assert_eq!(ack(json!({}), &Scope::default()).unwrap().region, None);
    }

    #[test]
    fn spec_adoption_or_the_objects_name_say_the_resource() {
        let name = |document: Value| ack(document, &Scope::default()).unwrap().resource;
        let adopted = json!({"annotations": {"services.k8s.aws/adoption-fields": "{\"trainingJobName\": \"old\"}"}});
        assert_eq!(name(json!({})), "mine");
        assert_eq!(name(json!({"metadata": adopted})), "old");
        assert_eq!(name(json!({"metadata": adopted, "spec": {"trainingJobName": "job"}})), "job");
    }

    #[test]
    fn what_is_wrong_is_taken_from_the_conditions() {
        let said = ack(
            json!({"status": {"conditions": [
                {"type": "ACK.Terminal", "status": "True", "message": "no such role"},
                {"type": "Ready", "status": "False", "message": "later"},
                {"type": "ACK.Recoverable", "status": "False", "message": "was"},
            ]}}),
            &Scope::default(),
        );
        assert_eq!(said.unwrap().trouble, "no such role");
    }

    #[test]
    fn a_legacy_object_says_its_resource_in_status_or_spec() {
        let of = |kind: &str, plural: &str, document: Value| {
            of_legacy(&served(sagewright_legacy::GROUP, kind, plural), document, &Scope::default())
                .map(|found| (found.kind.name(), found.resource, found.region, found.sagemaker_endpoint))
        };
        let found = of(
            "BatchTransformJob",
            "batchtransformjobs",
            json!({"spec": {"region": "us-west-2", "transformJobName": "declared", "sageMakerEndpoint": "https://vpce"},
                   "status": {"sageMakerTransformJobName": "made"}}),
        );
        let region = Some("us-west-2".to_owned());
        assert_eq!(found, Ok(("TransformJob", "made".to_owned(), region.clone(), Some("https://vpce".to_owned()))));
        let spec = json!({"region": "us-west-2", "hyperParameterTuningJobName": "tune"});
        let found = of("HyperparameterTuningJob", "hyperparametertuningjobs", json!({"spec": spec}));
        assert_eq!(found, Ok(("HyperParameterTuningJob", "tune".to_owned(), region.clone(), None)));
        let found = of(
            "HostingDeployment",
            "hostingdeployments",
            json!({"spec": {"region": "us-west-2", "endpointName": "e"}}),
        );
        assert_eq!(found, Ok(("Endpoint", "e".to_owned(), region, None)));
        let pending = json!({"spec": {"region": "us-west-2"}, "status": {"additional": "no such role"}});
        assert_eq!(of("ProcessingJob", "processingjobs", pending), Err("no such role".to_owned()));
        assert_eq!(of("HostingAutoscalingPolicy", "hostingautoscalingpolicies", json!({})), Err(String::new()));
    }
}
