//! The files of a channel.

use std::fs;
use std::path::{Path, PathBuf};

use super::Source;
use crate::log;

/// The image loads files down to this depth below the channel and warns about deeper ones.
const MAX_DEPTH: usize = 3;

/// Reads every data file of a channel, in the order of their paths.
///
/// # Errors
/// A sentence that names the file that cannot be read or has a format that is not text.
pub(super) fn read(folder: &Path) -> Result<Vec<Source>, String> {
    let mut paths = Vec::new();
    collect(folder, folder, 1, &mut paths)?;
    paths.sort();
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let mut bytes = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let name = path.strip_prefix(folder.parent().unwrap_or(folder)).unwrap_or(&path).display().to_string();
        refuse_binary(&name, &bytes)?;
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        sources.push(Source { name, bytes });
    }
    Ok(sources)
}

fn collect(channel: &Path, folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error| format!("cannot read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Follows links: SageMaker's data may be linked in.
        let metadata = fs::metadata(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        if name.starts_with('.') {
            log::warning(&format!(
                "Skipping the hidden file {}. On SageMaker the job would fail with \"Hidden file found in the data \
                 path! Remove that before training.\"",
                path.display()
            ));
        } else if metadata.is_dir() {
            if depth < MAX_DEPTH {
                collect(channel, &path, depth + 1, paths)?;
            } else {
                log::warning(&format!(
                    "The depth of folder {} exceed the limit {MAX_DEPTH}. Files in deeper sub dirs won't be loaded. \
                     Please adjust the folder structure accordingly.",
                    channel.display()
                ));
            }
        } else if metadata.is_file() && metadata.len() > 0 {
            paths.push(path);
        }
    }
    Ok(())
}

/// Text formats have none of these starts; a clear word beats a message about column 1.
fn refuse_binary(name: &str, bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(format!(
            "{name} is compressed with gzip, which XGBoost on SageMaker does not read in File mode; decompress it"
        ));
    }
    if bytes.starts_with(b"PAR1") {
        return Err(format!("{name} is a Parquet file; convert it to CSV or LIBSVM, or train on AWS"));
    }
    Ok(())
}
