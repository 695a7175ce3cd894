//! The engine: runs decisions against a cloud.

mod export;
mod lookup;
mod plan;
mod plan_delete;
mod polling;
mod prune;
pub mod reconcile;
mod referrers;
mod saved;
mod set;
mod single;
mod users;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

pub use export::own_name;
pub use plan::{check_set, plan_offline};
pub use plan_delete::{Deletion, InUse};
pub use prune::Undeclared;
pub use saved::SavedPlan;
pub(crate) use saved::otherwise;
pub use users::Users;

use sagewright_model::{AccountId, Region};
use sagewright_objects::keys;
use sagewright_objects::mark::Owner;
use sagewright_objects::object::Object;
use sagewright_objects::selector::Selector;
use sagewright_port::clock::Clock;
use sagewright_port::cloud::{Cloud, Target};
use set::graph::Graph;

use crate::error::EngineError;
use crate::observe::Serving;
use crate::observe::calls::Calls;
use sagewright_decide::Claims;

/// How to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyOptions {
    /// Wait until every object is settled. Without, only what others in the set need is waited for.
    pub wait: bool,
    /// Give up after this long; `None` waits as long as AWS works.
    pub timeout: Option<Duration>,
    /// Take over resources that are there and belong to nobody.
    pub adopt: bool,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self { wait: true, timeout: None, adopt: false }
    }
}

/// How to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Wait until they are gone (or stopped).
    pub wait: bool,
    /// Give up after this long.
    pub timeout: Option<Duration>,
    /// Delete resources that do not bear the objects' marks too.
    pub unowned: bool,
    /// Delete resources that serve something else than the objects declare too.
    pub force: bool,
    /// Delete only what is still of this set when its turn comes.
    pub only_of: Option<Selector>,
}

impl Default for DeleteOptions {
    fn default() -> Self {
        Self { wait: true, timeout: None, unowned: false, force: false, only_of: None }
    }
}

/// What a wait waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// It is as it should be (`Completed`, `InService`).
    Settled,
    /// Nothing more happens by itself, well or not.
    Final,
    /// It is gone.
    Deleted,
    /// Its status is this word.
    Status(String),
}

/// A resource in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Spec, status and conditions.
    pub object: Object,
    /// Its name in AWS.
    pub resource: String,
    /// Whose it is, where it is marked.
    pub owner: Option<Owner>,
    /// Its tags, ours not among them.
    pub tags: Vec<(String, String)>,
    /// Log group and stream prefix, for kinds that have logs.
    pub logs: Option<(String, String)>,
}

/// Runs decisions against a cloud.
#[derive(Clone)]
pub struct Engine {
    calls: Calls,
    at_once: usize,
    claims: Arc<Claims>,
    set: Option<Arc<Selector>>,
    /// Tells this engine from those of earlier processes.
    process: u16,
    serving: Arc<Serving>,
}

/// Looks at the same time, in a set.
const AT_ONCE: usize = 16;

impl Engine {
    /// An engine for one account and region.
    #[must_use]
    pub fn new(cloud: Arc<dyn Cloud>, clock: Arc<dyn Clock>, target: Target) -> Self {
        // Without a source of random numbers among its ports: that of the standard library's maps is enough.
        let process = RandomState::new().build_hasher().finish() as u16;
        Self {
            calls: Calls::new(cloud, clock, target),
            at_once: AT_ONCE,
            claims: Arc::default(),
            set: None,
            process,
            serving: Arc::default(),
        }
    }

    /// An engine that looks at so many objects of a set at the same time; 16 without this.
    #[must_use]
    pub fn at_once(self, looks: usize) -> Self {
        Self { at_once: looks.max(1), ..self }
    }

    /// What the engine takes as its own: its installation's name above all. Without, that is [`Claims::default`].
    #[must_use]
    pub fn with_claims(mut self, claims: Claims) -> Self {
        self.claims = Arc::new(claims);
        self
    }

    /// The same engine, whose calls are for one account: whatever credentials come into use, they reach no other.
    #[must_use]
    pub fn for_account(mut self, account: AccountId) -> Self {
        self.calls.target.account = Some(account);
        self
    }

    /// A set of objects, checked, each with what the engine takes as its own.
    fn graph(&self, objects: &[Object]) -> Result<Graph, EngineError> {
        let mut graph = Graph::new(objects)?;
        for node in &mut graph.nodes {
            node.desired.claims = Arc::clone(&self.claims);
            node.desired.set.clone_from(&self.set);
        }
        Ok(graph)
    }

    /// The engine that calls for an object.
    fn engine_for(&self, object: &Object) -> Self {
        Self { calls: self.calls_for(object), ..self.clone() }
    }

    /// Calls for an object: in its own region, where its annotation names one.
    fn calls_for(&self, object: &Object) -> Calls {
        let mut calls = self.calls.clone();
        if let Some(region) = object.annotation(keys::REGION).and_then(|r| r.parse::<Region>().ok()) {
            calls.home = Some(calls.target.clone()).filter(|home| home.region != region);
            calls.target.region = region;
        }
        calls
    }
}
