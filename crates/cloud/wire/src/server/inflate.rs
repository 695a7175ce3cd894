//! Bodies that clients compress: those of operations with much input, as `PutMetricData`.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::CONTENT_ENCODING;
use http::request::Parts;

use crate::protocol::Wire;
use sagewright_cloud_core::api::ApiError;

/// A body as it was before it was compressed. What services of REST protocols are sent is theirs to read.
pub(super) fn inflate(parts: &Parts, wire: Wire, body: Bytes, limit: usize) -> Result<Bytes, ApiError> {
    let encoding = parts.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let compressed =
        encoding.is_some_and(|encoding| encoding.rsplit(',').next().is_some_and(|last| last.trim() == "gzip"));
    if !compressed || matches!(wire, Wire::RestJson | Wire::RestXml) {
        return Ok(body);
    }
    let mut out = Vec::new();
    match MultiGzDecoder::new(&*body).take(limit as u64 + 1).read_to_end(&mut out) {
        Ok(_) if out.len() > limit => {
            let message = format!("The request body is longer than {limit} bytes when it is unpacked");
            Err(ApiError::new("RequestEntityTooLargeException", 413, message))
        }
        Ok(_) => Ok(out.into()),
        Err(error) => {
            let message = format!("The request body is not gzip, as its Content-Encoding says: {error}");
            Err(ApiError::new("SerializationException", 400, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn of(encoding: &str, wire: Wire, body: &[u8]) -> Result<Bytes, ApiError> {
        let request = http::Request::builder().header("content-encoding", encoding).body(()).unwrap();
        inflate(&request.into_parts().0, wire, Bytes::copy_from_slice(body), 1000)
    }

    fn packed(length: usize) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&vec![b'x'; length]).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_body_is_unpacked_within_its_limit() {
        for encoding in ["gzip", "aws-chunked, gzip"] {
            assert_eq!(of(encoding, Wire::RpcV2Cbor, &packed(1000)).unwrap().len(), 1000);
        }
        assert_eq!(of("gzip", Wire::RestJson, &packed(7)).unwrap(), packed(7));
        assert_eq!(of("identity", Wire::Json, b"{}").unwrap(), "{}");
        assert_eq!(of("gzip", Wire::Query, &packed(1001)).unwrap_err().status, 413);
        assert_eq!(of("gzip", Wire::Json, &packed(100)[..20]).unwrap_err().code, "SerializationException");
        assert_eq!(of("gzip", Wire::Json, b"{}").unwrap_err().code, "SerializationException");
    }
}
