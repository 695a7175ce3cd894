//! Output to CBOR.

use std::convert::Infallible;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minicbor::Encoder;
use minicbor::data::IanaTag;
use minicbor::encode::Error;
use sagewright_model::{Service, Shape, ShapeType};
use serde_json::{Map, Value};

use crate::protocol::{scalar, time};

type Written = Result<(), Error<Infallible>>;
type Out = Encoder<Vec<u8>>;

/// A structure, with texts before its members.
pub(super) fn document(service: &Service, shape: &Shape, value: &Value, texts: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Encoder::new(Vec::with_capacity(256));
    let empty = Map::new();
    // Writing to memory cannot fail.
    let _ = structure(service, shape, value.as_object().unwrap_or(&empty), texts, &mut out);
    out.into_writer()
}

/// A map of texts alone.
pub(super) fn texts(texts: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    let _ = start(texts.len(), texts, &mut out);
    out.into_writer()
}

fn start(length: usize, texts: &[(&str, &str)], out: &mut Out) -> Written {
    out.map(length as u64)?;
    for (name, text) in texts {
        out.str(name)?.str(text)?;
    }
    Ok(())
}

fn structure(
    service: &Service,
    shape: &Shape,
    map: &Map<String, Value>,
    texts: &[(&str, &str)],
    out: &mut Out,
) -> Written {
    let members: Vec<_> = map
        .iter()
        .filter(|(_, child)| !child.is_null())
        .filter_map(|(name, child)| {
            let member = shape.members.get(name.as_str())?;
            let wire = member.location_name.as_deref().unwrap_or(name);
            Some((wire, service.target(member)?, child))
        })
        .filter(|(wire, ..)| !texts.iter().any(|(name, _)| name == wire))
        .collect();
    start(texts.len() + members.len(), texts, out)?;
    for (name, target, child) in members {
        out.str(name)?;
        write(service, target, child, out)?;
    }
    Ok(())
}

fn write(service: &Service, shape: &Shape, value: &Value, out: &mut Out) -> Written {
    use ShapeType as T;
    match (shape.kind, value) {
        (T::Structure, Value::Object(map)) => structure(service, shape, map, &[], out),
        (T::List, Value::Array(items)) => {
            let target = shape.member.as_ref().and_then(|m| service.target(m));
            out.array(items.len() as u64)?;
            items.iter().try_for_each(|item| one(service, target, item, out))
        }
        (T::Map, Value::Object(map)) => {
            let target = shape.value.as_ref().and_then(|m| service.target(m));
            out.map(map.values().filter(|v| !v.is_null()).count() as u64)?;
            map.iter().filter(|(_, v)| !v.is_null()).try_for_each(|(key, item)| {
                out.str(key)?;
                one(service, target, item, out)
            })
        }
        (T::Blob, Value::String(text)) => match STANDARD.decode(text) {
            Ok(bytes) => out.bytes(&bytes)?.ok(),
            Err(_) => out.bytes(text.as_bytes())?.ok(),
        },
        (T::Timestamp, value) => match time::millis(value) {
            None => plain(value, out),
            Some(millis) => {
                out.tag(IanaTag::Timestamp)?;
                #[allow(clippy::cast_precision_loss)] // milliseconds of dates are far below 2^53
                if millis % 1000 == 0 { out.i64(millis / 1000)?.ok() } else { out.f64(millis as f64 / 1000.0)?.ok() }
            }
        },
        (T::Float, value) => match number(value) {
            #[allow(clippy::cast_possible_truncation)] // as the model has it
            Some(number) => out.f32(number as f32)?.ok(),
            None => plain(value, out),
        },
        (T::Double, value) => match number(value) {
            Some(number) => out.f64(number)?.ok(),
            None => plain(value, out),
        },
        (_, value) => plain(value, out),
    }
}

fn one(service: &Service, shape: Option<&Shape>, value: &Value, out: &mut Out) -> Written {
    match shape {
        Some(shape) => write(service, shape, value, out),
        None => plain(value, out),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| scalar::from_not_finite(value.as_str()?))
}

/// A value without a shape.
fn plain(value: &Value, out: &mut Out) -> Written {
    match value {
        Value::Null => out.null()?.ok(),
        Value::Bool(value) => out.bool(*value)?.ok(),
        Value::String(text) => out.str(text)?.ok(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => out.i64(value)?.ok(),
            (None, Some(value)) => out.u64(value)?.ok(),
            (None, None) => out.f64(number.as_f64().unwrap_or_default())?.ok(),
        },
        Value::Array(items) => {
            out.array(items.len() as u64)?;
            items.iter().try_for_each(|item| plain(item, out))
        }
        Value::Object(map) => {
            out.map(map.len() as u64)?;
            map.iter().try_for_each(|(key, item)| {
                out.str(key)?;
                plain(item, out)
            })
        }
    }
}
