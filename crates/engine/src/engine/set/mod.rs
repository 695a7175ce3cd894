//! Applies and deletes sets of objects.

pub(crate) mod graph;
pub(crate) mod order;
mod run;
mod work;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use sagewright_decide::{Adoption, Decision, Desired, Intent};
use sagewright_objects::object::{Object, ObjectId};

use super::{ApplyOptions, DeleteOptions, Engine};
use crate::error::EngineError;
use crate::event::Observer;
use crate::report::{self, ObjectReport, Outcome, Report};
use graph::{Graph, Node};
use run::{Plan, Run};
use work::RunOptions;

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
        self.apply_exactly(objects, &report::Plan::default(), options, observer).await
    }

    /// Applies objects, each of which has to be decided about as planned at first, where it is in the plan.
    pub(super) async fn apply_exactly(
        &self,
        objects: &[Object],
        expected: &report::Plan,
        options: &ApplyOptions,
        observer: &dyn Observer,
    ) -> Result<Report, EngineError> {
        let graph = self.graph(objects)?;
        let needs = graph.nodes.iter().map(|node| node.needs.clone()).collect();
        let expected = expected.objects.iter().map(|planned| (planned.object.id(), &planned.decision)).collect();
        let plan = Applying { options, expected };
        let report = Run { engine: self, graph: &graph, needs, plan: &plan, observer }.run().await;
        Ok(in_order(report, &graph, graph.order.iter()))
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
        self.delete_planned(objects, &report::Plan::default(), options, observer).await
    }

    /// As [`Engine::delete`], after a plan of [`Engine::plan_delete`] was shown: an object that the plan does not say
    /// goes (it was not there, was kept, refused, or could not be read) is refused if it would go now.
    ///
    /// # Errors
    /// As [`Engine::delete`].
    pub async fn delete_planned(
        &self,
        objects: &[Object],
        shown: &report::Plan,
        options: &DeleteOptions,
        observer: &dyn Observer,
    ) -> Result<Report, EngineError> {
        let graph = self.graph(objects)?;
        // What others need goes after them.
        let needs = graph.users();
        let stays = shown.objects.iter().filter(|planned| !planned.goes());
        let expected = stays.map(|planned| (planned.object.id(), &planned.decision)).collect();
        let plan = Deleting { options, graph: &graph, users: &needs, retained: Mutex::default(), expected };
        let report = Run { engine: self, graph: &graph, needs: needs.clone(), plan: &plan, observer }.run().await;
        Ok(in_order(report, &graph, graph.order.iter().rev()))
    }
}

/// The report in the order of the plan: which object was finished first is chance, and two runs are to be comparable.
fn in_order<'o>(mut report: Report, graph: &Graph, order: impl Iterator<Item = &'o usize>) -> Report {
    let ids = order.enumerate().filter_map(|(at, i)| Some((graph.nodes.get(*i)?.id.clone(), at)));
    let places: HashMap<ObjectId, usize> = ids.collect();
    report.objects.sort_by_cached_key(|object| places.get(&object.object.id()).copied());
    report
}

struct Applying<'a> {
    options: &'a ApplyOptions,
    expected: HashMap<ObjectId, &'a Decision>,
}

impl Plan for Applying<'_> {
    fn prepare(&self, _: usize, node: &Node) -> (Desired, RunOptions) {
        let mut desired = node.desired.clone();
        if self.options.adopt && desired.adoption == Adoption::No {
            desired.adoption = Adoption::AdoptOrCreate;
        }
        (desired, RunOptions { wait: self.options.wait || node.needed, timeout: self.options.timeout })
    }

    fn expected(&self, id: &ObjectId) -> Option<&Decision> {
        self.expected.get(id).copied()
    }
}

struct Deleting<'a> {
    options: &'a DeleteOptions,
    graph: &'a Graph,
    /// What needs each.
    users: &'a [BTreeSet<usize>],
    /// Objects that are retained by choice, and retain what they need.
    retained: Mutex<BTreeSet<usize>>,
    /// What was shown of objects that do not go.
    expected: HashMap<ObjectId, &'a Decision>,
}

impl Plan for Deleting<'_> {
    fn prepare(&self, i: usize, node: &Node) -> (Desired, RunOptions) {
        let mut desired = node.desired.clone();
        desired.intent = Intent::Absent;
        desired.unowned = self.options.unowned;
        desired.force = self.options.force;
        desired.only_of = self.options.only_of.clone().map(Arc::new);
        let retained = self.retained.lock().unwrap_or_else(PoisonError::into_inner);
        let user = self.users.get(i).into_iter().flatten().find(|user| retained.contains(user));
        desired.retained_for = user.and_then(|user| self.graph.nodes.get(*user)).map(|n| n.id.clone());
        // Another object that needs this one has to be gone before it.
        (desired, RunOptions { wait: self.options.wait || !node.needs.is_empty(), timeout: self.options.timeout })
    }

    fn expected(&self, id: &ObjectId) -> Option<&Decision> {
        self.expected.get(id).copied()
    }

    fn finished(&self, i: usize, report: &ObjectReport) {
        let Some(node) = self.graph.nodes.get(i) else { return };
        let mut retained = self.retained.lock().unwrap_or_else(PoisonError::into_inner);
        let is_kept = self.users.get(i).into_iter().flatten().any(|user| retained.contains(user));
        let chosen = node.desired.retain || node.desired.read_only || is_kept;
        if chosen && report.outcome == Outcome::Retained {
            retained.insert(i);
        }
    }
}
