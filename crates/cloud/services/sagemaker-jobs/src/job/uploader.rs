//! What containers of jobs leave, to S3.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use sagewright_cloud_core::objects::ObjectError::{AccessDenied, NoSuchBucket};
use sagewright_cloud_core::objects::Objects;
use sagewright_cloud_transfer::fetch::agent_text;
use sagewright_cloud_transfer::heed;
use sagewright_cloud_transfer::pack::pack;
use sagewright_cloud_transfer::plain;
use sagewright_cloud_transfer::tree::Tree;

use super::location::Location;

/// Writes to S3 for one account. Its errors are `FailureReason`s.
#[derive(Clone, Copy)]
pub struct Uploader<'a> {
    pub objects: &'a dyn Objects,
    pub account: &'a str,
    /// A folder for files on their way, ours alone.
    pub scratch: &'a Path,
    /// Turns true when the work is to stop. Nobody waits for its result then.
    pub cancelled: &'a AtomicBool,
}

/// Files that S3 has, with size and time of change.
#[derive(Debug, Default)]
pub struct Seen(HashMap<PathBuf, (u64, SystemTime)>);

impl Uploader<'_> {
    /// Uploads all files of a tree as one archive `NAME.tar.gz`. Answers its URI.
    pub fn packed(&self, tree: &Tree, place: &Location, name: &str) -> Result<String, String> {
        let archive = format!("{name}.tar.gz");
        let file = self.scratch.join(&archive);
        pack(tree, &file, self.cancelled).map_err(|e| internal(&format!("cannot write {archive}: {e}")))?;
        let target = place.join(&archive);
        self.put(&target, &file)?;
        Ok(target.uri())
    }

    /// Uploads each file of a tree below a place. Those that nobody needs any more are not copied first.
    pub fn files(&self, tree: &Tree, place: &Location) -> Result<(), String> {
        let mut uses: HashMap<&Path, usize> = HashMap::new();
        tree.files.values().for_each(|file| *uses.entry(file).or_default() += 1);
        for (path, file) in &tree.files {
            let target = place.join(&path.to_string_lossy());
            // The store may take a file away, and a link shares its file with another name.
            if uses.get(file.as_path()).is_some_and(|n| *n > 1) {
                let copy = self.scratch.join("shared");
                self.copy(file, &copy).map_err(|e| internal(&format!("cannot copy {}: {e}", path.display())))?;
                self.put(&target, &copy)?;
            } else {
                self.put(&target, file)?;
            }
        }
        Ok(())
    }

    /// Uploads the files of a tree that are new or changed since the last call; they stay where they are.
    pub fn changed(&self, tree: &Tree, place: &Location, seen: &mut Seen) -> Result<(), String> {
        for (path, file) in &tree.files {
            // A file that vanishes meanwhile is one that the job replaced.
            let Ok(facts) = plain::open(file).and_then(|file| file.metadata()) else { continue };
            let state = (facts.len(), facts.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            if seen.0.get(path) == Some(&state) {
                continue;
            }
            // The store may take the file away, and the job needs it.
            let copy = self.scratch.join("changed");
            if self.copy(file, &copy).is_err() {
                continue;
            }
            self.put(&place.join(&path.to_string_lossy()), &copy)?;
            seen.0.insert(path.clone(), state);
        }
        Ok(())
    }

    /// Whether the bucket of a place is there, asked before hours of work and not after.
    pub fn reachable(&self, place: &Location) -> Result<(), String> {
        match self.objects.head(self.account, &place.bucket, &place.join(".sagemaker-probe").key) {
            Err(error @ (NoSuchBucket(_) | AccessDenied(_))) => Err(refused(&error)),
            _ => Ok(()),
        }
    }

    /// Uploads a text.
    pub fn text(&self, target: &Location, text: &str) -> Result<(), String> {
        let file = self.scratch.join(format!("text-{}", uuid::Uuid::new_v4().simple()));
        fs::write(&file, text).map_err(|e| internal(&format!("cannot write {}: {e}", target.uri())))?;
        self.put(target, &file)
    }

    /// Uploads a file, which may be gone then.
    pub fn put(&self, target: &Location, file: &Path) -> Result<(), String> {
        let Location { bucket, key } = target;
        match self.objects.put_file_unless(self.cancelled, self.account, bucket, key, file) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(internal("stopped")),
            Err(error) => Err(refused(&error)),
        }
    }

    /// Copies a file, and no more than it has now: its job may write faster than this copies.
    fn copy(&self, file: &Path, to: &Path) -> io::Result<u64> {
        let mut file = plain::open(file)?;
        let length = file.metadata()?.len();
        heed::copy_at_most(&mut file, &mut File::create(to)?, length, self.cancelled)
    }
}

fn refused(error: &sagewright_cloud_core::objects::ObjectError) -> String {
    format!("ClientError: Artifact upload failed:{}", agent_text(error))
}

/// A `FailureReason` for what is not the request's fault.
pub fn internal(why: &str) -> String {
    format!("InternalServerError: Artifact upload failed:{why}")
}
