//! The file: appended to, for its owner alone, bounded.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Settings;

/// What the first line says that the file is.
pub const FORMAT: &str = "sagewright-requests";
/// Version of the lines.
pub const VERSION: u64 = 1;

pub(super) struct File {
    path: PathBuf,
    /// None once recording has stopped.
    file: Option<fs::File>,
    bytes: u64,
    most: u64,
}

impl File {
    pub(super) fn open(settings: &Settings) -> io::Result<Self> {
        let path = settings.path.clone();
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let bytes = metadata.len();
        let mut torn = false;
        if bytes > 0 {
            let mut start = vec![0; 64];
            let read = file.read(&mut start)?;
            start.truncate(read);
            if !start.starts_with(format!("{{\"format\":\"{FORMAT}\"").as_bytes()) {
                return Err(io::Error::other("it is not empty, and not a request log"));
            }
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            torn = last != *b"\n";
        }
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        let mut this = Self { path, file: Some(file), bytes, most: settings.most_bytes };
        if torn {
            // The process was killed within a line; what follows has to begin with one.
            this.write(b"\n");
        }
        this.add(&json!({
            "format": FORMAT, "version": VERSION, "sagewright": env!("CARGO_PKG_VERSION"),
            "time": jiff::Timestamp::now().to_string(), "bodies": settings.bodies,
        }));
        Ok(this)
    }

    /// Adds a line, or stops where it does not fit.
    pub(super) fn add(&mut self, line: &Value) {
        let mut text = line.to_string();
        text.push('\n');
        if self.file.is_some() && self.bytes.saturating_add(text.len() as u64) > self.most {
            tracing::warn!(file = %self.path.display(), bytes = self.bytes, "the request log is full; recording has stopped");
            self.write(b"{\"stopped\":\"the request log is full\"}\n");
            self.file = None;
        }
        self.write(text.as_bytes());
    }

    fn write(&mut self, line: &[u8]) {
        let Some(file) = &mut self.file else { return };
        match file.write_all(line) {
            Ok(()) => self.bytes += line.len() as u64,
            Err(error) => {
                tracing::error!(file = %self.path.display(), %error, "cannot write the request log; recording has stopped");
                self.file = None;
            }
        }
    }
}
