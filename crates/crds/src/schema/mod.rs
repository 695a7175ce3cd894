//! Schemas of a kind's spec and status, from the shapes of the service model.

pub(crate) mod describe;
mod limits;
mod reference;

use std::collections::BTreeMap;

use sagewright_kinds::{Kind, Path, PathSegment, RefField};
use sagewright_model::{Member, Shape, ShapeType};
use serde_json::{Map, Value, json};

use crate::{fixed, words};
use describe::Field;

/// The schema of the spec.
pub(crate) fn spec(kind: &'static Kind) -> Value {
    let build = Build { kind, spec: true, fixed: fixed::paths(kind) };
    let fields = kind.spec_fields().values().filter_map(|field| {
        let member = kind.spec_member(field.member)?;
        // The operator fills in a name that is not given.
        let required = field.required && kind.own_name() != Some(field.member);
        Some((field.member, member, required))
    });
    let mut schema = build.structure(fields.collect(), &Path::default(), &mut Vec::new());
    schema.shift_insert(0, "description".to_owned(), json!(describe::spec(kind)));
    Value::Object(schema)
}

/// The schema of the status. Nothing of it is checked but its types: it says what AWS says.
pub(crate) fn status(kind: &'static Kind) -> Value {
    let build = Build { kind, spec: false, fixed: Vec::new() };
    let mut properties = BTreeMap::new();
    for (name, member) in kind.status_fields() {
        if let Some(of) = kind.read_shape().members.get(*member) {
            let schema = build.member(member, of, Path::of_members([*member]), &mut Vec::new());
            properties.insert(name.clone(), Value::Object(schema));
        }
    }
    for (path, of) in &kind.row().status.own {
        properties.insert(path.clone(), own(path, of));
    }
    properties.insert("ackResourceMetadata".to_owned(), resource_metadata());
    properties.insert("conditions".to_owned(), conditions());
    let mut memory = memory();
    if kind.takes_generated_names() {
        // A field of its own, so that rules can see it.
        memory["properties"] = json!({"generated": generated()});
    }
    properties.insert("sagewright".to_owned(), memory);
    json!({"description": describe::status(kind), "type": "object", "properties": properties})
}

/// A field that whoever reconciles writes.
fn own(name: &str, of: &str) -> Value {
    let description = format!("{}. Written by Sagewright.", words::sentence(name));
    match of {
        "date-time" => json!({"description": description, "type": "string", "format": "date-time"}),
        other => json!({"description": description, "type": other}),
    }
}

fn resource_metadata() -> Value {
    json!({
        "description": "Where the resource is in AWS.",
        "type": "object",
        "properties": {
            "arn": {"description": "ARN of the resource. It is set once the resource exists.", "type": "string"},
            "ownerAccountID": {"description": "Account that the resource is in.", "type": "string"},
            "partition": {"description": "Partition of AWS that the resource is in.", "type": "string"},
            "region": {"description": "Region that the resource is in.", "type": "string"},
        },
    })
}

/// Conditions as ACK has them.
pub(crate) fn conditions() -> Value {
    json!({
        "description": "Conditions of the object: Ready, ACK.ResourceSynced, ACK.Terminal and others.",
        "type": "array",
        "items": {
            "description": "A condition.",
            "type": "object",
            "required": ["status", "type"],
            "properties": {
                "lastTransitionTime": {
                    "description": "When the status last changed.", "type": "string", "format": "date-time"
                },
                "message": {"description": "What is the matter, and what to do.", "type": "string"},
                "reason": {"description": "The reason in one word.", "type": "string"},
                "status": {"description": "True, False or Unknown.", "type": "string"},
                "type": {"description": "The type of the condition.", "type": "string"},
            },
        },
    })
}

/// What whoever reconciles keeps with the object.
pub(crate) fn memory() -> Value {
    json!({
        "description": "What Sagewright remembers between looks at the resource.",
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// The names that were generated for an object's resources.
fn generated() -> Value {
    json!({
        "description": "Names in AWS that were generated for this object by the annotation sagewright.dev/generate-name.",
        "type": "object",
        "properties": {
            "declared": {"description": "What was declared when the last one was made.", "type": "integer", "format": "int64"},
            "names": {
                "description": "The names of resources that are there, or may be; the last one is in use.",
                "type": "array",
                "items": {"type": "string"},
            },
        },
    })
}

struct Build {
    kind: &'static Kind,
    /// The spec is built, whose values are checked; otherwise the status.
    spec: bool,
    /// Paths that no update can change.
    fixed: Vec<Path>,
}

/// A member of a structure: its name, and whether it has to be given.
type Child = (&'static str, &'static Member, bool);

impl Build {
    /// The schema of a member with its description.
    fn member(
        &self,
        name: &str,
        member: &'static Member,
        path: Path,
        above: &mut Vec<*const Shape>,
    ) -> Map<String, Value> {
        let Some(shape) = self.kind.service().target(member) else { return Map::new() };
        let field =
            Field { kind: self.kind, name, shape, path: &path, spec: self.spec, fixed: self.fixed.contains(&path) };
        let description = describe::field(&field);
        let mut schema = self.shape(shape, &path, above);
        schema.shift_insert(0, "description".to_owned(), json!(description));
        schema
    }

    fn shape(&self, shape: &'static Shape, path: &Path, above: &mut Vec<*const Shape>) -> Map<String, Value> {
        use ShapeType as T;
        if above.iter().any(|one| std::ptr::eq(*one, shape)) {
            // A structural schema ends somewhere: what is below is kept as it is.
            return object(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
        }
        above.push(shape);
        let inner = |this: &Self, member: Option<&'static Member>, segment: PathSegment, above: &mut _| {
            let target = member.and_then(|m| this.kind.service().target(m));
            target
                .map(|shape| Value::Object(this.shape(shape, &path.join(segment), above)))
                .unwrap_or_else(|| json!({}))
        };
        let mut schema = match shape.kind {
            T::Structure => {
                let members = shape
                    .members
                    .iter()
                    .map(|(name, member)| (*name, member, shape.is_required(name) && !member.idempotency_token));
                self.structure(members.collect(), path, above)
            }
            T::List => {
                let items = inner(self, shape.member.as_ref(), PathSegment::Each, above);
                let ruled = has_rules(&items);
                let mut list = object(json!({"type": "array", "items": items}));
                if ruled && shape.max.is_none() {
                    list.insert("maxItems".to_owned(), json!(MOST_RULED));
                }
                list
            }
            T::Map => {
                let values = inner(self, shape.value.as_ref(), PathSegment::Member("*".to_owned()), above);
                object(json!({"type": "object", "additionalProperties": values}))
            }
            T::String | T::Character => object(json!({"type": "string"})),
            T::Blob => object(json!({"type": "string", "format": "byte"})),
            T::Timestamp => object(json!({"type": "string", "format": "date-time"})),
            T::Integer | T::Long | T::Short | T::Byte | T::BigInteger => {
                object(json!({"type": "integer", "format": "int64"}))
            }
            T::Float | T::Double | T::BigDecimal => object(json!({"type": "number"})),
            T::Boolean => object(json!({"type": "boolean"})),
        };
        above.pop();
        if self.spec {
            limits::add(shape, &mut schema);
        }
        schema
    }

    /// The schema of a structure, with the references that may stand beside its members.
    fn structure(&self, members: Vec<Child>, path: &Path, above: &mut Vec<*const Shape>) -> Map<String, Value> {
        let mut properties = BTreeMap::new();
        let mut required = Vec::new();
        let mut rules = Vec::new();
        let references: Vec<&RefField> =
            self.kind.refs().iter().filter(|r| self.spec && parent(&r.path) == *path).collect();
        for (name, member, needed) in members {
            let field = words::field(name);
            let schema = self.member(name, member, path.join(PathSegment::Member(name.to_owned())), above);
            let needed = needed && self.spec;
            match references.iter().find(|r| r.path.last() == Some(name)) {
                Some(reference) => {
                    let most = schema.get("maxItems").cloned();
                    properties.insert(reference.field.clone(), reference::schema(self.kind, reference, most));
                    rules.push(reference::rule(&field, &reference.field, needed));
                }
                None if needed => required.push(field.clone()),
                None => {}
            }
            properties.insert(field, Value::Object(schema));
        }
        required.sort();
        let mut schema = object(json!({"type": "object"}));
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), json!(properties));
        }
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if !rules.is_empty() {
            schema.insert("x-kubernetes-validations".to_owned(), json!(rules));
        }
        schema
    }
}

/// Elements of a list that has rules inside and no bound of AWS's: the apiserver takes a definition only if it can tell how often
/// a rule is run. AWS's quotas on such lists are far smaller.
const MOST_RULED: u32 = 1000;

fn has_rules(schema: &Value) -> bool {
    schema.get("x-kubernetes-validations").is_some()
        || ["items", "additionalProperties"].iter().any(|key| schema.get(key).is_some_and(has_rules))
        || schema.get("properties").and_then(Value::as_object).is_some_and(|map| map.values().any(has_rules))
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn parent(path: &Path) -> Path {
    Path(path.0.iter().take(path.0.len().saturating_sub(1)).cloned().collect())
}
