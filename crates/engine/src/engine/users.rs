//! What still uses the resources that a delete would take away.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sagewright_decide::error::Failure;
use sagewright_decide::{Desired, decide};
use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path, Phase, RefTarget, get};
use serde_json::Value;

use super::Engine;
use super::lookup::tail;
use super::reconcile::{Scope, target_id, words};
use super::referrers::{LOOKED_AT, Reading, Referrer, Used, find_lost, identity, read, references};
use super::set::graph::{Graph, Node, parts_beside, value_in};
use crate::observe::calls::Calls;
use crate::observe::{Owners, observe};
use crate::report::{Plan, Planned};

/// Resources of one kind that are looked at where nobody waits for the answer.
const MOST_LOOKED_AT: usize = 1_000;

/// What uses one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Users {
    /// `KIND/NAME` of what refers to it and does not go with it.
    pub by: BTreeSet<String>,
    /// What could not be looked at, and why.
    pub unknown: BTreeSet<String>,
}

/// A resource that would go.
struct Going<'p> {
    at: usize,
    kind: &'static Kind,
    planned: &'p Planned,
    /// It is a job that is stopped, or is being deleted already: what uses it is of no interest.
    ends: bool,
}

/// What refers to the resources that would go, by region and kind. Read once: what goes only becomes less.
pub(super) struct Referring(BTreeMap<String, BTreeMap<&'static str, Reading>>);

impl Engine {
    /// What still uses the resources that a plan of [`Engine::plan_delete`] would delete, by their place in the plan.
    /// Reads up to 100 resources of each kind that may refer to one of them. Jobs that have ended use nothing,
    /// and neither does what is being deleted.
    pub async fn users(&self, plan: &Plan) -> BTreeMap<usize, Users> {
        let nothing = Graph { nodes: Vec::new(), order: Vec::new() };
        self.users_among(&self.referring(plan, LOOKED_AT).await, plan, &nothing)
    }

    /// What still uses each of several resources of one kind that are to go, in their order; nothing for one that is not
    /// there. Reads up to 1,000 resources of each kind that may refer to them.
    ///
    /// # Errors
    /// A resource cannot be read.
    pub async fn users_of(&self, scope: &Scope, going: &[Desired]) -> Result<Vec<Option<Users>>, Failure> {
        let mut engine = self.in_scope(scope);
        engine.calls.priority = scope.priority;
        let (owners, now) = (Owners::default(), engine.calls.clock.now());
        let mut plan = Plan::default();
        let mut places = Vec::new();
        for desired in going {
            let Some(kind) = desired.object.row() else {
                places.push(None);
                continue;
            };
            let observed = observe(&engine.calls_for(&desired.object), kind, desired, &owners).await?;
            places.push(observed.found().map(|_| plan.objects.len()));
            if let Some(found) = observed.found() {
                let mut planned = Planned::new(desired.object.clone(), Some(found.name.clone()), Vec::new());
                planned.object.status.clone_from(&found.status);
                planned.decision = decide(kind, desired, &observed, now);
                plan.objects.push(planned);
            }
        }
        let there = engine.referring(&plan, MOST_LOOKED_AT).await;
        let nothing = Graph { nodes: Vec::new(), order: Vec::new() };
        let mut users = engine.users_among(&there, &plan, &nothing);
        Ok(places.into_iter().map(|at| at.map(|at| users.remove(&at).unwrap_or_default())).collect())
    }

    /// Reads what refers to the resources that would go, `most` resources of each kind.
    pub(super) async fn referring(&self, plan: &Plan, most: usize) -> Referring {
        let mut regions = BTreeMap::new();
        for (region, (calls, going)) in self.regions(plan) {
            let mut readings = BTreeMap::new();
            for kind in sagewright_kinds::all() {
                let used = going.iter().filter(|g| !g.ends && refers(kind, g.kind));
                let used: Vec<Used<'_>> = used.map(|g| (g.kind, g.resource())).collect();
                if !used.is_empty() {
                    readings.insert(kind.name(), read(&calls, kind, &used, most).await);
                }
            }
            for kind in sagewright_kinds::all().iter().filter(|kind| kind.serves().is_some()) {
                find_lost(&calls, kind, &mut readings, most).await;
            }
            regions.insert(region, readings);
        }
        Referring(regions)
    }

    /// As [`Engine::users`], once what is declared was applied: that uses what it declares.
    pub(super) fn users_among(&self, there: &Referring, plan: &Plan, declared: &Graph) -> BTreeMap<usize, Users> {
        let mut users: BTreeMap<usize, Users> = BTreeMap::new();
        for (region, (calls, going)) in self.regions(plan) {
            let here = |node: &&Node| self.calls_for(&node.desired.object).target.region == calls.target.region;
            let declared: Vec<&Node> = declared.nodes.iter().filter(here).collect();
            users.extend(going.iter().filter(|g| !g.ends).map(|g| (g.at, Users::default())));
            let resources = |kind: &Kind| -> HashSet<&str> {
                going.iter().filter(|g| g.kind.name() == kind.name()).map(Going::resource).collect()
            };
            for (name, reading) in there.0.get(&region).into_iter().flatten() {
                let Some(kind) = sagewright_kinds::find(name) else { continue };
                let used: Vec<&Going<'_>> = going.iter().filter(|g| !g.ends && refers(kind, g.kind)).collect();
                if used.is_empty() {
                    continue;
                }
                let referrers = with_declared(kind, reading, &declared);
                let own = resources(kind);
                let is_declared = |name: &str| referrers.iter().any(|referrer| referrer.name == name);
                let lost = reading.lost.iter().filter(|lost| !resources(lost.kind).contains(lost.name.as_str()));
                let lost = lost.filter(|lost| !is_declared(&lost.serves)).map(|lost| lost.words(kind));
                let unknown: BTreeSet<String> = reading.unknown.iter().cloned().chain(lost).collect();
                let referrers: Vec<&Referrer> = referrers.iter().filter(|r| !own.contains(r.name.as_str())).collect();
                for g in used {
                    let entry = users.entry(g.at).or_default();
                    entry.unknown.extend(unknown.iter().cloned());
                    let by = referrers.iter().filter(|r| uses(r, g));
                    entry.by.extend(by.map(|r| format!("{}/{}", kind.name(), tail(&r.name))));
                }
            }
        }
        users
    }

    /// What would go, by region.
    fn regions<'p>(&self, plan: &'p Plan) -> BTreeMap<String, (Calls, Vec<Going<'p>>)> {
        let mut regions: BTreeMap<String, (Calls, Vec<Going<'_>>)> = BTreeMap::new();
        for (at, planned) in plan.objects.iter().enumerate() {
            let Some(going) = going(at, planned) else { continue };
            let calls = self.calls_for(&planned.object);
            let entry = regions.entry(calls.target.region.to_string()).or_insert_with(|| (calls, Vec::new()));
            entry.1.push(going);
        }
        regions
    }
}

/// What goes by a plan: it is deleted, stopped before it is deleted, or deleted as soon as it is settled.
fn going(at: usize, planned: &Planned) -> Option<Going<'_>> {
    let kind = planned.object.row()?;
    if !planned.goes() {
        return None;
    }
    let is_deleting = kind.phase(&words(kind, &planned.object.status).0) == Phase::Deleting;
    Some(Going { at, kind, planned, ends: kind.row().delete.how == DeleteHow::Stop || is_deleting })
}

/// The resources that refer to others, as they will be once what is declared was applied. A field that is not declared
/// stays as it is, and so does a job that has ended.
fn with_declared(kind: &'static Kind, reading: &Reading, declared: &[&Node]) -> Vec<Referrer> {
    let mut there = reading.referrers.clone();
    let mut places: HashMap<String, usize> = there.iter().enumerate().map(|(at, r)| (r.name.clone(), at)).collect();
    for node in declared.iter().filter(|node| node.kind.name() == kind.name() && !node.desired.read_only) {
        let name = node.desired.name(kind).unwrap_or_else(|| node.id.name.clone());
        if reading.ended.contains(&name) {
            continue;
        }
        let refers = references(kind, &node.desired.spec);
        let identity = identity(kind, &node.desired.spec);
        let pending = node.desired.pending.iter().map(|p| target_id(&p.reference, &node.id.namespace)).collect();
        match places.get(&name).and_then(|at| there.get_mut(*at)) {
            Some(referrer) => {
                referrer.refers.retain(|(field, _)| !refers.iter().any(|(new, _)| new.path == field.path));
                referrer.refers.extend(refers);
                referrer.pending = pending;
            }
            None => {
                places.insert(name.clone(), there.len());
                there.push(Referrer { name, refers, identity, pending });
            }
        }
    }
    there
}

impl Going<'_> {
    fn resource(&self) -> &str {
        self.planned.resource.as_deref().unwrap_or_default()
    }

    /// Whether a name that is only a part of what it is known by leads to it: the other parts are the same, where what refers
    /// to it has them.
    fn is_whole(&self, field: &str, referrer: &HashMap<String, String>) -> bool {
        let parts = self.kind.row().identity.name.iter().map(String::as_str).zip(self.resource().split(' '));
        let parts: HashMap<&str, &str> = parts.collect();
        parts_beside(self.kind, field).all(|member| match (parts.get(member), referrer.get(member)) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        })
    }

    /// What a reference to it holds.
    fn value(&self, field: &str) -> Option<&str> {
        let object = &self.planned.object;
        if self.kind.name_field().as_deref() == Some(field) {
            return Some(self.resource());
        }
        let (part, path) = match field.split_once('.')? {
            ("status", path) => (&object.status, path),
            (_, path) => (&object.spec, path),
        };
        get(part, &Path::parse(path)).and_then(Value::as_str)
    }
}

/// Whether resources of a kind may refer to those of another.
fn refers(kind: &Kind, to: &Kind) -> bool {
    kind.refs().iter().flat_map(|field| &field.targets).any(|t| t.group.is_none() && t.kind == to.name())
}

fn uses(referrer: &Referrer, going: &Going<'_>) -> bool {
    if referrer.pending.contains(&going.planned.object.id()) {
        return true;
    }
    referrer.refers.iter().any(|(field, text)| {
        let targets = || field.targets.iter().filter(|t| t.group.is_none() && t.kind == going.kind.name());
        let by_name = |t: &RefTarget| {
            value_in(t, text).is_some_and(|v| going.value(&t.value) == Some(v))
                && going.is_whole(&t.value, &referrer.identity)
        };
        going.planned.object.arn() == Some(text) || targets().any(by_name)
    })
}
