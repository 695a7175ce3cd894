//! Streams on disk: what a crash leaves, and what a search reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sagewright_cloud_core::limits;
use sagewright_cloud_core::logs::{Event, LogSink as _};
use sagewright_cloud_logs::Streams;
use sagewright_cloud_logs::page::{Key, Page, Query};

fn event(timestamp: i64, message: impl Into<String>) -> Event {
    Event { timestamp, ingested: timestamp, message: message.into() }
}

fn append(logs: &Streams, events: &[Event]) {
    logs.append("0", "r", "g", "s", events).unwrap();
}

fn texts(logs: &Streams) -> Vec<String> {
    logs.read("0", "r", "g", "s").unwrap().unwrap().into_iter().map(|e| e.message).collect()
}

fn file(dir: &Path, end: &str) -> PathBuf {
    dir.join("0/r/g").join(format!("s{end}"))
}

fn tear(dir: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(file(dir, ".jsonl")).unwrap().write_all(bytes).unwrap();
}

fn all(most: usize, backwards: bool) -> Query<'static> {
    Query { from: Key::at(i64::MIN), to: Key::at(i64::MAX), backwards, most, keep: None }
}

fn select<'s>(logs: &Streams, names: &'s [String], query: &Query<'_>) -> Page<'s> {
    logs.select("0", "r", "g", names, query).unwrap()
}

/// Text by text, from page to page.
fn paged(logs: &Streams, names: &[String], most: usize, backwards: bool) -> Vec<String> {
    let mut query = all(most, backwards);
    let mut found = Vec::new();
    loop {
        let page = logs.select("0", "r", "g", names, &query).unwrap();
        let mut texts: Vec<_> = page.events.into_iter().map(|(_, e)| e.message).collect();
        assert!(texts.len() <= most);
        if backwards {
            texts.reverse();
        }
        found.extend(texts);
        let Some(next) = page.next else { break };
        // A name of the caller's, as a token holds it.
        let stream: &'static str = names.iter().find(|n| *n == next.stream).unwrap().clone().leak();
        let next = Key { timestamp: next.timestamp, stream, arrival: next.arrival };
        if backwards { query.to = next } else { query.from = next }
    }
    if backwards {
        found.reverse();
    }
    found
}

#[test]
fn a_torn_line_takes_no_other_event_with_it() {
    let line = serde_json::to_vec(&event(2, "t\u{1f980}n")).unwrap();
    // A kill may come at any byte, within a character too.
    for cut in 1..=line.len() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Streams::new(dir.path());
        append(&logs, &[event(1, "one")]);
        tear(dir.path(), line.get(..cut).unwrap());
        assert_eq!(texts(&logs), ["one"], "what is torn is not shown; cut at {cut}");
        for logs in [logs, Streams::new(dir.path())] {
            append(&logs, &[event(3, "three")]);
            let found = texts(&logs);
            assert_eq!(found.first().map(String::as_str), Some("one"), "cut at {cut}");
            assert_eq!(found.last().map(String::as_str), Some("three"), "cut at {cut}");
            assert!(found.iter().skip(1).all(|text| text == "three"), "{found:?}, cut at {cut}");
            // The index knows the same lines.
            assert_eq!(paged(&logs, &["s".into()], 1, false).len(), texts(&logs).len(), "cut at {cut}");
            tear(dir.path(), line.get(..cut).unwrap());
        }
    }
}

#[test]
fn a_batch_that_a_kill_cut_short_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    append(&Streams::new(dir.path()), &[event(1, "one"), event(1, "two")]);
    let before = fs::read(file(dir.path(), ".jsonl")).unwrap().len();
    append(&Streams::new(dir.path()), &[event(2, "a"), event(2, "b"), event(2, "c")]);
    let whole = fs::read(file(dir.path(), ".jsonl")).unwrap();
    for cut in before..=whole.len() {
        let there: &[&str] = if cut == whole.len() { &["one", "two", "a", "b", "c"] } else { &["one", "two"] };
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(file(dir.path(), "").parent().unwrap()).unwrap();
        fs::write(file(dir.path(), ".jsonl"), whole.get(..cut).unwrap()).unwrap();
        let logs = Streams::new(dir.path());
        assert_eq!(texts(&logs), there, "cut at {cut}");
        assert_eq!(paged(&logs, &["s".into()], 2, true), there, "cut at {cut}");
        append(&logs, &[event(3, "d"), event(3, "e")]);
        for logs in [logs, Streams::new(dir.path())] {
            assert_eq!(texts(&logs), [there, &["d", "e"]].concat(), "cut at {cut}");
            assert_eq!(paged(&logs, &["s".into()], 1, false), texts(&logs), "cut at {cut}");
        }
    }
}

#[test]
fn what_was_written_behind_a_torn_line_by_earlier_versions_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Streams::new(dir.path());
    append(&logs, &[event(1, "one")]);
    let line = serde_json::to_string(&event(3, "acknowledged {\"t\":9}")).unwrap();
    tear(dir.path(), b"{\"t\":2,\"i\":2,\"m\":\"t\xf0\x9f");
    tear(dir.path(), format!("{line}\n").as_bytes());
    append(&logs, &[event(4, "four")]);
    assert_eq!(texts(&logs), ["one", "acknowledged {\"t\":9}", "four"]);
    assert_eq!(paged(&logs, &["s".into()], 2, true), texts(&logs));
}

#[test]
fn a_line_without_end_takes_no_memory_and_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Streams::new(dir.path());
    append(&logs, &[event(1, "one")]);
    // A hole of zeros, as a crash of the machine leaves.
    let hole = OpenOptions::new().append(true).open(file(dir.path(), ".jsonl")).unwrap();
    hole.set_len(hole.metadata().unwrap().len() + limits::LOG_LINE as u64 + 1024).unwrap();
    append(&logs, &[event(2, "two")]);
    assert_eq!(texts(&logs), ["one", "two"]);
    let longest = "\u{1}".repeat(limits::LOG_LINE);
    assert!(logs.append("0", "r", "g", "s", &[event(3, longest)]).is_err(), "no line is written that is not read");
    assert_eq!(texts(&logs), ["one", "two"]);
}

/// Events of two writers whose clocks differ, some of the same time.
fn mixed(count: i64) -> Vec<Vec<Event>> {
    let batch = |n: i64| {
        let late = if n % 3 == 0 { 5_000 } else { 0 };
        (0..7).map(|i| event(n * 10 + i / 2 - late, format!("{n}-{i} {}", "x".repeat(700)))).collect()
    };
    (0..count).map(batch).collect()
}

fn sorted(batches: &[Vec<Event>]) -> Vec<String> {
    let mut events: Vec<_> = batches.iter().flatten().collect();
    events.sort_by_key(|event| event.timestamp);
    events.into_iter().map(|event| event.message.clone()).collect()
}

#[test]
fn pages_of_any_size_hold_every_event_once_and_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Streams::new(dir.path());
    let batches = mixed(200);
    batches.iter().for_each(|batch| append(&logs, batch));
    let expected = sorted(&batches);
    let names = ["s".to_owned()];
    for logs in [logs, Streams::new(dir.path())] {
        for most in [61, 400, 10_000] {
            assert!(paged(&logs, &names, most, false) == expected, "{most} forwards");
            assert!(paged(&logs, &names, most, true) == expected, "{most} backwards");
        }
    }
}

#[test]
fn events_of_several_streams_are_merged_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Streams::new(dir.path());
    let names: Vec<String> = (0..5).map(|n| format!("s{n}")).collect();
    let mut expected = Vec::new();
    for n in 0..150_i64 {
        let stream = names.get(usize::try_from(n % 5).unwrap()).unwrap();
        let written = event(n / 7, format!("{n} {}", "y".repeat(300)));
        logs.append("0", "r", "g", stream, std::slice::from_ref(&written)).unwrap();
        expected.push((written.timestamp, stream.clone(), written.message));
    }
    // Within one time by stream, and then by arrival.
    expected.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let expected: Vec<_> = expected.into_iter().map(|(.., text)| text).collect();
    for most in [1, 13, 1000] {
        assert!(paged(&logs, &names, most, false) == expected, "{most} forwards");
        assert!(paged(&logs, &names, most, true) == expected, "{most} backwards");
    }
}

#[test]
fn whatever_happens_to_the_index_no_event_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let batches = mixed(120);
    let expected = sorted(&batches);
    let names = ["s".to_owned()];
    batches.iter().for_each(|batch| append(&Streams::new(dir.path()), batch));
    let index = file(dir.path(), ".index");
    let whole = fs::read(&index).unwrap();
    assert!(whole.len() > 48 * 5, "the index has records");
    let mut wrong = whole.clone();
    wrong.iter_mut().skip(60).for_each(|byte| *byte ^= 0x55);
    let other = [whole.as_slice(), whole.get(8..).unwrap()].concat();
    let damaged: Vec<(String, Option<Vec<u8>>)> = (0..whole.len())
        .step_by(157)
        .map(|cut| (format!("cut at {cut}"), whole.get(..cut).map(<[u8]>::to_vec)))
        .chain([("gone".into(), None), ("wrong".into(), Some(wrong)), ("of another file".into(), Some(other))])
        .collect();
    for (what, bytes) in damaged {
        match bytes {
            Some(bytes) => fs::write(&index, bytes).unwrap(),
            None => fs::remove_file(&index).unwrap(),
        }
        assert!(paged(&Streams::new(dir.path()), &names, 500, false) == expected, "{what}");
        assert_eq!(fs::read(&index).unwrap(), whole, "the index is made anew: {what}");
    }
    // While the stream is in use.
    let logs = Streams::new(dir.path());
    assert!(paged(&logs, &names, 500, false) == expected);
    fs::remove_file(&index).unwrap();
    assert!(paged(&logs, &names, 500, false) == expected);
    // A file that lost its end with the machine's power.
    let data = OpenOptions::new().write(true).open(file(dir.path(), ".jsonl")).unwrap();
    data.set_len(data.metadata().unwrap().len() / 2).unwrap();
    let left = texts(&logs).len();
    assert!(left > 0);
    assert_eq!(paged(&logs, &names, 500, true).len(), left);
}

/// A stream of 20 MiB, an event a second.
fn long() -> (tempfile::TempDir, Streams) {
    let dir = tempfile::tempdir().unwrap();
    let logs = Streams::new(dir.path());
    for n in 0..20 {
        let events: Vec<_> =
            (n * 1000..(n + 1) * 1000).map(|t| event(t, format!("{t} {}", "z".repeat(1000)))).collect();
        append(&logs, &events);
    }
    (dir, logs)
}

#[test]
fn a_search_reads_about_as_much_as_it_answers() {
    let (dir, logs) = long();
    let names = ["s".to_owned()];
    let window = Query { from: Key::at(11_000), to: Key::at(11_010), ..all(10_000, false) };
    // What is known only from the files counts too.
    for logs in [logs, Streams::new(dir.path())] {
        for (query, events) in [
            (all(1, false), vec![0]),
            (all(5, true), (19_995..20_000).collect()),
            (window, (11_000..11_010).collect::<Vec<i64>>()),
        ] {
            let page = select(&logs, &names, &query);
            assert_eq!(page.events.iter().map(|(key, _)| key.timestamp).collect::<Vec<_>>(), events);
            assert!(page.read <= 256 * 1024, "{} bytes were read for {events:?}", page.read);
        }
        let page = select(&logs, &names, &all(10_000, false));
        assert!(page.events.len() > 900 && page.read < 2 * 1024 * 1024, "a page is 1 MiB, {} bytes read", page.read);
    }
}

#[test]
fn a_search_for_what_is_rare_ends_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Streams::new(dir.path());
    let size = 256 * 1024;
    let count = i64::try_from(2 * limits::LOG_SEARCH / size + 20).unwrap();
    for t in 0..count {
        append(&logs, &[event(t, "w".repeat(usize::try_from(size).unwrap()))]);
    }
    append(&logs, &[event(count, "needle")]);
    let keep: &dyn Fn(&str) -> bool = &|text| text == "needle";
    let names = ["s".to_owned()];
    let mut query = Query { keep: Some(keep), ..all(10, false) };
    let mut pages = Vec::new();
    loop {
        let page = select(&logs, &names, &query);
        assert!(page.read <= limits::LOG_SEARCH + 2 * size, "{} bytes in one search", page.read);
        pages.push(page.events.len());
        let Some(next) = page.next else { break };
        assert!(next > query.from);
        query.from = next;
    }
    assert_eq!(pages, [0, 0, 1]);
    query = Query { keep: Some(keep), ..all(10, true) };
    assert_eq!(select(&logs, &names, &query).events.len(), 1);
}

#[test]
fn a_glance_at_a_stream_tells_its_first_and_last_times() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Streams::new(dir.path());
    let stored = |timestamp, ingested| Event { timestamp, ingested, message: "x".repeat(40_000) };
    append(&logs, &[stored(50, 100), stored(60, 101)]);
    append(&logs, &[stored(10, 102), stored(70, 103)]);
    append(&logs, &[stored(20, 104)]);
    tear(dir.path(), b"{\"t\":4,\"i\"");
    for logs in [logs, Streams::new(dir.path())] {
        let summary = logs.summary("0", "r", "g", "s").unwrap().unwrap();
        assert_eq!((summary.oldest, summary.newest), (Some(10), Some(70)));
        assert_eq!((summary.first_stored, summary.last_stored), (Some(100), Some(104)));
        assert_eq!(logs.summary("0", "r", "g", "none").unwrap(), None);
    }
}

#[test]
fn a_stream_made_anew_has_nothing_of_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Streams::new(dir.path());
    mixed(60).iter().for_each(|batch| append(&logs, batch));
    assert!(logs.delete_stream("0", "r", "g", "s").unwrap());
    assert!(!file(dir.path(), ".index").exists());
    append(&logs, &[event(1, "new")]);
    assert_eq!(paged(&logs, &["s".into()], 10, false), ["new"]);
    logs.delete_group("0", "r", "g").unwrap().unwrap().clear();
    append(&logs, &[event(2, "newer")]);
    assert_eq!(paged(&logs, &["s".into()], 10, true), ["newer"]);
}
