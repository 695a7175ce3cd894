//! A channel: its content type, and its data as one matrix.

use std::path::Path;

use super::csv::Leading;
use super::{Labelled, csv, delimiter, files, libsvm, parallel};
use crate::log;
use crate::xgboost::failure::Failure;
use crate::xgboost::image::Image;

/// The formats of training and request data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentType {
    Csv,
    Libsvm,
}

impl ContentType {
    /// The content type of a channel, which the image takes by its plain name alone; none means LIBSVM.
    ///
    /// # Errors
    /// What [`check_channel`] says, and a refusal by name of the formats that only the image reads.
    pub(crate) fn of_channel(given: Option<&str>, image: &Image) -> Result<Self, String> {
        if let Some(given) = given {
            check_channel(given, image)?;
        }
        Self::of_request(given, Self::Libsvm)
    }

    /// The content type of a request, with or without parameters; `default` where it has none.
    ///
    /// # Errors
    /// The image's message for a type that it does not have, and a refusal by name for the two that
    /// only the image reads.
    pub(crate) fn of_request(given: Option<&str>, default: Self) -> Result<Self, String> {
        let Some(given) = given else {
            return Ok(default);
        };
        let lower = given.to_ascii_lowercase();
        let mut parts = lower.split(';').map(str::trim);
        match parts.next().unwrap_or_default() {
            "csv" | "text/csv" => {
                let label_size =
                    parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim() == "label_size");
                match label_size {
                    Some((_, size)) if size.trim().trim_matches('"') != "1" => Err(format!(
                        "{given} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
                    )),
                    _ => Ok(Self::Csv),
                }
            }
            "libsvm" | "text/libsvm" | "text/x-libsvm" => Ok(Self::Libsvm),
            "parquet" | "application/x-parquet" | "recordio-protobuf" | "application/x-recordio-protobuf" => {
                Err(format!(
                    "{given} is not supported by Sagewright's XGBoost; convert the data to text/csv or text/libsvm, or \
                     run it on AWS"
                ))
            }
            _ => Err(unknown(given, Image::newest())),
        }
    }
}

/// Checks a channel's content type as an image does.
///
/// # Errors
/// It is not one of the image's names; when it only has parameters or capitals too much, the name to write.
pub(crate) fn check_channel(given: &str, image: &Image) -> Result<(), String> {
    let names = image.content_types();
    if names.contains(&given) {
        return Ok(());
    }
    let plain = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let advice = if names.contains(&plain.as_str()) {
        format!(" The image compares names as they are: write it without parameters and in small letters: {plain}")
    } else {
        String::new()
    };
    Err(unknown(given, image) + &advice)
}

fn unknown(given: &str, image: &Image) -> String {
    format!("{given} is not an accepted ContentType: {}.", image.content_types().join(", "))
}

/// Loads a channel with up to `threads` threads; `shown` is the folder as the container sees it.
pub(crate) fn load(
    folder: &Path,
    channel: &str,
    shown: &str,
    content: ContentType,
    csv_weights: bool,
    threads: usize,
) -> Result<Labelled, Failure> {
    let no_data = || Failure::User(format!("No data in {channel} channel path {shown}"));
    if !folder.is_dir() {
        return Err(no_data());
    }
    log::info(&format!("files path: {shown}"));
    let sources = files::read(folder, shown).map_err(Failure::User)?;
    let Some(first) = sources.iter().find_map(|source| parallel::lines(&source.bytes).next()) else {
        return Err(no_data());
    };
    let loaded = match content {
        ContentType::Csv => {
            let Some(delimiter) = delimiter(first.1) else {
                let snippet: String = String::from_utf8_lossy(first.1).chars().take(50).collect();
                return Err(Failure::User(format!(
                    "Could not determine delimiter on line {snippet}:\nexpected numbers with ',' between them, the label \
                     first, in {}",
                    sources[0].name
                )));
            };
            log::info(&format!("Determined delimiter of CSV input is '{}'", delimiter.escape_ascii()));
            let leading = if csv_weights { Leading::LabelAndWeight } else { Leading::Label };
            csv::parse(&sources, delimiter, leading, threads)
                .map_err(|error| Failure::User(format!("Failed to load csv data with exception:\n{error}")))?
        }
        ContentType::Libsvm => libsvm::parse(&sources, threads).map_err(|error| {
            // The image defaults to LIBSVM, so CSV without a ContentType ends up here.
            let advice = if first.1.contains(&b',') && !first.1.contains(&b':') {
                "; this looks like CSV: set the channel's ContentType to text/csv"
            } else {
                ""
            };
            Failure::User(format!("Failed to load libsvm data with exception:\n{error}{advice}"))
        })?,
    };
    if loaded.labels.is_empty() {
        return Err(no_data());
    }
    Ok(loaded)
}
