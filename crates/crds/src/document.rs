//! A definition around its schema.

use serde_json::{Value, json};

use crate::crd::Crd;

/// What tells one definition from another, apart from its schema.
pub(crate) struct Names<'a> {
    pub group: &'a str,
    pub version: &'a str,
    pub kind: &'a str,
    pub plural: &'a str,
    pub scope: &'a str,
    pub short: &'a [&'a str],
    pub categories: &'a [&'a str],
}

/// The schema of a whole object.
pub(crate) fn root(description: &str, spec: Value, status: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string", "description": "Group and version of the kind."},
            "kind": {"type": "string", "description": "The kind."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    })
}

/// The definition around a schema.
pub(crate) fn document(names: &Names, columns: &[Value], root: Value) -> Crd {
    let singular = names.kind.to_lowercase();
    let mut accepted = json!({
        "kind": names.kind,
        "listKind": format!("{}List", names.kind),
        "plural": names.plural,
        "singular": singular,
        "categories": names.categories,
    });
    if !names.short.is_empty() {
        accepted["shortNames"] = json!(names.short);
    }
    let name = format!("{}.{}", names.plural, names.group);
    let document = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": names.group,
            "names": accepted,
            "scope": names.scope,
            "versions": [{
                "name": names.version,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": root},
            }],
        },
    });
    Crd { name, document }
}
