//! What changed, from the pages of a listing. Pure: pages and times go in, changes come out.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::hash::{ContentHash, ListItem, NameHash};

/// How far a listing may lag behind a change: so far back it is listed again.
const LAG: SignedDuration = SignedDuration::from_secs(60);
/// How far the caller's clock may be off: AWS takes no signature that is off by more.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Resources of which something is kept at most: 9 MB.
const MOST: usize = 250_000;

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// Everything: only that shows what is gone.
    Whole,
    /// What changed since.
    Since(Timestamp),
}

/// A change that a listing shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The resource is new, or is not as it was.
    Shown(ListItem),
    /// The resource of this name is gone. Names are not kept; whoever waits for one knows it, and its key.
    Gone(NameHash),
}

/// What the service showed.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The latest time that it had shown by then, by its clock.
    newest: Timestamp,
    /// By the caller's clock.
    by: Timestamp,
}

/// Finds what changed between one listing and the next: of one kind, in one account and region.
///
/// A poll is [`Poller::begin`], [`Poller::page`] for each page and [`Poller::end`]; one that failed needs no end. Every
/// change that the listing shows is reported once at least, at the latest by the next whole listing, although
///
/// - a listing may lag behind changes, and the caller's clock may be off: each poll goes back over what the last one saw,
///   until a minute has passed, and what was reported is not reported again;
/// - times may have no more than seconds, so that two changes look like one: a resource that changed in the second that
///   was just passing is reported again when that second is surely over.
///
/// A listing that lags behind may not show what a look finds: that has no [`Poller::hash`], and is to be looked at again
/// until it has one or is gone.
///
/// What is kept of a resource is two words: hashes of its name and of what was shown.
#[derive(Debug, Clone)]
pub struct Poller {
    /// What was shown, and in the lowest bit whether this whole listing has shown it.
    seen: HashMap<NameHash, u64>,
    /// Resources that changed in a second that may not have been over, and that second.
    passing: HashMap<NameHash, i64>,
    /// The latest time that the service showed, and the latest of which all that is older was shown: in a poll that came to
    /// its end, when it began.
    newest: Option<Timestamp>,
    taken: Option<Timestamp>,
    /// Times that the service showed, each with a time of the caller's clock when it had shown them: a listing that begins a
    /// lag later shows all that is as old.
    marks: Vec<Mark>,
    /// All that is as old has been shown, however far the listings lagged.
    horizon: Option<Timestamp>,
    /// The latest time that the service had shown when the first page of this poll was given.
    at_first: Option<Option<Timestamp>>,
    /// When the last poll that came to its end began, and when the last whole one did, by the caller's clock.
    polled: Option<Timestamp>,
    whole: Option<Timestamp>,
    running: Option<(Query, Timestamp)>,
    /// The listing takes a time since when.
    takes_since: bool,
    /// The next poll has to list everything.
    wants_whole: bool,
    whole_every: SignedDuration,
    most: usize,
    cut: bool,
}

impl Poller {
    /// A poller that has seen nothing. `takes_since` says whether the listing can leave out what has not changed; if so,
    /// everything is listed only each `whole_every`.
    #[must_use]
    pub fn new(takes_since: bool, whole_every: Duration) -> Self {
        Self {
            seen: HashMap::new(),
            passing: HashMap::new(),
            newest: None,
            taken: None,
            marks: Vec::new(),
            horizon: None,
            at_first: None,
            polled: None,
            whole: None,
            running: None,
            takes_since,
            wants_whole: false,
            whole_every: SignedDuration::try_from(whole_every).unwrap_or(SignedDuration::MAX),
            most: MOST,
            cut: false,
        }
    }

    /// Sets how often everything is listed, where the listing can leave out what has not changed.
    pub fn list_whole_every(&mut self, whole_every: Duration) {
        self.whole_every = SignedDuration::try_from(whole_every).unwrap_or(SignedDuration::MAX);
    }

    /// Has the next poll list everything, which shows what is gone.
    pub fn want_whole(&mut self) {
        self.wants_whole = true;
    }

    /// Begins a poll, and says what to list for it.
    pub fn begin(&mut self, now: Timestamp) -> Query {
        self.mark(now);
        let query = self.since(now).map_or(Query::Whole, Query::Since);
        if query == Query::Whole {
            self.seen.values_mut().for_each(|word| *word &= !1);
            self.cut = false;
        }
        self.running = Some((query, now));
        self.at_first = None;
        query
    }

    /// Notes what the service has shown by now.
    fn mark(&mut self, now: Timestamp) {
        if self.polled.is_some_and(|polled| polled > now) {
            // A clock that was set back says nothing of what passed.
            self.marks.clear();
        }
        let Some(newest) = self.newest.map(|newest| newest.min(add(now, SKEW))) else { return };
        if self.horizon < Some(newest) && self.marks.last().is_none_or(|last| last.newest < newest) {
            self.marks.push(Mark { newest, by: now });
        }
    }

    /// Since when changes have to be listed. `None` for a whole listing.
    fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let (polled, whole) = (self.polled?, self.whole?);
        // A clock that was set back says nothing of what passed.
        if !self.takes_since || self.wants_whole || polled > now || now.duration_since(whole) >= self.whole_every {
            return None;
        }
        // All that is older than either of these has been shown: by the service's time, and by the caller's.
        let seen = self.taken.map(|newest| newest.min(add(polled, SKEW)));
        let by_service = seen.map(|seen| add(seen, -LAG));
        let by_caller = Some(add(polled, -(SKEW + LAG)));
        let since = by_service.max(by_caller).max(self.horizon)?;
        let oldest = self.passing.values().min().and_then(|second| Timestamp::from_second(*second).ok());
        let since = oldest.map_or(since, |oldest| since.min(add(oldest, -LAG)));
        // The filter may leave out what is as old as it says. Of times without a fraction, the whole second may be missing.
        let exact = self.horizon == Some(since) && since.subsec_millisecond() != 0;
        let least = if exact { SignedDuration::from_millis(1) } else { SignedDuration::from_secs(1) };
        let unit = if exact { Unit::Millisecond } else { Unit::Second };
        add(since, -least).round(TimestampRound::new().smallest(unit).mode(RoundMode::Floor)).ok()
    }

    /// Takes a page of the listing, and says what of it has changed.
    pub fn page(&mut self, items: impl IntoIterator<Item = ListItem>) -> Vec<Change> {
        let Some((query, now)) = self.running else { return Vec::new() };
        let items: Vec<ListItem> = items.into_iter().collect();
        self.newest = items.iter().filter_map(|item| item.changed).max().max(self.newest);
        self.at_first.get_or_insert(self.newest);
        items.into_iter().filter(|item| self.is_change(item, query, now)).map(Change::Shown).collect()
    }

    fn is_change(&mut self, item: &ListItem, query: Query, now: Timestamp) -> bool {
        let key = NameHash::of(&item.name);
        let word = item.hash.0 << 1 | 1;
        let newest = self.newest.map(Timestamp::as_second);
        let is_over =
            |second: i64| newest > Some(second) || now.as_second() > second.saturating_add(1 + SKEW.as_secs());
        let before = self.seen.get_mut(&key);
        let same = before.as_ref().is_some_and(|before| **before | 1 == word);
        if same && !self.passing.get(&key).copied().is_some_and(is_over) {
            if let Some(before) = before {
                *before = word;
            }
            return false;
        }
        self.passing.remove(&key);
        if before.is_none() && self.seen.len() >= self.most {
            // What is not kept is reported only while it has changed recently: otherwise it would be reported for ever.
            self.cut = true;
            return query != Query::Whole;
        }
        self.seen.insert(key, word);
        let second = item.changed.filter(|time| time.subsec_nanosecond() == 0).map(Timestamp::as_second);
        if let Some(second) = second.filter(|second| !is_over(*second)) {
            self.passing.insert(key, second);
        }
        true
    }

    /// The page has something of which nothing can be kept, because it does not say which resource it is.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Ends a poll whose pages have all been taken, and says what is gone.
    pub fn end(&mut self) -> Vec<Change> {
        let Some((query, began)) = self.running.take() else { return Vec::new() };
        self.polled = Some(began);
        // What changed while a long listing ran may have been on a page that was given before.
        self.taken = self.at_first.take().unwrap_or(self.newest);
        let shown = self.marks.iter().filter(|mark| add(mark.by, LAG) <= began).count();
        self.horizon = self.marks.drain(..shown).next_back().map(|mark| mark.newest).max(self.horizon);
        if query != Query::Whole {
            return Vec::new();
        }
        self.whole = Some(began);
        self.wants_whole = false;
        let gone: Vec<NameHash> = self.seen.extract_if(|_, word| *word & 1 == 0).map(|(key, _)| key).collect();
        for key in &gone {
            self.passing.remove(key);
        }
        gone.into_iter().map(Change::Gone).collect()
    }

    /// The hash of what was last shown of a resource.
    #[must_use]
    pub fn hash(&self, name: &str) -> Option<ContentHash> {
        self.seen.get(&NameHash::of(name)).map(|word| ContentHash(word >> 1))
    }

    /// As of when everything that is there has been shown. `None` before the first poll came to its end, and where
    /// something was shown of which nothing is kept.
    #[must_use]
    pub fn complete_as_of(&self) -> Option<Timestamp> {
        self.polled.filter(|_| self.whole.is_some() && !self.cut)
    }

    /// Whether something was shown of which nothing is kept. Resources beyond the most are reported only when they change.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Resources of which something is kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing has been seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

fn add(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_most_is_not_kept_and_not_told_for_ever() {
        let item = |i: usize| ListItem {
            name: format!("r{i}"),
            hash: ContentHash(1),
            changed: Timestamp::from_second(1_000).ok(),
        };
        let mut poller = Poller { most: 3, ..Poller::new(false, Duration::ZERO) };
        for round in 0..3 {
            poller.begin(Timestamp::from_second(10_000 + round).unwrap());
            let changes = poller.page((0..5).map(item));
            assert_eq!(changes.len(), if round == 0 { 3 } else { 0 });
            assert!(poller.end().is_empty() && poller.is_cut() && poller.len() == 3);
        }
    }
}
