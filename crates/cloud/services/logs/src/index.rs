//! What is known of a stream's file, so that a search reads only the blocks that it needs.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::block::{self, Block};
use super::line::Lines;

/// A block is closed when it has so many bytes,
const BLOCK: u64 = 64 * 1024;
/// or, with so many, when an event is older than the one before: within a block times then rarely go back, and blocks
/// overlap little. It bounds the index to about a hundredth of the stream.
const SMALL_BLOCK: u64 = 4 * 1024;
/// Closed blocks that are written to the index at once.
const BATCH: usize = 1024;

/// Names of a stream's two files.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub data: PathBuf,
    pub index: PathBuf,
}

/// The state of a stream's file, as far as it was looked at. It is only a memory: the files tell all of it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    /// The last block, which grows.
    open: Block,
    /// Timestamp of the last event of the block.
    latest: i64,
    /// Closed blocks that the index on disk does not have yet.
    unsaved: Vec<Block>,
    summary: Summary,
}

/// What is known of a stream at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Least timestamp of all events.
    pub oldest: Option<i64>,
    /// Greatest timestamp of all events.
    pub newest: Option<i64>,
    /// When the first event was stored.
    pub first_stored: Option<i64>,
    /// When the last event was stored.
    pub last_stored: Option<i64>,
    /// Size of the file.
    pub bytes: u64,
}

impl Known {
    /// Takes the next line of the file; `event` is its timestamp and when it was stored.
    fn add(&mut self, length: u64, event: Option<(i64, i64)>) {
        let back = event.is_some_and(|(timestamp, _)| timestamp < self.latest);
        if self.open.bytes() >= BLOCK || back && self.open.bytes() >= SMALL_BLOCK {
            self.unsaved.push(self.open);
            self.open = Block::after(Some(&self.open));
        }
        self.open.end += length;
        if let Some((timestamp, stored)) = event {
            self.latest = timestamp;
            self.open.events += 1;
            self.open.oldest = self.open.oldest.min(timestamp);
            self.open.newest = self.open.newest.max(timestamp);
            let summary = &mut self.summary;
            summary.oldest = Some(summary.oldest.map_or(timestamp, |t| t.min(timestamp)));
            summary.newest = Some(summary.newest.map_or(timestamp, |t| t.max(timestamp)));
            summary.first_stored.get_or_insert(stored);
            summary.last_stored = Some(stored);
        }
    }

    /// Writes closed blocks to the index. A disk that refuses them costs a search time and loses nothing.
    fn save(&mut self, files: &Files) {
        if self.unsaved.is_empty() {
            return;
        }
        match block::save(&files.index, &self.unsaved) {
            Ok(()) => self.unsaved.clear(),
            Err(error) => tracing::debug!(path = %files.index.display(), %error, "cannot write the index of a log"),
        }
    }

    /// Reads on to the end of the last lines that were written whole.
    fn catch_up(&mut self, files: &Files, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.open.end))?;
        let mut lines = Lines::new(BufReader::with_capacity(128 * 1024, file));
        // Lines whose others are to follow.
        let mut waiting: Vec<(u64, Option<(i64, i64)>)> = Vec::new();
        let mut expected = 0;
        while let Some((length, line)) = lines.next()? {
            let more = line.as_ref().map_or(0, |line| line.more);
            if more != expected {
                // The others never followed, and something else did.
                waiting.drain(..).for_each(|(length, event)| self.add(length, event));
            }
            waiting.push((length, line.map(|line| (line.timestamp, line.ingested))));
            expected = more.saturating_sub(1);
            if more == 0 {
                waiting.drain(..).for_each(|(length, event)| self.add(length, event));
            }
            if self.unsaved.len() >= BATCH {
                self.save(files);
            }
        }
        self.save(files);
        Ok(())
    }

    /// What the index on disk tells of the file, which may be less than all.
    fn load(files: &Files, file: &mut File, length: u64) -> io::Result<Self> {
        let mut blocks = block::load(&files.index, length)?;
        // A block ends with a line. Where it does not, the file is not the one that the index is of.
        if let Some(last) = blocks.last()
            && !ends_line(file, last.end)?
        {
            blocks.clear();
        }
        block::cut(&files.index, blocks.len())?;
        let of = |times: Option<i64>| times.filter(|_| blocks.iter().any(|b| b.events > 0));
        let mut summary = Summary {
            oldest: of(blocks.iter().map(|b| b.oldest).min()),
            newest: of(blocks.iter().map(|b| b.newest).max()),
            first_stored: None,
            last_stored: None,
            bytes: length,
        };
        let mut with_events = blocks.iter().filter(|b| b.events > 0);
        let first = with_events.next();
        for block in first.into_iter().chain(with_events.next_back().or(first)) {
            read(file, block, |line| {
                summary.first_stored.get_or_insert(line.ingested);
                summary.last_stored = Some(line.ingested);
            })?;
        }
        Ok(Self { open: Block::after(blocks.last()), latest: i64::MIN, unsaved: Vec::new(), summary })
    }
}

impl Index {
    /// Brings the state up to the last lines of the file that were written whole, and tells where those end.
    pub fn update(&mut self, files: &Files, file: &mut File) -> io::Result<u64> {
        let length = file.metadata()?.len();
        let known = match self.known.take().filter(|known| known.open.end <= length) {
            Some(known) => known,
            None => Known::load(files, file, length)?,
        };
        let known = self.known.insert(known);
        known.summary.bytes = length;
        if known.open.end < length {
            known.catch_up(files, file)?;
        }
        Ok(known.open.end)
    }

    /// Takes lines that were written behind all that is known: their lengths, timestamps and when they were stored.
    pub fn written(&mut self, files: &Files, lines: &[(u64, i64, i64)]) {
        if let Some(known) = &mut self.known {
            for (length, timestamp, stored) in lines {
                known.add(*length, Some((*timestamp, *stored)));
            }
            known.save(files);
        }
    }

    /// All blocks of the file.
    pub fn blocks(&mut self, files: &Files, file: &mut File) -> io::Result<Vec<Block>> {
        self.update(files, file)?;
        let blocks = self.known_blocks(files)?;
        let gap = blocks.iter().zip(blocks.iter().skip(1)).any(|(a, b)| a.end != b.start);
        if !gap && blocks.first().is_none_or(|first| first.start == 0) {
            return Ok(blocks);
        }
        // Somebody has removed the index, which is nothing but a memory.
        self.known = None;
        self.update(files, file)?;
        self.known_blocks(files)
    }

    fn known_blocks(&self, files: &Files) -> io::Result<Vec<Block>> {
        let Some(known) = &self.known else { return Ok(Vec::new()) };
        let mut blocks = block::load(&files.index, known.open.start)?;
        blocks.extend_from_slice(&known.unsaved);
        blocks.push(known.open);
        Ok(blocks)
    }

    /// A glance at the stream, after [`Index::update`].
    pub fn summary(&self) -> Option<Summary> {
        self.known.as_ref().map(|known| known.summary)
    }
}

/// Gives every event of a block to `take`.
pub(crate) fn read(file: &mut File, block: &Block, mut take: impl FnMut(super::line::Line<'_>)) -> io::Result<()> {
    file.seek(SeekFrom::Start(block.start))?;
    let mut lines = Lines::new(BufReader::with_capacity(64 * 1024, file.take(block.bytes())));
    while let Some((_, line)) = lines.next()? {
        line.into_iter().for_each(&mut take);
    }
    Ok(())
}

fn ends_line(file: &mut File, end: u64) -> io::Result<bool> {
    let Some(last) = end.checked_sub(1) else { return Ok(true) };
    let mut byte = [0];
    file.seek(SeekFrom::Start(last))?;
    file.read_exact(&mut byte)?;
    Ok(byte == *b"\n")
}

/// The files of a stream without their endings.
pub(crate) fn files(data: &Path) -> Files {
    Files { data: data.to_path_buf(), index: data.with_extension("index") }
}
