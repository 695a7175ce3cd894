//! What the tutorial needs to know of its manifests, which a user may edit.

use std::path::{Path, PathBuf};

use sagewright_engine::Object;
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::manifest;
use crate::output::Printer;

/// Names that the manifests give.
#[derive(Debug)]
pub(super) struct Manifests {
    /// Name of the training job.
    pub(super) job: String,
    /// Name of the endpoint.
    pub(super) endpoint: String,
    /// Where the job takes each channel's data from.
    channels: Vec<(String, String)>,
}

impl Manifests {
    /// Reads and checks all manifests of the folder.
    pub(super) async fn load(folder: &Path, printer: &Printer) -> anyhow::Result<Self> {
        let objects = manifest::load(&[folder.to_path_buf()], printer).await?;
        let job = find(&objects, "TrainingJob", folder)?;
        let endpoint = find(&objects, "Endpoint", folder)?;
        let channels = job.spec.get("inputDataConfig").and_then(Value::as_array).into_iter().flatten();
        let channels = channels.filter_map(|channel| {
            let uri = channel.pointer("/dataSource/s3DataSource/s3URI")?.as_str()?;
            Some((channel.get("channelName")?.as_str()?.to_owned(), uri.to_owned()))
        });
        Ok(Self {
            job: text(job, "trainingJobName", folder)?,
            endpoint: text(endpoint, "endpointName", folder)?,
            channels: channels.collect(),
        })
    }

    /// The address that a channel's file has to have, where the job has that channel.
    pub(super) fn address(&self, channel: &str) -> Option<String> {
        let (_, uri) = self.channels.iter().find(|(name, _)| name == channel)?;
        let is_file = uri.rsplit('/').next().is_some_and(|last| last.contains('.'));
        Some(if is_file { uri.clone() } else { format!("{}/{channel}.csv", uri.trim_end_matches('/')) })
    }
}

fn find<'a>(objects: &'a [Object], kind: &str, folder: &Path) -> Result<&'a Object, Failure> {
    objects.iter().find(|object| object.kind == kind).ok_or_else(|| wrong(format!("there is no {kind}"), folder))
}

fn text(object: &Object, field: &str, folder: &Path) -> Result<String, Failure> {
    let value = object.spec.get(field).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| wrong(format!("the {} has no {field}", object.kind), folder))
}

fn wrong(what: String, folder: &Path) -> Failure {
    Failure::new(Exit::Manifest, format!("{what} in the manifests in {}", folder.display()))
        .help("the tutorial needs one; without --examples, and away from this folder, it uses a fresh copy")
}

/// The files that hold the manifests of each step.
pub(super) fn files(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| folder.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifests(uri: &str) -> Manifests {
        let channels = vec![("train".to_owned(), uri.to_owned())];
        Manifests { job: String::new(), endpoint: String::new(), channels }
    }

    #[test]
    fn data_goes_where_the_channel_takes_it_from() {
        for uri in ["s3://b/in", "s3://b/in/"] {
            assert_eq!(manifests(uri).address("train").as_deref(), Some("s3://b/in/train.csv"));
        }
        assert_eq!(manifests("s3://b/x.csv").address("train").as_deref(), Some("s3://b/x.csv"));
        assert_eq!(manifests("s3://b.c").address("validation"), None);
    }
}
