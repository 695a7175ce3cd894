//! Sessions: temporary keys that STS gives out. A session belongs to a user or role by its unique id: it ends with that
//! one, and the next of the same name does not take it over.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{EXECUTION_ROLE, Identity, Principal, Secret, access_key_id, random, read, written};
use crate::api::{ApiError, in_partition};
use crate::store::{Key, Record, Store, StoreError};

/// An ended session is still told from an unknown key for this long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Only so many ended sessions are kept, the latest.
const MOST_ENDED: u32 = 10_000;

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
    /// What else it was begun with.
    pub further: Further,
}

/// What a session was begun with besides its tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Further {
    /// Keys of the tags that go on to the sessions of further roles.
    pub transitive: Vec<String>,
    /// The session policy. Kept; calls are not yet checked against it.
    pub policy: Option<String>,
    /// Managed policies that limit the session. Kept; calls are not yet checked against them.
    pub policy_arns: Vec<String>,
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
    pub role: Option<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// Source identity.
    pub source_identity: Option<&'a str>,
    /// What else it begins with.
    pub further: Further,
    /// When it ends.
    pub expires: Timestamp,
}

impl<'a> NewSession<'a> {
    /// A session of a role, as it is named in a partition.
    #[must_use]
    pub fn of_role(role: &'a Record, name: &str, partition: &str, expires: Timestamp) -> Self {
        let (account, role_name) = (&role.key.account, &role.key.name);
        Self {
            account,
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{role_name}/{name}"),
            user_id: format!("{}:{name}", role.body["RoleId"].as_str().unwrap_or_default()),
            role: Some(in_partition(&role.arn, partition)),
            tags: Vec::new(),
            source_identity: None,
            further: Further::default(),
            expires,
        }
    }

    /// A session of a user who signs with a key of their own.
    #[must_use]
    pub fn of_user(user: &'a Principal, expires: Timestamp) -> Self {
        Self {
            account: &user.account,
            arn: user.arn.clone(),
            user_id: user.user_id.clone(),
            role: None,
            tags: Vec::new(),
            source_identity: None,
            further: Further::default(),
            expires,
        }
    }
}

/// Adds what sessions of earlier versions do not have.
pub(super) fn add_missing_column(store: &Store) -> Result<(), StoreError> {
    let connection = store.connection();
    let sql = "SELECT count(*) FROM pragma_table_info('session') WHERE name = 'further'";
    let there: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(read)?;
    if there == 0 {
        let sql = "ALTER TABLE session ADD COLUMN further TEXT NOT NULL DEFAULT '{}'";
        match connection.execute(sql, []) {
            // Another process (`local env`) may have been faster.
            Err(error) if !error.to_string().contains("duplicate column") => return Err(written(error)),
            _ => {}
        }
    }
    Ok(())
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
                role: new.role,
                tags: new.tags,
                source_identity: new.source_identity.map(str::to_owned),
                further: new.further,
            }),
        };
        if let Some(session) = &principal.session {
            self.store
                .connection()
                .execute(
                    "INSERT INTO session (id, secret, token, account, arn, user_id, role, tags, source, expires, further)
                     VALUES (?,?,?,?,?,?,?,?,?,?,?)",
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
                        serde_json::to_string(&session.further).unwrap_or_default(),
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
        let expires = self.clock.now() + life;
        let new = NewSession::of_role(&role, "SageMaker", self.partition(), expires);
        Ok(self.begin_session(new)?)
    }

    pub(super) fn load_session(&self, access_key: &str) -> Result<Option<Principal>, StoreError> {
        let sql = "SELECT account, secret, arn, user_id, token, expires, role, tags, source, further FROM session WHERE id = ?";
        let found = self
            .store
            .connection()
            .query_row(sql, params![access_key], |row| {
                let (tags, further): (String, String) = (row.get(7)?, row.get(9)?);
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
                        further: serde_json::from_str(&further).unwrap_or_default(),
                    }),
                })
            })
            .optional()
            .map_err(read)?;
        match found {
            Some(principal) if self.still_there(&principal)? => Ok(Some(principal)),
            _ => Ok(None),
        }
    }

    /// Whether the very user or role exists that a session is one of.
    fn still_there(&self, principal: &Principal) -> Result<bool, StoreError> {
        let role = principal.session.as_ref().and_then(|s| s.role.as_deref());
        let (kind, member, arn) = match role {
            Some(role) => ("role", "RoleId", role),
            None => ("user", "UserId", principal.arn.as_str()),
        };
        let name = arn.rsplit('/').next().unwrap_or_default();
        let record = self.store.get(&Key::new(&principal.account, "", kind, name))?;
        let id = principal.user_id.split(':').next();
        Ok(record.is_some_and(|record| record.body[member].as_str() == id))
    }

    pub(super) fn forget_old_sessions(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let limit = now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN).as_millisecond();
        let sql = "DELETE FROM session WHERE expires < ?1 OR id IN \
                   (SELECT id FROM session WHERE expires < ?2 ORDER BY expires DESC LIMIT -1 OFFSET ?3)";
        self.store.connection().execute(sql, params![limit, now.as_millisecond(), MOST_ENDED]).map_err(written)?;
        Ok(())
    }
}
