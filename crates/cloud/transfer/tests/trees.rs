//! What a job leaves, and what of it is taken.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use sagewright_cloud_core::limits;
use sagewright_cloud_transfer::pack::pack;
use sagewright_cloud_transfer::plain;
use sagewright_cloud_transfer::tree::Tree;

fn tree(base: &Path, name: &str) -> (Vec<String>, Vec<String>) {
    let mut tree = Tree::default();
    tree.add(base, Path::new(name)).unwrap();
    let skipped = tree.take_skipped();
    (tree.files.keys().map(|path| path.display().to_string()).collect(), skipped)
}

#[test]
fn nothing_outside_of_the_folder_is_taken_whatever_is_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (base, outside) = (dir.path().join("job"), dir.path().join("outside"));
    fs::create_dir_all(base.join("output/data")).unwrap();
    fs::create_dir_all(outside.join("data")).unwrap();
    fs::write(outside.join("secret"), "x").unwrap();
    fs::write(outside.join("data/secret"), "x").unwrap();
    fs::write(base.join("output/data/mine"), "x").unwrap();
    symlink("mine", base.join("output/data/also")).unwrap();
    symlink(outside.join("secret"), base.join("output/data/file")).unwrap();
    symlink(&outside, base.join("output/data/folder")).unwrap();
    let (files, skipped) = tree(&base, "output/data");
    assert_eq!(files, ["also", "mine"]);
    assert_eq!(skipped.len(), 2, "{skipped:?}");
    // The folder itself, and one above it.
    symlink(&outside, base.join("model")).unwrap();
    let (files, skipped) = tree(&base, "model");
    assert!(files.is_empty());
    assert_eq!(skipped, ["model is left out: a link or a file in the place of a folder"]);
    fs::rename(base.join("output"), base.join("moved")).unwrap();
    symlink(&outside, base.join("output")).unwrap();
    assert!(tree(&base, "output/data").0.is_empty());
    assert_eq!(tree(&base, "none"), (vec![], vec![]));
}

#[test]
fn an_archive_has_modes_and_empty_folders_and_no_user_of_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("job");
    fs::create_dir_all(base.join("model/empty")).unwrap();
    fs::write(base.join("model/run"), "x").unwrap();
    fs::set_permissions(base.join("model/run"), fs::Permissions::from_mode(0o750)).unwrap();
    // Root may give it away; for others it is their own already.
    let _ = chown(base.join("model/run"), Some(1234), Some(1234));
    let mut tree = Tree::default();
    tree.add(&base, Path::new("model")).unwrap();
    let file = dir.path().join("model.tar.gz");
    pack(&tree, &file, &AtomicBool::new(false)).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(&file).unwrap()));
    let told: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let name = entry.path().unwrap().display().to_string();
            let owner = (header.uid().unwrap(), header.gid().unwrap());
            header.mtime().unwrap();
            (name.trim_end_matches('/').to_owned(), header.mode().unwrap() & 0o777, owner)
        })
        .collect();
    assert_eq!(told, [("empty".to_owned(), 0o755, (0, 0)), ("run".to_owned(), 0o750, (0, 0))]);
}

#[test]
fn what_is_too_deep_is_left_out_and_told_a_bounded_number_of_times() {
    let dir = tempfile::tempdir().unwrap();
    let deep = |count: usize| dir.path().join("model").join(vec!["d"; count].join("/"));
    fs::create_dir_all(deep(limits::DEPTH)).unwrap();
    fs::write(deep(limits::DEPTH - 1).join("in"), "x").unwrap();
    fs::write(deep(limits::DEPTH).join("out"), "x").unwrap();
    let (files, skipped) = tree(dir.path(), "model");
    assert_eq!(files.len(), 1);
    assert!(files[0].ends_with("/in"));
    assert!(skipped[0].ends_with("more than 128 folders deep"), "{skipped:?}");
    for n in 0..limits::LEFT_OUT + 5 {
        symlink("/", dir.path().join(format!("model/link-{n}"))).unwrap();
    }
    let (_, skipped) = tree(dir.path(), "model");
    assert_eq!(skipped.len(), limits::LEFT_OUT + 1);
    assert_eq!(skipped.last().unwrap(), "6 more files and folders are left out");
}

#[test]
fn a_file_that_became_something_else_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir(root.join("a")).unwrap();
    fs::write(root.join("a/file"), "x").unwrap();
    assert!(plain::open(&root.join("a/file")).is_ok());
    let mut tree = Tree::default();
    tree.add(&root, Path::new("a")).unwrap();
    // Between the walk and the reading.
    symlink("/etc/passwd", root.join("link")).unwrap();
    fs::rename(root.join("link"), root.join("a/file")).unwrap();
    assert!(plain::open(&root.join("a/file")).is_err());
    assert!(pack(&tree, &root.join("packed.tar.gz"), &AtomicBool::new(false)).is_err());
    symlink("a", root.join("b")).unwrap();
    fs::remove_file(root.join("a/file")).unwrap();
    fs::write(root.join("a/file"), "x").unwrap();
    assert!(plain::open(&root.join("b/file")).is_err(), "a link on the way");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert!(plain::open(&root.join("fifo")).is_err(), "nobody waits for a writer");
    assert!(plain::open(&root.join("a")).is_err());
}
