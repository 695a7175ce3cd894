//! What the crates of the embedded SageMaker share: kinds of resources, listings, tags, checks of what a request names.

pub mod calls;
pub mod containers;
pub mod features;
pub mod hold;
pub mod inputs;
pub mod kind;
pub mod lineage;
pub mod listing;
pub mod machine;
pub mod observe;
pub mod ports;
pub mod recorded;
pub mod refuse;
pub mod resource;
pub mod scheduler;
pub mod service;
pub mod serving;
pub mod state;
pub mod token;
mod turns;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::broadcast;

use sagewright_cloud_core::alarms::{Alarms, NoAlarms};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::outbox::Outbox;
use sagewright_cloud_core::scaling::{NoTargets, ScalableTargets};
use sagewright_cloud_core::timers::Waker;

pub use ports::{
    Body, Called, CapturePlan, CommandTask, Commands, ContainerPlan, EndpointKey, Events, Executor, Executors,
    FleetPlan, Host, Invocation, Invoked, JobEnd, JobEvent, JobTask, ModelData, ModelServers, NoCommands, Outcome,
    Roles, Servers, ServersPlan, Silence, TrainingEnd, TrainingEvent, VariantPlan,
};
pub use resource::Kind;
pub use sagewright_cloud_core::api::Call;
pub use sagewright_cloud_core::records::Change;
pub use scheduler::{Run, Scheduler};
pub use service::{Answer, Operation, Service};
pub use serving::Serving;
pub use state::ResumeError;

/// What SageMaker runs its work with.
#[derive(Clone)]
pub struct Execution {
    /// Role checks.
    pub roles: Arc<dyn Roles>,
    /// Run jobs.
    pub executors: Executors,
    /// Serves endpoints.
    pub host: Arc<dyn Host>,
    /// The alarms that deployments heed.
    pub alarms: Arc<dyn Alarms>,
    /// What Application Auto Scaling scales.
    pub targets: Arc<dyn ScalableTargets>,
    /// What stands for functions and queues.
    pub commands: Arc<dyn Commands>,
    /// Jobs that run at once; one for each core where `None`.
    pub slots: Option<usize>,
    /// Who is told of events.
    pub outbox: Outbox,
    /// How long a description of something that is about to settle is held; not at all where zero.
    pub hold: Duration,
    /// Instances that one job or one variant can ask for: each is a process on this machine.
    pub instances: u32,
}

impl Execution {
    /// With defaults for the limits.
    #[must_use]
    pub fn new(roles: Arc<dyn Roles>, executors: Executors, host: Arc<dyn Host>) -> Self {
        Self {
            roles,
            executors,
            host,
            alarms: Arc::new(NoAlarms),
            targets: Arc::new(NoTargets),
            commands: Arc::new(NoCommands),
            slots: None,
            outbox: Outbox::default(),
            hold: Duration::ZERO,
            instances: 16,
        }
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
    operations: OnceLock<service::Operations>,
    scheduler: Scheduler,
    looks: hold::Looks,
    unrecorded: machine::Unrecorded,
    observers: observe::Observers,
    turns: turns::Turns,
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
        let scheduler = Scheduler::new(execution.slots.unwrap_or_else(cores));
        let inner = Inner {
            env,
            execution,
            operations: OnceLock::new(),
            scheduler,
            looks: hold::Looks::default(),
            unrecorded: machine::Unrecorded::default(),
            observers: observe::Observers::default(),
            turns: turns::Turns::default(),
            waker: Waker::default(),
            exclusive: tokio::sync::Mutex::default(),
            registry: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Status changes from now on, in the order of commits.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.env().store.changes()
    }

    /// Wakes the scheduler of timers.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.inner.waker
    }

    /// The operations of all crates, from now on. Those that were set first stay.
    pub(crate) fn answers_with(&self, operations: service::Operations) {
        let _ = self.inner.operations.set(operations);
    }

    pub(crate) fn operations(&self) -> Result<&service::Operations, ApiError> {
        self.inner.operations.get().ok_or_else(|| ApiError::internal("SageMaker has no operations yet"))
    }

    /// Who looks at the metrics of running jobs.
    #[must_use]
    pub fn observers(&self) -> &observe::Observers {
        &self.inner.observers
    }

    pub(crate) fn turns(&self) -> &turns::Turns {
        &self.inner.turns
    }

    pub(crate) fn looks(&self) -> &hold::Looks {
        &self.inner.looks
    }

    pub(crate) fn unrecorded(&self) -> &machine::Unrecorded {
        &self.inner.unrecorded
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

    /// The slots of jobs.
    #[must_use]
    pub fn scheduler(&self) -> &Scheduler {
        &self.inner.scheduler
    }

    /// Role checks.
    #[must_use]
    pub fn roles(&self) -> &dyn Roles {
        &*self.inner.execution.roles
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
}
