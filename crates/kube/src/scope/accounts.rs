//! Roles by account and team, from ACK's ConfigMaps (cross-account resource management, CARM).

use std::collections::BTreeMap;

use sagewright_kinds::Kind;
use sagewright_model::AccountId;
use sagewright_objects::keys;

use super::Namespace;
use crate::options::Gates;

/// The ConfigMap of accounts.
pub(crate) const fn account_map() -> &'static str {
    "ack-role-account-map"
}

/// The ConfigMap of teams.
pub(crate) const fn team_map() -> &'static str {
    "ack-role-team-map"
}

/// What the ConfigMaps say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Accounts {
    accounts: BTreeMap<String, String>,
    teams: BTreeMap<String, String>,
}

impl Accounts {
    /// Takes over a ConfigMap; its absence is one without entries. Whether anything is not as it was.
    pub(crate) fn set(&mut self, map: &str, data: BTreeMap<String, String>) -> bool {
        let data = data.into_iter().map(|(key, arn)| (key, arn.trim().to_owned())).collect();
        let mine = match map {
            _ if map == account_map() => &mut self.accounts,
            _ if map == team_map() => &mut self.teams,
            _ => return false,
        };
        let changed = *mine != data;
        *mine = data;
        changed
    }

    /// The role of a namespace: its team's, or its account's. None where the operator's own identity is meant.
    ///
    /// # Errors
    /// The namespace names a team or an account that no ConfigMap has.
    pub(super) fn role_for(
        &self,
        gates: Gates,
        namespace: Option<&Namespace>,
        kind: &Kind,
        own: Option<&AccountId>,
    ) -> Result<Option<String>, String> {
        let Some(namespace) = namespace else { return Ok(None) };
        // ACK's names of services are the first parts of their groups.
        let service = kind.group().split('.').next().unwrap_or_default();
        let look = |map: &BTreeMap<String, String>, id: &str| {
            let by_service = gates.service_level_carm.then(|| map.get(&format!("{service}.{id}"))).flatten();
            by_service.or_else(|| map.get(id)).filter(|arn| !arn.is_empty()).cloned()
        };
        let missing = |what: &str, id: &str, map: &str| {
            format!("IAM Role is not available: the ConfigMap {map} has no entry for the {what} {id}")
        };
        if let Some(team) = namespace.annotation(keys::TEAM_ID).filter(|_| gates.team_level_carm) {
            return look(&self.teams, team).map(Some).ok_or_else(|| missing("team", team, team_map()));
        }
        let Some(account) = namespace.annotation(keys::OWNER_ACCOUNT_ID) else { return Ok(None) };
        match look(&self.accounts, account) {
            Some(arn) => Ok(Some(arn)),
            None if own.is_some_and(|own| own.to_string() == account) => Ok(None),
            None => Err(missing("account", account, account_map())),
        }
    }
}
