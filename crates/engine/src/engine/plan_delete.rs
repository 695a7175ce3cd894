//! What a delete would do.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use sagewright_kinds::Kind;

use super::graph::{Graph, Node};
use super::plan::unresolved;
use super::resolve::Unresolved;
use super::{DeleteOptions, Engine};
use crate::conditions;
use crate::decide::{Decision, Desired, Intent, decide};
use crate::error::{EngineError, Failure};
use crate::object::{Object, ObjectId};
use crate::observe::{Observed, Owners, observe};
use crate::report::{Hindrance, NO_RESOURCE, Plan, Planned};

/// Resources read at the same time.
const AT_ONCE: usize = 16;

/// A look at one object's resource.
struct Look {
    desired: Desired,
    observed: Result<Observed, Failure>,
}

impl Engine {
    /// What a delete would do, dependents first. Reads only.
    ///
    /// # Errors
    /// Wrong manifests and circles. What cannot be read of a single object is in the plan.
    pub async fn plan_delete(&self, objects: &[Object], options: &DeleteOptions) -> Result<Plan, EngineError> {
        let graph = Graph::new(objects)?;
        let owners = &Owners::default();
        let nodes = graph.order.iter().rev().filter_map(|i| graph.nodes.get(*i).map(|node| (*i, node)));
        let looks: Vec<_> = stream::iter(nodes)
            .map(|(i, node)| async move { (i, node, self.look(node, options, owners).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut set = Set { graph: &graph, stay: BTreeSet::new(), bad: BTreeSet::new() };
        let objects = looks.into_iter().map(|(i, node, look)| self.decide_about(&mut set, i, node, look)).collect();
        Ok(Plan { objects })
    }

    async fn look(&self, node: &Node, options: &DeleteOptions, owners: &Owners) -> Look {
        let mut desired = node.desired.clone();
        let engine = Self { calls: self.calls_for(&desired.object) };
        let observed = match engine.absent(&mut desired, node.kind, options).await {
            Ok(()) => observe(&engine.calls, node.kind, &desired, owners).await,
            Err(Unresolved::Absent(why)) => Err(unresolved(node.kind, &desired, why)),
            Err(Unresolved::Failed(failure)) => Err(failure),
        };
        Look { desired, observed }
    }

    /// Makes a desire one for absence. What a delete has to know of its references gets its value.
    pub(crate) async fn absent(
        &self,
        desired: &mut Desired,
        kind: &Kind,
        options: &DeleteOptions,
    ) -> Result<(), Unresolved> {
        desired.intent = Intent::Absent;
        desired.unowned = options.unowned;
        desired.insist = options.insist;
        self.resolve_identity(desired, kind).await?;
        if options.insist { Ok(()) } else { self.resolve_serves(desired, kind).await }
    }

    fn decide_about(&self, set: &mut Set<'_>, i: usize, node: &Node, look: Look) -> Planned {
        let Look { mut desired, observed } = look;
        let users = set.users(i);
        desired.kept_for = set.first(&users, &set.stay);
        let after = set.names(&users);
        let by = set.names(&users.intersection(&set.bad).copied().collect());
        let mut planned = Planned {
            object: desired.object.clone(),
            resource: desired.name(node.kind),
            decision: Decision::default(),
            after,
            failure: None,
            hindrance: None,
        };
        if by.is_empty() {
            match observed {
                Ok(observed) => {
                    planned.decision = decide(node.kind, &desired, &observed, self.calls.clock.now());
                    if let Observed::Found(found) = observed {
                        planned.resource = Some(found.name.clone());
                        planned.object.status = found.status;
                        conditions::write(&mut planned.object.status, &planned.decision.conditions);
                        let chosen = desired.retain || desired.read_only || desired.kept_for.is_some();
                        if chosen && planned.decision.steps.is_empty() {
                            set.stay.insert(i);
                        }
                    } else {
                        planned.object.status = serde_json::json!({});
                        planned.decision.notes.push(NO_RESOURCE.to_owned());
                    }
                }
                Err(failure) => planned.failure = Some(failure),
            }
        } else {
            planned.hindrance = Some(Hindrance::Blocked { by });
        }
        if !planned.is_ok() {
            set.bad.insert(i);
        }
        planned
    }
}

/// What is known of a set while its objects are decided about.
struct Set<'g> {
    graph: &'g Graph,
    /// Objects that stay by choice, and keep what they need.
    stay: BTreeSet<usize>,
    /// Objects that will not go well.
    bad: BTreeSet<usize>,
}

impl Set<'_> {
    /// The objects that need this one: they go before it.
    fn users(&self, i: usize) -> BTreeSet<usize> {
        let users = self.graph.nodes.iter().enumerate().filter(|(_, node)| node.needs.contains(&i));
        users.map(|(j, _)| j).collect()
    }

    fn names(&self, of: &BTreeSet<usize>) -> Vec<ObjectId> {
        of.iter().filter_map(|j| self.graph.nodes.get(*j)).map(|node| node.id.clone()).collect()
    }

    fn first(&self, of: &BTreeSet<usize>, among: &BTreeSet<usize>) -> Option<ObjectId> {
        let j = of.intersection(among).next()?;
        self.graph.nodes.get(*j).map(|node| node.id.clone())
    }
}
