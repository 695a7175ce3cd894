//! The data folder: whose it is, and what of it a reset takes away.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use sagewright_cloud::config::Config;
use sagewright_cloud::folder::{self, Inventory, Reset, ResetError};
use sagewright_cloud::server::{StartError, bind};

/// Every file, link and folder below a folder, with its content.
fn content(root: &Path) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.symlink_metadata().unwrap();
            let told = if kind.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if kind.is_dir() {
                waiting.push(path.clone());
                "folder".to_owned()
            } else {
                fs::read_to_string(&path).unwrap()
            };
            out.insert(path.strip_prefix(root).unwrap().display().to_string(), told);
        }
    }
    out
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What a cloud leaves that has run a job and served an endpoint.
fn used(data: &Path) {
    drop(folder::take(data).unwrap());
    for path in [
        "state.sqlite",
        "state.sqlite-wal",
        "state.sqlite-shm",
        "metrics.sqlite",
        "metrics.sqlite-wal",
        "metrics.sqlite-shm",
        "s3/lock",
        "s3/s3.sqlite",
        "s3/objects/0a/000100000000000a",
        "logs/000000000000/us-east-1/%2Faws%2Fx/job%2Falgo-1.jsonl",
        "work/training/8e2f9fcb-5a5f-4b49-a8ce-1f9a1f9d4d3e/algo-1/model/x",
        "work/hosting/0e2f9fcb-5a5f-4b49-a8ce-1f9a1f9d4d3e/y",
        "server.json",
        "server.log",
        "server.log.1",
        "cloud-id",
    ] {
        write(data, path, "");
    }
}

fn reset(data: &Path) -> bool {
    Reset::prepare(data).unwrap().unwrap().run().unwrap()
}

#[tokio::test]
async fn a_folder_with_somebodys_files_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), ".git/HEAD", "ref: refs/heads/main");
    write(dir.path(), "README.md", "mine");
    write(dir.path(), "work/training/data.csv", "mine");
    set_mode(dir.path(), 0o755);
    let before = content(dir.path());
    for error in [folder::take(dir.path()).unwrap_err(), folder::check(dir.path()).unwrap_err()] {
        let text = error.to_string();
        assert!(matches!(error, StartError::ForeignFolder { .. }), "{text}");
        assert!(text.contains(".git, README.md, work") && text.contains("--data"), "{text}");
    }
    assert!(matches!(bind(Config::new(dir.path())).await.unwrap_err(), StartError::ForeignFolder { .. }));
    assert!(matches!(Reset::prepare(dir.path()).unwrap_err(), ResetError::Foreign { .. }));
    assert_eq!(content(dir.path()), before);
    assert_eq!(mode(dir.path()), 0o755);
    // A lock alone makes no cloud's folder of it, and neither does a database alone.
    for file in ["lock", "state.sqlite"] {
        write(dir.path(), file, "");
        assert!(folder::take(dir.path()).is_err(), "{file}");
        assert!(Reset::prepare(dir.path()).is_err(), "{file}");
        fs::remove_file(dir.path().join(file)).unwrap();
    }
}

#[test]
fn a_new_folder_and_one_with_files_for_the_cloud_are_taken_and_marked() {
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("a/b");
    folder::check(&new).unwrap();
    assert!(!new.exists());
    drop(folder::take(&new).unwrap());
    let prepared = dir.path().join("prepared");
    write(&prepared, "images.toml", "mine");
    write(&prepared, "examples/mnist/README.md", "mine");
    drop(folder::take(&prepared).unwrap());
    // A start that was cut off before the marker.
    let begun = dir.path().join("begun");
    write(&begun, "lock", "123");
    write(&begun, "sagewright-cloud.json.partial", "");
    drop(folder::take(&begun).unwrap());
    let mut ids = Vec::new();
    for data in [&new, &prepared, &begun] {
        let marker: serde_json::Value =
            serde_json::from_slice(&fs::read(data.join("sagewright-cloud.json")).unwrap()).unwrap();
        assert_eq!(marker["format"], 1);
        ids.push(marker["id"].clone());
        // Once it is the cloud's, it stays so whatever else comes.
        write(data, "notes.txt", "mine");
        drop(folder::take(data).unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    write(&new, "sagewright-cloud.json", r#"{"format": 2, "id": "x"}"#);
    assert!(matches!(folder::take(&new).unwrap_err(), StartError::NewerFolder { found: 2, known: 1, .. }));
    // The power failed while it was written.
    write(&new, "sagewright-cloud.json", "");
    drop(folder::take(&new).unwrap());
}

#[test]
fn a_folder_of_an_earlier_version_is_recognised() {
    let dir = tempfile::tempdir().unwrap();
    used(dir.path());
    fs::remove_file(dir.path().join("sagewright-cloud.json")).unwrap();
    drop(folder::take(dir.path()).unwrap());
    assert!(dir.path().join("sagewright-cloud.json").is_file());
    fs::remove_file(dir.path().join("sagewright-cloud.json")).unwrap();
    assert!(reset(dir.path()));
    assert!(!dir.path().exists());
}

#[test]
fn a_reset_leaves_a_project_that_an_earlier_version_ran_in() {
    let dir = tempfile::tempdir().unwrap();
    let mine = [
        ".git/HEAD",
        "Cargo.toml",
        "images.toml",
        "examples/mnist/03-endpoint.yaml",
        "logs/nightly.txt",
        "work/training/data.csv",
        "work/notes",
        "s3/objects/readme",
        "s3/bucket.tf",
        "server.log.1/x",
    ];
    for path in mine {
        write(dir.path(), path, "mine");
    }
    let before = content(dir.path());
    // As the earlier version did, without a look at what is there.
    for path in ["state.sqlite", "lock", "cloud-id", "s3/s3.sqlite", "s3/objects/0f/1", "logs/000000000000/r/g/s.jsonl"]
    {
        write(dir.path(), path, "");
    }
    let job = "work/training/8e2f9fcb-5a5f-4b49-a8ce-1f9a1f9d4d3e/algo-1";
    write(dir.path(), &format!("{job}/model"), "");
    let prepared = Reset::prepare(dir.path()).unwrap().unwrap();
    let kept = &prepared.inventory.kept;
    for path in [".git", "images.toml", "examples", "logs/nightly.txt", "work/training/data.csv", "server.log.1"] {
        assert!(kept.iter().any(|k| k == path), "{path} is not in {kept:?}");
    }
    let own: Vec<_> = prepared.inventory.own.iter().map(|found| (found.name.as_str(), found.files)).collect();
    assert_eq!(own, [("state.sqlite", 1), ("s3", 2), ("logs", 1), ("work", 1), ("cloud-id", 1), ("lock", 1)]);
    assert!(!prepared.run().unwrap());
    assert_eq!(content(dir.path()), before);
    assert!(folder::take(dir.path()).is_err(), "it is a project again");
}

#[test]
fn no_link_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (dir.path().join("data"), dir.path().join("elsewhere"));
    used(&data);
    for path in ["objects/0a/1", "000000000000/r/g/s.jsonl", "training/8e2f9fcb-5a5f-4b49-a8ce-1f9a1f9d4d3e/x", "file"]
    {
        write(&elsewhere, path, "mine");
    }
    let before = content(&elsewhere);
    for name in ["s3", "work", "logs/000000000000"] {
        fs::remove_dir_all(data.join(name)).unwrap();
        symlink(&elsewhere, data.join(name)).unwrap();
    }
    fs::remove_file(data.join("server.log")).unwrap();
    symlink(elsewhere.join("file"), data.join("server.log")).unwrap();
    symlink(&elsewhere, data.join("logs/mine")).unwrap();
    let link = dir.path().join("link");
    symlink(&data, &link).unwrap();
    let prepared = Reset::prepare(&link).unwrap().unwrap();
    assert_eq!(prepared.data, fs::canonicalize(&data).unwrap());
    assert_eq!(prepared.inventory.kept, ["logs/mine"]);
    let s3 = prepared.inventory.own.iter().find(|found| found.name == "s3").unwrap();
    assert_eq!((s3.files, s3.link.as_deref()), (1, Some(&*elsewhere)));
    assert!(!prepared.run().unwrap());
    assert_eq!(content(&elsewhere), before);
    assert_eq!(content(&data).keys().collect::<Vec<_>>(), ["logs", "logs/mine"]);

    // The lock's file is written to at each start.
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    symlink(elsewhere.join("file"), data.join("lock")).unwrap();
    assert!(folder::take(&data).is_err());
    assert_eq!(content(&elsewhere), before);
}

#[test]
fn a_folder_in_use_is_not_reset() {
    let dir = tempfile::tempdir().unwrap();
    let lock = folder::take(dir.path()).unwrap();
    let error = Reset::prepare(dir.path()).unwrap_err();
    assert!(matches!(error, ResetError::Start(StartError::DataInUse { .. })), "{error}");
    drop(lock);
    let prepared = Reset::prepare(dir.path()).unwrap().unwrap();
    assert!(matches!(folder::take(dir.path()).unwrap_err(), StartError::DataInUse { .. }));
    assert!(prepared.run().unwrap());
    assert!(Reset::prepare(dir.path()).unwrap().is_none());
}

#[test]
fn what_a_job_made_unwritable_is_removed_too() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    used(&data);
    let job = data.join("work/training/8e2f9fcb-5a5f-4b49-a8ce-1f9a1f9d4d3e/algo-1");
    for folder in [&job.join("model"), &job] {
        set_mode(folder, 0o500);
    }
    assert!(reset(&data));
}

#[tokio::test]
async fn a_running_cloud_makes_nothing_that_a_reset_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let bound = bind(Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::new(dir.path()) }).await.unwrap();
    assert_eq!(Inventory::of(dir.path()).unwrap().kept, [] as [&str; 0]);
    drop(bound);
    assert!(reset(dir.path()));
}

#[test]
fn other_users_are_kept_out_of_the_clouds_folder_and_not_out_of_a_project() {
    let dir = tempfile::tempdir().unwrap();
    let (own, project) = (dir.path().join("own"), dir.path().join("project"));
    for data in [&own, &project] {
        used(data);
        for folder in ["", "s3", "logs", "work"] {
            set_mode(&data.join(folder), 0o755);
        }
    }
    write(&project, "src/main.rs", "mine");
    for data in [&own, &project] {
        drop(folder::take(data).unwrap());
        for folder in ["s3", "logs", "work"] {
            assert_eq!(mode(&data.join(folder)), 0o700, "{folder}");
        }
    }
    assert_eq!((mode(&own), mode(&project)), (0o700, 0o755));
}
