//! What an apply would do.

use std::collections::{BTreeSet, HashMap};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use sagewright_decide::error::Failure;
use sagewright_decide::observed::Observed;
use sagewright_decide::{Decision, Desired, Intent, decide, failure_message};
use sagewright_objects::object::{Object, ObjectId};

use super::Engine;
use super::lookup::object_of;
use super::reconcile::{CloudResolver, ReferenceResolver, Resolution, target_id, unresolved, value_of};
use super::set::graph::{Graph, Node};
use super::set::order::Order;
use crate::error::EngineError;
use crate::observe::{Owners, observe};
use crate::report::{Blocker, Plan, Planned};

impl Engine {
    /// What an apply would do. Reads only.
    ///
    /// # Errors
    /// Wrong manifests and circles. What cannot be read of a single object is in the plan.
    pub async fn plan(&self, objects: &[Object]) -> Result<Plan, EngineError> {
        let graph = self.graph(objects)?;
        let owners = Owners::default();
        let mut planned: Vec<Option<Planned>> = (0..graph.nodes.len()).map(|_| None).collect();
        // What is declared: the object as it is there, or nothing yet.
        let mut known: HashMap<ObjectId, Option<Object>> = graph.nodes.iter().map(|n| (n.id.clone(), None)).collect();
        let mut order = Order::new(graph.nodes.iter().map(|node| &node.needs));
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.at_once {
                let Some(i) = order.next() else { break };
                let Some(node) = graph.nodes.get(i) else { continue };
                let references = declared(node, &known);
                let (owners, after) = (&owners, names(&graph, node));
                running.push(async move { (i, self.plan_one(node, after, owners, references).await) });
            }
            let Some((i, (entry, observed))) = running.next().await else { break };
            if let (Some(node), Observed::Found(found)) = (graph.nodes.get(i).filter(|n| n.needed), &observed) {
                known.insert(node.id.clone(), Some(object_of(node.kind, found)));
            }
            if let Some(slot) = planned.get_mut(i) {
                *slot = Some(entry);
            }
            order.done(i);
        }
        drop(running);
        let mut objects: Vec<Planned> = graph.order.iter().filter_map(|i| planned.get_mut(*i)?.take()).collect();
        block(&mut objects);
        Ok(Plan { objects })
    }

    async fn plan_one(
        &self,
        node: &Node,
        after: Vec<ObjectId>,
        owners: &Owners,
        references: Vec<Declared>,
    ) -> (Planned, Observed) {
        let mut desired = node.desired.clone();
        let planned = |desired: &Desired| Planned::new(desired.object.clone(), desired.name(node.kind), after.clone());
        let failed = |desired: &Desired, failure: Failure| {
            (Planned { failure: Some(failure), ..planned(desired) }, Observed::MISSING)
        };
        let engine = self.engine_for(&desired.object);
        // What is in the set may be known already; what is not may be in AWS.
        for (pending, reference) in desired.pending.clone().into_iter().zip(references) {
            let reference = match reference {
                Declared::Later => continue,
                Declared::Known(value) => Ok(value),
                Declared::Outside => {
                    let cloud = CloudResolver { calls: &engine.calls, claims: &self.claims, owners };
                    cloud.resolve(&node.id, &pending.reference, Intent::Present).await
                }
            };
            match reference {
                Ok(Resolution::Value(value)) => desired.fill(&pending.reference.path, &value),
                Ok(Resolution::Absent(why)) => return failed(&desired, unresolved(node.kind, &desired, why)),
                Err(failure) => return failed(&desired, failure),
            }
        }
        let observed = match observe(&engine.calls, node.kind, &desired, owners).await {
            Ok(observed) => observed,
            Err(failure) => return failed(&desired, failure),
        };
        let decision = decide(node.kind, &desired, &observed, self.calls.clock.now());
        let mut planned = planned(&desired);
        if let Observed::Found(found) = &observed {
            planned.resource = Some(found.name.clone());
            planned.object.status = found.status.clone();
            sagewright_decide::conditions::write(&mut planned.object.status, &decision.conditions);
            if decision.steps.is_empty() && desired.intent == Intent::Present {
                planned.blocker = failure_message(node.kind, &desired, found).map(|why| Blocker::Failed { why });
            }
        }
        (Planned { decision, ..planned }, observed)
    }
}

/// As in an apply, an object is blocked when one that it depends on would fail.
fn block(objects: &mut [Planned]) {
    let mut failing: BTreeSet<ObjectId> = BTreeSet::new();
    for planned in objects {
        let by: Vec<ObjectId> = planned.after.iter().filter(|id| failing.contains(*id)).cloned().collect();
        if !by.is_empty() {
            planned.decision = Decision::default();
            planned.failure = None;
            planned.blocker = Some(Blocker::Blocked { by });
        }
        if !planned.is_ok() {
            failing.insert(planned.object.id());
        }
    }
}

/// What a plan knows of a reference's value.
enum Declared {
    /// It is declared and there.
    Known(Resolution),
    /// It is declared and will be made, or will have the field then.
    Later,
    /// It is not declared.
    Outside,
}

/// What is known of the references of an object, in their order.
fn declared(node: &Node, known: &HashMap<ObjectId, Option<Object>>) -> Vec<Declared> {
    let of = |reference| match known.get(&target_id(reference, &node.id.namespace)) {
        None => Declared::Outside,
        Some(None) => Declared::Later,
        Some(Some(object)) => match value_of(reference, object) {
            Resolution::Absent(_) => Declared::Later,
            value => Declared::Known(value),
        },
    };
    node.desired.pending.iter().map(|pending| of(&pending.reference)).collect()
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

/// A plan without a cloud: everything would be created, and what only AWS knows is [`crate::KNOWN_AFTER_APPLY`].
///
/// # Errors
/// Wrong manifests and circles.
pub fn plan_offline(objects: &[Object]) -> Result<Plan, EngineError> {
    let graph = Graph::new(objects)?;
    let planned = graph.order.iter().filter_map(|i| graph.nodes.get(*i)).map(|node| {
        let desired = &node.desired;
        let decision = decide(node.kind, desired, &Observed::MISSING, Timestamp::UNIX_EPOCH);
        Planned { decision, ..Planned::new(desired.object.clone(), desired.name(node.kind), names(&graph, node)) }
    });
    Ok(Plan { objects: planned.collect() })
}
