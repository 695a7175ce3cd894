//! Takes the data folder and the port.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use sagewright_model::{AccountId, Region};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Bound, StartError};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::identity::Identity;
use crate::logs::Streams;
use crate::reserve;
use crate::store::Store;
use sagewright_cloud_store_sqlite::SqliteRecords;
use sagewright_cloud_wire::server::raise_open_files;

const DATABASE: &str = "state.sqlite";

/// Holds the data folder for this process; the kernel lets go of it however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

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
    let lock = take(&config.data)?;
    reserve::balance(&config.data);
    let listener = listen(&config)?;
    let address = listener.local_addr().map_err(|source| StartError::Listen { address: config.listen, source })?;
    let (store, identity) = open(&config.data, &config.region, Arc::clone(&config.clock))?;
    store.set_durability(config.durability).map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    identity.account_key(&account).map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    let records = SqliteRecords::open(&config.data.join(DATABASE))
        .map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    records.set_durability(config.durability).map_err(|e| StartError::store(&config.data.join(DATABASE), e))?;
    let logs = Streams::new(config.data.join("logs"));
    Ok(Bound { config, listener, address, store, records, identity, logs, lock })
}

/// The identities of a data folder, from any process and whether or not a cloud runs on it: for printing credentials.
///
/// # Errors
/// There is no cloud's data, or it cannot be opened.
pub fn open_identity(data: &Path, region: &str, clock: SharedClock) -> Result<Identity, StartError> {
    let path = data.join(DATABASE);
    if let Err(source) = fs::metadata(&path) {
        return Err(StartError::Setting(format!(
            "no embedded cloud has been started on {}: {source}; start one with `sagewright local up`",
            data.display()
        )));
    }
    open(data, region, clock).map(|(_, identity)| identity)
}

fn open(data: &Path, region: &str, clock: SharedClock) -> Result<(Store, Identity), StartError> {
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
    let identity = Identity::open(store.clone(), clock, &region.partition().id).map_err(failed)?;
    Ok((store, identity))
}

/// Makes the folder and locks it.
fn take(data: &Path) -> Result<Lock, StartError> {
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|e| StartError::file(data, e))?;
    let path = data.join("lock");
    let failed = |e| StartError::file(&path, e);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error.kind() != ErrorKind::WouldBlock {
            return Err(failed(error.into()));
        }
        let mut pid = String::new();
        let _ = file.read_to_string(&mut pid);
        let pid = if pid.trim().is_empty() { "(unknown)".to_owned() } else { pid.trim().to_owned() };
        return Err(StartError::DataInUse { path: data.to_owned(), pid });
    }
    let pid = std::process::id().to_string();
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(pid.as_bytes())).map_err(failed)?;
    Ok(Lock { _file: file })
}

fn listen(config: &Config) -> Result<TcpListener, StartError> {
    let address = config.listen;
    let failed = |source: std::io::Error| {
        if source.kind() == ErrorKind::AddrInUse {
            StartError::PortTaken { address }
        } else {
            StartError::Listen { address, source }
        }
    };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).map_err(failed)?;
    // A restart must not wait for the kernel to forget the connections of the run before.
    socket.set_reuse_address(true).map_err(failed)?;
    socket.bind(&address.into()).map_err(failed)?;
    socket.listen(1024).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    Ok(socket.into())
}
