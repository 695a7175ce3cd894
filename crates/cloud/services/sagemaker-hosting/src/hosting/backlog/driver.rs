//! Takes requests out of an endpoint's queue, as far as its instances have room.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::super::outstanding::Held;
use super::super::routing::{Instance, Variant};
use super::Slot;
use super::meter::{Counters, Gauges};
use super::queue::{Queue, Waiting};
use super::request::{self, KIND, Request};
use super::work::{self, End};
use sagewright_cloud_core::clock::SimTime;
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::outbox::Outbox;
use sagewright_cloud_core::records::{Filter, Query, StoreError};
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

/// Records that are read at a time.
pub(super) const PAGE: usize = 200;
/// Requests that one instance works on at the same time, where the configuration does not say. AWS chooses a number itself.
const CONCURRENT: u32 = 4;
/// How long requests wait that no instance can take, or a store that failed, on the machine's clock.
const AGAIN: Duration = Duration::from_secs(1);
/// How often metrics are sampled, in milliseconds of AWS's time.
const SAMPLE: i64 = 60_000;

/// What works for an endpoint.
pub(super) struct Driver {
    pub env: Env,
    pub outbox: Outbox,
    pub work: PathBuf,
    pub endpoint: EndpointKey,
    pub slot: Arc<Slot>,
    pub queue: Arc<Queue>,
    pub counters: Mutex<HashMap<String, Arc<Counters>>>,
}

/// An instance that has room for one more request, and keeps it.
pub(super) struct Place {
    /// Name of the variant.
    pub variant: String,
    pub instance: Arc<Instance>,
    _held: Held,
}

impl Driver {
    /// Works until it is aborted.
    pub async fn run(self: Arc<Self>) {
        while let Err(error) = self.load().await {
            tracing::error!(endpoint = self.endpoint.name, %error, "the queue of an endpoint cannot be read; trying again");
            self.env.wall.sleep(AGAIN).await;
        }
        let gauges = Gauges::new(&self.env, &self.endpoint);
        let mut sampled = self.now() + SAMPLE;
        // What is under way ends with this.
        let mut tasks = JoinSet::new();
        loop {
            while let Some((name, _)) = self.queue.take_expired(self.now()) {
                let driver = self.clone();
                tasks.spawn(async move {
                    work::expire(&driver, &name).await;
                    driver.queue.finish(None);
                });
            }
            while !self.queue.is_empty()
                && let Some(place) = self.place()
                && let Some((name, waiting)) = self.queue.take()
            {
                tasks.spawn(self.clone().process(place, name, waiting));
            }
            let expiry = self.queue.next_expiry().unwrap_or(i64::MAX);
            let waits = !self.queue.is_empty();
            tokio::select! {
                () = self.queue.changed() => {}
                Some(_) = tasks.join_next() => {}
                () = self.env.sim.sleep_until(SimTime::from_millisecond(expiry.min(sampled))) => {}
                () = self.env.wall.sleep(AGAIN), if waits => {}
            }
            let now = self.now();
            if now >= sampled {
                let (requests, oldest) = self.queue.size();
                gauges.sample(requests, oldest, self.instances());
                sampled = now + SAMPLE;
            }
        }
    }

    async fn process(self: Arc<Self>, place: Place, name: String, waiting: Waiting) {
        let end = work::process(&self, &place, &name).await;
        drop(place);
        self.queue.finish((end == End::Again).then_some((name, waiting)));
    }

    pub fn now(&self) -> i64 {
        self.env.sim.now().as_millisecond()
    }

    /// What is counted of a variant's requests.
    pub fn counters(&self, variant: &str) -> Arc<Counters> {
        let mut all = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Counters::new(&self.env, &self.endpoint, variant));
        all.entry(variant.to_owned()).or_insert_with(new).clone()
    }

    /// Puts what is in the store into the queue.
    async fn load(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let found = self.env.store.find(Query { after, limit: PAGE, ..all(&self.endpoint) }).await?;
            for found in &found {
                match Request::of(&found.record) {
                    Some(Request { received, expires, .. }) => {
                        self.queue.push(found.record.key.name.clone(), Waiting { received, expires });
                    }
                    None => tracing::error!(request = found.record.key.name, "a stored request is damaged"),
                }
            }
            match found.into_iter().nth(PAGE - 1) {
                Some(last) => after = Some((last.position, last.tie)),
                None => return Ok(()),
            }
        }
    }

    /// The variant whose turn it is, of those with room, and its instance with the fewest requests.
    fn place(&self) -> Option<Place> {
        let routes = self.slot.routes()?;
        let variant = routes.pick_if(&|variant| free(variant).is_some())?;
        let instance = free(variant)?.clone();
        let held = instance.outstanding.hold();
        Some(Place { variant: variant.name.clone(), instance, _held: held })
    }

    fn instances(&self) -> u32 {
        let count = |variant: &Variant| variant.instances.iter().filter(|instance| instance.usable()).count();
        let all = self.slot.routes().map_or(0, |routes| routes.variants().map(count).sum());
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// The variant by which requests are counted that none has begun.
    pub fn first_variant(&self) -> Option<String> {
        Some(self.slot.routes()?.variants().next()?.name.clone())
    }
}

/// The instance with the fewest requests, where it has room. One that may have died takes none until it answers a ping.
fn free(variant: &Variant) -> Option<&Arc<Instance>> {
    let most = variant.serving.asynchronous.as_ref().and_then(|plan| plan.concurrent).unwrap_or(CONCURRENT);
    let ready = variant.instances.iter().filter(|instance| instance.ready());
    let fewest = ready.min_by_key(|instance| instance.outstanding.count());
    fewest.filter(|instance| instance.outstanding.count() < most as usize)
}

/// All requests of an endpoint.
pub(super) fn all(endpoint: &EndpointKey) -> Query {
    let filters = vec![Filter::NameStarts(request::prefix(endpoint))];
    Query { filters, ..Query::all(&endpoint.account, &endpoint.region, KIND) }
}
