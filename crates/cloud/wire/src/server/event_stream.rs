//! Event streams as AWS frames them: `application/vnd.amazon.eventstream`.
//!
//! A message is its length, the length of its headers, a checksum of both, headers, a payload, and a checksum of all.
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::BoxStream;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body::Frame;
use http_body_util::BodyExt as _;

use super::answer::Body;
use sagewright_cloud_core::events::{EventStream, StreamEvent};

/// Bytes of a message beside its headers and payload.
const FRAME: usize = 16;
/// The type of a header whose value is text.
const TEXT: u8 = 7;

/// An answer whose body is a stream of events.
pub(super) fn answer(head: Response<Bytes>, events: &EventStream) -> Response<Body> {
    let (mut parts, _) = head.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.amazon.eventstream"));
    let messages = Messages(events.take().map(Mutex::new));
    Response::from_parts(parts, messages.map_err(|never| match never {}).boxed())
}

/// Each event as a message, as it comes.
struct Messages(Option<Mutex<BoxStream<'static, StreamEvent>>>);

impl http_body::Body for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(events) = &mut self.0 else { return Poll::Ready(None) };
        let events = events.get_mut().unwrap_or_else(PoisonError::into_inner);
        events.as_mut().poll_next(context).map(|event| event.map(|event| Ok(Frame::data(message(&event)))))
    }
}

fn message(event: &StreamEvent) -> Bytes {
    match event {
        StreamEvent::Bytes { name, payload } => {
            let headers =
                [(":event-type", *name), (":content-type", "application/octet-stream"), (":message-type", "event")];
            frame(&headers, payload)
        }
        StreamEvent::Error { name, body } => {
            let headers =
                [(":exception-type", *name), (":content-type", "application/json"), (":message-type", "exception")];
            frame(&headers, body.to_string().as_bytes())
        }
    }
}

/// Names and values are our own, and short.
#[allow(clippy::cast_possible_truncation)] // a payload is what one read gave
fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let length: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut out = BytesMut::with_capacity(FRAME + length + payload.len());
    out.put_u32((FRAME + length + payload.len()) as u32);
    out.put_u32(length as u32);
    out.put_u32(crc32fast::hash(&out));
    for (name, value) in headers {
        out.put_u8(name.len() as u8);
        out.put_slice(name.as_bytes());
        out.put_u8(TEXT);
        out.put_u16(value.len() as u16);
        out.put_slice(value.as_bytes());
    }
    out.put_slice(payload);
    out.put_u32(crc32fast::hash(&out));
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_lengths_headers_and_checksums() {
        let message = frame(&[(":event-type", "PayloadPart")], b"hi");
        let headers = b"\x0b:event-type\x07\x00\x0bPayloadPart";
        assert_eq!(message.len(), FRAME + headers.len() + 2);
        let number = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
        assert_eq!((number(0) as usize, number(4) as usize), (message.len(), headers.len()));
        assert_eq!(number(8), crc32fast::hash(&message[..8]));
        assert_eq!(&message[12..12 + headers.len()], headers);
        assert_eq!(&message[12 + headers.len()..message.len() - 4], b"hi");
        assert_eq!(number(message.len() - 4), crc32fast::hash(&message[..message.len() - 4]));
    }

    #[test]
    fn an_error_is_told_as_an_exception() {
        let body = serde_json::json!({ "ErrorCode": "StreamBroken" });
        let message = message(&StreamEvent::Error { name: "ModelStreamError", body });
        let text = String::from_utf8_lossy(&message);
        assert!(text.contains(":exception-type") && text.contains("ModelStreamError"), "{text}");
        assert!(text.contains("exception:") || text.contains("exception{"), "{text}");
        assert!(text.contains(r#"{"ErrorCode":"StreamBroken"}"#), "{text}");
    }
}
