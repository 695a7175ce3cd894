//! The store by its in-process face.

#![allow(clippy::unwrap_used)]

mod s3_support;

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use s3_support::{ACCOUNT, OTHER, clock, content_files};
use sagewright_cloud::objects::{ObjectError, Objects};
use sagewright_cloud::s3::{Store, StoreError};
use tempfile::TempDir;

fn store() -> (TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path(), clock()).unwrap();
    store.create_bucket(ACCOUNT, "data", "us-east-1").unwrap();
    (root, store)
}

fn read(store: &Store, key: &str) -> String {
    let (_, mut file) = store.open(ACCOUNT, "data", key).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn objects_are_put_found_opened_and_listed() {
    let root = tempfile::tempdir().unwrap();
    let time: jiff::Timestamp = "2030-01-02T03:04:05.678Z".parse().unwrap();
    let store = Store::new(root.path(), Arc::new(move || time)).unwrap();
    store.create_bucket(ACCOUNT, "data", "eu-west-1").unwrap();
    assert_eq!(store.bucket_owner("data").unwrap().as_deref(), Some(ACCOUNT));
    assert_eq!(store.bucket_owner("none").unwrap(), None);

    let put = store.put_bytes(ACCOUNT, "data", "in/a", b"hello").unwrap();
    assert_eq!((put.size, put.etag.as_str()), (5, "5d41402abc4b2a76b9719d911017c592"));
    assert_eq!(put.last_modified, time);
    assert_eq!(store.head(ACCOUNT, "data", "in/a").unwrap(), put);

    let path = root.path().join("model.tar.gz");
    std::fs::write(&path, vec![1; 700_000]).unwrap();
    let model = store.put_file(ACCOUNT, "data", "out/model.tar.gz", &path).unwrap();
    assert_eq!(model.size, 700_000);
    let (info, file) = store.open(ACCOUNT, "data", "out/model.tar.gz").unwrap();
    assert_eq!(info, model);
    assert_eq!(file.metadata().unwrap().len(), 700_000);
    assert_eq!(store.list(ACCOUNT, "data", "").unwrap(), [put.clone(), model]);
    assert_eq!(store.list(ACCOUNT, "data", "in/").unwrap(), [put]);
}

#[test]
fn a_file_that_is_not_wanted_any_more_is_not_stored() {
    let (root, store) = store();
    let path = root.path().join("model.tar.gz");
    std::fs::write(&path, vec![1; 700_000]).unwrap();
    let (go_on, stop) = (AtomicBool::new(false), AtomicBool::new(true));
    let objects: &dyn Objects = &store;
    let put = |cancelled, key| objects.put_file_unless(cancelled, ACCOUNT, "data", key, &path).unwrap();
    assert_eq!(put(&stop, "no"), None);
    let stored = put(&go_on, "yes").unwrap();
    assert_eq!(objects.list(ACCOUNT, "data", "").unwrap(), std::slice::from_ref(&stored));
    assert_eq!(stored, objects.put_file(ACCOUNT, "data", "yes", &path).unwrap());
}

#[test]
fn what_is_missing_or_not_yours_is_told_apart() {
    let (_root, store) = store();
    store.put_bytes(ACCOUNT, "data", "a", b"x").unwrap();
    let head = |account, bucket, key| store.head(account, bucket, key).unwrap_err();
    assert!(matches!(head(ACCOUNT, "none", "a"), StoreError::NoSuchBucket { .. }));
    assert!(matches!(head(ACCOUNT, "data", "b"), StoreError::NoSuchKey { .. }));
    assert!(matches!(head(OTHER, "data", "a"), StoreError::AccessDenied { .. }));
    assert!(matches!(store.put_bytes(OTHER, "data", "a", b"y").unwrap_err(), StoreError::AccessDenied { .. }));
    assert!(matches!(store.list(OTHER, "data", "").unwrap_err(), StoreError::AccessDenied { .. }));
    assert!(matches!(store.put_bytes(ACCOUNT, "data", "", b"").unwrap_err(), StoreError::InvalidKey { length: 0 }));
    let create = |account, name| store.create_bucket(account, name, "us-east-1").unwrap_err();
    assert!(matches!(create(ACCOUNT, "data"), StoreError::BucketAlreadyOwnedByYou { .. }));
    assert!(matches!(create(OTHER, "data"), StoreError::BucketAlreadyExists { .. }));
    assert!(matches!(create(ACCOUNT, "Data"), StoreError::InvalidBucketName { .. }));
    assert!(matches!(
        store.put_file(ACCOUNT, "data", "b", "/no/such/file".as_ref()).unwrap_err(),
        StoreError::Io { .. }
    ));
    assert_eq!(read(&store, "a"), "x");
}

#[test]
fn an_open_object_stays_readable() {
    let (root, store) = store();
    store.put_bytes(ACCOUNT, "data", "a", b"old").unwrap();
    let (_, mut file) = store.open(ACCOUNT, "data", "a").unwrap();
    store.put_bytes(ACCOUNT, "data", "a", b"new").unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), read(&store, "a").as_str()), ("old", "new"));
    assert_eq!(content_files(root.path()), 1);
}

#[test]
fn a_store_reopened_has_everything() {
    let (root, store) = store();
    for index in 0..20 {
        store.put_bytes(ACCOUNT, "data", &format!("k{index}"), b"x").unwrap();
    }
    assert!(matches!(Store::new(root.path(), clock()).unwrap_err(), StoreError::Locked { .. }));
    drop(store);
    let store = Store::new(root.path(), clock()).unwrap();
    assert_eq!(store.list(ACCOUNT, "data", "").unwrap().len(), 20);
    // Ids of a new run do not meet those of the last.
    store.put_bytes(ACCOUNT, "data", "new", b"y").unwrap();
    assert_eq!((read(&store, "k0").as_str(), read(&store, "new").as_str()), ("x", "y"));
}

#[test]
fn what_a_killed_run_left_is_removed_and_nothing_else() {
    let (root, store) = store();
    store.put_bytes(ACCOUNT, "data", "a", b"kept").unwrap();
    drop(store);
    // Content of the first run that no row refers to, as a kill before the commit leaves it.
    let orphan = root.path().join("objects/ff/100000000ff");
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, b"half").unwrap();
    let stranger = root.path().join("objects/ff/notes.txt");
    std::fs::write(&stranger, b"not ours").unwrap();
    let store = Store::new(root.path(), clock()).unwrap();
    store.put_bytes(ACCOUNT, "data", "b", b"new").unwrap();
    store.sweep().unwrap();
    assert!(!orphan.exists());
    assert!(stranger.exists());
    assert_eq!((read(&store, "a").as_str(), read(&store, "b").as_str()), ("kept", "new"));
}

#[test]
fn one_key_is_enough_to_tell_that_a_prefix_has_any() {
    let (_root, store) = store();
    store.put_bytes(ACCOUNT, "data", "train/a", b"x").unwrap();
    let any = |account: &str, bucket: &str, prefix: &str| Objects::any(&store, account, bucket, prefix);
    for (prefix, found) in [("", true), ("train", true), ("train/a", true), ("train/b", false), ("trainer", false)] {
        assert_eq!(any(ACCOUNT, "data", prefix).unwrap(), found, "{prefix}");
    }
    assert!(matches!(any(OTHER, "data", ""), Err(ObjectError::AccessDenied(_))));
    assert!(matches!(any(ACCOUNT, "none", ""), Err(ObjectError::NoSuchBucket(_))));
}

#[test]
fn folders_are_found_by_their_names_however_much_is_below_them() {
    let (dir, store) = store();
    let file = dir.path().join("file");
    let keys = (0..1200).map(|n| format!("c/e/v{n:04}/x")).chain((0..5).map(|n| format!("c/e/all/{n}")));
    for key in keys.chain(["c/e/file".to_owned(), "c/else/v/x".to_owned()]) {
        std::fs::write(&file, "x").unwrap();
        store.put_file(ACCOUNT, "data", &key, &file).unwrap();
    }
    let objects: &dyn Objects = &store;
    let found = objects.folders(ACCOUNT, "data", "c/e/").unwrap();
    let expected: Vec<String> =
        std::iter::once("all".to_owned()).chain((0..1200).map(|n| format!("v{n:04}"))).collect();
    assert_eq!(found, expected);
    assert_eq!(objects.folders(ACCOUNT, "data", "none/").unwrap(), Vec::<String>::new());
    assert!(matches!(objects.folders(ACCOUNT, "none", "c/"), Err(ObjectError::NoSuchBucket(_))));
}

#[test]
fn a_listing_goes_through_all_pages_in_byte_order() {
    let (_root, store) = store();
    let mut keys: Vec<String> = (0..1005).map(|index| format!("p/{index:04}")).collect();
    keys.extend(["p/é".to_owned(), "p0".to_owned(), "a".to_owned()]);
    for key in &keys {
        store.put_bytes(ACCOUNT, "data", key, b"").unwrap();
    }
    keys.sort();
    let listed = |prefix| -> Vec<String> {
        let objects = store.list(ACCOUNT, "data", prefix).unwrap();
        objects.into_iter().map(|object| object.key).collect()
    };
    assert_eq!(listed(""), keys);
    assert_eq!(listed("p/").len(), 1006);
    assert_eq!(listed("p/é"), ["p/é"]);
}

#[test]
fn keys_never_become_paths() {
    let (root, store) = store();
    for key in ["../../escape", "/etc/x", "..", "a/../../b", "nul\0byte", "c:\\x"] {
        store.put_bytes(ACCOUNT, "data", key, key.as_bytes()).unwrap();
        assert_eq!(read(&store, key), key);
    }
    let mut names: Vec<_> = std::fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with("s3.sqlite"));
    names.sort();
    assert_eq!(names, ["lock", "objects"]);
    assert_eq!(content_files(root.path()), 6);
}

#[test]
fn concurrent_writers_leave_one_object() {
    let (root, store) = store();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let store = store.clone();
            scope.spawn(move || {
                for _ in 0..20 {
                    let text = format!("{writer}").repeat(1000);
                    store.put_bytes(ACCOUNT, "data", "a", text.as_bytes()).unwrap();
                    let seen = read(&store, "a");
                    let first = seen.chars().next().unwrap();
                    assert!(seen.len() == 1000 && seen.chars().all(|c| c == first));
                }
            });
        }
    });
    assert_eq!(content_files(root.path()), 1);
}

#[test]
fn a_database_of_another_version_is_refused() {
    let (root, store) = store();
    drop(store);
    let database = rusqlite::Connection::open(root.path().join("s3.sqlite")).unwrap();
    database.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(database);
    let error = Store::new(root.path(), clock()).unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[test]
fn jobs_reach_objects_through_their_port() {
    let (root, store) = store();
    let objects: Arc<dyn Objects> = Arc::new(store);
    let path = root.path().join("model.tar.gz");
    std::fs::write(&path, b"model").unwrap();
    let put = objects.put_file(ACCOUNT, "data", "out/model.tar.gz", &path).unwrap();
    assert_eq!(put.size, 5);
    assert_eq!(objects.head(ACCOUNT, "data", &put.key).unwrap(), put);
    assert_eq!(objects.list(ACCOUNT, "data", "out/").unwrap(), std::slice::from_ref(&put));
    let (found, mut file) = objects.open(ACCOUNT, "data", &put.key).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((found, text.as_str()), (put, "model"));
    let error = |account, bucket| objects.head(account, bucket, "a").unwrap_err();
    assert!(matches!(error(ACCOUNT, "none"), ObjectError::NoSuchBucket(_)));
    assert!(matches!(error(OTHER, "data"), ObjectError::AccessDenied(_)));
    assert!(matches!(error(ACCOUNT, "data"), ObjectError::NoSuchKey { .. }));
}
