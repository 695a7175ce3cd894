//! Endpoints: model servers, the router before them, and the runtime API.
//!
//! An endpoint serves one generation at a time: the variants of a deployment. A deployment
//! starts a new fleet of servers, waits until all answer pings, and swaps the generation in one step; requests that
//! still hold the old one finish on it, then its servers are stopped.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::runner::JobEnvironment;
use sagewright_cloud_core::work;
use sagewright_cloud_sagemaker_base::ports::{EndpointKey, Host, VariantPlan};

mod ask;
mod batch;
mod capture;
mod errors;
mod fleet;
mod invoke;
mod measure;
mod model;
mod models;
mod pool;
mod routing;
mod server;

use capture::Capture;
use fleet::{Fleet, Logs, Order};
use routing::Generation;

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
    closing: AtomicBool,
}

/// What answers requests, and the servers behind it.
type Servers = (Arc<Generation>, Fleet);

/// One endpoint.
struct Slot {
    serving: RwLock<Option<Servers>>,
    // Servers that answer and get no traffic yet.
    ready: Mutex<Option<Servers>>,
    removed: watch::Sender<bool>,
    // One deployment at a time.
    deploying: tokio::sync::Mutex<()>,
    retiring: Mutex<Vec<JoinHandle<()>>>,
}

impl Slot {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            serving: RwLock::default(),
            ready: Mutex::default(),
            removed: watch::Sender::new(false),
            deploying: tokio::sync::Mutex::default(),
            retiring: Mutex::default(),
        })
    }

    fn generation(&self) -> Option<Arc<Generation>> {
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner);
        serving.as_ref().map(|(generation, _)| generation.clone())
    }

    fn ready(&self) -> MutexGuard<'_, Option<Servers>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a generation in place; what served before is stopped in the background once its requests are done.
    fn swap(&self, next: Option<Servers>) {
        let before = {
            let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *serving, next)
        };
        if let Some((generation, fleet)) = before {
            // Requests under way hold it until they are answered.
            drop(generation);
            let mut retiring = self.retiring.lock().unwrap_or_else(PoisonError::into_inner);
            retiring.retain(|task| !task.is_finished());
            retiring.push(tokio::spawn(fleet.retire()));
        }
    }
}

impl Hosting {
    /// A host that works below `env.work/hosting`. What an earlier process left there is removed.
    #[must_use]
    pub fn new(env: Env, environment: Arc<dyn JobEnvironment>, config: HostingConfig) -> Self {
        let work = std::path::absolute(&env.work).unwrap_or_else(|_| env.work.clone()).join("hosting");
        work::clear(&work);
        let capture = Capture::new(&env, work.clone());
        Self { env, config, environment, work, endpoints: RwLock::default(), capture, closing: AtomicBool::new(false) }
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
    /// Starts a deployment's servers in an endpoint's slot and gives them to `then` while no other deployment of the
    /// endpoint has its turn.
    async fn start(
        &self,
        endpoint: &EndpointKey,
        arn: &str,
        variants: &[VariantPlan],
        then: impl FnOnce(&Slot, Servers) -> Option<Servers> + Send,
    ) -> Result<(), String> {
        let slot = {
            let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
            endpoints.entry(endpoint.clone()).or_insert_with(Slot::new).clone()
        };
        let one = slot.deploying.lock().await;
        let mut removed = slot.removed.subscribe();
        let order = Order {
            env: &self.env,
            config: &self.config,
            environment: &*self.environment,
            endpoint,
            arn,
            work: work::new(&self.work),
            logs: Logs::Endpoint,
        };
        let mut fleet = Fleet::new(order.work.clone());
        let ready = tokio::select! {
            biased;
            _ = removed.wait_for(|removed| *removed) => Err("The endpoint was deleted while it was deployed.".to_owned()),
            ready = fleet.start(&order, variants) => ready,
        };
        match ready {
            Ok(generation) => {
                if let Some((_, left)) = then(&slot, (generation, fleet)) {
                    left.stop().await;
                }
                Ok(())
            }
            Err(reason) => {
                fleet.stop().await;
                drop(one);
                self.unless_closing().await;
                Err(reason)
            }
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
    async fn deploy(&self, endpoint: EndpointKey, arn: String, variants: Vec<VariantPlan>) -> Result<(), String> {
        let serve = |slot: &Slot, servers| {
            slot.swap(Some(servers));
            None
        };
        self.start(&endpoint, &arn, &variants, serve).await
    }

    async fn bring_up(&self, endpoint: EndpointKey, arn: String, variants: Vec<VariantPlan>) -> Result<(), String> {
        self.start(&endpoint, &arn, &variants, |slot, servers| slot.ready().replace(servers)).await
    }

    async fn shift(&self, endpoint: &EndpointKey) -> Result<(), String> {
        if let Some(slot) = self.slot(endpoint) {
            let _one = slot.deploying.lock().await;
            let ready = slot.ready().take();
            if let Some(servers) = ready {
                slot.swap(Some(servers));
                return Ok(());
            }
        }
        self.unless_closing().await;
        Err("The servers of the update were stopped before they got traffic.".to_owned())
    }

    fn set_weights(&self, endpoint: &EndpointKey, weights: &[(String, f64)]) {
        if let Some(generation) = self.slot(endpoint).and_then(|slot| slot.generation()) {
            generation.set_weights(weights);
        }
    }

    async fn flush(&self, _endpoint: &EndpointKey) {
        self.capture.flush().await;
    }

    async fn remove(&self, endpoint: &EndpointKey) {
        let slot = self.endpoints.write().unwrap_or_else(PoisonError::into_inner).remove(endpoint);
        let Some(slot) = slot else { return };
        slot.removed.send_replace(true);
        // A deployment under way sees it, stops what it started, and lets go.
        let _one = slot.deploying.lock().await;
        slot.swap(None);
        let ready = slot.ready().take();
        if let Some((_, fleet)) = ready {
            fleet.stop().await;
        }
        let retiring = std::mem::take(&mut *slot.retiring.lock().unwrap_or_else(PoisonError::into_inner));
        futures_util::future::join_all(retiring).await;
        self.capture.flush().await;
    }
}
