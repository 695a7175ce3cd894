//! The SageMaker container contract: where the configuration, the data and the results are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// SageMaker keeps the first 1,024 characters of the failure file as the job's `FailureReason`.
const FAILURE_CHARACTERS: usize = 1024;

/// The directory tree that a container sees as `/opt/ml`.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    base: PathBuf,
}

impl Container {
    pub(crate) fn new(base: &Path) -> Self {
        Self { base: base.to_path_buf() }
    }

    /// `input/data/<channel>`.
    pub(crate) fn channel(&self, name: &str) -> PathBuf {
        self.base.join("input/data").join(name)
    }

    /// `model`.
    pub(crate) fn model(&self) -> PathBuf {
        self.base.join("model")
    }

    /// `input/config/<name>`.
    pub(crate) fn config(&self, name: &str) -> PathBuf {
        self.base.join("input/config").join(name)
    }

    /// `output/<name>`.
    pub(crate) fn output(&self, name: &str) -> PathBuf {
        self.base.join("output").join(name)
    }

    /// A path that the configuration names below `/opt/ml`, seen from this base directory.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        match path.strip_prefix("/opt/ml/") {
            Some(rest) => self.base.join(rest),
            None => PathBuf::from(path),
        }
    }

    /// A path as the container sees it, for everything that is told.
    pub(crate) fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.base) {
            Ok(rest) => Path::new("/opt/ml").join(rest).display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }

    /// Reads one JSON object below `input/config`; `None` when the file does not exist.
    ///
    /// # Errors
    /// A sentence that names the file, when it cannot be read or is not a JSON object.
    pub(crate) fn read_config(&self, name: &str) -> Result<Option<Map<String, Value>>, String> {
        let path = self.config(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", self.shown(&path))),
        };
        match serde_json::from_str(&text) {
            Ok(Value::Object(map)) => Ok(Some(map)),
            Ok(_) => Err(format!("{} must hold a JSON object", self.shown(&path))),
            Err(error) => Err(format!("{} is not valid JSON: {error}", self.shown(&path))),
        }
    }

    /// Writes `output/failure`. A failure to write it is logged: the exit code still says it failed.
    pub(crate) fn write_failure(&self, reason: &str) {
        let folder = self.base.join("output");
        let kept: String = reason.chars().take(FAILURE_CHARACTERS).collect();
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("failure"), kept));
        if let Err(error) = written {
            crate::log::error(&format!("cannot write {}: {error}", self.shown(&folder.join("failure"))));
        }
    }
}

/// Writes a file so that a reader or a crash never sees half of it.
///
/// # Errors
/// The error of the file system.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The suffix is the container's own for files that must not be uploaded.
    let partial = folder.join(format!(".{name}.sagemaker-ignore"));
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)
}
