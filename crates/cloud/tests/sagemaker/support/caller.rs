//! Whoever calls.

use sagewright_cloud::api::Caller;

/// A user of an account.
pub fn caller(account: &str) -> Caller {
    Caller {
        account: account.to_owned(),
        principal_arn: format!("arn:aws:iam::{account}:user/local"),
        user_id: "AIDALOCAL".to_owned(),
        access_key: "AKIALOCAL".to_owned(),
        source_ip: None,
    }
}
