//! Sessions: temporary keys that STS gives out. A session belongs to a user or role by its unique id: it ends with that
//! one, and the next of the same name does not take it over.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{EXECUTION_ROLE, Identity, Principal, Secret, access_key_id, random};
use crate::api::{ApiError, in_partition};
use crate::records::{CommitError, Filter, Key, Order, Query, Record, StoreError, Write};

/// Sessions are looked up before it is known whose they are: their records are of no account.
const KIND: &str = "session";

/// An ended session is still told from an unknown key for this long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Only so many ended sessions are kept, the latest.
const MOST_ENDED: usize = 10_000;
/// Sessions that are removed in one commit.
const TOGETHER: usize = 500;

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

impl Identity {
    /// Begins a session: its access key id, and whom it stands for.
    ///
    /// # Errors
    /// The store failed.
    pub async fn begin_session(&self, new: NewSession<'_>) -> Result<(String, Principal), StoreError> {
        let id = access_key_id("ASIA");
        let session = Session {
            token: Secret::new(random::token()),
            expires: new.expires,
            role: new.role,
            tags: new.tags,
            source_identity: new.source_identity.map(str::to_owned),
            further: new.further,
        };
        let principal = Principal {
            account: new.account.to_owned(),
            secret: Secret::new(random::secret()),
            arn: new.arn,
            user_id: new.user_id,
            session: None,
        };
        let record = Record {
            key: Key::new("", "", KIND, &id),
            arn: principal.arn.clone(),
            status: String::new(),
            created: self.clock.now().as_millisecond(),
            // The last change of a session is its end.
            modified: session.expires.as_millisecond(),
            body: json!({
                "Account": principal.account,
                "UserId": principal.user_id,
                "Secret": principal.secret.reveal(),
                "Token": session.token.reveal(),
                "Role": session.role,
                "Tags": session.tags,
                "SourceIdentity": session.source_identity,
                "Further": session.further,
            }),
        };
        self.store.write(Write::Insert(record)).await?;
        Ok((id, Principal { session: Some(session), ..principal }))
    }

    /// Begins a session of the role for SageMaker that every account has, as SageMaker begins it for a notebook.
    ///
    /// # Errors
    /// The id is not twelve digits, the role has been deleted, or the store failed.
    pub async fn begin_execution_session(
        &self,
        account: &str,
        life: Duration,
    ) -> Result<(String, Principal), ApiError> {
        // The account, and its role with it, are made where they are missing.
        self.credentials(account).await?;
        let Some(role) = self.store.record(&Key::new(account, "", "role", EXECUTION_ROLE)).await? else {
            let message = format!("the role {EXECUTION_ROLE} of account {account} has been deleted");
            return Err(ApiError::new("NoSuchEntity", 404, message));
        };
        let expires = self.clock.now() + life;
        let new = NewSession::of_role(&role, "SageMaker", self.partition(), expires);
        Ok(self.begin_session(new).await?)
    }

    pub(super) async fn load_session(&self, access_key: &str) -> Result<Option<Principal>, StoreError> {
        let Some(record) = self.store.record(&Key::new("", "", KIND, access_key)).await? else { return Ok(None) };
        let principal = principal(record);
        Ok(if self.still_there(&principal).await? { Some(principal) } else { None })
    }

    /// Whether the very user or role exists that a session is one of.
    async fn still_there(&self, principal: &Principal) -> Result<bool, StoreError> {
        let role = principal.session.as_ref().and_then(|s| s.role.as_deref());
        let (kind, member, arn) = match role {
            Some(role) => ("role", "RoleId", role),
            None => ("user", "UserId", principal.arn.as_str()),
        };
        let name = arn.rsplit('/').next().unwrap_or_default();
        let record = self.store.record(&Key::new(&principal.account, "", kind, name)).await?;
        let id = principal.user_id.split(':').next();
        Ok(record.is_some_and(|record| record.body[member].as_str() == id))
    }

    /// Removes sessions that ended long ago, or that many others have ended after. Only for the running cloud.
    ///
    /// # Errors
    /// The store failed.
    #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are far below 2^52
    pub async fn forget_old_sessions(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let limit = now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN).as_millisecond();
        let ended = Query {
            filters: vec![Filter::ModifiedBefore(now.as_millisecond() as f64)],
            order: Order::Modified,
            descending: true,
            ..Query::all("", "", KIND)
        };
        let ended = self.store.find(ended).await?.into_iter().map(|found| found.record).enumerate();
        let old = ended.filter(|(at, session)| *at >= MOST_ENDED || session.modified < limit);
        let delete = old.map(|(_, session)| Write::Delete { key: session.key, version: None }).collect::<Vec<_>>();
        for batch in delete.chunks(TOGETHER) {
            // After a conflict: another one has removed some.
            if let Err(CommitError::Store(error)) = self.store.commit(batch.to_vec()).await {
                return Err(error);
            }
        }
        Ok(())
    }
}

fn principal(mut record: Record) -> Principal {
    let text = |member: &str| record.body[member].as_str().map(str::to_owned);
    let (account, user_id, role, source_identity) =
        (text("Account"), text("UserId"), text("Role"), text("SourceIdentity"));
    let secret = |member: &str| Secret::new(text(member).unwrap_or_default());
    let (secret, token) = (secret("Secret"), secret("Token"));
    let mut take = |member: &str| record.body.get_mut(member).map_or(Value::Null, Value::take);
    let session = Session {
        token,
        // A time that cannot be read counts as past.
        expires: Timestamp::from_millisecond(record.modified).unwrap_or(Timestamp::MIN),
        role,
        tags: serde_json::from_value(take("Tags")).unwrap_or_default(),
        source_identity,
        further: serde_json::from_value(take("Further")).unwrap_or_default(),
    };
    Principal {
        account: account.unwrap_or_default(),
        secret,
        arn: record.arn,
        user_id: user_id.unwrap_or_default(),
        session: Some(session),
    }
}
