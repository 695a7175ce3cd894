//! Credentials of the embedded cloud's accounts, for clients on this machine.

use std::path::Path;
use std::sync::Arc;

use sagewright_cloud::clock::WallClock;
use sagewright_cloud::server::open_identity;
use serde::Serialize;

use super::{REGION, running};
use crate::exit::{Exit, Failure};

/// All that a client needs.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Access {
    /// `AWS_ENDPOINT_URL`
    pub(crate) endpoint: String,
    /// Account id.
    pub(crate) account: String,
    /// Region.
    pub(crate) region: String,
    /// Access key id.
    pub(crate) access_key_id: String,
    /// Secret key.
    pub(crate) secret_access_key: String,
}

/// Credentials of an account of the embedded cloud that is up on this data folder; the account is made where it is new.
pub(crate) fn access(data: &Path, account: &str) -> Result<Access, Failure> {
    let server = running(data).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("no embedded cloud is up on {}", data.display()))
            .help("start it with `sagewright local up --detach`, or point --data at its folder")
    })?;
    let identity = open_identity(data, REGION, Arc::new(WallClock))
        .map_err(|e| Failure::new(Exit::Failed, format!("cannot read the embedded cloud's credentials: {e}")))?;
    let key = identity.credentials(account).map_err(|e| Failure::new(Exit::Failed, e.message))?;
    Ok(Access {
        endpoint: server.endpoint,
        account: account.to_owned(),
        region: REGION.to_owned(),
        access_key_id: key.id.clone(),
        secret_access_key: key.secret.reveal().to_owned(),
    })
}
