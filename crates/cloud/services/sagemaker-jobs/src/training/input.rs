//! The input channels of a job.

use std::path::PathBuf;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::refuse;
use sagewright_cloud_transfer::path;
use serde::Deserialize;
use serde_json::Value;

use super::request::Group;
use crate::job::data::{Compression, Data, Distribution};
use crate::job::request::s3;

/// Members that would change what a program reads.
const UNSUPPORTED: &[&str] =
    &["/DataSource/FileSystemDataSource", "/DataSource/DatasetSource", "/DataSource/S3DataSource/HubAccessConfig"];

/// An input channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub name: String,
    pub data: Data,
    /// The attributes of an augmented manifest's lines that are streamed.
    pub augmented: Option<Vec<String>>,
    pub content_type: Option<String>,
    /// As the request gives it.
    pub record_wrapper: &'static str,
    /// For a channel that is streamed.
    pub pipe: Option<Pipe>,
    pub groups: Vec<String>,
}

/// What names a channel's data.
enum Listing {
    /// All objects below a prefix.
    Prefix,
    /// The objects that a manifest lists.
    Manifest,
    /// These attributes of a manifest's lines.
    Augmented(Vec<String>),
}

/// How a channel is streamed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pipe {
    pub record_io: bool,
    /// Seed of the order.
    pub seed: Option<i64>,
}

/// How a program gets its data.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Mode {
    #[default]
    File,
    FastFile,
    Pipe,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    channel_name: String,
    data_source: DataSource,
    content_type: Option<String>,
    compression_type: Option<Compression>,
    #[serde(default)]
    record_wrapper_type: Wrapper,
    input_mode: Option<Mode>,
    shuffle_config: Option<Shuffle>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Wrapper {
    #[default]
    None,
    RecordIO,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataSource {
    s3_data_source: Option<S3Source>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct S3Source {
    s3_data_type: String,
    s3_uri: String,
    s3_data_distribution_type: Option<Distribution>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    instance_group_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shuffle {
    seed: i64,
}

impl Channel {
    /// Whether the hosts of a group get this channel.
    pub fn reaches(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|name| name == group)
    }
}

/// What the channels of a request are judged by.
pub(super) struct Job<'a> {
    pub default_mode: Mode,
    /// The algorithm of a built-in image.
    pub built_in: Option<&'a str>,
    pub groups: &'a [Group],
    /// Whether the request has `InstanceGroups`.
    pub grouped: bool,
}

/// The channels that this machine can give to programs; `raw` is the request's own list of them.
///
/// # Errors
/// AWS's, and refusals of what is not done here, by name.
pub(super) fn channels(inputs: Vec<Input>, raw: &Value, job: &Job<'_>) -> Result<Vec<Channel>, ApiError> {
    if let Some(algorithm) = job.built_in.filter(|_| inputs.is_empty() && job.default_mode == Mode::Pipe) {
        return Err(no_pipe("AlgorithmSpecification.TrainingInputMode", algorithm));
    }
    let names: Vec<String> = inputs.iter().map(|input| input.channel_name.clone()).collect();
    let channel = |(i, input): (usize, Input)| {
        if names[..i].contains(&input.channel_name) {
            return Err(ApiError::validation(format!(
                "Duplicate channel name \"{}\" in InputDataConfig. Channel names must be unique.",
                input.channel_name
            )));
        }
        input.check(&raw[i], &names, job)
    };
    inputs.into_iter().enumerate().map(channel).collect()
}

impl Input {
    fn check(self, raw: &Value, names: &[String], job: &Job<'_>) -> Result<Channel, ApiError> {
        let name = self.channel_name;
        let of = format!("InputDataConfig[{name}].");
        refuse::members(&of, raw, UNSUPPORTED)?;
        let Some(source) = self.data_source.s3_data_source else {
            return Err(ApiError::validation(format!("Channel \"{name}\" must have an S3DataSource.")));
        };
        let record_io = self.record_wrapper_type == Wrapper::RecordIO;
        let streamed = self.input_mode.unwrap_or(job.default_mode) == Mode::Pipe;
        let listing = listing(&of, &source.s3_data_type, source.attribute_names, streamed)?;
        if streamed {
            if let Some(algorithm) = job.built_in {
                let default = || "AlgorithmSpecification.TrainingInputMode".to_owned();
                return Err(no_pipe(&self.input_mode.map_or_else(default, |_| format!("{of}InputMode")), algorithm));
            }
            pipes(&name, names)?;
        } else {
            files(&of, &listing, record_io, self.shuffle_config.is_some())?;
        }
        let is_there = |group: &&String| job.grouped && job.groups.iter().any(|g| g.name == **group);
        if let Some(group) = source.instance_group_names.iter().find(|group| !is_there(group)) {
            return Err(ApiError::validation(format!(
                "Channel \"{name}\" names the instance group \"{group}\", which ResourceConfig.InstanceGroups does not have."
            )));
        }
        if path::inside(&name) != Ok(Some(PathBuf::from(&name))) {
            return Err(ApiError::validation(format!(
                "The channel name \"{name}\" cannot be the name of a channel's folder. Give the channel another name."
            )));
        }
        Ok(Channel {
            data: Data {
                source: s3(&source.s3_uri)?,
                manifest: matches!(listing, Listing::Manifest),
                sharded: source.s3_data_distribution_type == Some(Distribution::ShardedByS3Key),
                gunzip: self.compression_type == Some(Compression::Gzip),
            },
            augmented: match listing {
                Listing::Augmented(attributes) => Some(attributes),
                Listing::Prefix | Listing::Manifest => None,
            },
            content_type: self.content_type,
            record_wrapper: if record_io { "RecordIO" } else { "None" },
            pipe: streamed.then(|| Pipe { record_io, seed: self.shuffle_config.map(|shuffle| shuffle.seed) }),
            groups: source.instance_group_names,
            name,
        })
    }
}

fn no_pipe(member: &str, algorithm: &str) -> ApiError {
    refuse::instead(&format!("{member} Pipe for the built-in {algorithm}"), "Use File or FastFile")
}

/// What the S3 source is said to be.
fn listing(of: &str, kind: &str, attributes: Vec<String>, streamed: bool) -> Result<Listing, ApiError> {
    match kind {
        "AugmentedManifestFile" if streamed && attributes.is_empty() => Err(ApiError::validation(format!(
            "{of}DataSource.S3DataSource.AttributeNames must be set for the S3DataType AugmentedManifestFile: the attributes to stream."
        ))),
        "AugmentedManifestFile" => Ok(Listing::Augmented(attributes)),
        "S3Prefix" | "ManifestFile" if !attributes.is_empty() => Err(ApiError::validation(format!(
            "{of}DataSource.S3DataSource.AttributeNames can only be set for the S3DataType AugmentedManifestFile."
        ))),
        "S3Prefix" => Ok(Listing::Prefix),
        "ManifestFile" => Ok(Listing::Manifest),
        other => Err(refuse::instead(
            &format!("{of}DataSource.S3DataSource.S3DataType {other}"),
            "Use S3Prefix, ManifestFile or AugmentedManifestFile",
        )),
    }
}

/// A folder of files beside the pipes, `CHANNEL_EPOCH`, must not have the name of one.
fn pipes(name: &str, names: &[String]) -> Result<(), ApiError> {
    let is_pipe = |other: &&String| {
        let epoch = other.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
        epoch.is_some_and(|epoch| !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()))
    };
    match names.iter().find(is_pipe) {
        Some(other) => Err(ApiError::validation(format!(
            "The channel name \"{other}\" is that of a pipe of the channel \"{name}\", whose input mode is Pipe. Give one of them another name."
        ))),
        None => Ok(()),
    }
}

/// What only a stream can have.
fn files(of: &str, listing: &Listing, record_io: bool, shuffled: bool) -> Result<(), ApiError> {
    let augmented = matches!(listing, Listing::Augmented(_));
    for (given, what) in [
        (augmented, "DataSource.S3DataSource.S3DataType AugmentedManifestFile"),
        (record_io, "RecordWrapperType RecordIO"),
    ] {
        if given {
            return Err(ApiError::validation(format!(
                "{of}{what} needs the input mode Pipe. Set {of}InputMode to Pipe, for an image of your own."
            )));
        }
    }
    if shuffled {
        return Err(refuse::instead(
            &format!("{of}ShuffleConfig without the input mode Pipe"),
            "Leave it out, set the input mode to Pipe",
        ));
    }
    Ok(())
}
