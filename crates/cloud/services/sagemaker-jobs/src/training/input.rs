//! The input channels of a job.

use std::path::PathBuf;

use serde::Deserialize;

use super::location::Location;
use sagewright_cloud_transfer::path;

/// An input channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub name: String,
    pub source: Location,
    pub listing: Listing,
    pub sharded: bool,
    pub gunzip: bool,
    pub content_type: Option<String>,
    pub record_wrapper: String,
    /// For a channel that is streamed.
    pub pipe: Option<Pipe>,
    pub groups: Vec<String>,
}

/// What names a channel's data.
#[derive(Debug)]
pub(super) enum Listing {
    /// All objects below a prefix.
    Prefix,
    /// The objects that a manifest lists.
    Manifest,
    /// These attributes of a manifest's lines.
    Augmented(Vec<String>),
}

/// How a channel is streamed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pipe {
    pub record_io: bool,
    /// Seed of the order.
    pub seed: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    channel_name: String,
    data_source: DataSource,
    content_type: Option<String>,
    compression_type: Option<String>,
    record_wrapper_type: Option<String>,
    input_mode: Option<String>,
    shuffle_config: Option<Shuffle>,
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
    s3_data_distribution_type: Option<String>,
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

impl Input {
    /// A channel that this machine can give to programs.
    ///
    /// # Errors
    /// A `FailureReason`.
    pub fn check(self, default_mode: &str) -> Result<Channel, String> {
        let name = self.channel_name;
        let of = |what: &str| format!("{what} of channel '{name}'");
        let Some(source) = self.data_source.s3_data_source else {
            return Err(refused(&of("a data source other than S3DataSource"), "S3DataSource"));
        };
        let streamed = match self.input_mode.as_deref().unwrap_or(default_mode) {
            "File" | "FastFile" => false,
            "Pipe" => true,
            other => return Err(refused(&of(&format!("input mode {other}")), "File, FastFile or Pipe")),
        };
        let record_wrapper = self.record_wrapper_type.unwrap_or_else(|| "None".into());
        let record_io = match record_wrapper.as_str() {
            "None" => false,
            "RecordIO" => true,
            other => return Err(refused(&of(&format!("RecordWrapperType {other}")), "None or RecordIO")),
        };
        for (given, what) in [
            (source.s3_data_type == "AugmentedManifestFile", "S3DataType AugmentedManifestFile"),
            (record_io, "RecordWrapperType RecordIO"),
            (self.shuffle_config.is_some(), "ShuffleConfig"),
        ] {
            if given && !streamed {
                return Err(refused(&of(&format!("{what} without input mode Pipe")), "input mode Pipe"));
            }
        }
        let listing = match source.s3_data_type.as_str() {
            "S3Prefix" => Listing::Prefix,
            "ManifestFile" => Listing::Manifest,
            "AugmentedManifestFile" => Listing::Augmented(source.attribute_names),
            other => {
                let instead = "S3Prefix, ManifestFile or AugmentedManifestFile";
                return Err(refused(&of(&format!("S3DataType {other}")), instead));
            }
        };
        if matches!(&listing, Listing::Augmented(attributes) if attributes.is_empty()) {
            return Err(format!(
                "ClientError: the AttributeNames of channel '{name}' must name what is to be streamed"
            ));
        }
        if path::inside(&name) != Ok(Some(PathBuf::from(&name))) {
            return Err(format!("ClientError: '{name}' cannot be the name of a channel's folder"));
        }
        Ok(Channel {
            source: Location::parse(&source.s3_uri)?,
            listing,
            sharded: source.s3_data_distribution_type.as_deref() == Some("ShardedByS3Key"),
            gunzip: self.compression_type.as_deref() == Some("Gzip"),
            content_type: self.content_type,
            record_wrapper,
            pipe: streamed.then(|| Pipe { record_io, seed: self.shuffle_config.map(|shuffle| shuffle.seed) }),
            groups: source.instance_group_names,
            name,
        })
    }
}

/// A `FailureReason` for what this machine does not do.
pub(super) fn refused(what: &str, instead: &str) -> String {
    format!("ClientError: {what} is not supported by the embedded cloud; use {instead}")
}
