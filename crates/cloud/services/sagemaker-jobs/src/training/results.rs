//! What a training job leaves: model, output and checkpoints.

use std::collections::BTreeMap;
use std::path::Path;

use sagewright_cloud_transfer::tree::Tree;

use super::folder::{MODEL, OUTPUT_DATA};
use super::request::Plan;
use crate::job::hosts::HostFolder;
use crate::job::location::Location;
use crate::job::uploader::{Seen, Uploader, internal};

/// The results of all hosts of a job. Its errors are `FailureReason`s.
#[derive(Clone, Copy)]
pub(super) struct Results<'a> {
    pub uploader: Uploader<'a>,
    pub plan: &'a Plan,
    pub hosts: &'a [HostFolder],
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

impl Results<'_> {
    /// Uploads the merged models and outputs of all hosts below `S3OutputPath/JOB/output`.
    pub fn upload(&self, job: &str) -> Result<Uploaded, String> {
        let place = self.plan.output.join(&format!("{job}/output"));
        let mut model = self.tree(MODEL)?;
        let mut output = self.tree(OUTPUT_DATA)?;
        let mut skipped = model.take_skipped();
        skipped.append(&mut output.take_skipped());
        let uri = self.tree_to(&model, &place, "model")?;
        if !output.is_empty() {
            self.tree_to(&output, &place, if self.plan.compress { "output" } else { "data" })?;
        }
        Ok(Uploaded { model: uri, any: !model.is_empty(), skipped })
    }

    fn tree_to(&self, tree: &Tree, place: &Location, name: &str) -> Result<String, String> {
        if self.plan.compress {
            self.uploader.packed(tree, place, name)
        } else {
            let place = place.join(name);
            self.uploader.files(tree, &place).map(|()| place.uri() + "/")
        }
    }

    /// The files that all hosts have in a folder below `/opt/ml`.
    fn tree(&self, folder: impl AsRef<Path>) -> Result<Tree, String> {
        let (mut tree, folder) = (Tree::default(), folder.as_ref());
        for host in self.hosts {
            tree.add(&host.base, folder).map_err(|e| internal(&format!("cannot read {}: {e}", host.shown(folder))))?;
        }
        Ok(tree)
    }

    /// Uploads what is new or changed since the last call in the folders that S3 has as well, such as checkpoints.
    pub fn keep(&self, seen: &mut BTreeMap<usize, Seen>) -> Result<(), String> {
        for (number, kept) in self.plan.kept.iter().enumerate() {
            let seen = seen.entry(number).or_default();
            self.uploader.changed(&self.tree(&kept.folder)?, &kept.remote, seen)?;
        }
        Ok(())
    }

    /// Whether the buckets of the results are there.
    pub fn reachable(&self) -> Result<(), String> {
        let checkpoints = self.plan.checkpoints().map(|checkpoints| &checkpoints.remote);
        [&self.plan.output].into_iter().chain(checkpoints).try_for_each(|place| self.uploader.reachable(place))
    }
}
