//! `server.json` in the data folder: which process serves the embedded cloud, and where.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sagewright_cloud::durability::Durability;
use serde::{Deserialize, Serialize};

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
}

fn path(data: &Path) -> PathBuf {
    data.join("server.json")
}

/// Notes that this process serves, before it does: who reaches it finds its credentials.
pub(crate) fn write(data: &Path, endpoint: &str, images: Option<&Path>, durability: Durability) -> io::Result<()> {
    let file = ServerFile {
        pid: std::process::id(),
        endpoint: endpoint.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: jiff::Timestamp::now().as_millisecond(),
        images: images.map(std::path::absolute).transpose()?,
        power_loss: durability == Durability::PowerLoss,
    };
    let partial = data.join("server.json.partial");
    fs::write(&partial, serde_json::to_vec(&file)?)?;
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
    let address = server.endpoint.rsplit('/').next().and_then(|text| text.parse::<SocketAddr>().ok());
    address.is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
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
