//! An object as a watch shows it, without what takes much room and is not needed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::core::{ApiResource, DynamicResourceScope};
use sagewright_kinds::Kind;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object as a watch shows it. Everything may be out of date.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Seen {
    #[serde(deserialize_with = "metadata")]
    pub(crate) metadata: ObjectMeta,
    #[serde(default)]
    pub(crate) spec: Value,
    /// Where its resource is, what is remembered of it, and what it gives to those that refer to it.
    #[serde(default)]
    pub(crate) status: Value,
}

/// The metadata that is needed: above all not `managedFields`, which are most of an object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    finalizers: Option<Vec<String>>,
    deletion_timestamp: Option<Time>,
}

/// The type of a kind of ours, for the watch.
pub(crate) fn resource_of(kind: &Kind) -> ApiResource {
    ApiResource {
        group: kind.group().to_owned(),
        version: kind.version().to_owned(),
        api_version: kind.api_version(),
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let needed = Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: needed.name,
        namespace: needed.namespace,
        uid: needed.uid,
        resource_version: needed.resource_version,
        labels: needed.labels,
        annotations: needed.annotations,
        finalizers: needed.finalizers,
        deletion_timestamp: needed.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

impl kube::Resource for Seen {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(of: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&of.kind)
    }

    fn group(of: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&of.group)
    }

    fn version(of: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&of.version)
    }

    fn plural(of: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&of.plural)
    }

    fn api_version(of: &ApiResource) -> Cow<'_, str> {
        Cow::Borrowed(&of.api_version)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_needed_is_kept() {
        let seen: Seen = serde_json::from_value(json!({
            "metadata": {
                "name": "m", "uid": "u", "labels": {"a": "b"}, "finalizers": ["f"], "deletionTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [{"manager": "x", "fieldsV1": {"f:spec": {}}}], "generation": 2,
            },
            "spec": {"modelName": "m"},
            "status": {"ackResourceMetadata": {"arn": "a"}},
        }))
        .unwrap();
        assert_eq!(seen.status, json!({"ackResourceMetadata": {"arn": "a"}}));
        assert_eq!((seen.metadata.name.as_deref(), seen.metadata.managed_fields), (Some("m"), None));
        assert!(seen.metadata.deletion_timestamp.is_some());
        let bare: Seen = serde_json::from_value(json!({"metadata": {}, "status": null})).unwrap();
        assert_eq!((bare.spec, bare.status), (Value::Null, Value::Null));
    }
}
