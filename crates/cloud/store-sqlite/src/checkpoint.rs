//! Checkpoints: they copy the write-ahead log into the database, and wait for the disk.
//!
//! No commit runs one. When the log has grown, one thread for blocking work copies it with a connection of its own,
//! beside commits and reads. Commits that come meanwhile leave their request's thread, because the disk is busy.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use sagewright_cloud_core::records::StoreError;

use crate::{Inner, db, lock, schema};

/// Lengths of the log, in pages of 4 KiB.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A checkpoint runs each time the log has grown by so much.
    pub each: u32,
    /// From here on commits wait for the end of a checkpoint: while others write, none reaches the end of the log, and
    /// the log would grow without bound.
    pub most: u32,
}

impl Default for Limits {
    /// 16 MiB, which are read back in milliseconds after a kill, and 256 MiB.
    fn default() -> Self {
        Self { each: 4000, most: 64_000 }
    }
}

/// How long commits wait, at most, for reads that keep a long log from being emptied.
const READS: Duration = Duration::from_secs(1);

/// What is known of the log.
#[derive(Debug, Default)]
pub struct Checkpoints {
    limits: Limits,
    /// Pages of the log after the last commit.
    pages: Arc<AtomicU32>,
    /// How many there were at the end of the last checkpoint.
    seen: AtomicU32,
    /// A thread has been asked for a checkpoint.
    asked: AtomicBool,
    running: AtomicBool,
    /// SQLite refuses a checkpoint beside another.
    one: Mutex<()>,
}

impl Checkpoints {
    /// Takes over the log of a writer, whose commits run no checkpoint from then on.
    pub fn over(writer: &mut Connection, limits: Limits) -> Result<Self, StoreError> {
        let this = Self { limits, ..Self::default() };
        let pages = Arc::clone(&this.pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, count: i32| {
            pages.store(count.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(db("opened"))?;
        Ok(this)
    }

    /// Whether a checkpoint runs.
    pub fn running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether a checkpoint is to come.
    #[cfg(test)]
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether the log has grown so much that somebody has to run a checkpoint: the caller.
    fn due(&self) -> bool {
        let pages = self.pages.load(Ordering::Relaxed);
        let mut seen = self.seen.load(Ordering::Relaxed);
        if pages < seen {
            // The log began anew.
            seen = 0;
            self.seen.store(seen, Ordering::Relaxed);
        }
        pages - seen >= self.limits.each && !self.asked.swap(true, Ordering::Relaxed)
    }
}

/// Has a thread for blocking work run a checkpoint, where the log has grown. To be called after commits.
pub fn run_if_due(inner: &Arc<Inner>) {
    if !inner.checkpoints.due() {
        return;
    }
    let inner = Arc::clone(inner);
    tokio::task::spawn_blocking(move || {
        {
            let _one = lock(&inner.checkpoints.one);
            inner.checkpoints.running.store(true, Ordering::Relaxed);
            inner.checkpoint();
            inner.checkpoints.running.store(false, Ordering::Relaxed);
        }
        inner.checkpoints.asked.store(false, Ordering::Relaxed);
    });
}

impl Inner {
    /// Copies the log into the database and empties it, after a checkpoint that is running. Blocks.
    pub fn fold(&self) -> Result<(), StoreError> {
        let _one = lock(&self.checkpoints.one);
        self.alone(|writer| checkpoint(writer, "TRUNCATE").map(drop).map_err(db("written")))
    }

    fn checkpoint(&self) {
        let (Some(path), Checkpoints { limits, pages, seen, .. }) = (&self.path, &self.checkpoints) else { return };
        let end = |copied: u32| {
            move |writer: &Connection| {
                let now = pages.load(Ordering::Relaxed);
                if now >= limits.most {
                    writer.busy_timeout(READS)?;
                    if checkpoint(writer, "TRUNCATE")?.busy {
                        tracing::warn!(pages = now, "the state's log is long and cannot be emptied while it is read");
                        return Ok(());
                    }
                } else if now != copied {
                    return Ok(());
                }
                // The first write after a whole checkpoint begins the log anew, and waits for the disk: it is this one.
                writer.pragma_update(None, "user_version", schema::FORMAT)
            }
        };
        let failed = db("written");
        let done = self.settle().and_then(|()| beside(path).map_err(&failed));
        let done = done.and_then(|done| self.alone(|writer| end(done.copied)(writer).map_err(&failed)));
        if let Err(error) = done {
            tracing::warn!(%error, "the state's log could not be copied into the database; it grows until a later try");
        }
        // Whatever came of it, the next one comes when the log has grown again, not with the next commit.
        seen.store(pages.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// What a checkpoint did.
struct Done {
    /// Reads or another checkpoint kept it from its end.
    busy: bool,
    /// Pages of the log that are in the database.
    copied: u32,
}

/// A checkpoint that waits for no commit and no read, and that neither waits for.
fn beside(path: &Path) -> rusqlite::Result<Done> {
    checkpoint(&Connection::open(path)?, "PASSIVE")
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Done> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok(Done { busy: row.get::<_, i64>(0)? != 0, copied: u32::try_from(row.get::<_, i64>(2)?).unwrap_or_default() })
    })
}
