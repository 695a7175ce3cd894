//! The request log: one line of JSON for each request, from which `sagewright local replay` runs them again.
//!
//! Lines are made and written by a thread of its own; a request never waits for it. What does not fit into its queue is
//! counted and left out, and the log says so.

mod entry;
mod file;
mod line;
mod s3;
mod tap;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

pub use file::{FORMAT, VERSION};

pub(super) use entry::{Entry, Finished};
pub(super) use tap::Tap;

/// Requests that wait to be written.
const QUEUE: usize = 1024;
/// Bytes of bodies among them.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Longest body, in bytes, of which more than length and digest is kept.
pub(super) const LONGEST: usize = 1024 * 1024;
/// How long the end of the process waits for what is not written yet.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// What to record, and where.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file; lines are added to one that is there.
    pub path: PathBuf,
    /// Whether contents of objects are kept too, those of up to a mebibyte.
    pub bodies: bool,
    /// Length at which the file is full, and recording stops.
    pub most_bytes: u64,
}

impl Settings {
    /// The usual settings for a file.
    #[must_use]
    pub fn new(path: PathBuf, bodies: bool) -> Self {
        Self { path, bodies, most_bytes: 256 * 1024 * 1024 }
    }
}

enum Message {
    Request(Box<Finished>),
    /// Says when all before it is written.
    Flush(SyncSender<()>),
}

/// Takes requests for the log.
#[derive(Clone)]
pub struct Recorder {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

struct Shared {
    bodies: bool,
    /// Requests so far: their order is that of their arrival.
    count: AtomicU64,
    /// Requests that found the queue full.
    left_out: AtomicU64,
    /// Bytes of bodies in the queue.
    held: AtomicUsize,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Recorder {
    /// Opens the log, and starts its thread.
    ///
    /// # Errors
    /// The file cannot be written, or is another file.
    pub fn open(settings: &Settings) -> std::io::Result<Self> {
        let file = file::File::open(settings)?;
        let (queue, messages) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            bodies: settings.bodies,
            count: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            held: AtomicUsize::new(0),
        });
        let told = Arc::clone(&shared);
        std::thread::Builder::new().name("request-log".to_owned()).spawn(move || write(&messages, file, &told))?;
        Ok(Self { queue, shared })
    }

    /// The number of a request that arrives.
    pub(super) fn number(&self) -> u64 {
        self.shared.count.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn take(&self, finished: Finished) {
        let weight = finished.weight();
        let full = self.shared.held.fetch_add(weight, Ordering::Relaxed) > QUEUE_BYTES;
        if full || matches!(self.queue.try_send(Message::Request(Box::new(finished))), Err(TrySendError::Full(_))) {
            self.shared.held.fetch_sub(weight, Ordering::Relaxed);
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all that was taken is in the file, two seconds at most. Blocks.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.queue.send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(FLUSH_WITHIN);
        }
    }
}

fn write(messages: &Receiver<Message>, mut file: file::File, shared: &Shared) {
    for message in messages {
        match message {
            Message::Request(finished) => {
                let left_out = shared.left_out.swap(0, Ordering::Relaxed);
                if left_out > 0 {
                    file.add(&serde_json::json!({"leftOut": left_out}));
                }
                let weight = finished.weight();
                file.add(&line::of(*finished, shared.bodies));
                shared.held.fetch_sub(weight, Ordering::Relaxed);
            }
            Message::Flush(done) => drop(done.send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_processes_wrote_counts_for_the_length_at_which_a_log_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { most_bytes: 300, ..Settings::new(dir.path().join("requests.jsonl"), false) };
        let mut lines = Vec::new();
        for _ in 0..4 {
            Recorder::open(&settings).unwrap().flush();
            let text = std::fs::read_to_string(&settings.path).unwrap();
            lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
        }
        let begun = lines.iter().filter(|line| line["format"] == FORMAT).count();
        let stopped = lines.iter().filter(|line| line["stopped"] == "the request log is full").count();
        assert!((1..3).contains(&begun) && begun + stopped == 4, "{lines:?}");
    }
}
