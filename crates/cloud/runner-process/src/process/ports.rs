//! Free ports for containers that serve.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use socket2::{Domain, Protocol, Socket, Type};

/// On Linux a socket that is bound and does not listen keeps the system from giving its port to anyone who asks for
/// any port, and leaves it to who binds it by number with `SO_REUSEADDR`. Elsewhere it would be in the container's way.
const HOLDS: bool = cfg!(target_os = "linux");

static LEASED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that no other container of this process is given.
#[derive(Debug)]
pub(super) struct Lease {
    port: u16,
    _held: Option<Socket>,
}

impl Lease {
    /// The port.
    pub fn number(&self) -> u16 {
        self.port
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        LEASED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.port);
    }
}

/// Picks a port that is free now. Unless it is `held`, another program may take it before the container binds it:
/// whoever starts the container starts it again then.
pub(super) fn lease(held: bool) -> io::Result<Lease> {
    // The refused ones stay bound meanwhile, so that the system offers others.
    let mut refused = Vec::new();
    for _ in 0..64 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        if LEASED.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(Lease { port, _held: (held && HOLDS).then_some(socket) });
        }
        refused.push(socket);
    }
    Err(io::Error::other("the system offers only ports that are in use"))
}
