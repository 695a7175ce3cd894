//! JSON bodies of `restJson1` to input.

use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::{Map, Value};

use crate::protocol::serialization;
use crate::protocol::time::Format;
use sagewright_cloud_core::api::ApiError;

/// Body members under their AWS names.
pub(super) fn inside(
    service: &Service,
    shape: &Shape,
    mut members: Map<String, Value>,
) -> Result<Map<String, Value>, ApiError> {
    let mut out = Map::new();
    for (name, member) in shape.members.iter().filter(|(_, m)| m.location.is_none()) {
        if let Some(value) = members.remove(member.location_name.as_deref().unwrap_or(name)) {
            out.insert((*name).to_owned(), read_value(service, Some(member), value)?);
        }
    }
    Ok(out)
}

/// A value whose structures have their members under their AWS names, and whose timestamps are such.
pub(super) fn read_value(service: &Service, member: Option<&Member>, value: Value) -> Result<Value, ApiError> {
    let Some(shape) = member.and_then(|m| service.target(m)) else { return Ok(value) };
    Ok(match (shape.kind, value) {
        (ShapeType::Structure, Value::Object(members)) if !shape.members.is_empty() => {
            Value::Object(inside(service, shape, members)?)
        }
        (ShapeType::List, Value::Array(items)) => {
            items.into_iter().map(|v| read_value(service, shape.member.as_ref(), v)).collect::<Result<_, _>>()?
        }
        (ShapeType::Map, Value::Object(map)) => map
            .into_iter()
            .map(|(key, v)| Ok((key, read_value(service, shape.value.as_ref(), v)?)))
            .collect::<Result<Map<_, _>, ApiError>>()?
            .into(),
        (ShapeType::Timestamp, value) if !value.is_null() => {
            if !Format::of(member, shape, Format::Epoch).reads_json(&value) {
                return Err(serialization(format!("{value} can not be converted to a timestamp")));
            }
            value
        }
        (_, value) => value,
    })
}
