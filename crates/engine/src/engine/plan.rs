//! What an apply would do.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jiff::Timestamp;
use sagewright_kinds::Kind;

use super::Engine;
use super::graph::{Graph, Node, target_id};
use super::lookup::object_of;
use super::resolve::{Unresolved, value_of};
use crate::decide::{Decision, Desired, Intent, decide, ended_badly};
use crate::error::{EngineError, Failure, Permanent};
use crate::object::{Object, ObjectId};
use crate::observe::{Observed, Owners, observe};
use crate::report::{Hindrance, Plan, Planned};

impl Engine {
    /// What an apply would do. Reads only.
    ///
    /// # Errors
    /// Wrong manifests and circles. What cannot be read of a single object is in the plan.
    pub async fn plan(&self, objects: &[Object]) -> Result<Plan, EngineError> {
        let graph = self.graph(objects)?;
        let owners = Owners::default();
        let mut planned: Vec<Option<(Planned, Observed)>> = (0..graph.nodes.len()).map(|_| None).collect();
        // Objects that need nothing of each other are read at the same time.
        let mut left = graph.order.clone();
        while !left.is_empty() {
            let (ready, later): (Vec<usize>, Vec<usize>) = left.iter().copied().partition(|i| {
                graph
                    .nodes
                    .get(*i)
                    .is_some_and(|n| n.needs.iter().all(|j| planned.get(*j).is_some_and(Option::is_some)))
            });
            if ready.is_empty() {
                break;
            }
            let known = |id: &ObjectId| known(&graph, &planned, id);
            let done = join_all(ready.iter().filter_map(|i| graph.nodes.get(*i).map(|n| (*i, n))).map(|(i, node)| {
                let (known, owners, after) = (&known, &owners, names(&graph, node));
                async move { (i, self.plan_one(node, after, owners, known).await) }
            }))
            .await;
            for (i, entry) in done {
                if let Some(slot) = planned.get_mut(i) {
                    *slot = Some(entry);
                }
            }
            left = later;
        }
        let mut objects: Vec<Planned> =
            graph.order.iter().filter_map(|i| planned.get_mut(*i)?.take()).map(|(planned, _)| planned).collect();
        block(&mut objects);
        Ok(Plan { objects })
    }

    async fn plan_one(
        &self,
        node: &Node,
        after: Vec<ObjectId>,
        owners: &Owners,
        known: &(dyn Fn(&ObjectId) -> Known + Send + Sync),
    ) -> (Planned, Observed) {
        let mut desired = node.desired.clone();
        let failed = |desired: &Desired, failure: Failure| {
            let planned = Planned {
                object: desired.object.clone(),
                resource: desired.name(node.kind),
                decision: Decision::default(),
                after: after.clone(),
                failure: Some(failure),
                hindrance: None,
            };
            (planned, Observed::MISSING)
        };
        let engine = self.engine_for(&desired.object);
        // What is in the set may be known already; what it is not may be in AWS.
        for pending in desired.pending.clone() {
            let id = target_id(&pending.reference, &node.id.namespace);
            match known(&id) {
                Known::Later => {}
                Known::Object(object) => {
                    if let Ok(value) = value_of(&pending.reference, &object) {
                        desired.fill(&pending.reference.path, &value);
                    }
                }
                Known::Outside => {
                    let mut single = desired.clone();
                    single.pending.retain(|p| p.reference.path == pending.reference.path);
                    match engine.resolve(&mut single, &|_| None).await {
                        Ok(()) => {
                            desired.spec = single.spec;
                            desired.pending.retain(|p| p.reference.path != pending.reference.path);
                        }
                        Err(Unresolved::Absent(why)) => return failed(&desired, unresolved(node.kind, &desired, why)),
                        Err(Unresolved::Failed(failure)) => return failed(&desired, failure),
                    }
                }
            }
        }
        let observed = match observe(&engine.calls, node.kind, &desired, owners).await {
            Ok(observed) => observed,
            Err(failure) => return failed(&desired, failure),
        };
        let decision = decide(node.kind, &desired, &observed, self.calls.clock.now());
        let resource = match &observed {
            Observed::Found(found) => Some(found.name.clone()),
            Observed::Missing { .. } => desired.name(node.kind),
        };
        let object = match &observed {
            Observed::Found(found) => {
                let mut object = desired.object.clone();
                object.status = found.status.clone();
                crate::conditions::write(&mut object.status, &decision.conditions);
                object
            }
            Observed::Missing { .. } => desired.object.clone(),
        };
        let hindrance = match &observed {
            Observed::Found(found) if decision.steps.is_empty() && desired.intent == Intent::Present => {
                ended_badly(node.kind, &desired, found).map(|why| Hindrance::Failed { why })
            }
            _ => None,
        };
        (Planned { object, resource, decision, after, failure: None, hindrance }, observed)
    }
}

/// As an apply does: nothing is done about an object when one that it needs, which comes before it, will not go well.
fn block(objects: &mut [Planned]) {
    let mut bad: BTreeSet<ObjectId> = BTreeSet::new();
    for planned in objects {
        let by: Vec<ObjectId> = planned.after.iter().filter(|id| bad.contains(*id)).cloned().collect();
        if !by.is_empty() {
            planned.decision = Decision::default();
            planned.failure = None;
            planned.hindrance = Some(Hindrance::Blocked { by });
        }
        if !planned.is_ok() {
            bad.insert(planned.object.id());
        }
    }
}

/// Why a reference leads nowhere, as a failure.
pub(crate) fn unresolved(kind: &Kind, desired: &Desired, why: String) -> Failure {
    Failure::Permanent(Permanent {
        what: format!("resolve the references of the {} `{}`", kind.words(), desired.object.metadata.name),
        why,
        advice: "declare what it refers to, or correct the name".to_owned(),
        cause: None,
    })
}

/// What a plan knows of an object that is referred to.
enum Known {
    /// It is declared and there.
    Object(Box<Object>),
    /// It is declared and will be made.
    Later,
    /// It is not declared.
    Outside,
}

fn known(graph: &Graph, planned: &[Option<(Planned, Observed)>], id: &ObjectId) -> Known {
    let Some(at) = graph.nodes.iter().position(|n| n.id == *id) else { return Known::Outside };
    match (graph.nodes.get(at), planned.get(at).and_then(Option::as_ref)) {
        (Some(node), Some((_, Observed::Found(found)))) => Known::Object(Box::new(object_of(node.kind, found))),
        _ => Known::Later,
    }
}

fn names(graph: &Graph, node: &Node) -> Vec<ObjectId> {
    node.needs.iter().filter_map(|i| graph.nodes.get(*i)).map(|n| n.id.clone()).collect()
}

/// Checks a set: every object, and that they can be put in an order.
///
/// # Errors
/// Wrong manifests, an object declared twice, circles.
pub fn check_set(objects: &[Object]) -> Result<(), EngineError> {
    Graph::new(objects).map(drop)
}

/// A plan without a cloud: everything would be created, and what only AWS can tell is [`crate::KNOWN_AFTER_APPLY`].
///
/// # Errors
/// Wrong manifests and circles.
pub fn plan_offline(objects: &[Object]) -> Result<Plan, EngineError> {
    let graph = Graph::new(objects)?;
    let planned = graph.order.iter().filter_map(|i| graph.nodes.get(*i)).map(|node| Planned {
        object: node.desired.object.clone(),
        resource: node.desired.name(node.kind),
        decision: decide(node.kind, &node.desired, &Observed::MISSING, Timestamp::UNIX_EPOCH),
        after: names(&graph, node),
        failure: None,
        hindrance: None,
    });
    Ok(Plan { objects: planned.collect() })
}
