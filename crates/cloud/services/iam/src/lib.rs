//! IAM: roles with their policies, users with their keys, customer-managed policies. Global: no region.

mod access_keys;
mod attached_policies;
mod instance_profiles;
mod page;
mod policies;
mod role_policies;
mod roles;
mod simulation;
mod tags;
mod users;

use std::sync::Arc;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call, Handler, Operation, Output, answer, in_partition};
use sagewright_cloud_core::identity::Identity;
use sagewright_cloud_core::operations;
use sagewright_cloud_core::records::{Batch, Key, Record, SharedRecords};
use sagewright_cloud_policy as policy;
use tokio::sync::Mutex;

/// What IAM answers here.
pub const OPERATIONS: &[(&str, Operation<Iam>)] = operations! { Iam:
    "AttachRolePolicy" => attached_policies::attach,
    "CreateAccessKey" => access_keys::create,
    "CreatePolicy" => policies::create,
    "CreatePolicyVersion" => policies::versions::create,
    "CreateRole" => roles::create,
    "CreateUser" => users::create,
    "DeleteAccessKey" => access_keys::delete,
    "DeletePolicy" => policies::delete,
    "DeletePolicyVersion" => policies::versions::delete,
    "DeleteRole" => roles::delete,
    "DeleteRolePolicy" => role_policies::delete,
    "DeleteUser" => users::delete,
    "DetachRolePolicy" => attached_policies::detach,
    "GetPolicy" => policies::get,
    "GetPolicyVersion" => policies::versions::get,
    "GetRole" => roles::get,
    "GetRolePolicy" => role_policies::get,
    "GetUser" => users::get,
    "ListAccessKeys" => access_keys::list,
    "ListAttachedRolePolicies" => attached_policies::list,
    "ListEntitiesForPolicy" => policies::entities,
    "ListInstanceProfilesForRole" => instance_profiles::list_for_role,
    "ListPolicies" => policies::list,
    "ListPolicyTags" => tags::list_of_policy,
    "ListPolicyVersions" => policies::versions::list,
    "ListRolePolicies" => role_policies::list,
    "ListRoleTags" => tags::list_of_role,
    "ListRoles" => roles::list,
    "ListUserTags" => tags::list_of_user,
    "ListUsers" => users::list,
    "PutRolePolicy" => role_policies::put,
    "SetDefaultPolicyVersion" => policies::versions::set_default,
    "SimulateCustomPolicy" => simulation::custom,
    "SimulatePrincipalPolicy" => simulation::principal,
    "TagPolicy" => tags::tag_policy,
    "TagRole" => tags::tag_role,
    "TagUser" => tags::tag_user,
    "UntagPolicy" => tags::untag_policy,
    "UntagRole" => tags::untag_role,
    "UntagUser" => tags::untag_user,
    "UpdateAccessKey" => access_keys::update,
    "UpdateAssumeRolePolicy" => roles::update_trust,
    "UpdateRole" => roles::update,
    "UpdateRoleDescription" => roles::update_description,
};

/// Documents come back URL-encoded by RFC 3986.
const DOCUMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The IAM of the embedded cloud.
#[derive(Debug, Clone)]
pub struct Iam {
    store: SharedRecords,
    identity: Identity,
    /// Held by what changes anything, over the reads that it depends on.
    exclusive: Arc<Mutex<()>>,
}

impl Iam {
    /// IAM over a store and its identities.
    #[must_use]
    pub fn new(store: SharedRecords, identity: Identity) -> Self {
        Self { store, identity, exclusive: Arc::default() }
    }

    async fn find(&self, call: &Call, kind: &'static str, name: &str) -> Result<Record, ApiError> {
        let found = self.store.record(&key(call, kind, name)).await?;
        found.ok_or_else(|| missing(kind, name))
    }

    /// Changes a record; `change` may refuse, and is called again where another change came first.
    async fn change<T>(
        &self,
        call: &Call,
        kind: &'static str,
        name: &str,
        mut change: impl FnMut(&mut Record) -> Result<T, ApiError> + Send,
    ) -> Result<T, ApiError> {
        let key = key(call, kind, name);
        let changed = self.store.update(&key, |record, _| {
            record.modified = call.wall.as_millisecond();
            change(record)
        });
        changed.await?.unwrap_or_else(|| Err(missing(kind, name)))
    }

    /// Makes a record of `body`, with the call's path and tags. Gives it with its `Tags` as an answer carries them: none
    /// where there are none.
    async fn insert(
        &self,
        call: &Call,
        kind: &'static str,
        name: &str,
        body: Value,
    ) -> Result<(Record, Value), ApiError> {
        let path = body["Path"].as_str().unwrap_or("/");
        let record = Record {
            key: key(call, kind, name),
            arn: format!("arn:{}:iam::{}:{kind}{path}{name}", call.partition(), call.caller.account),
            status: String::new(),
            created: call.wall.as_millisecond(),
            modified: call.wall.as_millisecond(),
            body,
        };
        let tags = tags::of_input(call)?;
        if !self.store.insert(record.clone(), tags.clone(), Batch::new()).await? {
            let message = match kind {
                "policy" => format!("A policy called {name} already exists. Duplicate names are not allowed."),
                _ => format!("{} with name {name} already exists.", capital(kind)),
            };
            return Err(ApiError::new("EntityAlreadyExists", 409, message));
        }
        Ok((record, tags::to_output(tags)))
    }

    /// The records of a kind under the call's `PathPrefix`.
    async fn under_path(&self, call: &Call, kind: &str) -> Result<Vec<Record>, ApiError> {
        let prefix = call.text("PathPrefix").unwrap_or("/");
        let mut found = self.store.list(&call.caller.account, "", kind).await?;
        found.retain(|record| record.body["Path"].as_str().unwrap_or("/").starts_with(prefix));
        Ok(found)
    }
}

#[async_trait]
impl Handler for Iam {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        let reads = ["Get", "List", "Simulate"].iter().any(|verb| call.operation.name.starts_with(verb));
        let _guard = if reads { None } else { Some(self.exclusive.lock().await) };
        answer(OPERATIONS, self, &call).await
    }
}

fn key(call: &Call, kind: &str, name: &str) -> Key {
    Key::new(&call.caller.account, "", kind, name)
}

fn name<'c>(call: &'c Call, member: &str) -> &'c str {
    call.text(member).unwrap_or_default()
}

/// A record's ARN, as of the partition that the call is made in.
fn arn(call: &Call, record: &Record) -> String {
    in_partition(&record.arn, call.partition())
}

fn capital(kind: &str) -> String {
    let (first, rest) = kind.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

fn missing(kind: &str, name: &str) -> ApiError {
    no_such_entity(format!("The {kind} with name {name} cannot be found."))
}

fn no_such_entity(message: impl Into<String>) -> ApiError {
    ApiError::new("NoSuchEntity", 404, message)
}

fn delete_conflict(message: &'static str) -> ApiError {
    ApiError::new("DeleteConflict", 409, message)
}

fn limit_exceeded(message: impl Into<String>) -> ApiError {
    ApiError::new("LimitExceeded", 409, message)
}

/// Epoch seconds, which is all that IAM tells of a time.
fn seconds(millis: i64) -> Value {
    json!(millis.div_euclid(1000))
}

/// A policy document as an answer carries it.
fn document(text: &str) -> Value {
    utf8_percent_encode(text, DOCUMENT).to_string().into()
}

fn check_document(text: &str, kind: policy::Kind) -> Result<policy::Document, ApiError> {
    policy::Document::parse(text, kind).map_err(|e| ApiError::new("MalformedPolicyDocument", 400, e.to_string()))
}

/// Characters of a document that AWS counts against its limits: all but white space.
fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Refuses members that would change the outcome and are not built.
fn refuse_members(call: &Call, members: &[&str]) -> Result<(), ApiError> {
    let Some(member) = members.iter().find(|member| call.input.get(**member).is_some()) else { return Ok(()) };
    let message =
        format!("{member} of IAM {} is not supported by the embedded cloud; leave it out", call.operation.name);
    Err(ApiError::new("NotImplemented", 501, message))
}
