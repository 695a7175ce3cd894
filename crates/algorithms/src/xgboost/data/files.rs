//! The files of a channel.

use std::fs;
use std::path::{Path, PathBuf};

use super::Source;
use crate::log;

/// The image loads files down to this depth below the channel and warns about deeper ones.
const MAX_DEPTH: usize = 3;

/// Reads every data file of a channel, in the order of their paths. `shown` is the folder as the container sees it.
///
/// # Errors
/// A sentence that names the file that cannot be read or has a format that is not text.
pub(super) fn read(folder: &Path, shown: &str) -> Result<Vec<Source>, String> {
    let channel = Channel { folder, shown };
    let mut paths = Vec::new();
    channel.collect(folder, 1, &mut paths)?;
    paths.sort();
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let name = channel.shown(&path);
        let mut bytes = fs::read(&path).map_err(|error| format!("cannot read {name}: {error}"))?;
        refuse_binary(&name, &bytes)?;
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        sources.push(Source { name, bytes });
    }
    Ok(sources)
}

struct Channel<'a> {
    folder: &'a Path,
    shown: &'a str,
}

impl Channel<'_> {
    /// A path below the channel as the container sees it.
    fn shown(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.folder).unwrap_or(path);
        // Joining nothing would add a slash.
        if below.as_os_str().is_empty() {
            self.shown.to_owned()
        } else {
            Path::new(self.shown).join(below).display().to_string()
        }
    }

    fn collect(&self, folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), String> {
        let failed = |error| format!("cannot read {}: {error}", self.shown(folder));
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Follows links: SageMaker's data may be linked in.
            let metadata =
                fs::metadata(&path).map_err(|error| format!("cannot read {}: {error}", self.shown(&path)))?;
            if name.starts_with('.') {
                log::warning(&format!(
                    "Skipping the hidden file {}. On SageMaker the job would fail with \"Hidden file found in the data \
                     path! Remove that before training.\"",
                    self.shown(&path)
                ));
            } else if metadata.is_dir() {
                if depth < MAX_DEPTH {
                    self.collect(&path, depth + 1, paths)?;
                } else {
                    log::warning(&format!(
                        "The depth of folder {} exceed the limit {MAX_DEPTH}. Files in deeper sub dirs won't be loaded. \
                         Please adjust the folder structure accordingly.",
                        self.shown
                    ));
                }
            } else if metadata.is_file() && metadata.len() > 0 {
                paths.push(path);
            }
        }
        Ok(())
    }
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
