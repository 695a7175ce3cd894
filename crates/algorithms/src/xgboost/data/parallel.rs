//! Splits texts at line ends and works on the pieces in parallel.

use std::ops::Range;
use std::sync::Mutex;

use super::Source;

/// Below this size a thread costs more than it saves.
const SMALLEST_PIECE: usize = 256 * 1024;

/// A piece of a source that starts and ends at line ends.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Which source.
    pub(super) source: usize,
    /// Which bytes of it.
    pub(super) range: Range<usize>,
}

/// Cuts the sources into pieces, in order, a few per thread so that none waits long for the last.
pub(super) fn pieces(sources: &[Source], threads: usize) -> Vec<Piece> {
    let total: usize = sources.iter().map(|source| source.bytes.len()).sum();
    let size = (total / threads.max(1).saturating_mul(4)).max(SMALLEST_PIECE);
    let mut pieces = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let bytes = &source.bytes;
        let mut start = 0;
        while start < bytes.len() {
            let goal = start.saturating_add(size).min(bytes.len());
            let end = memchr::memchr(b'\n', &bytes[goal..]).map_or(bytes.len(), |offset| goal + offset + 1);
            pieces.push(Piece { source: index, range: start..end });
            start = end;
        }
    }
    pieces
}

/// Applies `work` to every item on up to `threads` threads and returns the results in order.
pub(super) fn map<T: Send, R: Send>(threads: usize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.into_iter().map(work).collect();
    }
    let count = items.len();
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let mut results: Vec<Option<R>> = (0..count).map(|_| None).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    while let Some((index, item)) = next() {
                        done.push((index, work(item)));
                    }
                    done
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(done) => done.into_iter().for_each(|(index, result)| results[index] = Some(result)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    results.into_iter().flatten().collect()
}

/// The lines of a text without their ends (`\n` or `\r\n`). Lines of spaces only are left out; the
/// number beside a line counts them all, from 0.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = text;
    let mut number = 0;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = memchr::memchr(b'\n', rest);
            let mut line = &rest[..end.unwrap_or(rest.len())];
            rest = end.map_or(&[][..], |end| &rest[end + 1..]);
            number += 1;
            if line.last() == Some(&b'\r') {
                line = &line[..line.len() - 1];
            }
            // The first byte decides for almost every line.
            let blank = line.first().is_none_or(u8::is_ascii_whitespace) && line.trim_ascii().is_empty();
            if !blank {
                return Some((number - 1, line));
            }
        }
    })
}

/// How many line ends come before `position`.
pub(super) fn lines_before(text: &[u8], position: usize) -> usize {
    memchr::memchr_iter(b'\n', &text[..position]).count()
}
