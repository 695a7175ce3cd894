//! Sending content: a file, piece by piece.

use std::fs::File;
use std::future::Future as _;
use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};
use tokio::task::JoinHandle;

/// The size of a piece. Two are held at most: one that is sent, and the next.
const PIECE: usize = 512 << 10;

type Reading = JoinHandle<(File, std::io::Result<Bytes>)>;

/// The next bytes of a file as a stream, read where reading may block. The next piece is read while one is sent.
pub(crate) struct FileStream {
    /// A piece that was read already.
    start: Option<Bytes>,
    reading: Option<Reading>,
    /// What the file is still to give.
    left: u64,
}

impl FileStream {
    /// `start`, then the next `left` bytes of `file`.
    pub(crate) fn new(start: Bytes, file: File, left: u64) -> Self {
        Self { start: Some(start).filter(|start| !start.is_empty()), reading: read_next(file, left), left }
    }
}

/// Begins to read a piece of what is left.
fn read_next(mut file: File, left: u64) -> Option<Reading> {
    let read = move || {
        let piece = read_piece(&mut file, left);
        (file, piece)
    };
    (left > 0).then(|| tokio::task::spawn_blocking(read))
}

/// The first piece of the next `length` bytes of `file`, and how many bytes follow it.
pub(crate) fn read_start(file: &mut File, length: u64) -> std::io::Result<(Bytes, u64)> {
    let start = read_piece(file, length)?;
    let left = length - start.len() as u64;
    Ok((start, left))
}

fn read_piece(file: &mut File, left: u64) -> std::io::Result<Bytes> {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
    // Not zeroed before it is read into.
    let mut piece = Vec::with_capacity(length);
    if file.take(length as u64).read_to_end(&mut piece)? < length {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(piece.into())
}

impl Stream for FileStream {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(start) = self.start.take() {
            return Poll::Ready(Some(Ok(start)));
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let (file, piece) = read?;
        let piece = piece?;
        self.left -= piece.len() as u64;
        self.reading = read_next(file, self.left);
        Poll::Ready(Some(Ok(piece)))
    }
}

impl ByteStream for FileStream {
    fn remaining_length(&self) -> RemainingLength {
        let start = self.start.as_ref().map_or(0, Bytes::len) as u64;
        RemainingLength::new_exact(usize::try_from(start + self.left).unwrap_or(usize::MAX))
    }
}
