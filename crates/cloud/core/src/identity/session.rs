//! Sessions: temporary keys that STS gives out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{EXECUTION_ROLE, Identity, Principal, Secret, access_key_id, random, read, written};
use crate::api::ApiError;
use crate::store::{Key, StoreError};

/// An ended session is still told from an unknown key for this long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// What a principal has only in a session.
#[derive(Debug, Clone)]
pub struct Session {
    /// The token that goes with each request.
    pub token: Secret,
    /// When it ends.
    pub expires: Timestamp,
    /// ARN of the role; `None` in a user's session (`GetSessionToken`).
    pub role: Option<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// Source identity, which further roles inherit.
    pub source_identity: Option<String>,
}

/// A session to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Account that the session acts in.
    pub account: &'a str,
    /// ARN of the principal it acts as.
    pub arn: String,
    /// STS `UserId`.
    pub user_id: String,
    /// ARN of the role, where it is one's.
    pub role: Option<&'a str>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// Source identity.
    pub source_identity: Option<&'a str>,
    /// When it ends.
    pub expires: Timestamp,
}

impl Identity {
    /// Begins a session: its access key id, and whom it stands for.
    ///
    /// # Errors
    /// The database could not be written.
    pub fn begin_session(&self, new: NewSession<'_>) -> Result<(String, Principal), StoreError> {
        let id = access_key_id("ASIA");
        let principal = Principal {
            account: new.account.to_owned(),
            secret: Secret::new(random::secret()),
            arn: new.arn,
            user_id: new.user_id,
            session: Some(Session {
                token: Secret::new(random::token()),
                expires: new.expires,
                role: new.role.map(str::to_owned),
                tags: new.tags,
                source_identity: new.source_identity.map(str::to_owned),
            }),
        };
        if let Some(session) = &principal.session {
            self.store
                .connection()
                .execute(
                    "INSERT INTO session VALUES (?,?,?,?,?,?,?,?,?,?)",
                    params![
                        id,
                        principal.secret.reveal(),
                        session.token.reveal(),
                        principal.account,
                        principal.arn,
                        principal.user_id,
                        session.role,
                        serde_json::to_string(&session.tags).unwrap_or_default(),
                        session.source_identity,
                        session.expires.as_millisecond(),
                    ],
                )
                .map_err(written)?;
        }
        Ok((id, principal))
    }

    /// Begins a session of the role for SageMaker that every account has, as SageMaker begins it for a notebook.
    ///
    /// # Errors
    /// The id is not twelve digits, the role has been deleted, or the database could not be read or written.
    pub fn begin_execution_session(&self, account: &str, life: Duration) -> Result<(String, Principal), ApiError> {
        // The account, and its role with it, are made where they are missing.
        self.credentials(account)?;
        let Some(role) = self.store.get(&Key::new(account, "", "role", EXECUTION_ROLE))? else {
            let message = format!("the role {EXECUTION_ROLE} of account {account} has been deleted");
            return Err(ApiError::new("NoSuchEntity", 404, message));
        };
        let id = role.body.get("RoleId").and_then(serde_json::Value::as_str).unwrap_or_default();
        let new = NewSession {
            account,
            arn: format!("arn:{}:sts::{account}:assumed-role/{EXECUTION_ROLE}/SageMaker", self.partition),
            user_id: format!("{id}:SageMaker"),
            role: Some(&role.arn),
            tags: Vec::new(),
            source_identity: None,
            expires: self.clock.now() + life,
        };
        Ok(self.begin_session(new)?)
    }

    pub(super) fn load_session(&self, access_key: &str) -> Result<Option<Principal>, StoreError> {
        let sql = "SELECT account, secret, arn, user_id, token, expires, role, tags, source FROM session WHERE id = ?";
        self.store
            .connection()
            .query_row(sql, params![access_key], |row| {
                let tags: String = row.get(7)?;
                Ok(Principal {
                    account: row.get(0)?,
                    secret: Secret::new(row.get(1)?),
                    arn: row.get(2)?,
                    user_id: row.get(3)?,
                    session: Some(Session {
                        token: Secret::new(row.get(4)?),
                        // A time that cannot be read counts as past.
                        expires: Timestamp::from_millisecond(row.get(5)?).unwrap_or(Timestamp::MIN),
                        role: row.get(6)?,
                        tags: serde_json::from_str(&tags).unwrap_or_default(),
                        source_identity: row.get(8)?,
                    }),
                })
            })
            .optional()
            .map_err(read)
    }

    pub(super) fn forget_old_sessions(&self) -> Result<(), StoreError> {
        let limit = self.clock.now().saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN).as_millisecond();
        self.store.connection().execute("DELETE FROM session WHERE expires < ?", params![limit]).map_err(written)?;
        Ok(())
    }
}
