//! A controller: a queue of objects that are due, a bounded number of looks at the same time, and one poll of the kind's
//! listing in place of looks at what is settled.
//!
//! Objects are kept as bytes, as a cluster's store keeps them elsewhere; beside them stands what is remembered of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use sagewright_engine::reconcile::{Memory, Progress, ReferenceResolver, Resolution, Scope};
use sagewright_engine::watch::{Change, ContentHash, NameHash, Settled, Watch};
use sagewright_engine::{Desired, Failure, Intent, Object, ObjectId, Priority, RefUse};
use sagewright_kinds::{Kind, find};

use crate::{Result, Setup, models};

/// Looks at the same time.
const AT_ONCE: usize = 16;
/// Objects that are still on their way, from which on a poll is cheaper than looks: a page shows as many.
const PAGE: usize = 100;
/// Rounds before the fleet has to be settled.
const MOST_ROUNDS: usize = 10;

/// What is kept of an object.
struct Kept {
    document: Box<[u8]>,
    memory: Memory,
    declared: ContentHash,
    settled: Option<Settled>,
}

/// What a look came to.
struct Looked {
    kept: Kept,
    /// When to look again, for what is not finished.
    again: Option<Duration>,
}

struct Controller {
    setup: Setup,
    scope: Scope,
    kind: &'static Kind,
    watch: Watch,
    /// Nothing stands for an object that is being looked at.
    objects: Vec<Option<Kept>>,
    /// Which object declares the resource of a name.
    index: HashMap<NameHash, usize>,
}

/// Models refer to nothing here.
struct Nothing;

#[async_trait::async_trait]
impl ReferenceResolver for Nothing {
    async fn resolve(&self, _: &ObjectId, reference: &RefUse, _: Intent) -> std::result::Result<Resolution, Failure> {
        Ok(Resolution::Absent(format!("there is no {}", reference.name)))
    }
}

/// Runs the phases.
pub(crate) async fn run(setup: Setup, count: usize) -> Result<()> {
    let kind = find("model").ok_or("there is no kind Model")?;
    let watch = Watch::new(setup.cloud.clone(), Arc::clone(&setup.clock), setup.target.clone(), kind);
    let scope = Scope { target: setup.target.clone(), claims: Arc::default(), priority: Priority::default() };
    let mut controller = Controller { setup, scope, kind, watch, objects: Vec::new(), index: HashMap::new() };
    for number in 0..count {
        controller.declare(number, "risk")?;
    }
    controller.setup.meter.lap("declare")?;

    controller.poll().await?;
    controller.reconcile((0..count).collect(), Intent::Present).await?;
    let due = controller.poll().await?;
    controller.reconcile(due, Intent::Present).await?;
    controller.must_be_settled()?;
    controller.setup.meter.lap("create")?;

    let due = controller.poll().await?;
    controller.reconcile(due, Intent::Present).await?;
    controller.must_be_settled()?;
    controller.setup.meter.lap("resync")?;

    let mut due = controller.declare(count / 2, "fraud")?;
    due.extend(controller.poll().await?);
    controller.reconcile(due, Intent::Present).await?;
    controller.must_be_settled()?;
    controller.setup.meter.lap("change one")?;

    controller.reconcile((0..count).collect(), Intent::Absent).await?;
    controller.setup.meter.lap("delete")
}

impl Controller {
    /// Declares an object, for the first time or anew. Gives what is due for it.
    fn declare(&mut self, number: usize, team: &str) -> Result<Vec<usize>> {
        let mut object = Object::from_value(models::document(number, team))?;
        let declared = ContentHash::of_declared(&object);
        let before = self.objects.get_mut(number).and_then(Option::as_mut);
        if let Some(before) = &before {
            object.status = Object::from_value(serde_json::from_slice(&before.document)?)?.status;
        }
        let document = serde_json::to_vec(&object)?.into_boxed_slice();
        match before {
            Some(before) => (before.document, before.declared) = (document, declared),
            None => {
                self.index.insert(NameHash::of(&object.metadata.name), number);
                self.objects.push(Some(Kept { document, memory: Memory::default(), declared, settled: None }));
            }
        }
        Ok(vec![number])
    }

    /// Sweeps the listing. Gives what has to be looked at because of it.
    async fn poll(&mut self) -> Result<Vec<usize>> {
        let mut due = Vec::new();
        for change in self.watch.poll().await? {
            let (key, shown) = match &change {
                Change::Shown(shown) => (NameHash::of(&shown.name), Some(shown)),
                Change::Gone(key) => (*key, None),
            };
            let Some(number) = self.index.get(&key).copied() else { continue };
            let Some(kept) = self.objects.get_mut(number).and_then(Option::as_mut) else { continue };
            match shown {
                // Its create's answer told all but this.
                Some(shown) if kept.memory.has_made(shown.changed) => {
                    kept.settled = Some(Settled::new(kept.declared, shown.hash));
                    kept.memory = Memory::default();
                }
                shown if kept.settled.is_some_and(|s| s.holds(kept.declared, shown.map(|s| s.hash))) => {}
                _ => due.push(number),
            }
        }
        Ok(due)
    }

    /// Looks at objects until each of them is finished.
    async fn reconcile(&mut self, mut due: Vec<usize>, intent: Intent) -> Result<()> {
        for _ in 0..MOST_ROUNDS {
            let (mut again, mut pause) = (Vec::new(), Duration::ZERO);
            let mut objects = std::mem::take(&mut self.objects);
            let (this, mut queue) = (&*self, due.into_iter());
            let mut looks = stream::FuturesUnordered::new();
            loop {
                while looks.len() < AT_ONCE
                    && let Some(number) = queue.next()
                {
                    let kept = objects.get_mut(number).and_then(Option::take).ok_or("there is no such object")?;
                    looks.push(async move { (number, this.look(kept, intent).await) });
                }
                let Some((number, done)) = looks.next().await else { break };
                let Looked { kept, again: after } = done?;
                if let Some(slot) = objects.get_mut(number) {
                    *slot = Some(kept);
                }
                if let Some(after) = after {
                    again.push(number);
                    pause = pause.max(after);
                }
            }
            drop(looks);
            self.objects = objects;
            if again.is_empty() {
                return Ok(());
            }
            self.setup.clock.sleep(pause).await;
            if again.len() > PAGE {
                self.watch.want_whole();
                self.poll().await?;
            }
            due = again;
        }
        Err("the fleet does not come to rest".into())
    }

    async fn look(&self, mut kept: Kept, intent: Intent) -> Result<Looked> {
        let mut object = Object::from_value(serde_json::from_slice(&kept.document)?)?;
        let mut desired = Desired::new(self.kind, &object).map_err(|errors| format!("{errors:?}"))?;
        desired.intent = intent;
        let name = desired.name(self.kind).unwrap_or_default();
        let (hash, listed) = (self.watch.hash(&name), self.watch.observation(&name));
        let memory = &mut kept.memory;
        let done =
            self.setup.engine.reconcile_from_list(&self.scope, &desired, memory, &Nothing, listed.as_ref()).await;
        if let Some(failure) = done.failure {
            return Err(failure.to_string().into());
        }
        let is_done = done.progress == Progress::Done;
        let written = done.outcome.is_some_and(|outcome| outcome.is_write());
        kept.settled = hash.filter(|_| is_done && !written).map(|hash| Settled::new(kept.declared, hash));
        object.status = done.status;
        kept.document = serde_json::to_vec(&object)?.into_boxed_slice();
        Ok(Looked { kept, again: done.requeue.filter(|_| !is_done) })
    }

    /// A phase that leaves something undone measures nothing.
    fn must_be_settled(&self) -> Result<()> {
        let open = self.objects.iter().flatten().filter(|kept| kept.settled.is_none()).count();
        if open == 0 { Ok(()) } else { Err(format!("{open} objects are not settled").into()) }
    }
}
