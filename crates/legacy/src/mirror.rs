//! Training jobs of a tuning job, each mirrored by an object of the legacy kind, as the legacy operator did.

use serde_json::{Map, Value, json};

use crate::document::from_aws;
use crate::fields;
use crate::names::of_content;
use crate::{GROUP, VERSION};

/// The finalizer of an object that mirrors: what has it makes, changes and stops nothing in AWS.
pub const MIRROR: &str = "sagemaker-operator-hpo-trainingjob";
/// The kind of tuning jobs, which are mirrored.
pub const TUNING: &str = "HyperparameterTuningJob";
/// The kind of what mirrors.
pub const MIRRORED: &str = "TrainingJob";

/// The object that mirrors a training job of a tuning job. `tuning` is the legacy document of the latter, `job` what AWS shows of
/// the former. Nothing where either does not say what it is.
#[must_use]
pub fn mirror(tuning: &Value, job: &Value) -> Option<Value> {
    let kind = sagewright_kinds::find(MIRRORED)?;
    let name = job.get("TrainingJobName")?.as_str()?;
    let Value::Object(mut spec) = from_aws(kind.service(), kind.create_shape(), job) else { return None };
    // AWS shows empty lists that its own limits, and the definition's, do not allow.
    spec.retain(|_, value| !matches!(value, Value::Array(items) if items.is_empty()));
    for field in ["region", "sageMakerEndpoint"] {
        let said = tuning.pointer(&format!("/spec/{field}")).filter(|value| !value.is_null());
        spec.extend(said.map(|value| (field.to_owned(), value.clone())));
    }
    let mut spec = Value::Object(spec);
    fields::keep_part(MIRRORED, "spec", &mut spec);
    let of = |field: &str| tuning.get("metadata").and_then(|metadata| metadata.get(field)).cloned();
    let mut metadata = Map::from_iter([
        ("name".to_owned(), json!(name.to_ascii_lowercase())),
        ("finalizers".to_owned(), json!([MIRROR])),
        (
            "ownerReferences".to_owned(),
            json!([{"apiVersion": format!("{GROUP}/{VERSION}"), "kind": TUNING, "name": of("name"), "uid": of("uid"),
                "controller": true}]),
        ),
    ]);
    metadata.extend(of("namespace").map(|namespace| ("namespace".to_owned(), namespace)));
    Some(json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": MIRRORED, "metadata": metadata, "spec": spec}))
}

/// Another name for an object that mirrors, where somebody else has an object of the job's name.
#[must_use]
pub fn other_name(tuning_uid: &str, name: &str) -> String {
    of_content(name, tuning_uid, &json!(name))
}

/// Whether a document mirrors, by its finalizer.
#[must_use]
pub fn is_mirror(document: &Value) -> bool {
    let finalizers = document.pointer("/metadata/finalizers").and_then(Value::as_array);
    finalizers.is_some_and(|all| all.iter().any(|finalizer| finalizer == MIRROR))
}
