//! Whose credentials a target means: sessions of roles, and the account behind them.

use sagewright_model::{AccountId, Arn};
use sagewright_port::cloud::{CloudError, Role, Stage, Target};
use serde_json::{Value, json};

use crate::client::{Aws, Request, decoded, token, whole};
use crate::credentials::{Held, Session, check};
use crate::failure;
use crate::protocol;

/// The key of a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Who {
    /// The last of these roles, each assumed with the one before; the ambient identity without any.
    roles: Vec<Role>,
    /// The target's own endpoint: the STS there knows other accounts.
    endpoint: Option<String>,
}

/// Who a target's calls are made by, as STS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Account id.
    pub account: String,
    /// ARN of the user or of the role's session.
    pub arn: String,
    /// Unique id.
    pub user_id: String,
}

impl Aws {
    pub(crate) fn who(&self, target: &Target) -> Who {
        let mut roles = Vec::new();
        if let Some(role) = &target.role {
            roles.clone_from(&self.inner().role_chain);
            // A hub that is the target itself is not assumed twice.
            if roles.last() != Some(role) {
                roles.push(role.clone());
            }
        }
        Who { roles, endpoint: target.endpoint.clone() }
    }

    /// The credentials of a target, cached until shortly before they end.
    pub(crate) async fn session(&self, target: &Target, service: &str, operation: &str) -> Result<Session, CloudError> {
        self.session_of(self.who(target), target, (service, operation)).await
    }

    async fn session_of(&self, who: Who, target: &Target, place: (&str, &str)) -> Result<Session, CloudError> {
        let inner = self.inner();
        let Some((role, before)) = who.roles.split_last() else {
            let is_current = |session: &Session| inner.ambient.is_current(session);
            let fetch = || inner.ambient.fetch(target.region.as_str(), place);
            return inner.sessions.get(&who, is_current, fetch).await;
        };
        let before = Who { roles: before.to_vec(), endpoint: who.endpoint.clone() };
        inner.sessions.get(&who, |_| true, || self.assume(role, before, target, place)).await
    }

    async fn assume(
        &self,
        role: &Role,
        before: Who,
        target: &Target,
        place: (&str, &str),
    ) -> Result<Held<Session>, CloudError> {
        let inner = self.inner();
        let mut input = json!({
            "RoleArn": role.arn,
            "RoleSessionName": role.session_name.as_deref().unwrap_or(&inner.session_name),
        });
        if let Some(id) = &role.external_id {
            input["ExternalId"] = Value::from(id.as_str());
        }
        if let Some(duration) = inner.session_duration {
            input["DurationSeconds"] = Value::from(duration.as_secs());
        }
        let mut base = Box::pin(self.session_of(before.clone(), target, place)).await?;
        let mut answer = self.sts(target, "AssumeRole", &input, &base).await;
        if let Err(error) = &answer
            && let Some(fresh) = self.renewed(error, &before, target, &base, place).await?
        {
            base = fresh;
            answer = self.sts(target, "AssumeRole", &input, &base).await;
        }
        let answer = answer.map_err(|error| not_assumed(role, error, place))?;
        let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
        let (Some(key), Some(secret), Some(session)) =
            (text("/Credentials/AccessKeyId"), text("/Credentials/SecretAccessKey"), text("/Credentials/SessionToken"))
        else {
            let message = format!("STS answered AssumeRole for {} without credentials", role.arn);
            return Err(failure::credentials(place, "AssumeRoleFailed", message));
        };
        let expires = text("/Credentials/Expiration").and_then(|t| t.parse::<jiff::Timestamp>().ok()).map(Into::into);
        let arn = text("/AssumedRoleUser/Arn").unwrap_or(&role.arn);
        let token = Some(session.to_owned());
        let credentials = aws_credential_types::Credentials::new(key, secret, token, expires, "AssumeRole");
        if let Some(why) = check::wrong(&credentials) {
            let message = format!("STS answered AssumeRole for {} with what no request can carry: {why}", role.arn);
            return Err(failure::credentials(place, "AssumeRoleFailed", message));
        }
        Ok(Held { expires, value: Session { credentials, account: account_of(arn), files: None } })
    }

    /// Another session to make a call with that has failed, where the service refused the credentials: keys may have been
    /// changed for others meanwhile. None where the failure is another, or the credentials are the same.
    pub(crate) async fn renewed(
        &self,
        error: &CloudError,
        who: &Who,
        target: &Target,
        refused: &Session,
        place: (&str, &str),
    ) -> Result<Option<Session>, CloudError> {
        if !are_refused(error) {
            return Ok(None);
        }
        let inner = self.inner();
        if who.roles.is_empty() {
            inner.ambient.reread();
        }
        inner.sessions.forget(who, |held| held.is_same(refused)).await;
        let fresh = Box::pin(self.session_of(who.clone(), target, place)).await?;
        Ok(Some(fresh).filter(|fresh| !fresh.is_same(refused)))
    }

    /// Calls STS with given credentials, in the target's region.
    async fn sts(&self, target: &Target, operation: &str, input: &Value, by: &Session) -> Result<Value, CloudError> {
        let (service, operation) = Self::look_up("sts", operation)?;
        let place = (service.id, operation.name.as_str());
        let request = protocol::encode(service, operation, input, &token)
            .map_err(|error| failure::input(place, "InvalidInput", error.to_string()))?;
        // The account of the target is the role's, not that of the identity that assumes it.
        let target = Target { account: None, role: None, ..target.clone() };
        self.until_readable(None, || async {
            let call = Request::new(&target, service, operation, request.clone());
            let response = whole(self.dispatch(call, by).await?);
            decoded(service, operation, &response)
        })
        .await
    }

    /// Who the target's calls are made by. Asked once per identity.
    ///
    /// # Errors
    /// There are no credentials, or STS refused.
    pub async fn identity(&self, target: &Target) -> Result<Identity, CloudError> {
        let place = ("sts", "GetCallerIdentity");
        let session = self.session(target, place.0, place.1).await?;
        self.identity_of(target, &session).await
    }

    async fn identity_of(&self, target: &Target, session: &Session) -> Result<Identity, CloudError> {
        let key = session.credentials.access_key_id();
        let fetch = || async {
            let answer = self.sts(target, "GetCallerIdentity", &json!({}), session).await?;
            let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let identity = Identity { account: text("Account"), arn: text("Arn"), user_id: text("UserId") };
            // It is shown, and decides what may be called.
            if identity.account.parse::<AccountId>().is_err() {
                let message = format!("the answer names no account ({} characters)", identity.account.chars().count());
                return Err(failure::unreadable(("sts", "GetCallerIdentity"), message));
            }
            Ok(Held { value: (key.to_owned(), identity), expires: None })
        };
        // Keys that were changed for others may be of another account.
        let is_current = |held: &(String, Identity)| held.0 == key;
        let held = self.inner().identities.get(&self.who(target), is_current, fetch).await?;
        Ok(held.1)
    }

    /// A call meant for one account must not reach another.
    pub(crate) async fn check_account(
        &self,
        target: &Target,
        session: &Session,
        service: &str,
        operation: &str,
    ) -> Result<(), CloudError> {
        let Some(wanted) = &target.account else { return Ok(()) };
        let place = (service, operation);
        let actual = match &session.account {
            Some(account) => account.clone(),
            None => match self.identity_of(target, session).await {
                Ok(identity) => identity.account,
                Err(error) if error.stage == Stage::Transport => return Err(error),
                Err(error) => {
                    let message = format!("could not find out whose account the credentials are of: {error}");
                    return Err(CloudError {
                        stage: Stage::Credentials,
                        service: service.to_owned(),
                        operation: operation.to_owned(),
                        message,
                        ..error
                    });
                }
            },
        };
        if actual == wanted.as_str() {
            return Ok(());
        }
        let who = match &target.role {
            Some(role) => format!("role {} is of", role.arn),
            None => "the credentials in use are for".to_owned(),
        };
        let message = format!(
            "the call is for account {wanted}, but {who} account {actual}; it was not sent. \
             Use credentials or a role of account {wanted}, or correct the account of the target"
        );
        Err(failure::credentials(place, "WrongAccount", message))
    }
}

/// Whether a service knows the credentials no longer, or not yet: AWS's common errors, and those of STS and S3.
fn are_refused(error: &CloudError) -> bool {
    const CODES: [&str; 6] = [
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "InvalidToken",
    ];
    CODES.contains(&error.code.as_str())
}

/// The account that an ARN names.
pub(crate) fn account_of(arn: &str) -> Option<String> {
    let arn: Arn = arn.parse().ok()?;
    Some(arn.account).filter(|a| !a.is_empty()).map(|a| a.to_string())
}

fn not_assumed(role: &Role, error: CloudError, (service, operation): (&str, &str)) -> CloudError {
    if error.stage == Stage::Transport {
        return error;
    }
    let hint = match error.code.as_str() {
        "AccessDenied" | "AccessDeniedException" => {
            ". Check that the role's trust policy names this identity (and its external id), and that the identity \
             may call sts:AssumeRole on the role"
        }
        _ => "",
    };
    CloudError {
        stage: Stage::Credentials,
        service: service.to_owned(),
        operation: operation.to_owned(),
        message: format!("could not assume role {}: {}{hint}", role.arn, error.message),
        ..error
    }
}
