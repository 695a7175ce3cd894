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
use std::time::{Duration, Instant};

pub use file::{FORMAT, VERSION};

pub(super) use entry::{Entry, Finished};
pub(super) use tap::Tap;

/// Requests that wait to be written.
const QUEUE: usize = 1024;
/// Bytes of memory that they take.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Longest body, in bytes, of which more than length and digest is kept.
pub(super) const LONGEST: usize = 1024 * 1024;
/// How long the end of the process waits for what is not written yet.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);
/// How often it looks for room in a full queue.
const LOOK_EVERY: Duration = Duration::from_millis(10);

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
    /// With its weight.
    Request(Box<Finished>, usize),
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
    /// Bytes of memory that the queue takes.
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
        let (this, messages) = Self::queue(settings.bodies);
        let told = Arc::clone(&this.shared);
        std::thread::Builder::new().name("request-log".to_owned()).spawn(move || write(&messages, file, &told))?;
        Ok(this)
    }

    fn queue(bodies: bool) -> (Self, Receiver<Message>) {
        let (queue, messages) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            bodies,
            count: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            held: AtomicUsize::new(0),
        });
        (Self { queue, shared }, messages)
    }

    /// The number of a request that arrives.
    pub(super) fn number(&self) -> u64 {
        self.shared.count.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn take(&self, finished: Finished) {
        let weight = finished.weight();
        let held = self.shared.held.fetch_add(weight, Ordering::Relaxed) + weight;
        let message = Message::Request(Box::new(finished), weight);
        if held > QUEUE_BYTES || matches!(self.queue.try_send(message), Err(TrySendError::Full(_))) {
            self.shared.held.fetch_sub(weight, Ordering::Relaxed);
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all that was taken is in the file, two seconds at most, whatever the disk does. Blocks.
    pub fn flush(&self) {
        let end = Instant::now() + FLUSH_WITHIN;
        let (done, wait) = sync_channel(1);
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(back)) = self.queue.try_send(message) {
            if Instant::now() >= end {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
            message = back;
        }
        let _ = wait.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

fn write(messages: &Receiver<Message>, mut file: file::File, shared: &Shared) {
    for message in messages {
        match message {
            Message::Request(finished, weight) => {
                let left_out = shared.left_out.swap(0, Ordering::Relaxed);
                if left_out > 0 {
                    file.add(&serde_json::json!({"leftOut": left_out}));
                }
                file.add(&line::of(*finished, shared.bodies));
                shared.held.fetch_sub(weight, Ordering::Relaxed);
            }
            Message::Flush(done) => drop(done.send(())),
        }
    }
}

#[cfg(test)]
mod tests;
