//! What the crates of the embedded SageMaker share: kinds of resources, listings, tags, checks of what a request names.

pub mod containers;
pub mod hold;
pub mod inputs;
pub mod kind;
pub mod listing;
pub mod machine;
pub mod ports;
pub mod recorded;
pub mod refuse;
pub mod resource;
pub mod service;
pub mod state;
pub mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast, watch};

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::store::Key;
use sagewright_cloud_core::timers::Waker;

pub use ports::{
    ContainerPlan, EndpointKey, Host, ModelData, Roles, Trainer, TrainingEnd, TrainingEvent, TrainingEvents,
    TrainingTask, VariantPlan,
};
pub use resource::Kind;
pub use sagewright_cloud_core::api::Call;
pub use service::{Answer, Operation, Service};
pub use state::{ResumeError, StateChange};

/// What SageMaker runs its work with.
#[derive(Clone)]
pub struct Execution {
    /// Role checks.
    pub roles: Arc<dyn Roles>,
    /// Runs training jobs.
    pub trainer: Arc<dyn Trainer>,
    /// Serves endpoints.
    pub host: Arc<dyn Host>,
    /// Training jobs that run at once; one for each core where `None`.
    pub slots: Option<usize>,
    /// How long a description of something that is about to settle is held; not at all where zero.
    pub hold: Duration,
    /// Instances that one job or one variant can ask for: each is a process on this machine.
    pub instances: u32,
}

impl Execution {
    /// With defaults for the limits.
    #[must_use]
    pub fn new(roles: Arc<dyn Roles>, trainer: Arc<dyn Trainer>, host: Arc<dyn Host>) -> Self {
        Self { roles, trainer, host, slots: None, hold: Duration::ZERO, instances: 16 }
    }
}

/// The SageMaker of the embedded cloud; cheap to clone.
#[derive(Clone)]
pub struct SageMaker {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    execution: Execution,
    slots: Arc<Semaphore>,
    /// Stop signals of the training jobs that wait or run.
    jobs: Mutex<HashMap<Key, watch::Sender<bool>>>,
    changes: broadcast::Sender<StateChange>,
    looks: hold::Looks,
    waker: Waker,
    /// Held over tags' checks and writes.
    exclusive: tokio::sync::Mutex<()>,
    /// Held while a group gets a version or goes.
    registry: tokio::sync::Mutex<()>,
}

impl SageMaker {
    /// A SageMaker over the shared state.
    #[must_use]
    pub fn new(env: Env, execution: Execution) -> Self {
        let cores = || std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let slots = Arc::new(Semaphore::new(execution.slots.unwrap_or_else(cores).max(1)));
        let inner = Inner {
            env,
            execution,
            slots,
            jobs: Mutex::default(),
            changes: state::channel(),
            looks: hold::Looks::default(),
            waker: Waker::default(),
            exclusive: tokio::sync::Mutex::default(),
            registry: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Status changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<StateChange> {
        self.inner.changes.subscribe()
    }

    /// Wakes the scheduler of timers.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.inner.waker
    }

    pub(crate) fn looks(&self) -> &hold::Looks {
        &self.inner.looks
    }

    /// Shared state and ports.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.inner.env
    }

    /// What SageMaker runs its work with.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.inner.execution
    }

    /// One permit for each training job that may run at once.
    #[must_use]
    pub fn slots(&self) -> &Arc<Semaphore> {
        &self.inner.slots
    }

    /// Role checks.
    #[must_use]
    pub fn roles(&self) -> &dyn Roles {
        &*self.inner.execution.roles
    }

    /// Stop signals of the training jobs that wait or run.
    pub fn jobs(&self) -> MutexGuard<'_, HashMap<Key, watch::Sender<bool>>> {
        self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held over a read and the write that depends on it, where one transaction of the store cannot hold both.
    pub async fn exclusive(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.exclusive.lock().await
    }

    /// Held while a model package group gets a version or goes.
    pub async fn registry(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.registry.lock().await
    }

    /// AWS's time, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.env().sim.now().as_millisecond()
    }

    /// Tells subscribers that a resource entered a status.
    pub fn emit(&self, kind: Kind, arn: &str, status: &str) {
        tracing::debug!(arn, status, "status changed");
        // No subscriber is no error.
        let _ = self.inner.changes.send(StateChange { kind, arn: arn.to_owned(), status: status.to_owned() });
    }
}
