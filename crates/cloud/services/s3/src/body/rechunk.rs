//! Cuts large `aws-chunked` chunks into small ones.
//!
//! Some SDKs send an upload as one chunk of any size, and the decoder behind this collects a chunk
//! whole before it hands it on. Chunks without signatures may be cut anywhere without a change of
//! meaning, so they are cut here, and what follows the last chunk (the trailers) passes unchanged.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body, Frame};

use super::super::service::BoxError;

/// The most data in a chunk that comes out.
const PIECE: usize = 64 << 10;
/// The longest line that announces a chunk.
const MAX_LINE: usize = 1024;

enum State {
    /// Before the line that announces a chunk.
    Line,
    /// Inside a chunk with this many bytes to come.
    Data(u64),
    /// Before the line end after a chunk's data.
    DataEnd,
    /// After the line of the last chunk: all else passes as it is.
    Tail,
}

/// The body with its chunks cut.
pub(crate) struct Rechunk<B> {
    inner: B,
    state: State,
    buffer: BytesMut,
    ended: bool,
}

impl<B> Rechunk<B> {
    pub(crate) fn new(inner: B) -> Self {
        Self { inner, state: State::Line, buffer: BytesMut::new(), ended: false }
    }

    /// The next piece that the buffer yields, or `None` when it takes more input.
    fn next_piece(&mut self) -> Result<Option<Bytes>, BoxError> {
        loop {
            match self.state {
                State::Line => {
                    let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') else {
                        if self.buffer.len() > MAX_LINE {
                            return Err("an aws-chunked chunk has no size".into());
                        }
                        return Ok(None);
                    };
                    let line = self.buffer.split_to(end + 1);
                    let size = std::str::from_utf8(&line)
                        .ok()
                        .and_then(|line| line.split([';', '\r', '\n']).next())
                        .and_then(|size| u64::from_str_radix(size.trim(), 16).ok())
                        .ok_or("an aws-chunked chunk has a size that is not hexadecimal")?;
                    if size == 0 {
                        self.state = State::Tail;
                        return Ok(Some(line.freeze()));
                    }
                    self.state = State::Data(size);
                }
                State::Data(left) => {
                    let limit = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
                    let length = self.buffer.len().min(limit);
                    if length == 0 {
                        return Ok(None);
                    }
                    let data = self.buffer.split_to(length);
                    self.state = match left - length as u64 {
                        0 => State::DataEnd,
                        left => State::Data(left),
                    };
                    let mut piece = BytesMut::with_capacity(length + 16);
                    piece.extend_from_slice(format!("{length:x}\r\n").as_bytes());
                    piece.extend_from_slice(&data);
                    piece.extend_from_slice(b"\r\n");
                    return Ok(Some(piece.freeze()));
                }
                State::DataEnd => {
                    if self.buffer.len() < 2 {
                        return Ok(None);
                    }
                    if !self.buffer.starts_with(b"\r\n") {
                        return Err("an aws-chunked chunk is longer than its size".into());
                    }
                    self.buffer.advance(2);
                    self.state = State::Line;
                }
                State::Tail => {
                    if self.buffer.is_empty() {
                        return Ok(None);
                    }
                    return Ok(Some(self.buffer.split().freeze()));
                }
            }
        }
    }
}

impl<B> Body for Rechunk<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(piece) = self.next_piece()? {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.ended {
                // An upload that ends inside a chunk must not look like one that ends well.
                return Poll::Ready(match self.state {
                    State::Tail => None,
                    _ => Some(Err("the aws-chunked body ends before its last chunk".into())),
                });
            }
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => self.ended = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, StreamBody};

    fn rechunk(parts: &[&[u8]]) -> Result<Vec<u8>, String> {
        let frames: Vec<Result<_, std::convert::Infallible>> =
            parts.iter().map(|part| Ok(Frame::data(Bytes::copy_from_slice(part)))).collect();
        let body = Rechunk::new(StreamBody::new(futures_util::stream::iter(frames)));
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(body.collect())
            .map(|all| all.to_bytes().to_vec())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn small_chunks_and_trailers_pass() {
        let body = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        assert_eq!(rechunk(&[body]).unwrap(), body);
    }

    #[test]
    fn input_may_be_cut_anywhere() {
        let body = b"a\r\n0123456789\r\n0\r\nt:v\r\n\r\n";
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        let out = rechunk(&bytes).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("1\r\n0\r\n1\r\n1\r\n"), "{text}");
        assert!(text.ends_with("1\r\n9\r\n0\r\nt:v\r\n\r\n"), "{text}");
    }

    #[test]
    fn large_chunks_are_cut() {
        let data = vec![7; PIECE * 2 + 5];
        let mut body = format!("{:x}\r\n", data.len()).into_bytes();
        body.extend(&data);
        body.extend(b"\r\n0\r\n\r\n");
        let out = rechunk(&[&body]).unwrap();
        assert!(out.starts_with(b"10000\r\n"));
        assert!(out.ends_with(b"\r\n5\r\n\x07\x07\x07\x07\x07\r\n0\r\n\r\n"));
    }

    #[test]
    fn truncated_and_malformed_bodies_fail() {
        assert!(rechunk(&[b"5\r\nabc"]).unwrap_err().contains("before its last chunk"));
        assert!(rechunk(&[b"3\r\nabcdef"]).unwrap_err().contains("longer than its size"));
        assert!(rechunk(&[b"zz\r\nabc"]).unwrap_err().contains("not hexadecimal"));
    }
}
