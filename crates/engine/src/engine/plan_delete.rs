//! What a delete would do.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};

use super::reconcile::{CloudResolver, resolve};
use super::set::graph::{Graph, Node};
use super::{DeleteOptions, Engine};
use crate::conditions;
use crate::decide::{Desired, Intent, decide};
use crate::error::{EngineError, Failure};
use crate::object::{Object, ObjectId};
use crate::observe::{Observed, Owners, observe};
use crate::report::{Blocker, NO_RESOURCE, Plan, Planned};

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
        let graph = self.graph(objects)?;
        let owners = &Owners::default();
        let nodes = graph.order.iter().rev().filter_map(|i| graph.nodes.get(*i).map(|node| (*i, node)));
        let looks: Vec<_> = stream::iter(nodes)
            .map(|(i, node)| async move { (i, node, self.look(node, options, owners).await) })
            .buffered(self.at_once)
            .collect()
            .await;
        let mut set = Set { graph: &graph, users: graph.users(), retained: BTreeSet::new(), failing: BTreeSet::new() };
        let objects = looks.into_iter().map(|(i, node, look)| self.decide_about(&mut set, i, node, look)).collect();
        Ok(Plan { objects })
    }

    async fn look(&self, node: &Node, options: &DeleteOptions, owners: &Owners) -> Look {
        let mut desired = node.desired.clone();
        desired.intent = Intent::Absent;
        desired.unowned = options.unowned;
        desired.force = options.force;
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

    fn decide_about(&self, set: &mut Set<'_>, i: usize, node: &Node, look: Look) -> Planned {
        let Look { mut desired, observed } = look;
        let users = set.users.get(i).cloned().unwrap_or_default();
        desired.retained_for = set.first(&users, &set.retained);
        let after = set.names(&users);
        let by = set.names(&users.intersection(&set.failing).copied().collect());
        let mut planned = Planned::new(desired.object.clone(), desired.name(node.kind), after);
        if by.is_empty() {
            match observed {
                Ok(observed) => {
                    planned.decision = decide(node.kind, &desired, &observed, self.calls.clock.now());
                    if let Observed::Found(found) = observed {
                        planned.resource = Some(found.name.clone());
                        planned.object.status = found.status;
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
                Err(failure) => planned.failure = Some(failure),
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
