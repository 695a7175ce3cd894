//! How the operator works: what its flags say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sagewright_engine::Installation;
use sagewright_kinds::Kind;
use sagewright_model::Region;

use crate::notices::EventQueue;

/// What becomes of a resource in AWS when its object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    /// It is deleted; a running job is stopped.
    #[default]
    Delete,
    /// It stays.
    Retain,
}

/// A number for each kind that a flag names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PerKind(BTreeMap<String, u64>);

impl PerKind {
    /// Reads `Kind=n`, several of them with commas.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, number) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not of the form Kind=number"))?;
            let kind = known_kind(name)?;
            let number: u64 = number.trim().parse().map_err(|_| format!("`{number}` in `{part}` is not a number"))?;
            all.insert(kind.name().to_owned(), number);
        }
        Ok(Self(all))
    }

    /// The number of a kind.
    #[must_use]
    pub fn of(&self, kind: &Kind) -> Option<u64> {
        self.0.get(kind.name()).copied()
    }

    /// Adds what another one names.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// A kind by its name, as ACK's flags name kinds.
/// # Errors
/// There is none of that name.
pub fn known_kind(name: &str) -> Result<&'static Kind, String> {
    let name = name.trim();
    sagewright_kinds::find(name).ok_or_else(|| {
        let all = sagewright_kinds::all().iter().map(Kind::name);
        let close = sagewright_engine::suggest(name, all).map(|c| format!("; did you mean `{c}`?")).unwrap_or_default();
        format!("there is no kind `{name}`{close}")
    })
}

/// How the operator works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The region of objects that nothing else gives one.
    pub region: Region,
    /// Whose resources are its own.
    pub installation: Installation,
    /// The namespaces that are watched; all without one.
    pub namespaces: Vec<String>,
    /// Only objects with these labels are watched.
    pub label_selector: Option<String>,
    /// The kinds that are reconciled; all that the cluster has without one.
    pub kinds: Vec<&'static Kind>,
    /// The namespace that the operator runs in, where its ConfigMaps and its lease are.
    pub own_namespace: String,
    /// References may lead to other namespaces.
    pub cross_namespace: bool,
    /// Roles of accounts are looked up in ConfigMaps.
    pub carm: bool,
    /// Fields are copied as `FieldExport` objects say.
    pub field_export: bool,
    /// What becomes of resources whose objects are deleted.
    pub deletion_policy: DeletionPolicy,
    /// The pause between looks at settled objects, where nothing names another; none looks again only where AWS's listing
    /// of the kind does not show every change.
    pub resync: Option<Duration>,
    /// The same in seconds, kind by kind.
    pub resync_of: PerKind,
    /// Looks at objects of one kind at the same time.
    pub at_once: usize,
    /// The same, kind by kind.
    pub at_once_of: PerKind,
    /// Tags that every resource gets.
    pub resource_tags: Vec<(String, String)>,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// Where health is served.
    pub health: Option<SocketAddr>,
    /// Features that are turned on.
    pub gates: Gates,
    /// Whether calls may go to an endpoint that a namespace names: whoever may write there must not read how they are signed.
    pub trusts: fn(&str) -> bool,
    /// Only the leader reconciles: the namespace of its lease.
    pub leader_election: Option<String>,
    /// The time between polls of AWS's listings.
    pub poll: Duration,
    /// The queue of SageMaker's events.
    pub event_queue: Option<EventQueue>,
}

/// ACK's feature gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gates {
    /// Adoption by annotations.
    pub resource_adoption: bool,
    /// Objects that are only read.
    pub read_only: bool,
    /// Roles by the team of a namespace.
    pub team_level_carm: bool,
    /// Roles by service and account.
    pub service_level_carm: bool,
    /// Roles by `IAMRoleSelector`.
    pub iam_role_selector: bool,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            resource_adoption: true,
            read_only: true,
            team_level_carm: false,
            service_level_carm: false,
            iam_role_selector: false,
        }
    }
}

impl Gates {
    /// Reads `Gate=true,Gate=false`.
    ///
    /// # Errors
    /// A gate that there is not, or a value that is neither true nor false.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut gates = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not of the form Gate=true or Gate=false"))?;
            let value: bool =
                value.trim().parse().map_err(|_| format!("`{value}` in `{part}` is not true or false"))?;
            *gates.gate(name.trim()).ok_or_else(|| {
                let names =
                    ["ResourceAdoption", "ReadOnlyResources", "TeamLevelCARM", "ServiceLevelCARM", "IAMRoleSelector"];
                format!("there is no feature gate `{name}`: they are {}", names.join(", "))
            })? = value;
        }
        Ok(gates)
    }

    fn gate(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "ResourceAdoption" => &mut self.resource_adoption,
            "ReadOnlyResources" => &mut self.read_only,
            "TeamLevelCARM" => &mut self.team_level_carm,
            "ServiceLevelCARM" => &mut self.service_level_carm,
            "IAMRoleSelector" => &mut self.iam_role_selector,
            _ => return None,
        })
    }
}

impl Options {
    /// Whether the annotations of namespaces are known: not where one namespace alone is watched, as with ACK, because an
    /// operator that is installed for one namespace may not read others.
    #[must_use]
    pub fn knows_namespaces(&self) -> bool {
        self.namespaces.len() != 1
    }

    /// Looks at objects of a kind at the same time.
    #[must_use]
    pub fn at_once(&self, kind: &Kind) -> usize {
        let own = self.at_once_of.of(kind).and_then(|n| usize::try_from(n).ok());
        own.unwrap_or(self.at_once).max(1)
    }

    /// Whether a kind is reconciled.
    #[must_use]
    pub fn serves(&self, kind: &Kind) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|k| std::ptr::eq(*k, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_kinds_are_read_and_wrong_ones_refused() {
        let read = PerKind::parse("Endpoint=10, model=60,").unwrap();
        let number = |kind: &str| read.of(sagewright_kinds::find(kind).unwrap());
        assert_eq!((number("Endpoint"), number("Model"), number("TrainingJob")), (Some(10), Some(60), None));
        for (wrong, why) in
            [("Endpoint", "Kind=number"), ("Endpiont=1", "did you mean `Endpoint`"), ("Endpoint=x", "not a number")]
        {
            let said = PerKind::parse(wrong).unwrap_err();
            assert!(said.contains(why), "{wrong}: {said}");
        }
    }

    #[test]
    fn feature_gates_have_acks_names_and_defaults() {
        let gates = Gates::parse("IAMRoleSelector=true,ReadOnlyResources=false").unwrap();
        assert_eq!(gates, Gates { iam_role_selector: true, read_only: false, ..Gates::default() });
        assert!(Gates::parse("Nope=true").unwrap_err().contains("TeamLevelCARM"));
        assert!(Gates::parse("IAMRoleSelector=yes").is_err() && Gates::parse("IAMRoleSelector").is_err());
    }
}
