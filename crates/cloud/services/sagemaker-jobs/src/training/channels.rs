//! Input channels: from S3 to the hosts' folders, or to what is streamed.

use std::fs::{self, File};
use std::io::{Read as _, Take};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{HostFolder, receivers};
use super::halt::reason;
use super::input::{Channel, Listing};
use super::manifest::Manifest;
use super::pipe::{Contents, Feed, Part, augmented};
use super::request::Plan;
use crate::job::location::Location;
use sagewright_cloud_core::limits;
use sagewright_cloud_transfer::fetch::{FetchError, Source};

/// One file of a channel.
struct Item {
    bucket: String,
    key: String,
    path: PathBuf,
}

/// Writes all channels of a job to its hosts, and finds what those are that are streamed.
///
/// # Errors
/// A `FailureReason`; `None` if it was stopped.
pub(super) fn download(source: &Source<'_>, plan: &Plan, hosts: &[HostFolder]) -> Result<Vec<Feed>, Option<String>> {
    let mut feeds = Vec::new();
    for (number, channel) in plan.channels.iter().enumerate() {
        let items = match &channel.listing {
            Listing::Prefix => prefix(source, channel, plan)?,
            Listing::Manifest => manifest(source, channel)?,
            Listing::Augmented(attributes) => {
                feeds.extend(feed(number, channel, lines(source, channel, attributes)?));
                continue;
            }
        };
        if channel.pipe.is_some() {
            let object = |Item { bucket, key, .. }| vec![Part::Object(Location { bucket, key })];
            feeds.extend(feed(number, channel, items.into_iter().map(object).collect()));
            continue;
        }
        let receivers = receivers(plan, channel, hosts);
        for (index, item) in items.iter().enumerate() {
            for (number, host) in receivers.iter().enumerate() {
                // Keys are dealt out in order, so that every host gets its share within one.
                if channel.sharded && index % receivers.len() != number {
                    continue;
                }
                let target = host.channel(&channel.name).join(target(&item.path, channel.gunzip));
                source.file(&item.bucket, &item.key, &target, channel.gunzip).map_err(reason)?;
            }
        }
    }
    Ok(feeds)
}

fn feed(number: usize, channel: &Channel, entries: Vec<Vec<Part>>) -> Option<Feed> {
    let pipe = channel.pipe?;
    let contents = Contents {
        entries,
        gunzip: channel.gunzip,
        record_io: pipe.record_io,
        seed: pipe.seed,
        sharded: channel.sharded,
    };
    Some(Feed { channel: number, contents: Arc::new(contents) })
}

/// A decompressed file loses its `.gz`.
fn target(path: &Path, gunzip: bool) -> PathBuf {
    match path.extension() {
        Some(end) if gunzip && end == "gz" => path.with_extension(""),
        _ => path.to_path_buf(),
    }
}

fn prefix(source: &Source<'_>, channel: &Channel, plan: &Plan) -> Result<Vec<Item>, Option<String>> {
    let Location { bucket, key } = &channel.source;
    let files = source.list(bucket, key).map_err(reason)?;
    if files.is_empty() {
        return Err(Some(format!(
            "ClientError: Data download failed:No S3 objects found under S3 URL \"{}\" given in input data source \
             (channel '{}'). Please ensure that the bucket exists in the selected region, that objects exist under \
             that S3 prefix, and that the role \"{}\" has \"s3:ListBucket\" permissions on bucket \"{bucket}\".",
            channel.source.uri(),
            channel.name,
            plan.role_arn.as_deref().unwrap_or("of the job"),
        )));
    }
    Ok(files.into_iter().map(|(key, path)| Item { bucket: bucket.clone(), key, path }).collect())
}

fn manifest(source: &Source<'_>, channel: &Channel) -> Result<Vec<Item>, Option<String>> {
    let Manifest { bucket, folder, names } =
        Manifest::read(content(source, channel)?).map_err(|why| wrong_manifest(channel, &why))?;
    let item = |(name, path)| Item { bucket: bucket.clone(), key: format!("{folder}{name}"), path };
    Ok(names.into_iter().map(item).collect())
}

/// The lines of an augmented manifest.
fn lines(source: &Source<'_>, channel: &Channel, attributes: &[String]) -> Result<Vec<Vec<Part>>, Option<String>> {
    augmented::read(content(source, channel)?, attributes).map_err(|why| wrong_manifest(channel, &why))
}

/// A manifest's content, of which no more than its size is read.
fn content(source: &Source<'_>, channel: &Channel) -> Result<Take<File>, Option<String>> {
    let Location { bucket, key } = &channel.source;
    let opened = source.objects.open(source.account, bucket, key);
    let (info, file) = opened.map_err(|e| reason(FetchError::Object(e)))?;
    if info.size > limits::MANIFEST {
        return Err(wrong_manifest(channel, &format!("has more than {} bytes", limits::MANIFEST)));
    }
    Ok(file.take(info.size))
}

fn wrong_manifest(channel: &Channel, why: &str) -> Option<String> {
    Some(format!("ClientError: Data download failed:the manifest {} {why}", channel.source.uri()))
}

/// Writes what S3 has of a job's checkpoints to every host.
///
/// # Errors
/// As [`download`].
pub(super) fn restore(source: &Source<'_>, plan: &Plan, hosts: &[HostFolder]) -> Result<(), Option<String>> {
    let Some(checkpoints) = &plan.checkpoints else { return Ok(()) };
    let Location { bucket, key } = &checkpoints.remote;
    // A prefix for a folder: `ckpt` must not take in `ckpt-old/`.
    let prefix = if key.is_empty() || key.ends_with('/') { key.clone() } else { format!("{key}/") };
    for (key, path) in source.list(bucket, &prefix).map_err(reason)? {
        for host in hosts {
            let target = host.base.join(&checkpoints.folder).join(&path);
            fs::create_dir_all(target.parent().unwrap_or(&host.base)).map_err(|e| Some(e.to_string()))?;
            source.file(bucket, &key, &target, false).map_err(reason)?;
        }
    }
    Ok(())
}
