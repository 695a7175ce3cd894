//! What a job leaves: model, output and checkpoints, to S3.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use super::folder::{HostFolder, MODEL, OUTPUT_DATA};
use super::location::Location;
use super::request::Plan;
use sagewright_cloud_core::objects::Objects;
use sagewright_cloud_transfer::fetch::agent_text;
use sagewright_cloud_transfer::heed;
use sagewright_cloud_transfer::pack::pack;
use sagewright_cloud_transfer::plain;
use sagewright_cloud_transfer::tree::Tree;

/// Writes to S3 for one account.
#[derive(Clone, Copy)]
pub(super) struct Uploader<'a> {
    pub objects: &'a dyn Objects,
    pub account: &'a str,
    pub plan: &'a Plan,
    pub hosts: &'a [HostFolder],
    /// A folder for files on their way, ours alone.
    pub scratch: &'a Path,
    /// Turns true when the work is to stop; whoever sets it does not wait for its result.
    pub cancelled: &'a AtomicBool,
}

/// What was uploaded.
#[derive(Debug, Default)]
pub(super) struct Uploaded {
    /// URI of the model.
    pub model: String,
    /// Whether the model has files.
    pub any: bool,
    /// What was left out, for the log.
    pub skipped: Vec<String>,
}

impl Uploader<'_> {
    /// Uploads the merged models and outputs of all hosts below `S3OutputPath/JOB/output`.
    ///
    /// # Errors
    /// A `FailureReason`.
    pub fn results(&self, job: &str) -> Result<Uploaded, String> {
        let place = self.plan.output.join(&format!("{job}/output"));
        let mut model = self.tree(MODEL)?;
        let mut output = self.tree(OUTPUT_DATA)?;
        let mut skipped = model.take_skipped();
        skipped.append(&mut output.take_skipped());
        let uri = self.upload(&model, &place, "model")?;
        if !output.is_empty() {
            self.upload(&output, &place, if self.plan.compress { "output" } else { "data" })?;
        }
        Ok(Uploaded { model: uri, any: !model.is_empty(), skipped })
    }

    /// The files that all hosts have in a folder below `/opt/ml`.
    fn tree(&self, folder: impl AsRef<Path>) -> Result<Tree, String> {
        let mut tree = Tree::default();
        for host in self.hosts {
            let wrong = |e| internal(&format!("cannot read {}: {e}", host.base.join(&folder).display()));
            tree.add(&host.base, folder.as_ref()).map_err(wrong)?;
        }
        Ok(tree)
    }

    fn upload(&self, tree: &Tree, place: &Location, name: &str) -> Result<String, String> {
        if self.plan.compress {
            let file = self.scratch.join(format!("{name}.tar.gz"));
            pack(tree, &file, self.cancelled)
                .map_err(|e| internal(&format!("cannot write {}: {e}", file.display())))?;
            let target = place.join(&format!("{name}.tar.gz"));
            self.put(&target, &file)?;
            return Ok(target.uri());
        }
        let mut uses: HashMap<&Path, usize> = HashMap::new();
        tree.files.values().for_each(|file| *uses.entry(file).or_default() += 1);
        for (path, file) in &tree.files {
            let target = place.join(name).join(&path.to_string_lossy());
            // The store may take a file away, and a link shares its file with another name.
            if uses.get(file.as_path()).is_some_and(|n| *n > 1) {
                let copy = self.scratch.join("shared");
                self.copy(file, &copy).map_err(|e| internal(&format!("cannot copy {}: {e}", file.display())))?;
                self.put(&target, &copy)?;
            } else {
                self.put(&target, file)?;
            }
        }
        Ok(place.join(name).uri() + "/")
    }

    fn put(&self, target: &Location, file: &Path) -> Result<(), String> {
        let Location { bucket, key } = target;
        match self.objects.put_file_unless(self.cancelled, self.account, bucket, key, file) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(internal("stopped")),
            Err(error) => Err(format!("ClientError: Artifact upload failed:{}", agent_text(&error))),
        }
    }

    /// Copies a file, and no more than it has now: its job may write faster than this copies.
    fn copy(&self, file: &Path, to: &Path) -> io::Result<u64> {
        let mut file = plain::open(file)?;
        let length = file.metadata()?.len();
        heed::copy_at_most(&mut file, &mut File::create(to)?, length, self.cancelled)
    }

    /// Uploads checkpoints that are new or changed since the last call.
    ///
    /// # Errors
    /// A `FailureReason`.
    pub fn checkpoints(&self, seen: &mut Seen) -> Result<(), String> {
        let Some(checkpoints) = &self.plan.checkpoints else { return Ok(()) };
        let tree = self.tree(&checkpoints.folder)?;
        for (path, file) in &tree.files {
            // A file that vanishes meanwhile is one that the job replaced.
            let Ok(facts) = plain::open(file).and_then(|file| file.metadata()) else { continue };
            let state = (facts.len(), facts.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            if seen.0.get(path) == Some(&state) {
                continue;
            }
            // The store may take the file away, and the job needs it.
            let copy = self.scratch.join("checkpoint");
            if self.copy(file, &copy).is_err() {
                continue;
            }
            self.put(&checkpoints.remote.join(&path.to_string_lossy()), &copy)?;
            seen.0.insert(path.clone(), state);
        }
        Ok(())
    }

    /// Whether the bucket of the results is there, asked before hours of training and not after.
    ///
    /// # Errors
    /// A `FailureReason`.
    pub fn reachable(&self) -> Result<(), String> {
        use sagewright_cloud_core::objects::ObjectError::{AccessDenied, NoSuchBucket};
        let mut places = vec![&self.plan.output];
        places.extend(self.plan.checkpoints.as_ref().map(|c| &c.remote));
        for place in places {
            let answer = self.objects.head(self.account, &place.bucket, &place.join(".sagemaker-probe").key);
            if let Err(error @ (NoSuchBucket(_) | AccessDenied(_))) = answer {
                return Err(format!("ClientError: Artifact upload failed:{}", agent_text(&error)));
            }
        }
        Ok(())
    }
}

/// Checkpoints that S3 has, with size and time of change.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<PathBuf, (u64, SystemTime)>);

fn internal(why: &str) -> String {
    format!("InternalServerError: Artifact upload failed:{why}")
}
