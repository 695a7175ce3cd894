//! The kinds that are common to all services, in group `services.k8s.aws`.

use serde_json::{Value, json};

use crate::columns::{age, condition, ready};
use crate::crd::Crd;
use crate::document::{Names, document, root};
use crate::schema::conditions;
use crate::size;

/// The definitions of all common kinds.
pub(crate) fn all() -> Vec<Crd> {
    vec![adopted_resource(), field_export(), iam_role_selector()]
}

fn definition(
    kind: &str,
    scope: &str,
    short: &[&str],
    columns: &[Value],
    description: &str,
    spec: Value,
    status: Value,
) -> Crd {
    let plural = kind.to_lowercase() + "s";
    let names = Names {
        group: "services.k8s.aws",
        version: "v1alpha1",
        kind,
        plural: &plural,
        scope,
        short,
        categories: &["sagewright"],
    };
    size::fit(document(&names, columns, root(description, spec, status)))
}

fn with_conditions() -> Value {
    json!({"description": "What was last seen.", "type": "object", "properties": {"conditions": conditions()}})
}

fn text(description: &str) -> Value {
    json!({"description": description, "type": "string"})
}

fn texts(description: &str) -> Value {
    json!({"description": description, "type": "object", "additionalProperties": {"type": "string"}})
}

fn adopted_resource() -> Crd {
    let owner = json!({
        "description": "An object that the new one belongs to.",
        "type": "object",
        "required": ["apiVersion", "kind", "name", "uid"],
        "properties": {
            "apiVersion": text("Its group and version."),
            "blockOwnerDeletion": {"description": "Whether it stays until the new object is gone.", "type": "boolean"},
            "controller": {"description": "Whether it controls the new object.", "type": "boolean"},
            "kind": text("Its kind."),
            "name": text("Its name."),
            "uid": text("Its UID."),
        },
    });
    let metadata = json!({
        "description": "Metadata of the object that is created.",
        "type": "object",
        "properties": {
            "annotations": texts("Annotations."),
            "generateName": text("Start of a name that Kubernetes completes."),
            "labels": texts("Labels."),
            "name": text("Name; the AdoptedResource's own without it."),
            "namespace": text("Namespace; the AdoptedResource's own without it."),
            "ownerReferences": {"description": "Objects that the new one belongs to.", "type": "array", "items": owner},
        },
    });
    let spec = json!({
        "description": "Which resource is taken over, and as which object.",
        "type": "object",
        "required": ["aws", "kubernetes"],
        "properties": {
            "aws": {
                "description": "The resource in AWS.",
                "type": "object",
                "properties": {
                    "additionalKeys": texts("Further identifiers, where a name alone says too little: field and value."),
                    "arn": text("ARN of the resource."),
                    "nameOrID": text("Name or id of the resource."),
                },
                "x-kubernetes-validations": [{
                    "rule": "has(self.arn) || has(self.nameOrID)",
                    "message": "write nameOrID or arn: it says which resource is taken over",
                }],
            },
            "kubernetes": {
                "description": "The object that stands for the resource from then on.",
                "type": "object",
                "required": ["group", "kind"],
                "properties": {
                    "group": text("Group of its kind, such as sagemaker.services.k8s.aws."),
                    "kind": text("Its kind, such as Endpoint."),
                    "metadata": metadata,
                },
            },
        },
    });
    let columns = [condition("ADOPTED", "ACK.Adopted"), age()];
    let description = "Takes a resource over that exists in AWS: an object is created for it.";
    definition("AdoptedResource", "Namespaced", &["ackadopt"], &columns, description, spec, with_conditions())
}

fn field_export() -> Crd {
    let spec = json!({
        "description": "Which field is copied, and where to.",
        "type": "object",
        "required": ["from", "to"],
        "properties": {
            "from": {
                "description": "The field.",
                "type": "object",
                "required": ["path", "resource"],
                "properties": {
                    "path": text("Path of the field, such as .status.ackResourceMetadata.arn."),
                    "resource": {
                        "description": "The object, in the same namespace.",
                        "type": "object",
                        "required": ["group", "kind", "name"],
                        "properties": {
                            "group": text("Group of its kind, such as sagemaker.services.k8s.aws."),
                            "kind": text("Its kind, such as Endpoint."),
                            "name": text("Its name."),
                        },
                    },
                },
            },
            "to": {
                "description": "The ConfigMap or Secret, which has to exist.",
                "type": "object",
                "required": ["kind", "name"],
                "properties": {
                    "key": text("Key of the value; NAMESPACE.NAME of the FieldExport without it."),
                    "kind": {
                        "description": "What is written to: configmap or secret.",
                        "type": "string",
                        "enum": ["configmap", "secret"],
                    },
                    "name": text("Its name."),
                    "namespace": text("Its namespace; the FieldExport's own without it."),
                },
            },
        },
    });
    let description = "Copies a field of an object into a ConfigMap or a Secret, and keeps it up to date.";
    definition("FieldExport", "Namespaced", &["ackexport"], &[ready(), age()], description, spec, with_conditions())
}

fn iam_role_selector() -> Crd {
    let labels = |description: &str| {
        json!({
            "description": description,
            "type": "object",
            "required": ["matchLabels"],
            "properties": {"matchLabels": texts("Labels that all have to be there.")},
        })
    };
    let spec = json!({
        "description": "Which role is used, and for which objects. All that is given has to fit.",
        "type": "object",
        "required": ["arn"],
        "properties": {
            "arn": {
                "description": "ARN of the role. It cannot be changed.",
                "type": "string",
                "maxLength": 2048,
                "x-kubernetes-validations": [{
                    "rule": "self == oldSelf",
                    "message": "arn cannot be changed: make another IAMRoleSelector for another role",
                }],
            },
            "namespaceSelector": {
                "description": "Namespaces of the objects.",
                "type": "object",
                "properties": {
                    "labelSelector": labels("Labels of the namespaces."),
                    "names": {"description": "Their names.", "type": "array", "items": {"type": "string"}},
                },
            },
            "resourceLabelSelector": labels("Labels of the objects."),
            "resourceTypeSelector": {
                "description": "Kinds of the objects: one of them has to fit.",
                "type": "array",
                "items": {
                    "description": "A kind. What is not given fits everything.",
                    "type": "object",
                    "properties": {
                        "group": text("Group of the kind."),
                        "kind": text("The kind."),
                        "version": text("Version of the kind."),
                    },
                },
            },
        },
    });
    let status = json!({
        "description": "What was last seen.",
        "type": "object",
        "properties": {"conditions": conditions()},
        "x-kubernetes-preserve-unknown-fields": true,
    });
    let columns = [json!({"name": "ROLE", "type": "string", "jsonPath": ".spec.arn"}), ready(), age()];
    let description = "Chooses the IAM role by which objects are managed.";
    definition("IAMRoleSelector", "Cluster", &["ackrole"], &columns, description, spec, status)
}
