//! What follows from a row and the model.

use indexmap::IndexMap;
use sagewright_model::name::to_crd;
use sagewright_model::{Service, Shape, crd};
use serde_json::{Map, Value, json};

use crate::kind::{Kind, SpecField};
use crate::path::{self, Path};

impl Kind {
    /// The fields of the spec, by Kubernetes name, in the model's order. `tags` is among them; references are not.
    #[must_use]
    pub fn spec_fields(&self) -> &IndexMap<String, SpecField> {
        self.fields.get_or_init(|| spec_fields(self))
    }

    /// The fields of the status, by Kubernetes name: what a read gives and the spec does not have.
    #[must_use]
    pub fn status_fields(&self) -> &IndexMap<String, &'static str> {
        self.status.get_or_init(|| status_fields(self))
    }

    /// Printer columns: heading, path of the Kubernetes field, priority.
    #[must_use]
    pub fn columns(&self) -> Vec<(String, String, u8)> {
        columns(self)
    }

    /// Status of a read output (AWS names) under Kubernetes names, with `ackResourceMetadata`.
    #[must_use]
    pub fn status_of(&self, output: &Value) -> Value {
        status_of(self, output)
    }

    /// Spec of a read output (AWS names), still under AWS names, with renamed members put in their place.
    #[must_use]
    pub fn spec_of(&self, output: &Value) -> Value {
        spec_of(self, output)
    }

    /// Takes out of a value (AWS names) what a shape of the service does not have.
    pub fn keep_known(&self, shape: &Shape, value: &mut Value) {
        keep_known(self.service(), shape, value);
    }

    /// A spec in AWS names under Kubernetes names.
    #[must_use]
    pub fn spec_to_crd(&self, spec: &Value) -> Value {
        spec_to_crd(self, spec)
    }
}

/// The name of the shape of a member of the spec.
fn spec_fields(kind: &Kind) -> IndexMap<String, SpecField> {
    let row = kind.row();
    let create = kind.create_shape();
    let mut fields: IndexMap<String, SpecField> = create
        .members
        .iter()
        .filter(|(name, _)| !row.spec.omit.iter().any(|o| o == *name))
        .map(|(name, member)| {
            let required = create.is_required(name) && !member.idempotency_token;
            (to_crd(name), SpecField { member: name, shape: &member.shape, required, update_only: false })
        })
        .collect();
    for name in &row.spec.from_update {
        let update = row.operations.update.as_deref().and_then(|op| kind.service().input(op));
        if let Some((name, member)) = update.and_then(|shape| shape.members.get_key_value(name.as_str())) {
            fields.insert(
                to_crd(name),
                SpecField { member: name, shape: &member.shape, required: false, update_only: true },
            );
        }
    }
    fields
}

fn status_fields(kind: &Kind) -> IndexMap<String, &'static str> {
    let arn = kind.row().identity.arn.as_deref();
    let also = &kind.row().status.also;
    let spec = |name: &str| kind.spec_fields().values().any(|f| f.member == name) && !also.iter().any(|a| a == name);
    // A page's token says nothing of the resource.
    kind.read_shape()
        .members
        .keys()
        .filter(|name| Some(**name) != arn && **name != "NextToken" && !spec(name))
        .map(|name| (kind.row().status.rename.get(*name).cloned().unwrap_or_else(|| to_crd(name)), *name))
        .collect()
}

fn columns(kind: &Kind) -> Vec<(String, String, u8)> {
    let status = &kind.row().status;
    let field = |member: &str| {
        let path = Path::parse(member);
        let spec = path.first().is_some_and(|first| kind.spec_fields().values().any(|f| f.member == first));
        let crd = path.to_crd(kind.service(), kind.read_shape());
        if spec { format!("spec.{crd}") } else { format!("status.{crd}") }
    };
    let built_in = [("STATUS", &status.member, 0), ("SECONDARY-STATUS", &status.secondary, 0)];
    let reason = [("FAILURE-REASON", &status.reason, 1)];
    let column = |(name, member, priority): (&str, &Option<String>, u8)| {
        member.as_deref().map(|m| (name.to_owned(), field(m), priority))
    };
    let mut all: Vec<_> = built_in
        .into_iter()
        .filter_map(column)
        .chain(kind.row().columns.iter().map(|c| (c.name.clone(), field(&c.member), c.priority)))
        // A reason that stands in a list is no column of ACK's.
        .chain(
            reason
                .into_iter()
                .filter(|(_, m, _)| m.as_ref().is_some_and(|m| !m.contains("[]") && !status.reason_hidden))
                .filter_map(column),
        )
        .collect();
    // ACK's generator writes the columns of a CRD by name.
    all.sort();
    all
}

fn status_of(kind: &Kind, output: &Value) -> Value {
    let all = crd::from_aws(kind.service(), kind.read_shape(), output);
    let mut status = Map::new();
    if let Some(arn) = kind.row().identity.arn.as_deref().and_then(|m| output.get(m)).and_then(Value::as_str) {
        let mut metadata = Map::from_iter([("arn".to_owned(), json!(arn))]);
        if let Ok(parsed) = arn.parse::<sagewright_model::Arn>() {
            metadata.insert("ownerAccountID".to_owned(), json!(parsed.account));
            metadata.insert("region".to_owned(), json!(parsed.region));
            metadata.insert("partition".to_owned(), json!(parsed.partition));
        }
        status.insert("ackResourceMetadata".to_owned(), Value::Object(metadata));
    }
    let names = crd::names(kind.read_shape());
    for (name, member) in names {
        let field = kind.status_fields().iter().find(|(_, m)| *m == member).map(|(field, _)| field);
        if let (Some(field), Some(value)) = (field, all.get(name).filter(|v| !v.is_null())) {
            status.insert(field.clone(), value.clone());
        }
    }
    Value::Object(status)
}

fn spec_of(kind: &Kind, output: &Value) -> Value {
    let mut spec = Map::new();
    for field in kind.spec_fields().values() {
        if let Some(value) = output.get(field.member).filter(|v| !v.is_null()) {
            spec.insert(field.member.to_owned(), value.clone());
        }
    }
    let mut spec = Value::Object(spec);
    for (to, from) in &kind.row().spec.observe {
        let (to, from) = (Path::parse(to), Path::parse(from));
        for (at, value) in path::values(output, &from) {
            path::set(&mut spec, &to.placed(&at), value.clone());
        }
    }
    // What only the read's shape has (a `DesiredCopyCount` beside `CopyCount`) is no part of the spec.
    let names: Vec<String> = spec.as_object().map(|m| m.keys().cloned().collect()).unwrap_or_default();
    for name in names {
        if let (Some(shape), Some(value)) = (kind.spec_shape(&Path::parse(&name)), spec.get_mut(&name)) {
            keep_known(kind.service(), shape, value);
        }
    }
    spec
}

/// Takes out of a value what a shape does not have.
fn keep_known(service: &Service, shape: &Shape, value: &mut Value) {
    use sagewright_model::ShapeType as T;
    match (shape.kind, value) {
        (T::Structure, Value::Object(map)) => {
            map.retain(|name, value| !value.is_null() && shape.members.contains_key(name.as_str()));
            for (name, value) in map.iter_mut() {
                if let Some(target) = shape.members.get(name.as_str()).and_then(|m| service.target(m)) {
                    keep_known(service, target, value);
                }
            }
        }
        (T::List, Value::Array(items)) => {
            if let Some(target) = shape.member.as_ref().and_then(|m| service.target(m)) {
                items.iter_mut().for_each(|item| keep_known(service, target, item));
            }
        }
        _ => {}
    }
}

fn spec_to_crd(kind: &Kind, spec: &Value) -> Value {
    let mut out = Map::new();
    for (field, info) in kind.spec_fields() {
        if let (Some(value), Some(shape)) = (spec.get(info.member), kind.service().shape(info.shape)) {
            out.insert(field.clone(), crd::from_aws(kind.service(), shape, value));
        }
    }
    Value::Object(out)
}
