//! Credentials of the embedded cloud's accounts, for clients on this machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sagewright_cloud::api::ApiError;
use sagewright_cloud::clock::SystemWall;
use sagewright_cloud::identity::{Identity, Principal};
use sagewright_cloud::server::open_identity;
use serde::Serialize;

use super::{REGION, ServerFile, running};
use crate::exit::{Exit, Failure};

/// A program's session cannot be renewed: as long as a job's, the longest that SageMaker lets one run.
const SESSION: Duration = Duration::from_secs(28 * 24 * 3600);

/// All that a client needs.
#[derive(Clone, Default, Serialize)]
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
pub(crate) async fn access(data: &Path, account: &str) -> Result<Access, Failure> {
    let server = up(data)?;
    let key = identity(data).await?.credentials(account).await.map_err(|e| Failure::new(Exit::Failed, e.message))?;
    Ok(Access {
        endpoint: server.endpoint,
        account: account.to_owned(),
        region: REGION.to_owned(),
        access_key_id: key.id.clone(),
        secret_access_key: key.secret.reveal().to_owned(),
    })
}

/// A session of the account's execution role, as a notebook of SageMaker has it: its access key id, and the rest.
pub(super) async fn execution_session(data: &Path, account: &str) -> Result<(String, Principal), Failure> {
    let failed = |e: ApiError| Failure::new(Exit::Failed, format!("cannot act as the execution role: {}", e.message));
    identity(data).await?.begin_execution_session(account, SESSION).await.map_err(failed)
}

/// The embedded cloud that is up on this data folder.
pub(crate) fn up(data: &Path) -> Result<ServerFile, Failure> {
    running(data).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("no embedded cloud is up on {}", data.display()))
            .help("start it with `sagewright local up --detach`, or point --data at its folder")
    })
}

async fn identity(data: &Path) -> Result<Identity, Failure> {
    open_identity(data, REGION, Arc::new(SystemWall))
        .await
        .map_err(|e| Failure::new(Exit::Failed, format!("cannot read the embedded cloud's credentials: {e}")))
}
