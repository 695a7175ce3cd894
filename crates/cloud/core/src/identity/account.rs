//! What every account starts with: a user with an access key, and a role for SageMaker.

use rusqlite::{OptionalExtension, params};
use sagewright_model::AccountId;
use serde_json::json;

use super::{AccessKey, Identity, read, unique_id, written};
use crate::api::ApiError;
use crate::store::{Key, Record, StoreError};

/// The user that an account's first access key belongs to.
pub const USER: &str = "sagewright";
/// The role for SageMaker that every account has from the start.
pub const EXECUTION_ROLE: &str = "sagewright-execution";

impl Identity {
    /// An access key of an account's own user; the account, the user and the key are made where they are missing.
    ///
    /// # Errors
    /// The id is not twelve digits, or the database could not be written.
    pub fn credentials(&self, account: &str) -> Result<AccessKey, ApiError> {
        let account = account.parse::<AccountId>().map_err(|e| ApiError::validation(e.to_string()))?;
        Ok(self.account_key(&account)?)
    }

    /// As [`Identity::credentials`], for an id that is known to be one.
    ///
    /// # Errors
    /// The database could not be written.
    pub fn account_key(&self, account: &AccountId) -> Result<AccessKey, StoreError> {
        let account = account.as_str();
        self.ensure_account(account)?;
        match self.oldest_active_key(account, USER)? {
            Some(key) => Ok(key),
            None => self.create_key(account, USER),
        }
    }

    fn ensure_account(&self, account: &str) -> Result<(), StoreError> {
        let known: Option<i64> = self
            .store
            .connection()
            .query_row("SELECT created FROM account WHERE id = ?", params![account], |r| r.get(0))
            .optional()
            .map_err(read)?;
        if known.is_some() {
            return Ok(());
        }
        let now = self.clock.now().as_millisecond();
        let record = |kind: &str, name: &str, body| Record {
            key: Key::new(account, "", kind, name),
            arn: format!("arn:{}:iam::{account}:{kind}/{name}", self.partition),
            status: String::new(),
            created: now,
            modified: now,
            body,
        };
        self.store.insert(&record("user", USER, json!({"Path": "/", "UserId": unique_id("AIDA")})), &[])?;
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
        self.store.insert(&record("role", EXECUTION_ROLE, role), &[])?;
        // Last, so that an interrupted start is made up for by the next.
        self.store
            .connection()
            .execute("INSERT OR IGNORE INTO account VALUES (?,?)", params![account, now])
            .map_err(written)?;
        Ok(())
    }
}
