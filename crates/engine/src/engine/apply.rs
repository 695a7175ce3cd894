//! Applies and deletes sets of objects.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::graph::{Graph, Node};
use super::plan::unresolved;
use super::resolve::Unresolved;
use super::run::{How, Run, adopting};
use super::{ApplyOptions, DeleteOptions, Engine};
use crate::conditions;
use crate::decide::{Desired, Intent};
use crate::error::EngineError;
use crate::event::{Event, Observer, What};
use crate::object::{Object, ObjectId};
use crate::observe::Owners;
use crate::report::{ObjectReport, Outcome, Report};

impl Engine {
    /// Makes the cloud as declared: dependencies first, independent objects at the same time.
    ///
    /// # Errors
    /// Wrong manifests and circles; nothing is called then. What fails for single objects is in the report.
    pub async fn apply(
        &self,
        objects: &[Object],
        options: &ApplyOptions,
        observer: &dyn Observer,
    ) -> Result<Report, EngineError> {
        let graph = self.graph(objects)?;
        let needs = |i: usize| graph.nodes.get(i).map(|n| n.needs.clone()).unwrap_or_default();
        let one = |i: usize, done: HashMap<ObjectId, Object>, owners| {
            let node = graph.nodes.get(i);
            async move {
                let node = node?;
                Some(self.apply_one(node, options, observer, owners, &done).await)
            }
        };
        self.in_order(&graph, &needs, &one, observer).await
    }

    /// Deletes (or stops) what is declared, dependents first. What is retained keeps what it needs.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub async fn delete(
        &self,
        objects: &[Object],
        options: &DeleteOptions,
        observer: &dyn Observer,
    ) -> Result<Report, EngineError> {
        let graph = self.graph(objects)?;
        // What others need goes after them.
        let needs = |i: usize| {
            let dependents = graph.nodes.iter().enumerate().filter(|(_, n)| n.needs.contains(&i));
            dependents.map(|(j, _)| j).collect::<BTreeSet<usize>>()
        };
        // Objects that stay by choice, and keep what they need.
        let stay: Mutex<BTreeSet<usize>> = Mutex::default();
        let stay = &stay;
        let one = |i: usize, _: HashMap<ObjectId, Object>, owners| {
            let node = graph.nodes.get(i);
            let users = needs(i);
            let user = users.intersection(&stay.lock().unwrap_or_else(PoisonError::into_inner)).next().copied();
            let kept_for = user.and_then(|user| graph.nodes.get(user)).map(|n| n.id.clone());
            async move {
                let node = node?;
                let mut desired = node.desired.clone();
                desired.kept_for = kept_for;
                let chosen = desired.retain || desired.read_only || desired.kept_for.is_some();
                let report = self.delete_one(node, desired, options, observer, owners).await;
                if chosen && report.outcome == Outcome::Retained {
                    stay.lock().unwrap_or_else(PoisonError::into_inner).insert(i);
                }
                Some(report)
            }
        };
        self.in_order(&graph, &needs, &one, observer).await
    }

    /// Runs one task per object, each as soon as those that it needs have gone well.
    async fn in_order<'e, F, T>(
        &'e self,
        graph: &'e Graph,
        needs: &(dyn Fn(usize) -> BTreeSet<usize> + Send + Sync),
        one: &F,
        observer: &dyn Observer,
    ) -> Result<Report, EngineError>
    where
        F: Fn(usize, HashMap<ObjectId, Object>, std::sync::Arc<Owners>) -> T + Send + Sync,
        T: Future<Output = Option<ObjectReport>> + Send,
    {
        let started = self.calls.clock.now();
        let owners = std::sync::Arc::new(Owners::default());
        let mut reports: HashMap<usize, ObjectReport> = HashMap::new();
        let mut order: Vec<usize> = Vec::new();
        let mut waiting: BTreeSet<usize> = (0..graph.nodes.len()).collect();
        let mut running = FuturesUnordered::new();
        let mut told: BTreeSet<usize> = BTreeSet::new();
        loop {
            for i in waiting.clone() {
                let mine = needs(i);
                let bad: Vec<usize> =
                    mine.iter().copied().filter(|j| reports.get(j).is_some_and(|r| !fit(r))).collect();
                let open: Vec<usize> = mine.iter().copied().filter(|j| !reports.contains_key(j)).collect();
                let Some(node) = graph.nodes.get(i) else { continue };
                if !bad.is_empty() {
                    waiting.remove(&i);
                    order.push(i);
                    reports.insert(i, blocked(node, graph, &bad));
                } else if open.is_empty() {
                    waiting.remove(&i);
                    let done = reports.values().map(|r| (r.object.id(), r.object.clone())).collect();
                    let task = one(i, done, std::sync::Arc::clone(&owners));
                    running.push(async move { (i, task.await) });
                } else if told.insert(i) {
                    let on = open.iter().filter_map(|j| graph.nodes.get(*j)).map(|n| n.id.clone()).collect();
                    let at = self.calls.clock.now();
                    let resource = node.desired.name(node.kind);
                    observer.event(&Event { object: node.id.clone(), resource, at, what: What::Blocked { on } });
                }
            }
            match running.next().await {
                Some((i, Some(report))) => {
                    order.push(i);
                    reports.insert(i, report);
                }
                Some((_, None)) => {}
                // Blocking one object may have freed the decision about another.
                None if waiting.iter().any(|i| needs(*i).iter().all(|j| reports.contains_key(j))) => {}
                None => break,
            }
        }
        let objects = order.iter().filter_map(|i| reports.remove(i)).collect();
        Ok(Report { objects, started, ended: self.calls.clock.now() })
    }

    async fn apply_one(
        &self,
        node: &Node,
        options: &ApplyOptions,
        observer: &dyn Observer,
        owners: std::sync::Arc<Owners>,
        done: &HashMap<ObjectId, Object>,
    ) -> ObjectReport {
        let mut desired = adopting(node.desired.clone(), options.adopt);
        let engine = self.engine_for(&desired.object);
        if let Err(why) = engine.resolve(&mut desired, &|id| done.get(id).cloned()).await {
            return self.not_resolved(node, &desired, why);
        }
        let how = How { wait: options.wait || node.needed, timeout: options.timeout };
        Run::new(&engine.calls, &owners, observer, node.kind, desired, how).run().await
    }

    async fn delete_one(
        &self,
        node: &Node,
        mut desired: Desired,
        options: &DeleteOptions,
        observer: &dyn Observer,
        owners: std::sync::Arc<Owners>,
    ) -> ObjectReport {
        desired.intent = Intent::Absent;
        desired.unowned = options.unowned;
        let engine = self.engine_for(&desired.object);
        if let Err(why) = engine.resolve_identity(&mut desired, node.kind).await {
            return self.not_resolved(node, &desired, why);
        }
        // Another object that needs this one has to be gone before it.
        let wait = options.wait || !node.needs.is_empty();
        let how = How { wait, timeout: options.timeout };
        Run::new(&engine.calls, &owners, observer, node.kind, desired, how).run().await
    }

    fn not_resolved(&self, node: &Node, desired: &Desired, why: Unresolved) -> ObjectReport {
        let failure = match why {
            Unresolved::Absent(why) => unresolved(node.kind, desired, why),
            Unresolved::Failed(failure) => failure,
        };
        let mut object = node.desired.object.clone();
        let old = conditions::read(&object.status);
        conditions::write(&mut object.status, &conditions::of_unresolved(&old, &failure, self.calls.clock.now()));
        ObjectReport {
            object,
            resource: node.desired.name(node.kind),
            outcome: Outcome::Blocked,
            changes: Vec::new(),
            message: failure.to_string(),
            failure: Some(failure),
        }
    }
}

/// Whether what depends on an object can go on.
fn fit(report: &ObjectReport) -> bool {
    report.outcome.is_ok() && report.outcome != Outcome::Pending
}

fn blocked(node: &Node, graph: &Graph, bad: &[usize]) -> ObjectReport {
    let names: Vec<String> = bad.iter().filter_map(|j| graph.nodes.get(*j)).map(|n| n.id.to_string()).collect();
    ObjectReport {
        object: node.desired.object.clone(),
        resource: node.desired.name(node.kind),
        outcome: Outcome::Blocked,
        changes: Vec::new(),
        message: format!("nothing was done: {} did not go well", names.join(", ")),
        failure: None,
    }
}
