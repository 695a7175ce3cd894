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
use crate::logs::Streams;
use crate::reserve;
use crate::store::Store;
use sagewright_cloud_store_sqlite::SqliteRecords;
use sagewright_cloud_wire::server::raise_open_files;

const DATABASE: &str = "state.sqlite";

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

/// Takes the data folder and the port, opens the database and makes the default account.
///
/// # Errors
/// One kind for each cause, with what to do.
pub fn bind(config: Config) -> Result<Bound, StartError> {
    let account: AccountId = config
        .default_account
        .parse()
        .map_err(|e| StartError::Setting(format!("the default account is wrong: {e}")))?;
    raise_open_files();
    let lock = folder::take(&config.data)?;
    reserve::balance(&config.data);
    let (socket, address) = take_port(config.listen)?;
    let (store, identity) = open(&config.data, &config.region, Arc::clone(&config.wall))?;
    store.set_durability(config.durability).map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    identity.account_key(&account).map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    let records = SqliteRecords::open(&config.data.join(DATABASE))
        .map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    records.set_durability(config.durability).map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    let logs = Streams::new(config.data.join("logs"));
    let sim = SimClock::new(Arc::clone(&config.wall));
    Ok(Bound { config, socket, address, store, records, identity, logs, lock, sim })
}

/// The identities of a data folder, from any process and whether or not a cloud runs on it: for printing credentials.
///
/// # Errors
/// There is no cloud's data, or it cannot be opened.
pub fn open_identity(data: &Path, region: &str, wall: SharedWall) -> Result<Identity, StartError> {
    let path = data.join(DATABASE);
    if let Err(source) = fs::metadata(&path) {
        return Err(StartError::Setting(format!(
            "no embedded cloud has been started on {}: {source}; start one with `sagewright local up`",
            data.display()
        )));
    }
    open(data, region, wall).map(|(_, identity)| identity)
}

fn open(data: &Path, region: &str, wall: SharedWall) -> Result<(Store, Identity), StartError> {
    let region: Region = region.parse().map_err(|e| StartError::Setting(format!("the region is wrong: {e}")))?;
    let path = data.join(DATABASE);
    let failed = |e| StartError::store(&path, e);
    // Secret keys are in it. SQLite gives its log and index the file's own permissions.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)))
        .map_err(|e| StartError::file(&path, e))?;
    let store = Store::open(&path).map_err(failed)?;
    let identity = Identity::open(store.clone(), wall, &region.partition().id).map_err(failed)?;
    Ok((store, identity))
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
    // Its connections are to be no hindrance to the next start.
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
