//! Objects cut into records.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformInput.html>

use std::io::{self, BufRead as _, BufReader, Read};

use serde::Deserialize;

/// Begins each frame of RecordIO.
const RECORD_IO_MAGIC: [u8; 4] = 0xced7_230a_u32.to_le_bytes();
/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// What ends a record.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Split {
    /// Nothing: the object is one.
    #[default]
    None,
    /// A line's end, which belongs to it.
    Line,
    RecordIO,
    TFRecord,
}

/// Why there is no next record.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadRecord {
    /// In AWS's words.
    #[error("Too much data for max payload size")]
    TooLong,
    #[error("A record is cut off: {0}")]
    CutOff(&'static str),
    #[error("The data is not RecordIO: record {0} does not begin with its magic number")]
    NotRecordIO(u64),
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// The records of one object.
pub(super) struct Records<R> {
    reader: BufReader<R>,
    split: Split,
    /// Whether records keep the frames that formats put around them.
    framed: bool,
    /// Most bytes of a record.
    longest: usize,
    count: u64,
}

impl<R: Read> Records<R> {
    pub fn new(reader: R, split: Split, framed: bool, longest: usize) -> Self {
        Self { reader: BufReader::with_capacity(CHUNK, reader), split, framed, longest, count: 0 }
    }

    /// Appends the next record; `false` where there is none.
    pub fn next(&mut self, to: &mut Vec<u8>) -> Result<bool, BadRecord> {
        let begin = to.len();
        let any = match self.split {
            Split::None if self.count > 0 => false,
            Split::None => {
                self.limited().read_to_end(to)?;
                true
            }
            Split::Line => self.limited().read_until(b'\n', to)? > 0,
            Split::RecordIO => self.record_io(to)?,
            Split::TFRecord => self.tf_record(to)?,
        };
        if to.len() - begin > self.longest {
            return Err(BadRecord::TooLong);
        }
        self.count += u64::from(any);
        Ok(any)
    }

    /// One byte more than a record may have tells that it is too long.
    fn limited(&mut self) -> io::Take<&mut BufReader<R>> {
        (&mut self.reader).take((self.longest as u64).saturating_add(1))
    }

    /// A record is one frame, or several whose flags say so; the magic number stands between their contents.
    fn record_io(&mut self, to: &mut Vec<u8>) -> Result<bool, BadRecord> {
        const WHOLE: u32 = 0;
        const FIRST: u32 = 1;
        const LAST: u32 = 3;
        let begin = to.len();
        loop {
            let Some([m0, m1, m2, m3, word @ ..]) = self.head::<8>()? else {
                return if to.len() == begin { Ok(false) } else { Err(BadRecord::CutOff("its last part is missing")) };
            };
            if [m0, m1, m2, m3] != RECORD_IO_MAGIC {
                return Err(BadRecord::NotRecordIO(self.count + 1));
            }
            let word = u32::from_le_bytes(word);
            let (flag, length) = (word >> 29, u64::from(word & ((1 << 29) - 1)));
            if self.framed {
                to.extend([m0, m1, m2, m3]);
                to.extend(word.to_le_bytes());
            } else if flag != WHOLE && flag != FIRST {
                to.extend(RECORD_IO_MAGIC);
            }
            self.content(length, begin, to)?;
            let padding = length.next_multiple_of(4) - length;
            self.frame(padding, to)?;
            if flag == WHOLE || flag == LAST {
                return Ok(true);
            }
        }
    }

    /// Length, its checksum, content, its checksum.
    fn tf_record(&mut self, to: &mut Vec<u8>) -> Result<bool, BadRecord> {
        let Some(head) = self.head::<12>()? else { return Ok(false) };
        let begin = to.len();
        if self.framed {
            to.extend(head);
        }
        let [l0, l1, l2, l3, l4, l5, l6, l7, ..] = head;
        self.content(u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]), begin, to)?;
        self.frame(4, to)?;
        Ok(true)
    }

    /// What goes before a record's content; `None` at the end of the object.
    fn head<const N: usize>(&mut self) -> Result<Option<[u8; N]>, BadRecord> {
        let mut head = Vec::with_capacity(N);
        (&mut self.reader).take(N as u64).read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(None);
        }
        let head = head.try_into().map_err(|_| BadRecord::CutOff("the object ends in the middle of its header"))?;
        Ok(Some(head))
    }

    fn content(&mut self, length: u64, begin: usize, to: &mut Vec<u8>) -> Result<(), BadRecord> {
        if length.saturating_add((to.len() - begin) as u64) > self.longest as u64 {
            return Err(BadRecord::TooLong);
        }
        self.exactly(length, to)
    }

    fn exactly(&mut self, length: u64, to: &mut Vec<u8>) -> Result<(), BadRecord> {
        let read = (&mut self.reader).take(length).read_to_end(to)?;
        if read as u64 == length { Ok(()) } else { Err(BadRecord::CutOff("the object ends in the middle of it")) }
    }

    /// What goes behind a record's content.
    fn frame(&mut self, length: u64, to: &mut Vec<u8>) -> Result<(), BadRecord> {
        let content = to.len();
        self.exactly(length, to)?;
        if !self.framed {
            to.truncate(content);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(content: &[u8], split: Split, framed: bool, longest: usize) -> Result<Vec<Vec<u8>>, String> {
        let mut records = Records::new(content, split, framed, longest);
        let mut out = Vec::new();
        loop {
            let mut record = Vec::new();
            if !records.next(&mut record).map_err(|e| e.to_string())? {
                return Ok(out);
            }
            out.push(record);
        }
    }

    fn record_io(parts: &[(u32, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (flag, part) in parts {
            out.extend(RECORD_IO_MAGIC);
            out.extend(((flag << 29) | u32::try_from(part.len()).unwrap()).to_le_bytes());
            out.extend(*part);
            out.extend(vec![0; part.len().next_multiple_of(4) - part.len()]);
        }
        out
    }

    fn tf_record(content: &[u8]) -> Vec<u8> {
        [&(content.len() as u64).to_le_bytes()[..], b"crcL", content, b"crcC"].concat()
    }

    #[test]
    fn an_object_that_is_not_split_is_one_record() {
        assert_eq!(all(b"a\nb", Split::None, true, 3).unwrap(), [b"a\nb"]);
        assert_eq!(all(b"", Split::None, true, 3).unwrap(), [b""]);
        assert_eq!(all(b"a\nbc", Split::None, true, 3).unwrap_err(), "Too much data for max payload size");
    }

    #[test]
    fn lines_keep_their_ends() {
        assert_eq!(all(b"a\r\n\nb", Split::Line, true, 9).unwrap(), [&b"a\r\n"[..], b"\n", b"b"]);
        assert!(all(b"", Split::Line, true, 9).unwrap().is_empty());
        assert_eq!(all(b"ab\nabc\n", Split::Line, true, 3).unwrap_err(), "Too much data for max payload size");
    }

    #[test]
    fn frames_are_kept_or_taken_away() {
        let whole = record_io(&[(0, b"abcde")]);
        let parts = record_io(&[(1, b"ab"), (2, b"cd"), (3, b"e")]);
        let content = [whole.clone(), parts.clone()].concat();
        assert_eq!(all(&content, Split::RecordIO, true, 99).unwrap(), [whole, parts]);
        let joined = [&b"ab"[..], &RECORD_IO_MAGIC, b"cd", &RECORD_IO_MAGIC, b"e"].concat();
        assert_eq!(all(&content, Split::RecordIO, false, 99).unwrap(), [b"abcde".to_vec(), joined]);
        let content = [tf_record(b"abc"), tf_record(b"")].concat();
        assert_eq!(all(&content, Split::TFRecord, true, 99).unwrap(), [tf_record(b"abc"), tf_record(b"")]);
        assert_eq!(all(&content, Split::TFRecord, false, 99).unwrap(), [&b"abc"[..], b""]);
    }

    #[test]
    fn wrong_frames_are_told() {
        let io = record_io(&[(0, b"abcd")]);
        let tf = tf_record(b"abcd");
        for (content, split, why) in [
            (&io[..7], Split::RecordIO, "A record is cut off: the object ends in the middle of its header"),
            (&io[..11], Split::RecordIO, "A record is cut off: the object ends in the middle of it"),
            (&record_io(&[(1, b"abcd")]), Split::RecordIO, "A record is cut off: its last part is missing"),
            (b"12345678", Split::RecordIO, "The data is not RecordIO: record 1 does not begin with its magic number"),
            (&record_io(&[(0, &[0; 100])]), Split::RecordIO, "Too much data for max payload size"),
            (&record_io(&[(1, &[0; 60]), (3, &[0; 60])]), Split::RecordIO, "Too much data for max payload size"),
            (&tf[..tf.len() - 1], Split::TFRecord, "A record is cut off: the object ends in the middle of it"),
            (&[0xff; 12], Split::TFRecord, "Too much data for max payload size"),
        ] {
            assert_eq!(all(content, split, true, 99).unwrap_err(), why);
        }
    }

    proptest! {
        #[test]
        fn framed_records_are_the_whole_object(contents: Vec<Vec<u8>>) {
            for (split, frame) in [
                (Split::RecordIO, (|c| record_io(&[(0, c)])) as fn(&[u8]) -> Vec<u8>),
                (Split::TFRecord, tf_record),
            ] {
                let frames: Vec<_> = contents.iter().map(|c| frame(c)).collect();
                prop_assert_eq!(&all(&frames.concat(), split, true, 4096).unwrap(), &frames);
                prop_assert_eq!(&all(&frames.concat(), split, false, 4096).unwrap(), &contents);
            }
        }

        #[test]
        fn lines_are_the_whole_object(content in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200)) {
            let lines = all(&content, Split::Line, true, 4096).unwrap();
            prop_assert_eq!(lines.concat(), content);
            let mut inner = lines.iter().rev().skip(1);
            prop_assert!(inner.all(|l| l.iter().position(|b| *b == b'\n') == Some(l.len() - 1)));
        }

        #[test]
        fn no_content_breaks_the_reader(content: Vec<u8>) {
            for split in [Split::None, Split::Line, Split::RecordIO, Split::TFRecord] {
                let _ = all(&content, split, false, 64);
            }
        }
    }
}
