//! The input channels of `CreateTrainingJob`.

use serde_json::{Map, Value};

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::refuse;

/// Members that would change what a program reads.
const UNSUPPORTED: &[&str] =
    &["/DataSource/FileSystemDataSource", "/DataSource/DatasetSource", "/DataSource/S3DataSource/HubAccessConfig"];

/// What only a stream can have: how the text names it, its place and its value.
const OF_PIPE: &[(&str, &str, &str)] = &[
    (
        "DataSource.S3DataSource.S3DataType AugmentedManifestFile",
        "/DataSource/S3DataSource/S3DataType",
        "AugmentedManifestFile",
    ),
    ("RecordWrapperType RecordIO", "/RecordWrapperType", "RecordIO"),
];

/// Checks all channels of a job with its defaults, for an image that may be built in.
pub(super) fn check(stored: &Map<String, Value>, built_in: Option<&str>) -> Result<(), ApiError> {
    let member = |pointer: &str| stored.get("AlgorithmSpecification").and_then(|a| a.pointer(pointer));
    let default_mode = member("/TrainingInputMode").and_then(Value::as_str).unwrap_or("File");
    let list = stored.get("InputDataConfig").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if let Some(algorithm) = built_in.filter(|_| list.is_empty() && default_mode == "Pipe") {
        return Err(no_pipe("AlgorithmSpecification.TrainingInputMode", algorithm));
    }
    for (i, channel) in list.iter().enumerate() {
        let name = name(channel);
        if list[..i].iter().any(|c| c["ChannelName"] == channel["ChannelName"]) {
            return Err(ApiError::validation(format!(
                "Duplicate channel name \"{name}\" in InputDataConfig. Channel names must be unique."
            )));
        }
        let of = format!("InputDataConfig[{name}].");
        let own_mode = channel["InputMode"].as_str();
        let streamed = own_mode.unwrap_or(default_mode) == "Pipe";
        kind(&of, channel, streamed)?;
        refuse::members(&of, channel, UNSUPPORTED)?;
        if streamed {
            if let Some(algorithm) = built_in {
                let member = own_mode.map_or("AlgorithmSpecification.TrainingInputMode".into(), |_| of + "InputMode");
                return Err(no_pipe(&member, algorithm));
            }
            pipes(name, list)?;
        } else {
            files(&of, channel)?;
        }
        groups(name, channel, stored)?;
    }
    Ok(())
}

fn name(channel: &Value) -> &str {
    channel["ChannelName"].as_str().unwrap_or_default()
}

fn no_pipe(member: &str, algorithm: &str) -> ApiError {
    refuse::instead(&format!("{member} Pipe for the built-in {algorithm}"), "Use File or FastFile")
}

/// What the S3 source is said to be.
fn kind(of: &str, channel: &Value, streamed: bool) -> Result<(), ApiError> {
    let source = channel.pointer("/DataSource/S3DataSource");
    let kind = source.and_then(|source| source["S3DataType"].as_str());
    let attributes = source.and_then(|s| s["AttributeNames"].as_array()).is_some_and(|names| !names.is_empty());
    match kind {
        Some("AugmentedManifestFile") if streamed && !attributes => Err(ApiError::validation(format!(
            "{of}DataSource.S3DataSource.AttributeNames must be set for the S3DataType AugmentedManifestFile: the attributes to stream."
        ))),
        None | Some("AugmentedManifestFile") => Ok(()),
        Some("S3Prefix" | "ManifestFile") if attributes => Err(ApiError::validation(format!(
            "{of}DataSource.S3DataSource.AttributeNames can only be set for the S3DataType AugmentedManifestFile."
        ))),
        Some("S3Prefix" | "ManifestFile") => Ok(()),
        Some(other) => Err(refuse::instead(
            &format!("{of}DataSource.S3DataSource.S3DataType {other}"),
            "Use S3Prefix, ManifestFile or AugmentedManifestFile",
        )),
    }
}

/// A folder of files beside the pipes, `CHANNEL_EPOCH`, must not have the name of one.
fn pipes(name: &str, list: &[Value]) -> Result<(), ApiError> {
    let is_pipe = |other: &&str| {
        let epoch = other.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
        epoch.is_some_and(|epoch| !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()))
    };
    match list.iter().map(self::name).find(is_pipe) {
        Some(other) => Err(ApiError::validation(format!(
            "The channel name \"{other}\" is that of a pipe of the channel \"{name}\", whose input mode is Pipe. Give one of them another name."
        ))),
        None => Ok(()),
    }
}

fn files(of: &str, channel: &Value) -> Result<(), ApiError> {
    for (what, pointer, value) in OF_PIPE {
        if channel.pointer(pointer).and_then(Value::as_str) == Some(value) {
            return Err(ApiError::validation(format!(
                "{of}{what} needs the input mode Pipe. Set {of}InputMode to Pipe, for an image of your own."
            )));
        }
    }
    if channel.get("ShuffleConfig").is_some_and(|config| !config.is_null()) {
        return Err(refuse::instead(
            &format!("{of}ShuffleConfig without the input mode Pipe"),
            "Leave it out, set the input mode to Pipe",
        ));
    }
    Ok(())
}

fn groups(name: &str, channel: &Value, stored: &Map<String, Value>) -> Result<(), ApiError> {
    let Some(source) = channel.pointer("/DataSource/S3DataSource") else {
        return Err(ApiError::validation(format!("Channel \"{name}\" must have an S3DataSource.")));
    };
    let groups = stored.get("ResourceConfig").and_then(|config| config["InstanceGroups"].as_array());
    let is_there = |group: &str| groups.into_iter().flatten().any(|g| g["InstanceGroupName"] == group);
    let named = source["InstanceGroupNames"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match named.into_iter().find(|group| !is_there(group)) {
        Some(group) => Err(ApiError::validation(format!(
            "Channel \"{name}\" names the instance group \"{group}\", which ResourceConfig.InstanceGroups does not have."
        ))),
        None => Ok(()),
    }
}
