//! In which account and region an object's resource is, and with which role it is reconciled. Pure.

mod accounts;
mod namespaces;
mod selectors;

use std::collections::BTreeMap;

use sagewright_kinds::Kind;
use sagewright_model::{AccountId, Arn, Region};
use sagewright_objects::keys;
use sagewright_port::cloud::{Role, Target};

use crate::options::{DeletionPolicy, Options};

pub(crate) use accounts::{Accounts, account_map, team_map};
pub(crate) use namespaces::{Namespace, Namespaces, misspelled};
pub(crate) use selectors::{RoleSelector, Selectors};

/// What scopes are told from, besides the objects themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    /// The account whose credentials the operator has.
    pub(crate) account: Option<AccountId>,
    pub(crate) namespaces: Namespaces,
    pub(crate) accounts: Accounts,
    pub(crate) selectors: Selectors,
}

/// What of an object says its scope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) kind: &'static Kind,
    pub(crate) namespace: &'a str,
    pub(crate) labels: &'a BTreeMap<String, String>,
    /// The region that its annotation names.
    pub(crate) region: Option<&'a str>,
    /// The region and the account that its status names: where its resource is.
    pub(crate) known: (Option<&'a str>, Option<&'a str>),
}

/// Why an object has no scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The role is not in the ConfigMap: it may come.
    NoRole(String),
    /// It cannot be reconciled before somebody changes something.
    Wrong(String),
}

/// Where an object is reconciled, and by which role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) target: Target,
    /// The selector that chose the role.
    pub(crate) selected: Option<String>,
}

/// Where an object's resource is, and with which role it is reconciled.
///
/// # Errors
/// There is no such role, or what is said contradicts itself.
pub(crate) fn place(options: &Options, tables: &Tables, subject: Subject<'_>) -> Result<Placed, Refused> {
    let namespace = options.knows_namespaces().then(|| tables.namespaces.of(subject.namespace)).flatten();
    let region = region(options, namespace, subject)?;
    let endpoint = namespace.and_then(|ns| ns.annotation(keys::ENDPOINT_URL)).map(str::to_owned);
    if let Some(url) = endpoint.as_deref().filter(|url| !(options.trusts)(url)) {
        return Err(Refused::Wrong(format!(
            "its namespace sends calls to {url}, where they can be read on their way: it is not HTTPS; use https://, or start the \
             controller with --allow-unsafe-aws-endpoint-urls"
        )));
    }
    let mut target = Target { endpoint, ..Target::new(region) };
    let mut selected = None;
    if options.gates.iam_role_selector {
        if let Some(found) = tables.selectors.role_for(&tables.namespaces, subject).map_err(Refused::Wrong)? {
            target.role = Some(role(&found.arn));
            selected = Some(found.name.clone());
        }
    } else if options.carm && options.knows_namespaces() {
        let named = tables.accounts.role_for(options.gates, namespace, subject.kind, tables.account.as_ref());
        if let Some(arn) = named.map_err(Refused::NoRole)? {
            target.role = Some(role(&arn));
        }
    }
    if let Some(role) = &target.role {
        target.account = account_of(&role.arn);
    }
    let account = target.account.as_ref().or(tables.account.as_ref()).map(ToString::to_string);
    if let (Some(known), Some(account)) = (subject.known.1, account)
        && known != account
    {
        return Err(Refused::Wrong(format!(
            "the resource is in account {known}, and the role that would be used is of account {account}; a resource cannot \
             move: give the namespace the account that the resource is in"
        )));
    }
    Ok(Placed { target, selected })
}

fn role(arn: &str) -> Role {
    Role { arn: arn.to_owned(), external_id: None, session_name: Some("sagewright".to_owned()) }
}

/// The account of a role.
fn account_of(role: &str) -> Option<AccountId> {
    role.parse::<Arn>().ok()?.account.to_string().parse().ok()
}

/// Of the status, the object, its namespace and the operator, the first that names one.
fn region(options: &Options, namespace: Option<&Namespace>, subject: Subject<'_>) -> Result<Region, Refused> {
    let of_namespace = namespace.and_then(|ns| ns.annotation(keys::DEFAULT_REGION));
    let (known, said) = (subject.known.0.filter(|region| !region.is_empty()), subject.region);
    if let (Some(known), Some(said)) = (known, said)
        && known != said
    {
        return Err(Refused::Wrong(format!(
            "the annotation {} says {said}, and the resource is in {known}; a resource cannot move: correct the annotation, or \
             delete the object and create it anew",
            keys::REGION
        )));
    }
    let Some(text) = known.or(said).or(of_namespace) else { return Ok(options.region.clone()) };
    text.parse().map_err(|_| Refused::Wrong(format!("`{text}` is not a region; write one as in us-east-1")))
}

/// What becomes of an object's resource with the object: of the object, its namespace and the operator, the first that says it. As
/// in ACK's controllers, an annotation deletes by its exact value alone: a mistyped one must not cost the resource.
pub(crate) fn deletion_policy(
    options: &Options,
    tables: &Tables,
    kind: &Kind,
    namespace: &str,
    said: Option<&str>,
) -> DeletionPolicy {
    let of_namespace = || {
        let namespace = tables.namespaces.of(namespace).filter(|_| options.knows_namespaces())?;
        namespace.annotation(&format!("{}/deletion-policy", kind.group()))
    };
    match said.or_else(of_namespace) {
        Some("delete") => DeletionPolicy::Delete,
        Some(_) => DeletionPolicy::Retain,
        None => options.deletion_policy,
    }
}

#[cfg(test)]
mod tests;
