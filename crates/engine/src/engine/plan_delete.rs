//! What a delete would do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use sagewright_decide::error::Failure;
use sagewright_decide::observed::Observed;
use sagewright_decide::{Decision, Desired, Intent, RefusalKind, conditions, decide};
use sagewright_objects::object::{Object, ObjectId};

use super::reconcile::{CloudResolver, resolve};
use super::referrers::LOOKED_AT;
use super::set::graph::{Graph, Node};
use super::{DeleteOptions, Engine, Users};
use crate::error::EngineError;
use crate::observe::{Owners, observe};
use crate::report::{Blocker, NO_RESOURCE, ObjectReport, Outcome, Plan, Planned};

/// What becomes of a resource that something which stays still uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// It is refused: who named it is told.
    Refuse,
    /// It is kept, and so is what is not known to be free.
    Keep,
    /// It is kept where it is known to be in use.
    KeepUsed,
    /// It is deleted anyway.
    Delete,
}

/// What a delete would do, with regard to what still uses what would go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Deletion {
    /// The plan, dependents first.
    pub plan: Plan,
    /// What still uses the objects' resources, and does not go with them.
    pub users: BTreeMap<ObjectId, Users>,
    /// Objects that are left alone because of that, and those that they need.
    pub held: BTreeSet<ObjectId>,
}

/// A look at one object's resource.
struct Look {
    desired: Desired,
    observed: Result<Observed, Failure>,
}

impl Engine {
    /// What a delete would do, dependents first. Reads only. [`Engine::plan_deletion`] heeds what still uses them, too.
    ///
    /// # Errors
    /// Wrong manifests and circles. What cannot be read of a single object is in the plan.
    pub async fn plan_delete(&self, objects: &[Object], options: &DeleteOptions) -> Result<Plan, EngineError> {
        let graph = self.graph(objects)?;
        let looks = self.looks(&graph, options).await;
        Ok(self.plan_of(&graph, &looks, &Stays::default(), InUse::Delete).0)
    }

    /// What a delete would do when something that stays uses what would go: another resource, or what is declared and
    /// about to be applied. Reads only.
    ///
    /// # Errors
    /// As [`Engine::plan_delete`].
    pub async fn plan_deletion(
        &self,
        objects: &[Object],
        declared: &[Object],
        in_use: InUse,
        options: &DeleteOptions,
    ) -> Result<Deletion, EngineError> {
        let (graph, declared) = (self.graph(objects)?, self.graph(declared)?);
        let looks = self.looks(&graph, options).await;
        let (first, _) = self.plan_of(&graph, &looks, &Stays::default(), in_use);
        let there = self.referring(&first, LOOKED_AT).await;
        let mut stays = Stays { used: BTreeMap::new(), declared: self.declared_again(&first, &declared) };
        loop {
            let (plan, held) = self.plan_of(&graph, &looks, &stays, in_use);
            let users = self.users_among(&there, &plan, &declared);
            let users = users.into_iter().filter_map(|(at, users)| Some((plan.objects.get(at)?.object.id(), users)));
            let users: Vec<_> = users.collect();
            let was = stays.used.len();
            // A person names what to delete; a prune finds it, and leaves what is not known to be free.
            let is_used = |users: &Users| !users.by.is_empty() || (in_use == InUse::Keep && !users.unknown.is_empty());
            stays.used.extend(users.iter().filter(|(_, users)| is_used(users)).cloned());
            // What is held counts as a user in its turn.
            if in_use == InUse::Delete || stays.used.len() == was {
                stays.used.extend(users);
                return Ok(Deletion { plan, users: stays.used, held });
            }
        }
    }

    /// Objects whose resources are declared under another name of the object, with that object: it was renamed.
    fn declared_again(&self, plan: &Plan, declared: &Graph) -> BTreeMap<ObjectId, ObjectId> {
        let region = |object: &Object| self.calls_for(object).target.region.to_string();
        let names: HashMap<(&str, String, String), &ObjectId> = declared
            .nodes
            .iter()
            .filter_map(|node| {
                Some(((node.kind.name(), region(&node.desired.object), node.desired.name(node.kind)?), &node.id))
            })
            .collect();
        let again = |planned: &Planned| {
            let object = &planned.object;
            let by = names.get(&(object.row()?.name(), region(object), planned.resource.clone()?))?;
            Some((object.id(), (*by).clone()))
        };
        plan.objects.iter().filter_map(again).collect()
    }

    async fn looks(&self, graph: &Graph, options: &DeleteOptions) -> Vec<(usize, Look)> {
        let owners = &Owners::default();
        let nodes = graph.order.iter().rev().filter_map(|i| graph.nodes.get(*i).map(|node| (*i, node)));
        stream::iter(nodes)
            .map(|(i, node)| async move { (i, self.look(node, options, owners).await) })
            .buffered(self.at_once)
            .collect()
            .await
    }

    /// The plan, and the objects that are held because they are in use or needed by one that is.
    fn plan_of(
        &self,
        graph: &Graph,
        looks: &[(usize, Look)],
        stays: &Stays,
        in_use: InUse,
    ) -> (Plan, BTreeSet<ObjectId>) {
        let mut set = Set { graph, users: graph.users(), retained: BTreeSet::new(), failing: BTreeSet::new() };
        let (mut objects, mut held) = (Vec::new(), BTreeSet::new());
        for (i, look) in looks {
            let Some(node) = graph.nodes.get(*i) else { continue };
            let mut planned = self.decide_about(&mut set, *i, node, look);
            let goes = planned.is_ok() && !planned.decision.steps.is_empty();
            if let Some(decision) = stays.decide(node, &planned, in_use).filter(|_| goes) {
                planned.decision = decision;
                if planned.decision.steps.is_empty() {
                    set.retained.insert(*i);
                } else if !planned.is_ok() {
                    set.failing.insert(*i);
                }
                held.insert(*i);
            } else if set.users.get(*i).is_some_and(|users| !users.is_disjoint(&held)) {
                held.insert(*i);
            }
            objects.push(planned);
        }
        if in_use == InUse::Delete {
            held.clear();
        }
        (Plan { objects }, held.iter().filter_map(|i| graph.nodes.get(*i)).map(|node| node.id.clone()).collect())
    }

    async fn look(&self, node: &Node, options: &DeleteOptions, owners: &Owners) -> Look {
        let mut desired = node.desired.clone();
        desired.intent = Intent::Absent;
        desired.unowned = options.unowned;
        desired.force = options.force;
        desired.only_of = options.only_of.clone().map(Arc::new);
        let calls = self.calls_for(&desired.object);
        let observed = match resolve(
            node.kind,
            &mut desired,
            &CloudResolver { calls: &calls, claims: &self.claims, owners },
        )
        .await
        {
            Ok(()) => observe(&calls, node.kind, &desired, owners).await,
            Err(failure) => Err(failure),
        };
        Look { desired, observed }
    }

    fn decide_about(&self, set: &mut Set<'_>, i: usize, node: &Node, look: &Look) -> Planned {
        let (mut desired, observed) = (look.desired.clone(), &look.observed);
        let users = set.users.get(i).cloned().unwrap_or_default();
        desired.retained_for = set.first(&users, &set.retained);
        let after = set.names(&users);
        let by = set.names(&users.intersection(&set.failing).copied().collect());
        let mut planned = Planned::new(desired.object.clone(), desired.name(node.kind), after);
        if by.is_empty() {
            match observed {
                Ok(observed) => {
                    planned.decision = decide(node.kind, &desired, observed, self.calls.clock.now());
                    if let Observed::Found(found) = observed {
                        planned.resource = Some(found.name.clone());
                        planned.object.status.clone_from(&found.status);
                        conditions::write(&mut planned.object.status, &planned.decision.conditions);
                        let chosen = desired.retain || desired.read_only || desired.retained_for.is_some();
                        if chosen && planned.decision.steps.is_empty() {
                            set.retained.insert(i);
                        }
                    } else {
                        planned.object.status = serde_json::json!({});
                        planned.decision.notes.push(NO_RESOURCE.to_owned());
                    }
                }
                Err(failure) => planned.failure = Some(failure.clone()),
            }
        } else {
            planned.blocker = Some(Blocker::Blocked { by });
        }
        if !planned.is_ok() {
            set.failing.insert(i);
        }
        planned
    }
}

/// Why resources stay that would otherwise go.
#[derive(Default)]
struct Stays {
    /// What uses them, or may.
    used: BTreeMap<ObjectId, Users>,
    /// The objects that declare them now.
    declared: BTreeMap<ObjectId, ObjectId>,
}

impl Stays {
    /// What to do about a resource in place of deleting it; nothing else where it goes.
    fn decide(&self, node: &Node, planned: &Planned, in_use: InUse) -> Option<Decision> {
        if let Some(by) = self.declared.get(&node.id) {
            return Some(Decision::note(format!("{by} declares it now")));
        }
        in_use.decide(node, planned, self.used.get(&node.id)?)
    }
}

impl InUse {
    /// What to do about a resource that is in use, in place of deleting it; nothing else where it is deleted anyway.
    fn decide(self, node: &Node, planned: &Planned, users: &Users) -> Option<Decision> {
        let by: Vec<&str> = users.by.iter().map(String::as_str).collect();
        let still = format!("still used by {}", by.join(", "));
        match self {
            Self::Refuse => Some(Decision::refuse(
                RefusalKind::InUse,
                format!(
                    "the {} `{}` is {still}",
                    node.kind.words(),
                    planned.resource.as_deref().unwrap_or(&node.id.name)
                ),
                "delete what uses it first, or in the same command; `sagewright delete --force` deletes it anyway",
            )),
            Self::Keep if users.by.is_empty() => {
                let unknown: Vec<&str> = users.unknown.iter().map(String::as_str).collect();
                let why = format!("it may still be in use: {}", unknown.join("; "));
                Some(Decision::note(format!("{why}\n--force deletes it anyway")))
            }
            Self::Keep | Self::KeepUsed => Some(Decision::note(still)),
            Self::Delete => None,
        }
    }
}

impl Deletion {
    /// The objects whose turn a delete comes to.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        let free = self.plan.objects.iter().filter(|planned| !self.held.contains(&planned.object.id()));
        free.map(|planned| planned.object.clone()).collect()
    }

    /// Leaves objects out.
    pub fn retain(&mut self, keep: impl Fn(&Planned) -> bool) {
        let held = &self.held;
        self.plan.objects.retain(|planned| held.contains(&planned.object.id()) || keep(planned));
    }

    /// How it went with what was left alone, once the rest went.
    pub fn held(&self) -> impl Iterator<Item = ObjectReport> {
        self.plan.objects.iter().filter(|planned| self.held.contains(&planned.object.id())).map(|planned| {
            let (outcome, message) = match (planned.decision.refusal(), &planned.blocker) {
                (Some(refusal), _) => (Outcome::Refused, refusal.to_string()),
                (None, Some(Blocker::Blocked { by })) => {
                    let by: Vec<String> = by.iter().map(ToString::to_string).collect();
                    let were = if by.len() == 1 { "was" } else { "were" };
                    (Outcome::Blocked, format!("not deleted, because {} {were} not", by.join(", ")))
                }
                (None, _) => (Outcome::Retained, planned.decision.notes.join("; ")),
            };
            ObjectReport {
                object: planned.object.clone(),
                resource: planned.resource.clone(),
                outcome,
                changes: Vec::new(),
                message,
                failure: planned.failure.clone(),
            }
        })
    }
}

/// What is known of a set while its objects are decided about.
struct Set<'g> {
    graph: &'g Graph,
    /// The objects that need each: they go before it.
    users: Vec<BTreeSet<usize>>,
    /// Objects that are retained by choice, and retain what they need.
    retained: BTreeSet<usize>,
    /// Objects whose delete would fail.
    failing: BTreeSet<usize>,
}

impl Set<'_> {
    fn names(&self, of: &BTreeSet<usize>) -> Vec<ObjectId> {
        of.iter().filter_map(|j| self.graph.nodes.get(*j)).map(|node| node.id.clone()).collect()
    }

    fn first(&self, of: &BTreeSet<usize>, among: &BTreeSet<usize>) -> Option<ObjectId> {
        let j = of.intersection(among).next()?;
        self.graph.nodes.get(*j).map(|node| node.id.clone())
    }
}
