//! XML elements as the caller's values.

use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use super::scalar;
use super::xml::Node;

/// The value of an element.
pub(super) fn read(service: &'static Service, shape: &'static Shape, node: &Node) -> Value {
    match shape.kind {
        ShapeType::Structure => structure(service, shape, node),
        ShapeType::List => {
            let Some(target) = shape.member.as_ref().and_then(|m| service.shape(&m.shape)) else {
                return Value::Array(Vec::new());
            };
            Value::Array(node.children.iter().map(|child| read(service, target, child)).collect())
        }
        ShapeType::Map => map(service, shape, node.children.iter()),
        _ => scalar::from_text(shape, &node.text),
    }
}

fn structure(service: &'static Service, shape: &'static Shape, node: &Node) -> Value {
    let mut out = Map::new();
    for (name, member) in &shape.members {
        if member.location.is_some() {
            continue;
        }
        let Some(target) = service.shape(&member.shape) else { continue };
        if let Some(value) = read_member(service, name, member, target, node) {
            out.insert((*name).to_owned(), value);
        }
    }
    Value::Object(out)
}

fn read_member(
    service: &'static Service,
    name: &str,
    member: &'static Member,
    target: &'static Shape,
    node: &Node,
) -> Option<Value> {
    let wire = member.location_name.as_deref().unwrap_or(name);
    let flattened = target.flattened || member.flattened;
    match target.kind {
        ShapeType::List if flattened => {
            let element = target.member.as_ref()?;
            let shape = service.shape(&element.shape)?;
            let wire = element.location_name.as_deref().unwrap_or(wire);
            let items: Vec<Value> =
                node.children.iter().filter(|c| c.name == wire).map(|c| read(service, shape, c)).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        ShapeType::Map if flattened => {
            let mut entries = node.children.iter().filter(|c| c.name == wire).peekable();
            entries.peek()?;
            Some(map(service, target, entries))
        }
        _ => match node.child(wire) {
            Some(child) => Some(read(service, target, child)),
            // The one attribute that AWS uses: the type of an S3 grantee.
            None => node.attribute(wire).map(|text| scalar::from_text(target, text)),
        },
    }
}

fn map<'n>(service: &'static Service, shape: &'static Shape, entries: impl Iterator<Item = &'n Node>) -> Value {
    let mut out = Map::new();
    if let (Some(key), Some(value)) = (&shape.key, &shape.value) {
        let key_name = key.location_name.as_deref().unwrap_or("key");
        let value_name = value.location_name.as_deref().unwrap_or("value");
        for entry in entries {
            if let (Some(key), Some(node), Some(target)) =
                (entry.child_text(key_name), entry.child(value_name), service.shape(&value.shape))
            {
                out.insert(key.to_owned(), read(service, target, node));
            }
        }
    }
    Value::Object(out)
}
