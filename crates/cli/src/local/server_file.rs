//! `server.json` in the data folder: which process serves the embedded cloud, and where.

use std::fs;
use std::io;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sagewright_cloud::durability::Durability;
use sagewright_cloud::identity::Secret;
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};

/// What a running embedded cloud says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerFile {
    /// Process id.
    pub(crate) pid: u32,
    /// For example `http://127.0.0.1:4599`.
    pub(crate) endpoint: String,
    /// Version of the program.
    pub(crate) version: String,
    /// When it began to serve, milliseconds since 1970; 0 where an earlier version has not told.
    #[serde(default)]
    pub(crate) started: i64,
    /// The image map that it was told to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<PathBuf>,
    /// Whether acknowledged writes outlive a loss of power.
    #[serde(default)]
    pub(crate) power_loss: bool,
    /// What its control endpoint wants to be shown; none in a cloud of an earlier version.
    #[serde(default)]
    pub(crate) control_pass: Pass,
}

/// A secret that is in the file, and in no other output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct Pass(pub(crate) Secret);

impl Default for Pass {
    fn default() -> Self {
        Self::from(String::new())
    }
}

impl From<String> for Pass {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl From<Pass> for String {
    fn from(pass: Pass) -> Self {
        pass.0.reveal().to_owned()
    }
}

impl ServerFile {
    /// Where its port is.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.endpoint.rsplit('/').next().and_then(|text| text.parse().ok())
    }
}

impl ServerFile {
    /// Where its control endpoint is, and what that wants to be shown.
    ///
    /// # Errors
    /// The cloud that is up has none, or its note is damaged.
    pub(crate) fn control(&self) -> Result<(SocketAddr, &Secret), Failure> {
        let failed = |message: String| Failure::new(Exit::Failed, message);
        let address =
            self.address().ok_or_else(|| failed(format!("'{}' in server.json is no address", self.endpoint)))?;
        let pass = &self.control_pass.0;
        if pass.reveal().is_empty() {
            let message =
                format!("the embedded cloud that is up is Sagewright {}, which cannot be controlled", self.version);
            return Err(failed(message).help("stop it with `sagewright local down`, and start this version's"));
        }
        Ok((address, pass))
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("server.json")
}

/// Notes that this process serves, before it does: who reaches it finds its credentials.
pub(crate) fn write(
    data: &Path,
    endpoint: &str,
    images: Option<&Path>,
    durability: Durability,
    control_pass: Secret,
) -> io::Result<()> {
    let file = ServerFile {
        pid: std::process::id(),
        endpoint: endpoint.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: jiff::Timestamp::now().as_millisecond(),
        images: images.map(std::path::absolute).transpose()?,
        power_loss: durability == Durability::PowerLoss,
        control_pass: Pass(control_pass),
    };
    let partial = data.join("server.json.partial");
    // One that was left half written keeps the mode that it had.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut note = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    note.write_all(&serde_json::to_vec(&file)?)?;
    fs::rename(partial, path(data))
}

/// Takes this process's note away. One that another process has written since is left alone.
pub(crate) fn remove(data: &Path) {
    if read(data).is_some_and(|file| file.pid == std::process::id()) {
        drop(fs::remove_file(path(data)));
    }
}

fn read(data: &Path) -> Option<ServerFile> {
    serde_json::from_slice(&fs::read(path(data)).ok()?).ok()
}

/// The embedded cloud that is up on this data folder: its process lives and holds the folder's lock.
pub(crate) fn running(data: &Path) -> Option<ServerFile> {
    // The note may be an older process's.
    read(data).filter(|file| holds(data, file.pid))
}

/// Whether something takes connections where this embedded cloud says that it does.
pub(crate) fn answers(server: &ServerFile) -> bool {
    server.address().is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
}

/// Whether this process has the data folder: until it has ended, which is later than that it serves.
pub(crate) fn holds(data: &Path, pid: u32) -> bool {
    // The lock holds the process id of its owner.
    let owner = fs::read_to_string(data.join("lock"));
    owner.is_ok_and(|owner| owner.trim() == pid.to_string()) && is_locked(data)
}

/// A process that serves holds an exclusive lock, which ends with it however it ends.
fn is_locked(data: &Path) -> bool {
    use rustix::fs::{FlockOperation, flock};
    let Ok(lock) = fs::OpenOptions::new().read(true).open(data.join("lock")) else { return false };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let _ = flock(&lock, FlockOperation::Unlock);
            false
        }
        Err(e) => e == rustix::io::Errno::WOULDBLOCK,
    }
}
