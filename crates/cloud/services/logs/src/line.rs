//! The lines of a stream's file: one event each, as JSON.
//!
//! A process that is killed while it writes leaves a torn line. It holds no acknowledged event, may end within a
//! character, and is passed over; what an earlier version wrote behind it on the same line is found.
//! Lines that are written at once say how many of them follow, so that a part of them that a kill left is known as one.

use std::borrow::Cow;
use std::io::{self, BufRead, ErrorKind};

use sagewright_cloud_core::limits;
use sagewright_cloud_core::logs::Event;
use serde::{Deserialize, Serialize};

/// How every line begins. No text of an event can hold it: a quote within a text is escaped.
const BEGIN: &[u8] = b"{\"t\":";

/// An event as its line has it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Line<'a> {
    #[serde(rename = "t")]
    pub timestamp: i64,
    #[serde(rename = "i")]
    pub ingested: i64,
    #[serde(rename = "m", borrow)]
    pub message: Cow<'a, str>,
    /// How many lines follow that were written with this one.
    #[serde(rename = "b", default, skip_serializing_if = "is_last")]
    pub more: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_last(more: &u64) -> bool {
    *more == 0
}

/// Adds the line of an event.
pub(crate) fn write(bytes: &mut Vec<u8>, event: &Event, more: u64) -> io::Result<()> {
    let Event { timestamp, ingested, message } = event;
    serde_json::to_writer(
        &mut *bytes,
        &Line { timestamp: *timestamp, ingested: *ingested, message: message.into(), more },
    )?;
    bytes.push(b'\n');
    Ok(())
}

impl Line<'_> {
    pub fn event(self) -> Event {
        Event { timestamp: self.timestamp, ingested: self.ingested, message: self.message.into_owned() }
    }
}

/// The whole lines of a file, from where the reader stands.
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new() }
    }

    /// The bytes of the next line with its end, and its event if it holds one; `None` behind the last whole line.
    pub fn next(&mut self) -> io::Result<Option<(u64, Option<Line<'_>>)>> {
        self.buffer.clear();
        let mut length = 0;
        loop {
            let found = match self.reader.fill_buf() {
                Ok(found) => found,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if found.is_empty() {
                return Ok(None);
            }
            let end = found.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(found.len(), |at| at + 1);
            // What is longer is no line of ours, and is not kept.
            let room = limits::LOG_LINE.saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(found.get(..used.min(room)).unwrap_or(found));
            length += used as u64;
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some((length, parse(&self.buffer))));
            }
        }
    }
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    serde_json::from_slice(line).ok().or_else(|| {
        let begin = line.windows(BEGIN.len()).rposition(|part| part == BEGIN).filter(|at| *at > 0)?;
        serde_json::from_slice(line.get(begin..)?).ok()
    })
}
