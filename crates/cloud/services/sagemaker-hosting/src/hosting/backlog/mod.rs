//! Asynchronous inference: requests wait in a queue, and what the model makes of them goes to S3.
//!
//! A request is a record from its acknowledgement until what came of it is in S3; a process that dies meanwhile leaves it
//! to the next one, which does it again from the start. So each is done at least once, and its output is always the same
//! object. One task for each endpoint takes requests out of the queue, as far as the endpoint's instances have room.

mod driver;
mod location;
mod meter;
mod notification;
mod queue;
mod request;
mod work;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{Slot, errors};
use driver::Driver;
use location::Locations;
use queue::{Queue, Waiting};
use request::Request;
use sagewright_cloud_core::api::{ApiError, Call, Output};
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::outbox::Outbox;
use sagewright_cloud_core::records::{Query, Write};
use sagewright_cloud_sagemaker_base::ports::EndpointKey;
use sagewright_cloud_sagemaker_base::serving::AsyncPlan;
use serde_json::{Map, Value, json};

/// How old a request may become in the queue, where it does not say.
const TTL_SECONDS: u64 = 21_600;
/// How long the model may take, where the request does not say.
const TIMEOUT_SECONDS: u64 = 900;

/// The queues of all endpoints.
pub(super) struct Backlog {
    env: Env,
    outbox: Outbox,
    work: PathBuf,
    queues: Mutex<HashMap<EndpointKey, Attended>>,
}

/// A queue, and who takes requests out of it.
#[derive(Default)]
struct Attended {
    queue: Arc<Queue>,
    driver: Option<JoinHandle<()>>,
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

impl Backlog {
    pub fn new(env: &Env, outbox: Outbox, work: PathBuf) -> Self {
        Self { env: env.clone(), outbox, work, queues: Mutex::default() }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<EndpointKey, Attended>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers `InvokeEndpointAsync`: complete when the request outlives this process.
    ///
    /// # Errors
    /// The request says too much or too little, or could not be written.
    pub async fn take(
        &self,
        endpoint: &EndpointKey,
        slot: &Slot,
        plan: &AsyncPlan,
        call: &Call,
    ) -> Result<Output, ApiError> {
        match (call.payload.is_empty(), call.text("InputLocation")) {
            (true, Some(uri)) if location::object(uri).is_none() => {
                return Err(errors::validation(format!("InputLocation {uri} is not an object in Amazon S3.")));
            }
            (true, Some(_)) | (false, None) => {}
            (true, None) => {
                return Err(errors::validation("Exactly one of Body and InputLocation must be given: none is."));
            }
            (false, Some(_)) => {
                return Err(errors::validation("Exactly one of Body and InputLocation must be given: both are."));
            }
        }
        let id = Uuid::new_v4().to_string();
        let number = |member: &str, default| call.input.get(member).and_then(Value::as_u64).unwrap_or(default);
        let Locations { output, failure } =
            Locations::of(plan, call.text("S3OutputPathExtension"), call.text("Filename"), &id);
        let received = self.env.sim.now().as_millisecond();
        let ttl = i64::try_from(number("RequestTTLSeconds", TTL_SECONDS)).unwrap_or(i64::MAX / 1000);
        let inference_id = call.text("InferenceId").map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let mut input = call.input.clone();
        input["InferenceId"] = json!(inference_id);
        let request = Request {
            input,
            body: (!call.payload.is_empty()).then(|| request::kept(&call.payload)),
            inference_id,
            received,
            expires: received.saturating_add(ttl.saturating_mul(1000)),
            timeout_seconds: number("InvocationTimeoutSeconds", TIMEOUT_SECONDS),
            output,
            failure,
            success_topic: plan.success.clone(),
            error_topic: plan.error.clone(),
        };
        let record = request.record(endpoint, &id);
        let key = record.key.clone();
        self.env.store.write(Write::Insert(record)).await?;
        if slot.removed() {
            // Nobody would do it, or the next endpoint of that name would.
            self.env.store.delete(&key).await?;
            return Err(errors::no_endpoint(endpoint));
        }
        self.queue(endpoint).push(key.name, Waiting { received, expires: request.expires });
        let mut value = Map::new();
        value.insert("InferenceId".to_owned(), json!(request.inference_id));
        value.insert("OutputLocation".to_owned(), json!(request.output));
        value.extend(request.failure.map(|uri| ("FailureLocation".to_owned(), json!(uri))));
        Ok(Value::Object(value).into())
    }

    fn queue(&self, endpoint: &EndpointKey) -> Arc<Queue> {
        self.queues().entry(endpoint.clone()).or_default().queue.clone()
    }

    /// Has somebody take requests out of an endpoint's queue from now on, where it has one. What an earlier process left
    /// comes first.
    pub fn attend_if(&self, asynchronous: bool, endpoint: &EndpointKey, slot: &Arc<Slot>) {
        let mut queues = self.queues();
        // Requests that came before an update to real time are done after it, too.
        if !asynchronous && !queues.contains_key(endpoint) {
            return;
        }
        let attended = queues.entry(endpoint.clone()).or_default();
        if attended.driver.is_none() {
            let driver = Driver {
                env: self.env.clone(),
                outbox: self.outbox.clone(),
                work: self.work.clone(),
                endpoint: endpoint.clone(),
                slot: slot.clone(),
                queue: attended.queue.clone(),
                counters: Mutex::default(),
            };
            attended.driver = Some(tokio::spawn(Arc::new(driver).run()));
        }
        attended.queue.wake();
    }

    /// Ends all work for an endpoint. Its requests stay for the next process, unless they are to be `dropped`.
    pub async fn leave(&self, endpoint: &EndpointKey, dropped: bool) {
        let attended = self.queues().remove(endpoint);
        if let Some(driver) = attended.and_then(|mut attended| attended.driver.take()) {
            driver.abort();
            let _ = driver.await;
        }
        if dropped && let Err(error) = self.drop_requests(endpoint).await {
            tracing::warn!(endpoint = endpoint.name, %error, "requests of a deleted endpoint are still there");
        }
    }

    async fn drop_requests(&self, endpoint: &EndpointKey) -> Result<(), sagewright_cloud_core::records::StoreError> {
        loop {
            let found = self.env.store.find(Query { limit: driver::PAGE, ..driver::all(endpoint) }).await?;
            for found in &found {
                self.env.store.delete(&found.record.key).await?;
            }
            if found.len() < driver::PAGE {
                return Ok(());
            }
        }
    }
}
