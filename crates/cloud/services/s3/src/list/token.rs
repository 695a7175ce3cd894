//! Continuation tokens: a place in a listing, opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::S3Result;

use super::super::error::invalid_argument;
use super::super::store::Position;

pub(crate) fn write(position: &Position) -> String {
    let (kind, text) = match position {
        Position::Key(key) => ('k', key),
        Position::Prefix(prefix) => ('p', prefix),
    };
    URL_SAFE_NO_PAD.encode(format!("{kind}{text}"))
}

pub(crate) fn read(token: &str) -> S3Result<Position> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.as_deref().unwrap_or_default();
    match (text.strip_prefix('k'), text.strip_prefix('p')) {
        (Some(key), _) => Ok(Position::Key(key.to_owned())),
        (None, Some(prefix)) => Ok(Position::Prefix(prefix.to_owned())),
        (None, None) => Err(invalid_argument("The continuation token provided is incorrect")),
    }
}
