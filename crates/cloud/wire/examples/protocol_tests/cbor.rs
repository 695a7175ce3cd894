//! CBOR as JSON, to be compared: bytes become text, timestamps lose their tag.

use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error;
use serde_json::{Map, Number, Value};

/// The value that a body is.
pub fn tree(body: &[u8]) -> Result<Value, Error> {
    value(&mut Decoder::new(body))
}

fn value(decoder: &mut Decoder<'_>) -> Result<Value, Error> {
    Ok(match decoder.datatype()? {
        Type::Bool => decoder.bool()?.into(),
        Type::Null => decoder.null().map(|()| Value::Null)?,
        Type::F16 | Type::F32 | Type::F64 => {
            let number = decoder.f64()?;
            Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        Type::Bytes => String::from_utf8_lossy(decoder.bytes()?).into_owned().into(),
        Type::String => decoder.str()?.into(),
        Type::StringIndef => decoder.str_iter()?.collect::<Result<String, _>>()?.into(),
        Type::Tag => decoder.tag().and_then(|_| value(decoder))?,
        Type::Array | Type::ArrayIndef => {
            let (mut left, mut items) = (decoder.array()?, Vec::new());
            while more(&mut left, decoder)? {
                items.push(value(decoder)?);
            }
            items.into()
        }
        Type::Map | Type::MapIndef => {
            let (mut left, mut map) = (decoder.map()?, Map::new());
            while more(&mut left, decoder)? {
                let key = decoder.str()?.to_owned();
                map.insert(key, value(decoder)?);
            }
            map.into()
        }
        _ => i64::try_from(i128::from(decoder.int()?)).unwrap_or(i64::MAX).into(),
    })
}

fn more(left: &mut Option<u64>, decoder: &mut Decoder<'_>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(n) => {
            *n -= 1;
            Ok(true)
        }
        None if decoder.datatype()? == Type::Break => decoder.skip().map(|()| false),
        None => Ok(true),
    }
}
