//! What every account starts with: a user with an access key, and a role for SageMaker.

use sagewright_model::AccountId;
use serde_json::{Value, json};

use super::{AccessKey, Identity, unique_id};
use crate::api::ApiError;
use crate::records::{CommitError, Key, Record, StoreError, Write};

/// The user that an account's first access key belongs to.
pub const USER: &str = "sagewright";
/// The role for SageMaker that every account has from the start.
pub const EXECUTION_ROLE: &str = "sagewright-execution";

impl Identity {
    /// An access key of an account's own user; the account, the user and the key are made where they are missing.
    ///
    /// # Errors
    /// The id is not twelve digits, or the store failed.
    pub async fn credentials(&self, account: &str) -> Result<AccessKey, ApiError> {
        let account = account.parse::<AccountId>().map_err(|e| ApiError::validation(e.to_string()))?;
        Ok(self.account_key(&account).await?)
    }

    /// As [`Identity::credentials`], for an id that is known to be one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn account_key(&self, account: &AccountId) -> Result<AccessKey, StoreError> {
        let account = account.as_str();
        self.ensure_account(account).await?;
        if let Some(key) = self.oldest_active_key(account, USER).await? {
            return Ok(key);
        }
        loop {
            if let Some(key) = self.create_key(account, USER).await? {
                return Ok(key);
            }
            // The account's owner has deleted the user.
            self.store.insert(self.user(account), Vec::new(), Vec::new()).await?;
        }
    }

    async fn ensure_account(&self, account: &str) -> Result<(), StoreError> {
        let mark = self.record(account, "account", account, json!({}));
        while self.store.get(&mark.key).await?.is_none() {
            let mut batch = vec![Write::Insert(mark.clone())];
            // An earlier version may have made a part of them.
            for first in [self.user(account), self.role(account)] {
                if self.store.get(&first.key).await?.is_none() {
                    batch.push(Write::Insert(first));
                }
            }
            match self.store.commit(batch).await {
                // After a conflict: another process was faster.
                Ok(()) | Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn user(&self, account: &str) -> Record {
        self.record(account, "user", USER, json!({"Path": "/", "UserId": unique_id("AIDA")}))
    }

    fn role(&self, account: &str) -> Record {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]});
        let role = json!({
            "Path": "/",
            "RoleId": unique_id("AROA"),
            "Description": "SageMaker runs jobs and endpoints as this role",
            "MaxSessionDuration": 3600,
            "AssumeRolePolicyDocument": trust.to_string(),
            "Attached": [format!("arn:{}:iam::aws:policy/AmazonSageMakerFullAccess", self.partition)],
        });
        self.record(account, "role", EXECUTION_ROLE, role)
    }

    fn record(&self, account: &str, kind: &str, name: &str, body: Value) -> Record {
        let now = self.clock.now().as_millisecond();
        Record {
            key: Key::new(account, "", kind, name),
            arn: format!("arn:{}:iam::{account}:{kind}/{name}", self.partition),
            status: String::new(),
            created: now,
            modified: now,
            body,
        }
    }
}
