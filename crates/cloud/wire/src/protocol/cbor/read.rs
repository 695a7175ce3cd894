//! CBOR to input. Lengths that a body claims are never believed: memory grows with the bytes that are there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minicbor::Decoder;
use minicbor::data::{IanaTag, Type};
use sagewright_model::{Member, Service, Shape, ShapeType};
use serde_json::{Map, Number, Value};

use crate::protocol::bounds::Bounds;
use crate::protocol::{scalar, serialization};
use sagewright_cloud_core::api::ApiError;

/// The structure that is the whole body.
pub(super) fn document(service: &Service, shape: &Shape, body: &[u8]) -> Result<Value, ApiError> {
    let mut reader = Reader { service, decoder: Decoder::new(body), bounds: Bounds::default() };
    let value = reader.value(shape, 0)?;
    if reader.decoder.position() != body.len() {
        return Err(serialization(format!(
            "The request body goes on after its end, at byte {}",
            reader.decoder.position()
        )));
    }
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(serialization("The request body is not a map")),
    }
}

struct Reader<'b> {
    service: &'b Service,
    decoder: Decoder<'b>,
    bounds: Bounds,
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` gives it
fn broken(error: minicbor::decode::Error) -> ApiError {
    let place = error.position().map(|at| format!(" at byte {at}")).unwrap_or_default();
    serialization(format!("The request body is not CBOR{place}: {error}"))
}

fn unexpected(what: &str) -> ApiError {
    serialization(format!("{what} found where not expected"))
}

impl Reader<'_> {
    fn value(&mut self, shape: &Shape, depth: usize) -> Result<Value, ApiError> {
        self.bounds.take(depth)?;
        match self.decoder.datatype().map_err(broken)? {
            Type::Null => self.decoder.null().map(|()| Value::Null).map_err(broken),
            Type::Undefined => self.decoder.undefined().map(|()| Value::Null).map_err(broken),
            Type::Bool => self.decoder.bool().map(Value::Bool).map_err(broken),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
                self.integer()
            }
            Type::F16 | Type::F32 | Type::F64 => float(shape.kind, self.decoder.f64().map_err(broken)?),
            Type::Bytes | Type::BytesIndef if shape.kind == ShapeType::Blob => self.bytes(),
            Type::Bytes | Type::BytesIndef => Err(unexpected("Byte string")),
            Type::String | Type::StringIndef if matches!(shape.kind, ShapeType::Blob | ShapeType::Timestamp) => {
                Err(unexpected("Text string"))
            }
            Type::String | Type::StringIndef => self.text().map(Value::String),
            Type::Array | Type::ArrayIndef => self.list(shape, depth),
            Type::Map | Type::MapIndef => self.map(shape, depth),
            Type::Tag => self.tagged(shape.kind),
            other => Err(serialization(format!("The request body has a value that is not supported: {other}"))),
        }
    }

    fn integer(&mut self) -> Result<Value, ApiError> {
        let value = i128::from(self.decoder.int().map_err(broken)?);
        let number = i64::try_from(value).map(Value::from).or_else(|_| u64::try_from(value).map(Value::from));
        number.map_err(|_| serialization(format!("{value} does not fit into 64 bits")))
    }

    fn bytes(&mut self) -> Result<Value, ApiError> {
        let mut all = Vec::new();
        for chunk in self.decoder.bytes_iter().map_err(broken)? {
            all.extend_from_slice(chunk.map_err(broken)?);
        }
        Ok(STANDARD.encode(all).into())
    }

    fn text(&mut self) -> Result<String, ApiError> {
        let mut all = String::new();
        for chunk in self.decoder.str_iter().map_err(broken)? {
            all.push_str(chunk.map_err(broken)?);
        }
        Ok(all)
    }

    /// Tag 1, seconds since 1970, is the only one that the protocol has.
    fn tagged(&mut self, kind: ShapeType) -> Result<Value, ApiError> {
        let tag = self.decoder.tag().map_err(broken)?;
        if tag != IanaTag::Timestamp {
            return Err(serialization(format!("The request body has a tag that is not supported: {}", tag.as_u64())));
        }
        if kind != ShapeType::Timestamp {
            return Err(unexpected("Timestamp"));
        }
        match self.decoder.datatype().map_err(broken)? {
            Type::F16 | Type::F32 | Type::F64 => float(kind, self.decoder.f64().map_err(broken)?),
            _ => self.integer(),
        }
    }

    fn list(&mut self, shape: &Shape, depth: usize) -> Result<Value, ApiError> {
        let item = shape.member.as_ref().filter(|_| shape.kind == ShapeType::List);
        let Some(item) = item.and_then(|m| self.service.target(m)) else { return Err(unexpected("Start of list")) };
        let mut left = self.decoder.array().map_err(broken)?;
        let mut items = Vec::new();
        while self.more(&mut left)? {
            items.push(self.value(item, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, shape: &Shape, depth: usize) -> Result<Value, ApiError> {
        if !matches!(shape.kind, ShapeType::Structure | ShapeType::Map) {
            return Err(unexpected("Start of structure or map"));
        }
        let mut left = self.decoder.map().map_err(broken)?;
        let mut out = Map::new();
        while self.more(&mut left)? {
            let key = self.text()?;
            let Some((name, member)) = member(shape, &key) else {
                self.decoder.skip().map_err(broken)?;
                continue;
            };
            let Some(target) = self.service.target(member) else { return Err(unexpected("Map entry")) };
            let value = self.value(target, depth + 1)?;
            if out.insert(name.to_owned(), value).is_some() {
                return Err(serialization(format!("The request body has the key '{key}' twice in one map")));
            }
        }
        Ok(Value::Object(out))
    }

    /// Whether a list or map goes on: by its length, or else until its end mark.
    fn more(&mut self, left: &mut Option<u64>) -> Result<bool, ApiError> {
        match left {
            Some(0) => Ok(false),
            Some(n) => {
                *n -= 1;
                Ok(true)
            }
            None if self.decoder.datatype().map_err(broken)? == Type::Break => {
                self.decoder.skip().map_err(broken)?;
                Ok(false)
            }
            None => Ok(true),
        }
    }
}

/// A key's name in the model, and what it holds; `None` for members that the model does not have.
fn member<'k>(shape: &'k Shape, key: &'k str) -> Option<(&'k str, &'k Member)> {
    if shape.kind == ShapeType::Map {
        return Some((key, shape.value.as_ref()?));
    }
    shape.members.iter().find(|(name, m)| m.location_name.as_deref().unwrap_or(name) == key).map(|(name, m)| (*name, m))
}

fn float(kind: ShapeType, value: f64) -> Result<Value, ApiError> {
    use ShapeType as T;
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if matches!(kind, T::Integer | T::Long | T::Short | T::Byte) && value.fract() == 0.0 && value.abs() < EXACT {
        #[allow(clippy::cast_possible_truncation)] // whole, and in range
        return Ok((value as i64).into());
    }
    match Number::from_f64(value) {
        Some(number) => Ok(Value::Number(number)),
        None if matches!(kind, T::Float | T::Double) => Ok(scalar::not_finite(value).into()),
        None => Err(unexpected("A number that is not finite")),
    }
}
