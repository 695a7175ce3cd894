//! Input channels: from S3 to the hosts' folders, or to what is streamed.

use std::path::PathBuf;
use std::sync::Arc;

use super::folder::receivers;
use super::input::Channel;
use super::pipe::{Contents, Feed, Part, augmented};
use super::request::Plan;
use crate::job::data::{DataError, Item, content, reason};
use crate::job::hosts::HostFolder;
use crate::job::location::Location;
use sagewright_cloud_transfer::fetch::Source;

/// How the reasons begin.
pub(super) const DOWNLOAD: &str = "Data download failed:";

/// Writes all channels of a job to its hosts, and finds what those are that are streamed.
///
/// # Errors
/// A `FailureReason`; `None` if it was stopped.
pub(super) fn download(source: &Source<'_>, plan: &Plan, hosts: &[HostFolder]) -> Result<Vec<Feed>, Option<String>> {
    let mut feeds = Vec::new();
    for (number, channel) in plan.channels.iter().enumerate() {
        let found = if let Some(attributes) = &channel.augmented {
            lines(source, channel, attributes).map(|lines| feed(number, channel, lines))
        } else if channel.pipe.is_some() {
            channel.data.items(source).map(|items| feed(number, channel, items.into_iter().map(object).collect()))
        } else {
            let folders: Vec<PathBuf> =
                receivers(plan, channel, hosts).iter().map(|host| host.channel(&channel.name)).collect();
            channel.data.items(source).and_then(|items| channel.data.write(source, &items, &folders)).map(|()| None)
        };
        feeds.extend(found.map_err(|error| wrong(channel, plan, error))?);
    }
    Ok(feeds)
}

fn object(Item { bucket, key, .. }: Item) -> Vec<Part> {
    vec![Part::Object(Location { bucket, key })]
}

fn wrong(channel: &Channel, plan: &Plan, error: DataError) -> Option<String> {
    let source = &channel.data.source;
    let nothing = || {
        format!(
            "No S3 objects found under S3 URL \"{}\" given in input data source \
             (channel '{}'). Please ensure that the bucket exists in the selected region, that objects exist under \
             that S3 prefix, and that the role \"{}\" has \"s3:ListBucket\" permissions on bucket \"{}\".",
            source.uri(),
            channel.name,
            plan.role_arn.as_deref().unwrap_or("of the job"),
            source.bucket,
        )
    };
    error.reason(DOWNLOAD, source, nothing)
}

fn feed(number: usize, channel: &Channel, entries: Vec<Vec<Part>>) -> Option<Feed> {
    let pipe = channel.pipe?;
    let contents = Contents {
        entries,
        gunzip: channel.data.gunzip,
        record_io: pipe.record_io,
        seed: pipe.seed,
        sharded: channel.data.sharded,
    };
    Some(Feed { channel: number, contents: Arc::new(contents) })
}

/// The lines of an augmented manifest.
fn lines(source: &Source<'_>, channel: &Channel, attributes: &[String]) -> Result<Vec<Vec<Part>>, DataError> {
    augmented::read(content(source, &channel.data.source)?, attributes).map_err(DataError::Manifest)
}

/// Writes what S3 has of a job's checkpoints to every host.
///
/// # Errors
/// As [`download`].
pub(super) fn restore(source: &Source<'_>, plan: &Plan, hosts: &[HostFolder]) -> Result<(), Option<String>> {
    let Some(checkpoints) = plan.checkpoints() else { return Ok(()) };
    let Location { bucket, key } = &checkpoints.remote;
    // A prefix for a folder: `ckpt` must not take in `ckpt-old/`.
    let prefix = if key.is_empty() || key.ends_with('/') { key.clone() } else { format!("{key}/") };
    for (key, path) in source.list(bucket, &prefix).map_err(|e| reason(DOWNLOAD, e))? {
        for host in hosts {
            let target = host.base.join(&checkpoints.folder).join(&path);
            source.file(bucket, &key, &target, false).map_err(|e| reason(DOWNLOAD, e))?;
        }
    }
    Ok(())
}
