//! Managed policies: whether one exists.

use sagewright_cloud_policy::managed;

use crate::api::in_partition;
use crate::records::{Key, Record, SharedRecords, StoreError};

/// The account's own policy with an ARN, path included, of whatever partition.
///
/// # Errors
/// The store failed.
pub async fn own_policy(store: &SharedRecords, account: &str, arn: &str) -> Result<Option<Record>, StoreError> {
    let ours = format!(":iam::{account}:policy/");
    let Some((_, path)) = arn.split_once(&ours) else { return Ok(None) };
    let name = path.rsplit('/').next().unwrap_or_default();
    let found = store.record(&Key::new(account, "", "policy", name)).await?;
    let partition = arn.split(':').nth(1).unwrap_or_default();
    Ok(found.filter(|record| in_partition(&record.arn, partition) == arn))
}

/// Whether a policy is AWS's or the account's own.
///
/// # Errors
/// The store failed.
pub async fn policy_exists(store: &SharedRecords, account: &str, arn: &str) -> Result<bool, StoreError> {
    Ok(managed::find(arn).is_some() || own_policy(store, account, arn).await?.is_some())
}
