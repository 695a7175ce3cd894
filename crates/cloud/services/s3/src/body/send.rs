//! Sending content: a file, piece by piece.

use std::fs::File;
use std::future::Future as _;
use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};
use tokio::task::JoinHandle;

/// The size of a piece.
const PIECE: usize = 256 << 10;

type Piece = (File, std::io::Result<Bytes>);

enum State {
    Reading(JoinHandle<Piece>),
    Idle(File),
    Ended,
}

/// The next bytes of a file as a stream, read where reading may block.
pub(crate) struct FileStream {
    /// A piece that was read already.
    start: Option<Bytes>,
    state: State,
    /// What the file is still to give.
    left: u64,
}

impl FileStream {
    /// `start`, then the next `left` bytes of `file`.
    pub(crate) fn new(start: Bytes, file: File, left: u64) -> Self {
        Self { start: Some(start).filter(|start| !start.is_empty()), state: State::Idle(file), left }
    }
}

/// The first piece of the next `length` bytes of `file`, and how many bytes follow it.
pub(crate) fn read_start(file: &mut File, length: u64) -> std::io::Result<(Bytes, u64)> {
    let start = read_piece(file, length)?;
    let left = length - start.len() as u64;
    Ok((start, left))
}

fn read_piece(file: &mut File, left: u64) -> std::io::Result<Bytes> {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
    let mut piece = vec![0; length];
    file.read_exact(&mut piece)?;
    Ok(piece.into())
}

impl Stream for FileStream {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(start) = self.start.take() {
            return Poll::Ready(Some(Ok(start)));
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(_) if self.left == 0 => return Poll::Ready(None),
                State::Idle(mut file) => {
                    let left = self.left;
                    self.state = State::Reading(tokio::task::spawn_blocking(move || {
                        let piece = read_piece(&mut file, left);
                        (file, piece)
                    }));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (file, piece) = read?;
                    let piece = piece?;
                    self.left -= piece.len() as u64;
                    self.state = State::Idle(file);
                    return Poll::Ready(Some(Ok(piece)));
                }
            }
        }
    }
}

impl ByteStream for FileStream {
    fn remaining_length(&self) -> RemainingLength {
        let start = self.start.as_ref().map_or(0, Bytes::len) as u64;
        RemainingLength::new_exact(usize::try_from(start + self.left).unwrap_or(usize::MAX))
    }
}
