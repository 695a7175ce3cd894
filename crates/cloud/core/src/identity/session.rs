//! Sessions: temporary keys that STS gives out.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, params};

use super::{Identity, Principal, Secret, access_key_id, random, read, written};
use crate::store::StoreError;

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
