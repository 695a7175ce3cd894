//! Runs a set of objects: a queue of looks that are due, a bounded number of them at the same time.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use sagewright_decide::error::Failure;
use sagewright_decide::{Decision, Desired, Intent, Step};
use sagewright_objects::manifest::RefUse;
use sagewright_objects::object::{Object, ObjectId};
use sagewright_port::clock::since;
use sagewright_port::cloud::{CloudError, Priority, Stage};

use super::graph::{Graph, Node};
use super::order::Order;
use super::work::{Next, RunOptions, Work};
use crate::engine::Engine;
use crate::engine::reconcile::{
    CloudResolver, Pass, Reconciled, ReferenceResolver, Resolution, resolve, target_id, value_of,
};
use crate::event::{Event, EventKind, Observer};
use crate::observe::Owners;
use crate::observe::calls::Calls;
use crate::report::{ObjectReport, Outcome, Report};

/// Shortest sleep: a clock may count in milliseconds.
const SHORTEST: Duration = Duration::from_millis(1);

/// What is done with the objects of a set.
pub(crate) trait Plan: Sync {
    /// What is wanted of an object, once those that it needs have gone well.
    fn prepare(&self, i: usize, node: &Node) -> (Desired, RunOptions);
    /// What has to be decided about an object at first.
    fn expected(&self, _: &ObjectId) -> Option<&Decision> {
        None
    }
    /// An object is finished.
    fn finished(&self, _: usize, _: &ObjectReport) {}
}

/// One run of a set.
pub(crate) struct Run<'r> {
    pub engine: &'r Engine,
    pub graph: &'r Graph,
    /// What has to go well before each.
    pub needs: Vec<BTreeSet<usize>>,
    pub plan: &'r dyn Plan,
    pub observer: &'r dyn Observer,
}

/// The state of a run.
struct State {
    begun: Timestamp,
    order: Order,
    due: BinaryHeap<Reverse<(Timestamp, usize)>>,
    works: HashMap<usize, Work>,
    reports: Vec<Option<ObjectReport>>,
    /// In which order objects were finished.
    finish_order: Vec<usize>,
    /// A call was answered: the cloud is there.
    reached: bool,
}

/// Finished objects that others refer to.
type FinishedObjects = Mutex<HashMap<ObjectId, Arc<Object>>>;

impl Run<'_> {
    pub(crate) async fn run(self) -> Report {
        let clock = &self.engine.calls.clock;
        let started = clock.now();
        let (owners, finished) = (Owners::default(), FinishedObjects::default());
        let mut state = State {
            begun: started,
            order: Order::new(self.needs.iter()),
            due: BinaryHeap::new(),
            works: HashMap::new(),
            reports: (0..self.graph.nodes.len()).map(|_| None).collect(),
            finish_order: Vec::new(),
            reached: false,
        };
        self.emit_blocked();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.engine.at_once {
                let Some((i, work)) = self.next(&mut state, &finished) else { break };
                running.push(self.look(i, work, &owners, &finished));
            }
            let pause = state.due.peek().map(|Reverse((at, _))| since(*at, clock.now()).max(SHORTEST));
            let ended = match pause {
                _ if running.len() >= self.engine.at_once => running.next().await,
                None => running.next().await,
                Some(pause) => match running.next().now_or_never() {
                    Some(Some(ended)) => Some(ended),
                    Some(None) => {
                        clock.sleep(pause).await;
                        continue;
                    }
                    None => match select(running.next(), clock.sleep(pause)).await {
                        Either::Left((ended, _)) => ended,
                        Either::Right(_) => continue,
                    },
                },
            };
            match ended {
                Some((i, work, done)) => self.take(&mut state, &finished, i, work, done),
                None => break,
            }
        }
        let State { mut reports, finish_order, .. } = state;
        let objects = finish_order.iter().filter_map(|i| reports.get_mut(*i)?.take()).collect();
        Report { objects, started, ended: clock.now() }
    }

    /// The next object to look at: one that is due, or one that is ready to begin.
    fn next(&self, state: &mut State, finished: &FinishedObjects) -> Option<(usize, Work)> {
        let now = self.engine.calls.clock.now();
        if let Some(Reverse((at, i))) = state.due.peek().copied()
            && at <= now
        {
            state.due.pop();
            return Some((i, state.works.remove(&i)?));
        }
        loop {
            let i = state.order.next()?;
            // What is blocked has its report.
            if state.reports.get(i).is_some_and(Option::is_none) {
                let node = self.graph.nodes.get(i)?;
                let (desired, options) = self.plan.prepare(i, node);
                let mut work = Work::new(node.kind, desired, options, state.begun);
                if work.left(now) == Some(Duration::ZERO) {
                    let report = work.not_begun();
                    self.finish(state, finished, i, report);
                    continue;
                }
                return Some((i, work));
            }
        }
    }

    async fn look(
        &self,
        i: usize,
        mut work: Work,
        owners: &Owners,
        finished: &FinishedObjects,
    ) -> (usize, Work, Reconciled) {
        let calls = self.engine.calls_for(&work.desired.object).of(&work);
        let resolver =
            SetResolver { finished, cloud: CloudResolver { calls: &calls, claims: &self.engine.claims, owners } };
        let is_new = work.is_new();
        let emit = |event: Event| {
            // Changes are reported once.
            if is_new || !matches!(event.what, EventKind::Decided { .. }) {
                self.observer.event(&event);
            }
        };
        // A plan that shows a wait shows nothing of what comes after it.
        let waits = |planned: &Decision| planned.steps.iter().any(|step| matches!(step, Step::Wait { .. }));
        let expected = self.plan.expected(&work.desired.object.id()).filter(|planned| is_new || !waits(planned));
        // Values are kept: what a reference leads to may change while AWS works, and that is no concern of what was begun.
        let resolved = resolve(work.kind, &mut work.desired, &resolver).await;
        let pass = Pass::new(&calls, owners, &resolver, &work.desired, &mut work.memory, &emit);
        let done = match resolved {
            Ok(()) => pass.expecting(expected).run_resolved(work.kind).await,
            Err(failure) => pass.blocked(failure),
        };
        (i, work, done)
    }

    fn take(&self, state: &mut State, finished: &FinishedObjects, i: usize, mut work: Work, done: Reconciled) {
        let now = self.engine.calls.clock.now();
        let resource = done.resource.clone();
        let emit = |work: &Work, what: EventKind| {
            self.observer.event(&Event { object: work.desired.object.id(), resource: resource.clone(), at: now, what });
        };
        let step = done.failed_step.clone();
        let answers = |cause: &CloudError| {
            matches!(cause.stage, Stage::Service | Stage::Answer)
                || matches!(cause.code.as_str(), "AnswerBroken" | "ConnectionBroken")
        };
        state.reached |= done.failure.as_ref().is_none_or(|failure| failure.cause().is_some_and(answers));
        match work.take(done, now, state.reached) {
            Next::Look(after, why) => {
                if let Some((step, why)) = why {
                    emit(&work, EventKind::Retrying { step, why, after });
                }
                let at = now.saturating_add(jiff::SignedDuration::try_from(after).unwrap_or_default()).unwrap_or(now);
                state.due.push(Reverse((at, i)));
                state.works.insert(i, work);
            }
            Next::Finished(report) => {
                if let (Some(step), Some(Failure::Retryable(_))) = (step, &report.failure) {
                    emit(&work, EventKind::Failed { step, why: report.message.clone() });
                }
                self.finish(state, finished, i, *report);
            }
        }
    }

    fn finish(&self, state: &mut State, finished: &FinishedObjects, i: usize, report: ObjectReport) {
        let is_fit = fit(&report);
        if is_fit && self.graph.nodes.get(i).is_some_and(|node| node.needed) {
            let object = Arc::new(report.object.clone());
            finished.lock().unwrap_or_else(PoisonError::into_inner).insert(object.id(), object);
        }
        self.report(state, i, report);
        if is_fit {
            state.order.done(i);
            return;
        }
        // What needs it is not begun, nor what needs that. A chain may be longer than the stack is deep.
        let users = |state: &State, by: usize| {
            state.order.dependents(by).iter().rev().map(|user| (*user, by)).collect::<Vec<(usize, usize)>>()
        };
        let mut open = users(state, i);
        while let Some((user, by)) = open.pop() {
            let is_open = state.reports.get(user).is_some_and(Option::is_none);
            if let (true, Some(node)) = (is_open, self.graph.nodes.get(user)) {
                self.report(state, user, blocked(node, self.graph, by));
                open.extend(users(state, user));
            }
        }
    }

    fn report(&self, state: &mut State, i: usize, report: ObjectReport) {
        self.plan.finished(i, &report);
        state.finish_order.push(i);
        if let Some(slot) = state.reports.get_mut(i) {
            *slot = Some(report);
        }
    }

    /// Emits an event for each object that has to wait for others.
    fn emit_blocked(&self) {
        let at = self.engine.calls.clock.now();
        for (node, needs) in self.graph.nodes.iter().zip(&self.needs).filter(|(_, needs)| !needs.is_empty()) {
            let on = needs.iter().filter_map(|j| self.graph.nodes.get(*j)).map(|n| n.id.clone()).collect();
            let resource = node.desired.name(node.kind);
            self.observer.event(&Event { object: node.id.clone(), resource, at, what: EventKind::Blocked { on } });
        }
    }
}

/// Whether what depends on an object can go on.
fn fit(report: &ObjectReport) -> bool {
    report.outcome.is_ok() && report.outcome != Outcome::Pending
}

fn blocked(node: &Node, graph: &Graph, by: usize) -> ObjectReport {
    let name = graph.nodes.get(by).map(|n| n.id.to_string()).unwrap_or_default();
    ObjectReport {
        object: node.desired.object.clone(),
        resource: node.desired.name(node.kind),
        outcome: Outcome::Blocked,
        changes: Vec::new(),
        message: match node.desired.intent {
            Intent::Present => format!("nothing was done, because {name} did not succeed"),
            Intent::Absent => format!("not deleted, because {name} was not"),
        },
        failure: None,
    }
}

/// Resolves references from the objects of a set, and from AWS for what is not among them.
struct SetResolver<'s> {
    finished: &'s FinishedObjects,
    cloud: CloudResolver<'s>,
}

#[async_trait]
impl ReferenceResolver for SetResolver<'_> {
    async fn resolve(&self, from: &ObjectId, reference: &RefUse, intent: Intent) -> Result<Resolution, Failure> {
        let id = target_id(reference, &from.namespace);
        let known = self.finished.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        match known.filter(|_| intent == Intent::Present) {
            Some(object) => Ok(value_of(reference, &object)),
            None => self.cloud.resolve(from, reference, intent).await,
        }
    }
}

impl Calls {
    /// The calls of one object's look, each made once: the run tries again. Polling goes behind what a person waits for.
    fn of(mut self, work: &Work) -> Self {
        self.patient = false;
        self.priority = if work.memory.watches() { Priority::Progress } else { Priority::Interactive };
        self.deadline = work.deadline();
        self
    }
}
