//! Whose requests these are: the ambient identity, or a role's session.

mod ambient;
pub(crate) mod check;
mod explain;
mod files;
mod session;

pub(crate) use ambient::{Ambient, Tools};
pub(crate) use session::{Held, Sessions};

use aws_credential_types::Credentials;

/// Credentials and whose they are.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The credentials.
    pub credentials: Credentials,
    /// The account, where STS said it with the credentials.
    pub account: Option<String>,
    /// The files that the credentials were read from, as they were then.
    pub files: Option<files::Stamp>,
}

impl Session {
    /// Whether both are the same session, renewed or not.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.credentials.access_key_id() == other.credentials.access_key_id()
            && self.credentials.session_token() == other.credentials.session_token()
    }
}
