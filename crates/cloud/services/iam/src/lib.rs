//! IAM: roles with their policies, users with their keys. Global: no region.

mod access_keys;
mod attached_policies;
mod inline_policies;
mod page;
mod roles;
mod tags;
mod users;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call, Handler, Output, unsupported};
use sagewright_cloud_core::identity::Identity;
use sagewright_cloud_core::store::{Key, Record, Store};
use sagewright_cloud_policy as policy;

/// Documents come back URL-encoded by RFC 3986.
const DOCUMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The IAM of the embedded cloud.
#[derive(Debug, Clone)]
pub struct Iam {
    store: Store,
    identity: Identity,
}

impl Iam {
    /// IAM over a database and its identities.
    #[must_use]
    pub fn new(store: Store, identity: Identity) -> Self {
        Self { store, identity }
    }

    /// `arn:aws:iam::ACCOUNT:KIND/PATH/NAME`
    fn arn(&self, account: &str, kind: &str, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{account}:{kind}{path}{name}", self.identity.partition())
    }

    fn find(&self, call: &Call, kind: &'static str, name: &str) -> Result<Record, ApiError> {
        let found = self.store.get(&key(call, kind, name))?;
        found.ok_or_else(|| missing(kind, name))
    }

    /// Changes a record; `change` may refuse.
    fn change<T>(
        &self,
        call: &Call,
        kind: &'static str,
        name: &str,
        change: impl FnOnce(&mut Record) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let changed = self.store.update(&key(call, kind, name), |record| {
            record.modified = call.now.as_millisecond();
            change(record)
        })?;
        changed.unwrap_or_else(|| Err(missing(kind, name)))
    }
}

#[async_trait]
impl Handler for Iam {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        let output = match &*call.operation.name {
            "CreateRole" => self.create_role(&call),
            "GetRole" => self.get_role(&call),
            "ListRoles" => self.list_roles(&call),
            "UpdateRole" => self.update_role(&call),
            "UpdateRoleDescription" => self.update_role_description(&call),
            "UpdateAssumeRolePolicy" => self.update_assume_role_policy(&call),
            "DeleteRole" => self.delete_role(&call),
            "TagRole" => self.tag(&call, "role"),
            "UntagRole" => self.untag(&call, "role"),
            "ListRoleTags" => self.list_tags(&call, "role"),
            "PutRolePolicy" => self.put_role_policy(&call),
            "GetRolePolicy" => self.get_role_policy(&call),
            "ListRolePolicies" => self.list_role_policies(&call),
            "DeleteRolePolicy" => self.delete_role_policy(&call),
            "AttachRolePolicy" => self.attach_role_policy(&call),
            "DetachRolePolicy" => self.detach_role_policy(&call),
            "ListAttachedRolePolicies" => self.list_attached_role_policies(&call),
            "CreateUser" => self.create_user(&call),
            "GetUser" => self.get_user(&call),
            "ListUsers" => self.list_users(&call),
            "DeleteUser" => self.delete_user(&call),
            "TagUser" => self.tag(&call, "user"),
            "UntagUser" => self.untag(&call, "user"),
            "ListUserTags" => self.list_tags(&call, "user"),
            "CreateAccessKey" => self.create_access_key(&call),
            "ListAccessKeys" => self.list_access_keys(&call),
            "UpdateAccessKey" => self.update_access_key(&call),
            "DeleteAccessKey" => self.delete_access_key(&call),
            _ => Err(unsupported(&call)),
        };
        output.map(Output::from)
    }
}

fn key(call: &Call, kind: &str, name: &str) -> Key {
    Key::new(&call.caller.account, "", kind, name)
}

fn name<'c>(call: &'c Call, member: &str) -> &'c str {
    call.text(member).unwrap_or_default()
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

/// Epoch seconds, which is all that IAM tells of a time.
fn seconds(millis: i64) -> Value {
    json!(millis.div_euclid(1000))
}

/// A policy document as an answer carries it.
fn document(text: &str) -> Value {
    utf8_percent_encode(text, DOCUMENT).to_string().into()
}

fn check_document(text: &str, kind: policy::Kind) -> Result<(), ApiError> {
    match policy::Document::parse(text, kind) {
        Ok(_) => Ok(()),
        Err(policy::PolicyError::Malformed(message)) => Err(ApiError::new("MalformedPolicyDocument", 400, message)),
        Err(policy::PolicyError::Unsupported(message)) => Err(ApiError::new("NotImplemented", 501, message)),
    }
}

/// Refuses members that would change the outcome and are not built.
fn refuse_member(call: &Call, member: &str) -> Result<(), ApiError> {
    if call.input.get(member).is_none() {
        return Ok(());
    }
    let message =
        format!("{member} of IAM {} is not supported by the embedded cloud; leave it out", call.operation.name);
    Err(ApiError::new("NotImplemented", 501, message))
}
