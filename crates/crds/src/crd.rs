//! The definition of one kind.

use sagewright_kinds::Kind;
use serde_json::{Value, json};

use crate::schema::describe;
use crate::{Crd, columns, names, rules, schema, size};

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

/// The definition of a kind of AWS's resources.
pub(crate) fn of_kind(kind: &'static Kind) -> Crd {
    let sagemaker = kind.service().id == "sagemaker";
    let names = Names {
        group: kind.group(),
        version: kind.version(),
        kind: kind.name(),
        plural: kind.plural(),
        scope: "Namespaced",
        short: names::short_names(kind.name()),
        categories: if sagemaker { &["sagemaker", "sagewright"] } else { &["sagewright"] },
    };
    let mut spec = schema::spec(kind);
    rules::of_spec(kind, &mut spec);
    let status = schema::status(kind);
    let columns = columns::of_kind(kind, &status);
    let mut root = root(&describe::kind(kind), spec, status);
    rules::of_object(kind, &mut root);
    size::fit(document(&names, &columns, root))
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
