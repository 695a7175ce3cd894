//! Who may do what with a bucket.

use super::store::{BucketRow, StoreError};

/// The identity that a decision is about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The account that the identity acts in.
    pub(crate) account: String,
    /// Its ARN.
    pub(crate) principal_arn: String,
}

impl Subject {
    /// The account itself, as other services of the embedded cloud act for it.
    pub(crate) fn account(account: &str) -> Self {
        Self { account: account.to_owned(), principal_arn: format!("arn:aws:iam::{account}:root") }
    }
}

/// Decides whether `caller` may do `action` (an IAM action such as `s3:GetObject`) on `bucket`.
///
/// A bucket answers to its owner's account alone; bucket policies will widen this here, and only here.
pub(crate) fn authorize(caller: &Subject, bucket: &BucketRow, action: &str) -> Result<(), StoreError> {
    if caller.account == bucket.account {
        return Ok(());
    }
    Err(StoreError::AccessDenied {
        principal: caller.principal_arn.clone(),
        action: action.to_owned(),
        bucket: bucket.name.clone(),
    })
}
