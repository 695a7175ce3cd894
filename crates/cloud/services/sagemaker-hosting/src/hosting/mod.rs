//! Endpoints: model servers, the router before them, and the runtime API.
//!
//! An endpoint serves with one fleet of servers, or with two while a deployment moves traffic from the one to the other. A change
//! starts the servers that are missing, waits until all answer pings, and swaps what requests see in one step; requests
//! that still hold what was there before finish on it, then its servers are stopped.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::outbox::Outbox;
use sagewright_cloud_core::runner::JobEnvironment;
use sagewright_cloud_core::work;
use sagewright_cloud_sagemaker_base::ports::{EndpointKey, FleetPlan, Host};

mod ask;
mod backlog;
mod batch;
mod capture;
mod chain;
mod errors;
mod fleet;
mod invoke;
mod measure;
mod model;
mod models;
mod outstanding;
mod pool;
mod routing;
mod server;
mod serverless;
mod serving;
mod sessions;
mod stream;

use backlog::Backlog;
use capture::Capture;
use fleet::{Logs, Order};
use routing::Routes;
use serving::{Unit, Units};
use sessions::Sessions;

/// Limits of hosting.
#[derive(Debug, Clone)]
pub struct HostingConfig {
    /// Most copies of a variant on this machine, whatever its instance count.
    pub max_copies: u32,
    /// Most bytes of a request or an answer: the runtime model's limit of `BodyBlob`, 6 MiB.
    pub max_payload: usize,
    /// How long a model may take to answer: SageMaker's 60 s.
    pub invocation_timeout: Duration,
    /// Most bytes of an unpacked model: the 30 GB of an instance's volume.
    pub max_model_bytes: u64,
}

impl Default for HostingConfig {
    fn default() -> Self {
        Self {
            max_copies: 2,
            max_payload: 6 * 1024 * 1024,
            invocation_timeout: Duration::from_secs(60),
            max_model_bytes: 30 * 1024 * 1024 * 1024,
        }
    }
}

/// Hosts endpoints, and answers `sagemaker-runtime`.
pub struct Hosting {
    env: Env,
    config: HostingConfig,
    environment: Arc<dyn JobEnvironment>,
    work: PathBuf,
    endpoints: RwLock<HashMap<EndpointKey, Arc<Slot>>>,
    capture: Arc<Capture>,
    backlog: Backlog,
    sessions: Sessions,
    closing: AtomicBool,
}

/// One endpoint.
struct Slot {
    routes: RwLock<Option<Arc<Routes>>>,
    // One change at a time.
    units: tokio::sync::Mutex<Units>,
    /// The highest order of a change.
    newest: watch::Sender<u64>,
    retiring: Mutex<Vec<JoinHandle<()>>>,
}

/// The order of a removal: no change comes after it.
const REMOVED: u64 = u64::MAX;

impl Slot {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            routes: RwLock::default(),
            units: tokio::sync::Mutex::default(),
            newest: watch::Sender::new(0),
            retiring: Mutex::default(),
        })
    }

    /// Whether the endpoint is gone, or the host shuts down.
    fn removed(&self) -> bool {
        *self.newest.borrow() == REMOVED
    }

    fn routes(&self) -> Option<Arc<Routes>> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what requests see; what serves no more is stopped in the background once its requests are done.
    fn swap(&self, next: Option<Arc<Routes>>, gone: Vec<Unit>) {
        let before = {
            let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *routes, next)
        };
        drop(before);
        let mut retiring = self.retiring.lock().unwrap_or_else(PoisonError::into_inner);
        retiring.retain(|task| !task.is_finished());
        retiring.extend(gone.into_iter().map(|unit| tokio::spawn(unit.retire())));
    }
}

impl Hosting {
    /// A host that works below `env.work/hosting`. What an earlier process left there is removed.
    #[must_use]
    pub fn new(env: Env, environment: Arc<dyn JobEnvironment>, config: HostingConfig) -> Self {
        let work = std::path::absolute(&env.work).unwrap_or_else(|_| env.work.clone()).join("hosting");
        work::clear(&work);
        let capture = Capture::new(&env, work.clone());
        let backlog = Backlog::new(&env, Outbox::default(), work.clone());
        let (sessions, closing) = (Sessions::new(env.wall.clone()), AtomicBool::new(false));
        Self { env, config, environment, work, endpoints: RwLock::default(), capture, backlog, sessions, closing }
    }

    /// The same host, whose notifications go to an outbox.
    #[must_use]
    pub fn telling(self, outbox: Outbox) -> Self {
        Self { backlog: Backlog::new(&self.env, outbox, self.work.clone()), ..self }
    }

    /// Stops all endpoints; complete when their servers have ended. A deployment under way never comes to an end
    /// then: the next process takes it up again.
    pub async fn shutdown(&self) {
        self.closing.store(true, Ordering::SeqCst);
        let keys: Vec<EndpointKey> =
            self.endpoints.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        futures_util::future::join_all(keys.iter().map(|key| self.remove(key))).await;
    }

    fn slot(&self, endpoint: &EndpointKey) -> Option<Arc<Slot>> {
        self.endpoints.read().unwrap_or_else(PoisonError::into_inner).get(endpoint).cloned()
    }
}

impl Hosting {
    /// What the servers of one instance are made from.
    fn order<'o>(&'o self, endpoint: &'o EndpointKey, arn: &'o str) -> Order<'o> {
        Order {
            env: &self.env,
            config: &self.config,
            environment: &*self.environment,
            endpoint,
            arn,
            work: work::new(&self.work),
            logs: Logs::Endpoint,
        }
    }

    /// Never completes when the host shuts down: the next process takes up what is under way.
    async fn unless_closing(&self) {
        if self.closing.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Host for Hosting {
    async fn serve(
        &self,
        endpoint: EndpointKey,
        arn: String,
        order: u64,
        fleets: Vec<FleetPlan>,
    ) -> Result<(), String> {
        let slot = {
            let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
            endpoints.entry(endpoint.clone()).or_insert_with(Slot::new).clone()
        };
        let mut newest = slot.newest.subscribe();
        slot.newest.send_if_modified(|newest| {
            let later = order > *newest;
            *newest = order.max(*newest);
            later
        });
        let mut units = slot.units.lock().await;
        let mut new = Vec::new();
        let started = tokio::select! {
            biased;
            _ = newest.wait_for(|newest| *newest > order) => Err(overtaken(*slot.newest.borrow())),
            started = units.start(|| self.order(&endpoint, &arn), &fleets, &mut new) => started,
        };
        match started {
            Ok(()) => {
                let (routes, gone) = units.become_fleets(&self.order(&endpoint, &arn), &fleets, new);
                slot.swap(Some(routes), gone);
                let mut plans = fleets.iter().flat_map(|fleet| &fleet.variants);
                self.backlog.attend_if(plans.any(|plan| plan.serving.asynchronous.is_some()), &endpoint, &slot);
                Ok(())
            }
            Err(reason) => {
                serving::stop(new).await;
                drop(units);
                self.unless_closing().await;
                Err(reason)
            }
        }
    }

    async fn flush(&self, _endpoint: &EndpointKey) {
        self.capture.flush().await;
    }

    async fn remove(&self, endpoint: &EndpointKey) {
        let slot = self.endpoints.write().unwrap_or_else(PoisonError::into_inner).remove(endpoint);
        let Some(slot) = slot else { return };
        slot.newest.send_replace(REMOVED);
        self.backlog.leave(endpoint, !self.closing.load(Ordering::SeqCst)).await;
        // A change under way sees it, stops what it started, and lets go.
        let gone = slot.units.lock().await.clear();
        slot.swap(None, gone);
        let retiring = std::mem::take(&mut *slot.retiring.lock().unwrap_or_else(PoisonError::into_inner));
        futures_util::future::join_all(retiring).await;
        self.capture.flush().await;
    }
}

/// Why a change did not come about: another one was asked for.
fn overtaken(by: u64) -> String {
    match by {
        REMOVED => "The endpoint was deleted while it was deployed.",
        _ => "Another change of the endpoint came before its servers answered.",
    }
    .to_owned()
}
