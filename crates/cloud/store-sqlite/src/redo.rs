//! The redo log: what makes a commit outlive the process before SQLite has written it.
//!
//! SQLite writes every page that a commit touched, which takes eight system calls for one small record. So the writer's
//! transaction stays open for a moment, and the statements of the batches that are committed meanwhile go to this file,
//! with one system call for all batches that are committed together. The transaction ends, and the log starts over, when
//! another connection has to see the changes, after a pause, or when the log is long. After a kill, the next process runs
//! what is left in the log: the same statements with the same values in the same order.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Bytes and batches in the log at which the transaction ends.
const MOST_BYTES: u64 = 512 * 1024;
const MOST_BATCHES: usize = 1000;
/// Longer statements are committed to the database at once.
const LONGEST: usize = 128 * 1024;
/// How long to wait for the lock of the log: a child of a killed process may hold it until it runs its program.
const LOCK_WITHIN: Duration = Duration::from_millis(100);

/// A frame's head: database, number, length, checksum.
const HEAD: usize = 24;
const CHECKED: usize = 20;

/// The redo log of a writer.
pub struct RedoLog {
    file: File,
    /// The database that the log belongs to.
    database: i64,
    /// Number of the next frame. The database knows the number of the first one that it does not have.
    next: i64,
    /// Position of the next frame. The frames before it are not in the database yet.
    end: u64,
    batches: usize,
}

impl RedoLog {
    /// Opens the log of a database. `None`: another writer has it.
    pub fn open(database: &Path, connection: &Connection) -> io::Result<Option<Self>> {
        let mut path = database.as_os_str().to_owned();
        path.push("-redo");
        // Secret keys are in it, as in the database.
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(PathBuf::from(path))?;
        if !lock(&file)? {
            return Ok(None);
        }
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (database, next) =
            connection.query_row("SELECT database, next FROM redo", [], row).map_err(io::Error::other)?;
        Ok(Some(Self { file, database, next, end: 0, batches: 0 }))
    }

    /// Reads the statements that the database does not have, which count as written from then on.
    pub fn left(&mut self) -> io::Result<Vec<u8>> {
        let length = self.file.metadata()?.len();
        let mut all = Vec::new();
        while let Some(statements) = self.frame(length)? {
            self.end += (HEAD + statements.len()) as u64;
            self.next += 1;
            all.extend(statements);
        }
        Ok(all)
    }

    /// Reads the next frame of a file of some length. `None`: there is none, or it was not written whole.
    fn frame(&self, length: u64) -> io::Result<Option<Vec<u8>>> {
        let room = length.saturating_sub(self.end + HEAD as u64);
        let mut head = [0; HEAD];
        match self.file.read_exact_at(&mut head, self.end) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            done => done?,
        }
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let size = number(16);
        if head[..16] != self.name() || u64::from(size) > room {
            return Ok(None);
        }
        let mut statements = vec![0; size as usize];
        self.file.read_exact_at(&mut statements, self.end + HEAD as u64)?;
        Ok((number(CHECKED) == checksum(&head[..CHECKED], &statements)).then_some(statements))
    }

    /// How the next frame starts.
    fn name(&self) -> [u8; 16] {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&self.database.to_le_bytes());
        name[8..].copy_from_slice(&self.next.to_le_bytes());
        name
    }

    /// Whether statements are short enough for the log.
    pub fn takes(statements: &[u8]) -> bool {
        statements.len() <= LONGEST
    }

    /// Writes the statements of some batches. After an error the next frame overwrites what was written.
    pub fn append(&mut self, statements: &[u8], batches: usize) -> io::Result<()> {
        let mut frame = Vec::with_capacity(HEAD + statements.len());
        frame.extend_from_slice(&self.name());
        frame.extend_from_slice(&u32::try_from(statements.len()).map_err(io::Error::other)?.to_le_bytes());
        let checksum = checksum(&frame, statements);
        frame.extend_from_slice(&checksum.to_le_bytes());
        frame.extend_from_slice(statements);
        self.file.write_all_at(&frame, self.end)?;
        self.next += 1;
        self.end += frame.len() as u64;
        self.batches += batches;
        Ok(())
    }

    /// Whether the log is so long that the transaction has to end.
    pub fn is_long(&self) -> bool {
        self.end >= MOST_BYTES || self.batches >= MOST_BATCHES
    }

    /// Whether the database has all that was written.
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Records, in the transaction that has all frames, that the database has them.
    pub fn seal(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.prepare_cached("UPDATE redo SET next = ?")?.execute([self.next]).map(drop)
    }

    /// Starts over, after that transaction.
    pub fn start_over(&mut self) {
        self.end = 0;
        self.batches = 0;
    }

    /// Reads all frames again, after the transaction that had them was rolled back.
    pub fn again(&mut self, connection: &Connection) -> io::Result<Vec<u8>> {
        let (next, end) = (self.next, self.end);
        let first = connection.query_row("SELECT next FROM redo", [], |row| row.get(0)).map_err(io::Error::other)?;
        if first == next {
            // The commit that failed was done all the same.
            return Ok(Vec::new());
        }
        (self.next, self.end) = (first, 0);
        let statements = self.left();
        let whole = (self.next, self.end) == (next, end);
        (self.next, self.end) = (next, end);
        if whole { statements } else { Err(io::Error::other("the redo log is not as it was written")) }
    }
}

fn checksum(head: &[u8], statements: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(head);
    sum.update(statements);
    sum.finalize()
}

fn lock(file: &File) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_WITHIN => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
