//! A page of events by time, from as few blocks as it takes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use sagewright_cloud_core::limits;
use sagewright_cloud_core::logs::Event;

use super::block::Block;
use super::index;

/// AWS counts every event with so many bytes more than its text.
pub(crate) const EVENT_OVERHEAD: usize = 26;
/// AWS's limits for one answer.
pub(crate) const MOST_EVENTS: usize = 10_000;
const MOST_BYTES: usize = 1024 * 1024;

/// Where an event stands among those of several streams: by time, by stream, and by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a> {
    /// When it happened, milliseconds since 1970.
    pub timestamp: i64,
    /// Its stream.
    pub stream: &'a str,
    /// Its number in the stream.
    pub arrival: u64,
}

impl<'a> Key<'a> {
    /// Before all events of a time.
    #[must_use]
    pub fn at(timestamp: i64) -> Self {
        Self { timestamp, stream: "", arrival: 0 }
    }

    /// Just behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self { arrival: self.arrival.saturating_add(1), ..self }
    }

    /// Where the events of a block are at the earliest and at the latest.
    fn ends(stream: &'a str, block: &Block) -> (Self, Self) {
        let last = (block.first + block.events).saturating_sub(1);
        (
            Self { timestamp: block.oldest, stream, arrival: block.first },
            Self { timestamp: block.newest, stream, arrival: last },
        )
    }
}

/// What is looked for.
#[derive(Clone, Copy)]
pub struct Query<'q> {
    /// Not before this.
    pub from: Key<'q>,
    /// Before this.
    pub to: Key<'q>,
    /// Whether the last events come first.
    pub backwards: bool,
    /// Most events of a page.
    pub most: usize,
    /// Which texts are wanted; `None` for all.
    pub keep: Option<&'q dyn Fn(&str) -> bool>,
}

/// A part of what was looked for.
#[derive(Debug)]
pub struct Page<'s> {
    /// Events by time, whatever the direction.
    pub events: Vec<(Key<'s>, Event)>,
    /// Where the next page begins: forwards with this, backwards before this. `None`: there is no more now.
    pub next: Option<Key<'s>>,
    /// Bytes of log files that were read.
    pub read: u64,
}

/// The first events of those that were seen, within the limits of a page.
struct Best<'s> {
    events: BTreeMap<Key<'s>, Event>,
    bytes: usize,
    /// The first event that has no room.
    beyond: Option<Key<'s>>,
}

impl Query<'_> {
    /// Whether a block of a stream may hold what is looked for.
    pub(crate) fn concerns(&self, stream: &str, block: &Block) -> bool {
        let (first, last) = Key::ends(stream, block);
        block.events > 0 && last >= self.from && first < self.to
    }

    /// Whether one place is met before another.
    fn before(&self, a: Key<'_>, b: Key<'_>) -> bool {
        if self.backwards { a > b } else { a < b }
    }

    /// The place of a block that is met first.
    fn edge<'s>(&self, stream: &'s str, block: &Block) -> Key<'s> {
        let (first, last) = Key::ends(stream, block);
        if self.backwards { last } else { first }
    }

    pub(crate) fn page<'s>(
        &self,
        mut candidates: Vec<(&'s str, Block)>,
        open: impl Fn(&str) -> io::Result<File>,
    ) -> io::Result<Page<'s>> {
        candidates.sort_by_key(|(stream, block)| self.edge(stream, block));
        if self.backwards {
            candidates.reverse();
        }
        let mut best = Best { events: BTreeMap::new(), bytes: 0, beyond: None };
        let (mut read, mut spent) = (0, 0);
        for (stream, block) in candidates {
            let edge = self.edge(stream, &block);
            if best.beyond.is_some_and(|beyond| self.before(beyond, edge)) {
                break;
            }
            if spent >= limits::LOG_SEARCH && self.keep.is_some() {
                best.end(self, edge);
                break;
            }
            // Blocks that reach into what earlier pages told are read again; only what is behind them counts, so that
            // each page comes further than the one before.
            let begin = if self.backwards { edge.next() < self.to } else { edge > self.from };
            spent += if begin { block.bytes() } else { 0 };
            read += block.bytes();
            let mut arrival = block.first;
            index::read(&mut open(stream)?, &block, |line| {
                let key = Key { timestamp: line.timestamp, stream, arrival };
                arrival += 1;
                let wanted = key >= self.from && key < self.to && self.keep.is_none_or(|keep| keep(&line.message));
                if wanted && best.beyond.is_none_or(|beyond| self.before(key, beyond)) {
                    best.add(self, key, line.event());
                }
            })?;
        }
        let next = best.beyond.map(|beyond| if self.backwards { beyond.next() } else { beyond });
        Ok(Page { events: best.events.into_iter().collect(), next, read })
    }
}

impl<'s> Best<'s> {
    fn add(&mut self, query: &Query<'_>, key: Key<'s>, event: Event) {
        self.bytes += event.message.len() + EVENT_OVERHEAD;
        self.events.insert(key, event);
        while self.events.len() > query.most || self.bytes > MOST_BYTES && self.events.len() > 1 {
            self.drop_last(query);
        }
    }

    fn drop_last(&mut self, query: &Query<'_>) {
        let last = if query.backwards { self.events.pop_first() } else { self.events.pop_last() };
        if let Some((key, event)) = last {
            self.bytes -= event.message.len() + EVENT_OVERHEAD;
            self.beyond = Some(key);
        }
    }

    /// Ends the page at a place: what is behind it was not looked at.
    fn end(&mut self, query: &Query<'_>, place: Key<'s>) {
        let last = |this: &Self| {
            let end = if query.backwards { this.events.first_key_value() } else { this.events.last_key_value() };
            end.map(|(key, _)| *key)
        };
        while last(self).is_some_and(|key| !query.before(key, place)) {
            self.drop_last(query);
        }
        self.beyond = Some(place);
    }
}
