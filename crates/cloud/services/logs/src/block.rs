//! The index of a stream: one record for each block of lines of its file, in a file of its own beside it.
//!
//! The index tells nothing that the stream's file does not: whatever of it is missing, torn or wrong is made anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::Path;

/// Begins each index and names its format.
const MAGIC: &[u8; 8] = b"swlogs1\n";
const RECORD: usize = 48;

/// Neighbouring lines of a stream's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where its first line begins.
    pub start: u64,
    /// Where its last line ends.
    pub end: u64,
    /// Number of its first event in the order of arrival.
    pub first: u64,
    /// How many events it has.
    pub events: u64,
    /// Least timestamp.
    pub oldest: i64,
    /// Greatest timestamp.
    pub newest: i64,
}

impl Block {
    /// An empty block behind another.
    pub fn after(block: Option<&Self>) -> Self {
        let (start, first) = block.map_or((0, 0), |b| (b.end, b.first + b.events));
        Self { start, end: start, first, events: 0, oldest: i64::MAX, newest: i64::MIN }
    }

    pub fn bytes(&self) -> u64 {
        self.end - self.start
    }

    /// Whether this can be the block behind another.
    fn follows(&self, block: Option<&Self>) -> bool {
        let expected = Self::after(block);
        self.start == expected.start && self.first == expected.first && self.end > self.start
    }

    fn encode(&self) -> [u8; RECORD] {
        let words = [
            self.start.to_le_bytes(),
            self.end.to_le_bytes(),
            self.first.to_le_bytes(),
            self.events.to_le_bytes(),
            self.oldest.to_le_bytes(),
            self.newest.to_le_bytes(),
        ];
        let mut record = [0; RECORD];
        record.iter_mut().zip(words.iter().flatten()).for_each(|(to, from)| *to = *from);
        record
    }

    fn decode(record: &[u8; RECORD]) -> Self {
        let word = |number: usize| {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(record.iter().skip(number * 8)).for_each(|(to, from)| *to = *from);
            bytes
        };
        Self {
            start: u64::from_le_bytes(word(0)),
            end: u64::from_le_bytes(word(1)),
            first: u64::from_le_bytes(word(2)),
            events: u64::from_le_bytes(word(3)),
            oldest: i64::from_le_bytes(word(4)),
            newest: i64::from_le_bytes(word(5)),
        }
    }
}

/// The records of an index up to the first that cannot be right for a file of `length` bytes.
pub(crate) fn load(path: &Path, length: u64) -> io::Result<Vec<Block>> {
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut magic = [0; MAGIC.len()];
    let mut blocks = Vec::new();
    if !whole(reader.read_exact(&mut magic))? || magic != *MAGIC {
        return Ok(blocks);
    }
    let mut record = [0; RECORD];
    while whole(reader.read_exact(&mut record))? {
        let block = Block::decode(&record);
        if !block.follows(blocks.last()) || block.end > length {
            break;
        }
        blocks.push(block);
    }
    Ok(blocks)
}

/// Whether as much was there as was to be read.
fn whole(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// Cuts an index to its first `count` records, which are right.
pub(crate) fn cut(path: &Path, count: usize) -> io::Result<()> {
    if count == 0 {
        return match fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        };
    }
    OpenOptions::new().write(true).open(path)?.set_len((MAGIC.len() + count * RECORD) as u64)
}

/// Adds records to an index. If that fails, the index is as before.
pub(crate) fn save(path: &Path, blocks: &[Block]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let before = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(MAGIC.len() + blocks.len() * RECORD);
    if before == 0 {
        bytes.extend_from_slice(MAGIC);
    }
    blocks.iter().for_each(|block| bytes.extend_from_slice(&block.encode()));
    file.write_all(&bytes).or_else(|error| file.set_len(before).and(Err(error)))
}
