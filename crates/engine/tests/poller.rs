//! The poller against a world that changes, with times of whole seconds, lagging listings and clocks that are off.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use sagewright_engine::watch::{Change, ContentHash, ListItem, NameHash, Poller, Query};
use serde_json::json;

const NAMES: u8 = 5;
const WHOLE: Duration = Duration::from_secs(1800);
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    version: u32,
    created: i64,
    changed: i64,
}

#[derive(Debug, Clone)]
enum Op {
    Create(u8),
    Update(u8),
    Delete(u8),
    Millis(i64),
    Seconds(i64),
    /// A poll whose listing shows the world of so many seconds ago.
    Poll(i64),
    /// One that fails after so many pages.
    Fail(i64, usize),
}

fn ops(longest_lag: i64) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        2 => (0..NAMES).prop_map(Op::Create),
        4 => (0..NAMES).prop_map(Op::Update),
        2 => (0..NAMES).prop_map(Op::Delete),
        4 => (0..900i64).prop_map(Op::Millis),
        2 => (1..200i64).prop_map(Op::Seconds),
        5 => (0..=longest_lag).prop_map(Op::Poll),
        1 => ((0..=longest_lag), 0..3usize).prop_map(|(lag, pages)| Op::Fail(lag, pages)),
    ];
    prop::collection::vec(op, 1..60)
}

/// The service, and a caller that looks at what a poll reports, after it.
struct World {
    now: i64,
    skew: i64,
    grain: i64,
    /// The rows as they were from each time on.
    history: Vec<(i64, BTreeMap<u8, Row>)>,
    versions: u32,
    poller: Poller,
    known: BTreeMap<u8, Option<Row>>,
    pending: Vec<Change>,
}

impl World {
    fn new(skew: i64, grain: i64, whole: Duration, takes_since: bool) -> Self {
        Self {
            now: 1_767_225_600_000,
            skew,
            grain,
            history: vec![(0, BTreeMap::new())],
            versions: 0,
            poller: Poller::new(takes_since, whole),
            known: (0..NAMES).map(|n| (n, None)).collect(),
            pending: Vec::new(),
        }
    }

    fn rows(&self) -> &BTreeMap<u8, Row> {
        &self.history.last().unwrap().1
    }

    fn change(&mut self, name: u8, make: impl FnOnce(Option<Row>, i64, u32) -> Option<Row>) {
        self.versions += 1;
        let mut rows = self.rows().clone();
        match make(rows.get(&name).copied(), self.now, self.versions) {
            Some(row) => rows.insert(name, row),
            None => rows.remove(&name),
        };
        self.history.push((self.now, rows));
    }

    fn time(&self, millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis / self.grain * self.grain).unwrap()
    }

    /// What a listing shows: neither versions nor anything finer than the service's times.
    fn list(&self, query: Query, lag: i64) -> Vec<ListItem> {
        let at = self.now - lag * 1000;
        let rows = &self.history.iter().rev().find(|(since, _)| *since <= at).unwrap().1;
        let mut rows: Vec<_> = rows.iter().collect();
        rows.sort_by_key(|(_, row)| row.created);
        rows.into_iter()
            .filter(|(_, row)| match query {
                Query::Since(since) => self.time(row.changed) > since,
                Query::Whole => true,
            })
            .map(|(name, row)| {
                let shown = json!([self.time(row.created).to_string(), self.time(row.changed).to_string()]);
                ListItem {
                    name: name.to_string(),
                    hash: ContentHash::of(&shown, &[]),
                    changed: Some(self.time(row.changed)),
                }
            })
            .collect()
    }

    fn poll(&mut self, lag: i64, fails_after: Option<usize>) -> usize {
        let now = Timestamp::from_millisecond(self.now + self.skew * 1000).unwrap();
        let query = self.poller.begin(now);
        for (at, page) in self.list(query, lag).chunks(2).enumerate() {
            if fails_after == Some(at) {
                return 0;
            }
            self.pending.extend(self.poller.page(page.to_vec()));
        }
        if fails_after.is_some() {
            return 0;
        }
        self.pending.extend(self.poller.end());
        let changes = std::mem::take(&mut self.pending);
        for change in &changes {
            let key = match change {
                Change::Shown(shown) => NameHash::of(&shown.name),
                Change::Gone(key) => *key,
            };
            let name = (0..NAMES).find(|n| NameHash::of(&n.to_string()) == key).unwrap();
            let row = self.rows().get(&name).copied();
            self.known.insert(name, row);
        }
        // What was found although no listing shows it is looked at again.
        for name in 0..NAMES {
            if self.known[&name].is_some() && self.poller.hash(&name.to_string()).is_none() {
                let row = self.rows().get(&name).copied();
                self.known.insert(name, row);
            }
        }
        // To list and to look takes longer than AWS's finest time.
        self.now += 1;
        changes.len()
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Create(name) => {
                self.change(name, |old, now, version| old.or(Some(Row { version, created: now, changed: now })))
            }
            Op::Update(name) => {
                self.change(name, |old, now, version| Some(Row { version, changed: now, ..old? }));
            }
            Op::Delete(name) => self.change(name, |_, _, _| None),
            Op::Millis(millis) => self.now += millis,
            Op::Seconds(seconds) => self.now += seconds * 1000,
            Op::Poll(lag) => drop(self.poll(lag, None)),
            Op::Fail(lag, pages) => drop(self.poll(lag, Some(pages))),
        }
    }

    /// Polls each half minute for a while; gives the changes that the last half of it reported.
    fn settle(&mut self, seconds: i64) -> usize {
        let mut late = 0;
        for at in 0..seconds / 30 {
            self.now += 30_000;
            let changes = self.poll(0, None);
            late += if at * 60 > seconds { changes } else { 0 };
        }
        late
    }
}

/// A few seconds' worth; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// However far listings lag: a whole one ends every doubt.
    #[test]
    fn every_change_is_reported_and_then_nothing_is(
        ops in ops(900), skew in -300..=300i64, grain in prop::sample::select(vec![1i64, 1000]), since in any::<bool>(),
    ) {
        let mut world = World::new(skew, grain, WHOLE, since);
        ops.iter().for_each(|op| world.run(op));
        let late = world.settle(2 * 1800 + 1200);
        let rows: BTreeMap<u8, Option<Row>> = (0..NAMES).map(|n| (n, world.rows().get(&n).copied())).collect();
        prop_assert_eq!(&world.known, &rows);
        prop_assert_eq!(late, 0);
    }

    /// Within what is gone back over, no whole listing is needed for what is there.
    #[test]
    fn changes_are_reported_without_another_whole_listing(
        ops in ops(60), skew in -300..=300i64, grain in prop::sample::select(vec![1i64, 1000]),
    ) {
        let mut world = World::new(skew, grain, NEVER, true);
        world.poll(0, None);
        ops.iter().for_each(|op| world.run(op));
        let late = world.settle(1800);
        for (name, row) in world.rows() {
            prop_assert_eq!(world.known[name], Some(*row));
        }
        prop_assert_eq!(late, 0);
    }
}

#[test]
fn two_changes_in_one_second_are_both_reported() {
    let mut world = World::new(0, 1000, NEVER, true);
    world.poll(0, None);
    world.run(&Op::Create(0));
    assert_eq!(world.poll(0, None), 1);
    world.now += 200;
    world.run(&Op::Update(0));
    assert_eq!(world.poll(0, None), 0, "the listing looks the same");
    world.settle(600);
    assert_eq!(world.known[&0].as_ref(), world.rows().get(&0));
}

#[test]
fn what_was_changed_long_ago_is_not_listed_again() {
    let mut world = World::new(0, 1, NEVER, true);
    world.run(&Op::Create(0));
    world.poll(0, None);
    world.settle(600);
    let query = world.poller.begin(Timestamp::from_millisecond(world.now).unwrap());
    assert!(matches!(query, Query::Since(_)) && world.list(query, 0).is_empty(), "{query:?}");
}

#[test]
fn a_poll_goes_back_as_far_as_a_listing_may_lag_behind() {
    let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
    let since = |changed: i64, polled: i64, now: i64| {
        let mut poller = Poller::new(true, NEVER);
        assert!(poller.is_empty());
        poller.begin(at(polled));
        poller.page([ListItem {
            name: "a".into(),
            hash: ContentHash::of(&json!({}), &[]),
            changed: Some(at(changed)),
        }]);
        poller.end();
        assert!(!poller.is_empty() && !poller.is_cut());
        match poller.begin(at(now)) {
            Query::Since(since) => since.as_second(),
            Query::Whole => panic!("everything is listed"),
        }
    };
    // Times have milliseconds, so that no second is passing. A minute before the latest change, and a second more
    // because the filter may leave out what is as old as it says.
    assert_eq!(since(1_000_500, 1_001_000, 1_030_000), 939);
    // A service whose times are far ahead of the caller's clock is believed for five minutes.
    assert_eq!(since(9_000_500, 1_001_000, 1_030_000), 1_001 + 300 - 60 - 1);
    // Where nothing has changed for long, the caller's clock says more than the latest change: 5 minutes that it may
    // be off, and the minute.
    assert_eq!(since(500, 1_001_000, 1_030_000), 1_001 - 300 - 60 - 1);
}

#[test]
fn a_burst_is_listed_again_for_as_long_as_a_listing_may_lag_behind() {
    // A caller whose clock is ahead knows earlier that it is over.
    for (skew, expected) in [(0, [5, 5, 5, 5, 1]), (-299, [5, 5, 5, 5, 1]), (299, [5, 5, 5, 0, 0])] {
        let mut world = World::new(skew, 1, NEVER, true);
        world.poll(0, None);
        for name in 0..NAMES {
            world.now += 101;
            world.run(&Op::Create(name));
        }
        let mut listed = Vec::new();
        for _ in 0..5 {
            world.now += 30_000;
            let now = Timestamp::from_millisecond(world.now + skew * 1000).unwrap();
            let query = world.poller.clone().begin(now);
            listed.push(world.list(query, 0).len());
            world.poll(0, None);
        }
        assert_eq!(listed, expected, "{skew}");
    }
}

#[test]
fn a_clock_that_is_set_back_costs_a_whole_listing() {
    let mut world = World::new(0, 1, WHOLE, true);
    world.poll(0, None);
    let back = Timestamp::from_millisecond(world.now - 3_600_000).unwrap();
    assert_eq!(world.poller.begin(back), Query::Whole);
}

#[test]
fn prints_heed_values_and_not_the_order_of_members() {
    let hash = |text: &str| ContentHash::of(&serde_json::from_str(text).unwrap(), &["Noise".to_owned()]);
    assert_eq!(hash(r#"{"a": 1, "b": {"c": [2], "d": 3}}"#), hash(r#"{"b": {"d": 3, "c": [2]}, "a": 1, "Noise": 7}"#));
    let all =
        [r#"{"a": 1}"#, r#"{"a": "1"}"#, r#"{"a": [1]}"#, r#"["a", 1]"#, r#"{"a": {"Noise": 7}}"#, r#"{"a": {}}"#];
    for (i, one) in all.iter().enumerate() {
        for other in &all[i + 1..] {
            assert_ne!(hash(one), hash(other));
        }
    }
}

#[test]
fn what_changes_while_a_long_listing_runs_is_listed_by_the_next_poll() {
    let at = |second: i64| Timestamp::from_second(1_767_225_600 + second).unwrap();
    let item = |name: &str, second: i64| ListItem {
        name: name.to_owned(),
        hash: ContentHash::of(&json!(second), &[]),
        changed: Some(at(second)),
    };
    let mut poller = Poller::new(true, WHOLE);
    assert_eq!(poller.begin(at(1_000)), Query::Whole);
    poller.page([item("a", 100)]);
    // `a` changes at 1200, after its page was given; a later page shows what changed after that.
    poller.page([item("b", 1_290)]);
    poller.end();
    let Query::Since(since) = poller.begin(at(1_300)) else { panic!("the whole is listed each half hour") };
    assert!(since < at(1_200), "{since}");
}
