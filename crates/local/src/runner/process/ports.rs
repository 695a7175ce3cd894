//! Free ports for containers that serve.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

static LEASED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that no other container of this process is given.
#[derive(Debug)]
pub(super) struct Lease(u16);

impl Lease {
    /// The port.
    pub fn number(&self) -> u16 {
        self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        LEASED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Picks a port that is free now. Another program may take it before the container binds it: whoever starts the
/// container starts it again then.
pub(super) fn lease() -> io::Result<Lease> {
    // The refused ones stay bound meanwhile, so that the system offers others.
    let mut refused = Vec::new();
    for _ in 0..64 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if LEASED.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(Lease(port));
        }
        refused.push(listener);
    }
    Err(io::Error::other("the system offers only ports that are in use"))
}
