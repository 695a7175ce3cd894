//! Takes the data folder and the port.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use sagewright_model::{AccountId, Region};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Bound, StartError};
use crate::clock::{SharedWall, SimClock};
use crate::config::Config;
use crate::folder;
use crate::identity::Identity;
use crate::logs::{LogsService, Streams};
use crate::metrics::Metrics;
use crate::records::StoreError;
use crate::reserve;
use sagewright_cloud_store_sqlite::{SqliteMetrics, SqliteRecords};
use sagewright_cloud_wire::server::raise_open_files;
use sagewright_cloud_wire::server::record::Recorder;

const DATABASE: &str = "state.sqlite";
const METRICS: &str = "metrics.sqlite";

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("default_account", &self.default_account)
            .field("region", &self.region)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}

/// Takes the data folder and the port, opens the database and makes the default account. Must be called inside a Tokio
/// runtime.
///
/// # Errors
/// One kind for each cause, with what to do.
pub async fn bind(config: Config) -> Result<Bound, StartError> {
    let account: AccountId = config
        .default_account
        .parse()
        .map_err(|e| StartError::Setting(format!("the default account is wrong: {e}")))?;
    let bound = on_a_thread(move || take(config)).await?;
    let ready = async {
        LogsService::new(bound.records(), bound.logs()).recover().await?;
        bound.identity.forget_old_sessions().await?;
        bound.identity.account_key(&account).await
    };
    ready.await.map_err(|e| StartError::store(&bound.config.data.join(DATABASE), e))?;
    Ok(bound)
}

fn take(config: Config) -> Result<Bound, StartError> {
    raise_open_files();
    let lock = folder::take(&config.data)?;
    reserve::balance(&config.data);
    let (socket, address) = take_port(config.listen)?;
    let (records, identity) = open(&config.data, &config.region, Arc::clone(&config.wall), SqliteRecords::open)?;
    records.set_durability(config.durability).map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    let path = config.data.join(METRICS);
    let metrics = SqliteMetrics::open(&path, config.durability).map_err(|e| StartError::store(&path, e))?;
    let metrics = Metrics::new(Arc::new(metrics));
    let logs = Streams::new(config.data.join("logs"));
    let recorder = config.record.as_ref().map(|settings| {
        Recorder::open(settings).map_err(|error| {
            StartError::Setting(format!("cannot record to {}: {error}; name another file", settings.path.display()))
        })
    });
    let recorder = recorder.transpose()?;
    let sim = SimClock::new(Arc::clone(&config.wall));
    Ok(Bound { config, socket, address, records, identity, logs, metrics, recorder, lock, sim })
}

/// The identities of a data folder on which a cloud runs in another process: for printing credentials.
///
/// # Errors
/// There is no cloud's data, another version made it, or it cannot be opened.
pub async fn open_identity(data: &Path, region: &str, wall: SharedWall) -> Result<Identity, StartError> {
    let (data, region) = (data.to_owned(), region.to_owned());
    let opened = on_a_thread(move || {
        let path = data.join(DATABASE);
        if let Err(source) = fs::metadata(&path) {
            return Err(StartError::Setting(format!(
                "no embedded cloud has been started on {}: {source}; start one with `sagewright local up`",
                data.display()
            )));
        }
        open(&data, &region, wall, SqliteRecords::open_beside)
    });
    opened.await.map(|(_, identity)| identity)
}

/// Work on files, on a thread for it.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StartError::Setting(format!("the start was cut off: {error}"))))
}

fn open(
    data: &Path,
    region: &str,
    wall: SharedWall,
    open: fn(&Path) -> Result<SqliteRecords, StoreError>,
) -> Result<(SqliteRecords, Identity), StartError> {
    let region: Region = region.parse().map_err(|e| StartError::Setting(format!("the region is wrong: {e}")))?;
    let path = data.join(DATABASE);
    // Secret keys are in it. SQLite gives its log and index the file's own permissions.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)))
        .map_err(|e| StartError::file(&path, e))?;
    let records = open(&path).map_err(|e| StartError::store(&path, e))?;
    let identity = Identity::new(Arc::new(records.clone()), wall, &region.partition().id);
    Ok((records, identity))
}

/// Takes the port without answering on it: whoever connects is refused until [`listen`].
fn take_port(address: SocketAddr) -> Result<(Socket, SocketAddr), StartError> {
    let bound = |shared: bool| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(shared)?;
        socket.bind(&address.into())?;
        let told = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok((socket, told))
    };
    // Alone, so that no other process can take it too before it listens. Only a restart shares the port: it must not
    // wait for the kernel to forget the connections of the run before.
    bound(false)
        .or_else(|error: std::io::Error| if error.kind() == ErrorKind::AddrInUse { bound(true) } else { Err(error) })
        .map_err(|source| failed(address, source))
}

/// Listens on a port that was reserved. Another process that reserved it at the same moment may have been faster.
pub(super) fn listen(socket: Socket, address: SocketAddr) -> Result<TcpListener, StartError> {
    // Its connections must not hold up the next start.
    let listening = socket.set_reuse_address(true).and_then(|()| socket.listen(1024));
    listening
        .and_then(|()| socket.set_nonblocking(true))
        .map(|()| socket.into())
        .map_err(|source| failed(address, source))
}

fn failed(address: SocketAddr, source: std::io::Error) -> StartError {
    if source.kind() == ErrorKind::AddrInUse {
        StartError::PortTaken { address }
    } else {
        StartError::Listen { address, source }
    }
}
