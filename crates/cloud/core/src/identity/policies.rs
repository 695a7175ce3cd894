//! Managed policies: whether one exists.

use sagewright_cloud_policy::managed;

use crate::api::in_partition;
use crate::store::{Key, Record, Store, StoreError};

/// The account's own policy with an ARN, path included, of whatever partition.
///
/// # Errors
/// The database could not be read.
pub fn own_policy(store: &Store, account: &str, arn: &str) -> Result<Option<Record>, StoreError> {
    let ours = format!(":iam::{account}:policy/");
    let Some((_, path)) = arn.split_once(&ours) else { return Ok(None) };
    let name = path.rsplit('/').next().unwrap_or_default();
    let found = store.get(&Key::new(account, "", "policy", name))?;
    let partition = arn.split(':').nth(1).unwrap_or_default();
    Ok(found.filter(|record| in_partition(&record.arn, partition) == arn))
}

/// Whether a policy is AWS's or the account's own.
///
/// # Errors
/// The database could not be read.
pub fn policy_exists(store: &Store, account: &str, arn: &str) -> Result<bool, StoreError> {
    Ok(managed::find(arn).is_some() || own_policy(store, account, arn)?.is_some())
}
