//! The engine, as its callers see it: one program, so that a change of the engine links its tests once.
//! `watch_memory` counts allocations, and is a program of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod answers;
mod apply;
mod autoscaling;
mod commands;
mod decide;
mod deletes;
mod eventually;
mod every_kind;
mod faults;
mod from_list;
mod lag;
mod manifests;
mod names;
mod ownership;
mod paging;
mod plans;
mod poller;
mod prune;
mod quirks;
mod races;
mod reconcile;
mod retry;
mod search;
mod serving;
mod single;
mod spec_campaign;
mod states;
mod steps;
mod support;
mod tags;
mod updates;
mod watch;

#[test]
fn every_file_of_tests_is_in_the_program() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = std::fs::read_to_string(here.join("main.rs")).unwrap();
    let files = std::fs::read_dir(here).unwrap().map(|entry| entry.unwrap().path());
    let names = files
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let left_out: Vec<String> = names
        .filter(|name| !["main", "watch_memory"].contains(&name.as_str()) && !main.contains(&format!("\nmod {name};")))
        .collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}
