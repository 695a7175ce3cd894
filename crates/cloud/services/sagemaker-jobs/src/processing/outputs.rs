//! What a processing job leaves.

use std::sync::{Mutex, PoisonError};

use sagewright_cloud_transfer::tree::Tree;

use super::request::{Output, Plan};
use crate::job::hosts::HostFolder;
use crate::job::uploader::{Seen, Uploader, internal};

/// Which outputs are uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All, for the last time.
    All,
    /// Those that are uploaded while the containers run.
    Continuous,
}

/// The outputs of all hosts of a job. Its errors are `FailureReason`s.
pub(super) struct Outputs<'a> {
    pub uploader: Uploader<'a>,
    pub plan: &'a Plan,
    pub hosts: &'a [HostFolder],
    /// What S3 has of each output.
    pub seen: &'a Mutex<Vec<Seen>>,
}

impl Outputs<'_> {
    /// Uploads what is new. Answers what was left out, for the log.
    pub fn upload(&self, which: Which) -> Result<Vec<String>, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.resize_with(self.plan.outputs.len(), Seen::default);
        let mut skipped = Vec::new();
        for (output, seen) in self.plan.outputs.iter().zip(seen.iter_mut()) {
            if which == Which::Continuous && !output.continuous {
                continue;
            }
            let mut tree = self.tree(output)?;
            skipped.append(&mut tree.take_skipped());
            if output.continuous || self.shared(output) {
                self.uploader.changed(&tree, &output.place, seen)?;
            } else {
                self.uploader.files(&tree, &output.place)?;
            }
        }
        Ok(skipped)
    }

    /// The files that all hosts have of an output. Links are not followed, as in AWS.
    fn tree(&self, output: &Output) -> Result<Tree, String> {
        let mut tree = Tree::without_links();
        for host in self.hosts {
            let wrong = |e| internal(&format!("cannot read {}: {e}", host.shown(&output.folder)));
            tree.add(&host.base, &output.folder).map_err(wrong)?;
        }
        Ok(tree)
    }

    /// Whether another output has some of the same files.
    fn shared(&self, output: &Output) -> bool {
        let overlaps =
            |other: &Output| other.folder.starts_with(&output.folder) || output.folder.starts_with(&other.folder);
        self.plan.outputs.iter().filter(|other| overlaps(other)).count() > 1
    }

    /// Whether the buckets are there.
    pub fn reachable(&self) -> Result<(), String> {
        self.plan.outputs.iter().try_for_each(|output| self.uploader.reachable(&output.place))
    }
}
