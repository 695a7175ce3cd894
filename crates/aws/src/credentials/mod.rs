//! Whose requests these are: the ambient identity, or a role's session.

mod ambient;
mod explain;
mod session;

pub(crate) use ambient::{Ambient, Tools};
pub(crate) use explain::error;
pub(crate) use session::{Held, Sessions};

use aws_credential_types::Credentials;

/// Credentials and whose they are.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The credentials.
    pub credentials: Credentials,
    /// The account, where the source said it.
    pub account: Option<String>,
}
