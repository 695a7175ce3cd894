//! Finalizers, that of a kind under ACK's name: while it is there, the object does not go.

use sagewright_kinds::Kind;
use sagewright_objects::object::Object;
use serde_json::{Value, json};

/// `finalizers.sagemaker.services.k8s.aws/Model`
pub(crate) fn name(kind: &Kind) -> String {
    format!("finalizers.{}/{}", kind.group(), kind.name())
}

/// All finalizers of an object.
pub(crate) fn all(object: &Object) -> Vec<String> {
    let list = object.metadata.other.get("finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether an object goes as soon as no finalizer holds it.
pub(crate) fn is_deleting(object: &Object) -> bool {
    object.metadata.other.get("deletionTimestamp").is_some_and(|at| !at.is_null())
}

/// The patch that adds a finalizer, or takes it away. It holds for the object as it was read: a merge patch replaces the
/// whole list, and another controller may have changed it.
pub(crate) fn patch(ours: &str, object: &Object, present: bool) -> Value {
    let mut finalizers = all(object);
    finalizers.retain(|one| one != ours);
    if present {
        finalizers.push(ours.to_owned());
    }
    json!({"metadata": {
        "uid": object.metadata.other.get("uid"),
        "resourceVersion": object.metadata.other.get("resourceVersion"),
        "finalizers": finalizers,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finalizers_of_others_stay() {
        let kind = sagewright_kinds::find("Model").unwrap();
        let mut object = Object::new(kind, "m");
        object.metadata.other =
            serde_json::from_value(json!({"uid": "u", "resourceVersion": "7", "finalizers": ["x/y", name(kind)]}))
                .unwrap();
        let gone = patch(&name(kind), &object, false);
        assert_eq!(gone, json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": ["x/y"]}}));
        let both = patch(&name(kind), &object, true);
        assert_eq!(both["metadata"]["finalizers"], json!(["x/y", "finalizers.sagemaker.services.k8s.aws/Model"]));
    }
}
