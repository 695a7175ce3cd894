//! SageMaker's control plane: the rules and the state machines of its resources.
//!
//! Calls arrive authenticated and valid by the service model. Each kind is a module, each operation a file.

mod endpoint;
mod endpoint_config;
mod inputs;
mod listing;
mod model;
mod model_package;
mod model_package_group;
pub mod ports;
mod refuse;
mod resource;
mod search;
mod state;
mod tags;
mod token;
mod training_job;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::{Semaphore, broadcast, watch};

use crate::api::{ApiError, Call, Handler, Output, unsupported};
use crate::env::Env;
use crate::store::Key;

pub use ports::{
    ContainerPlan, EndpointKey, Host, ModelData, Roles, Trainer, TrainingEnd, TrainingEvent, TrainingEvents,
    TrainingTask, VariantPlan,
};
pub use resource::Kind;
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
    /// Instances that one job or one variant can ask for: each is a process on this machine.
    pub instances: u32,
}

impl Execution {
    /// With defaults for the limits.
    #[must_use]
    pub fn new(roles: Arc<dyn Roles>, trainer: Arc<dyn Trainer>, host: Arc<dyn Host>) -> Self {
        Self { roles, trainer, host, slots: None, instances: 16 }
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
    /// Held over tags' checks and writes.
    exclusive: Mutex<()>,
    /// Held while a group gets a version or goes.
    registry: Mutex<()>,
}

impl SageMaker {
    /// A SageMaker over the shared state. Call [`SageMaker::resume`] once the ports are ready.
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
            exclusive: Mutex::default(),
            registry: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Status changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<StateChange> {
        self.inner.changes.subscribe()
    }

    /// Takes up what the last process left: jobs in progress run again from the start, stopping ones end stopped,
    /// endpoints are served again, deletions are finished. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// The state could not be read or written.
    pub fn resume(&self) -> Result<(), ResumeError> {
        training_job::schedule::resume(self)?;
        endpoint::deploy::resume(self)
    }

    fn env(&self) -> &Env {
        &self.inner.env
    }

    fn roles(&self) -> &dyn Roles {
        &*self.inner.execution.roles
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<Key, watch::Sender<bool>>> {
        self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held over a read and the write that depends on it, where one transaction of the store cannot hold both.
    fn exclusive(&self) -> MutexGuard<'_, ()> {
        self.inner.exclusive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry(&self) -> MutexGuard<'_, ()> {
        self.inner.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.env().clock.now().as_millisecond()
    }

    fn emit(&self, kind: Kind, arn: &str, status: &str) {
        tracing::debug!(arn, status, "status changed");
        // No subscriber is no error.
        let _ = self.inner.changes.send(StateChange { kind, arn: arn.to_owned(), status: status.to_owned() });
    }

    fn answer(&self, call: &Call) -> Result<Value, ApiError> {
        match &*call.operation.name {
            "CreateTrainingJob" => training_job::create::create(self, call),
            "DescribeTrainingJob" => training_job::describe::describe(self, call),
            "ListTrainingJobs" => training_job::list::list(self, call),
            "StopTrainingJob" => training_job::stop::stop(self, call),
            "UpdateTrainingJob" => training_job::update::update(self, call),
            "DeleteTrainingJob" => training_job::delete::delete(self, call),
            "CreateModel" => model::create::create(self, call),
            "DescribeModel" => model::describe::describe(self, call),
            "ListModels" => model::list::list(self, call),
            "DeleteModel" => model::delete::delete(self, call),
            "CreateEndpointConfig" => endpoint_config::create::create(self, call),
            "DescribeEndpointConfig" => endpoint_config::describe::describe(self, call),
            "ListEndpointConfigs" => endpoint_config::list::list(self, call),
            "DeleteEndpointConfig" => endpoint_config::delete::delete(self, call),
            "CreateEndpoint" => endpoint::create::create(self, call),
            "DescribeEndpoint" => endpoint::describe::describe(self, call),
            "ListEndpoints" => endpoint::list::list(self, call),
            "UpdateEndpoint" => endpoint::update::update(self, call),
            "UpdateEndpointWeightsAndCapacities" => endpoint::weights::update(self, call),
            "DeleteEndpoint" => endpoint::delete::delete(self, call),
            "CreateModelPackageGroup" => model_package_group::create::create(self, call),
            "DescribeModelPackageGroup" => model_package_group::describe::describe(self, call),
            "ListModelPackageGroups" => model_package_group::list::list(self, call),
            "DeleteModelPackageGroup" => model_package_group::delete::delete(self, call),
            "PutModelPackageGroupPolicy" => model_package_group::policy::put(self, call),
            "GetModelPackageGroupPolicy" => model_package_group::policy::get(self, call),
            "DeleteModelPackageGroupPolicy" => model_package_group::policy::delete(self, call),
            "CreateModelPackage" => model_package::create::create(self, call),
            "DescribeModelPackage" => model_package::describe::describe(self, call),
            "BatchDescribeModelPackage" => model_package::batch_describe::describe(self, call),
            "ListModelPackages" => model_package::list::list(self, call),
            "UpdateModelPackage" => model_package::update::update(self, call),
            "DeleteModelPackage" => model_package::delete::delete(self, call),
            "AddTags" => tags::add::add(self, call),
            "ListTags" => tags::list::list(self, call),
            "DeleteTags" => tags::delete::delete(self, call),
            "Search" => search::search(self, call),
            _ => Err(unsupported(call)),
        }
    }
}

#[async_trait]
impl Handler for SageMaker {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        self.answer(&call).map(Output::from)
    }
}
