//! Objects to files, at the bounds of what is taken.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use sagewright_cloud_core::limits;
use sagewright_cloud_core::objects::{ObjectError, ObjectInfo, Objects};
use sagewright_cloud_transfer::fetch::{FetchError, Source};

/// One object of any name.
struct One {
    content: File,
    /// Set when the object is opened.
    opened: AtomicBool,
    /// How many there are below every prefix.
    count: usize,
}

impl One {
    fn new(content: File) -> Self {
        Self { content, opened: AtomicBool::new(false), count: 1 }
    }

    fn of(content: &[u8]) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Self::new(file)
    }
}

impl Objects for One {
    fn head(&self, _: &str, _: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
        Ok(ObjectInfo { key: key.into(), size: self.content.metadata().unwrap().len(), etag: String::new() })
    }

    fn open(&self, account: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), ObjectError> {
        self.opened.store(true, Ordering::Relaxed);
        let mut file = self.content.try_clone().unwrap();
        file.rewind().unwrap();
        Ok((self.head(account, bucket, key)?, file))
    }

    fn list(&self, _: &str, _: &str, _: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        let object = |n| ObjectInfo { key: format!("p/{n}"), size: 0, etag: String::new() };
        Ok((0..self.count).map(object).collect())
    }

    fn put_file(&self, _: &str, bucket: &str, _: &str, _: &Path) -> Result<ObjectInfo, ObjectError> {
        Err(ObjectError::AccessDenied(bucket.into()))
    }
}

/// Reasons of failed jobs hold this: the machine's folders are none of those that a user knows.
#[test]
fn what_cannot_be_written_is_told_by_its_object() {
    let dir = tempfile::tempdir().unwrap();
    // A name that no file can have.
    let target = dir.path().join("x".repeat(300));
    let (object, never) = (One::of(b"x"), AtomicBool::new(false));
    let source = Source { objects: &object, account: "1", cancelled: &never };
    let error = source.file("b", "k", &target, false).unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with("cannot write s3://b/k to disk: ") && !told.contains("xxx"), "{told}");
}

#[test]
fn content_is_taken_up_to_its_bound() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&[7; 1000]).unwrap();
    let (plain, packed) = (One::of(&[7; 1000]), One::of(&packed.finish().unwrap()));
    let dir = tempfile::tempdir().unwrap();
    let never = AtomicBool::new(false);
    for (number, (object, gunzip)) in [(&plain, false), (&packed, true)].into_iter().enumerate() {
        let source = Source { objects: object, account: "1", cancelled: &never };
        let get = |name: &str, most| source.file_within("b", "k", &dir.path().join(name), gunzip, most);
        assert_eq!(get(&format!("in-{number}"), 1000).unwrap(), 1000);
        assert_eq!(fs::read(dir.path().join(format!("in-{number}"))).unwrap(), [7; 1000]);
        let error = get(&format!("out-{number}"), 999).unwrap_err();
        assert_eq!(error.to_string(), "s3://b/k becomes more than 999 bytes");
        assert!(fs::metadata(dir.path().join(format!("out-{number}"))).unwrap().len() <= 1000);
    }
    let source = Source { objects: &plain, account: "1", cancelled: &never };
    let error = source.file("b", "k", &dir.path().join("broken"), true).unwrap_err();
    assert!(matches!(error, FetchError::Gzip { .. }), "{error}");
}

#[test]
fn a_large_object_does_not_keep_a_job_from_being_stopped() {
    let content = tempfile::tempfile().unwrap();
    content.set_len(256 * 1024 * 1024).unwrap();
    let object = One::new(content);
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    // The stop comes when the object has just been opened.
    let source = Source { objects: &object, account: "1", cancelled: &object.opened };
    assert!(matches!(source.file("b", "k", &target, false), Err(FetchError::Cancelled)));
    assert!(fs::metadata(&target).unwrap().len() < 256 * 1024 * 1024);
}

#[test]
fn a_prefix_has_as_many_files_as_its_bound() {
    let never = AtomicBool::new(false);
    let list = |count| {
        let objects = One { count, ..One::of(b"") };
        Source { objects: &objects, account: "1", cancelled: &never }.list("b", "p/").map(|files| files.len())
    };
    assert_eq!(list(limits::FILES).unwrap(), limits::FILES);
    assert_eq!(
        list(limits::FILES + 1).unwrap_err().to_string(),
        "more than 1000000 objects are below s3://b/p/; split the prefix"
    );
}
