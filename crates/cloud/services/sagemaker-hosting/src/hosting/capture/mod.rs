//! Captured data: what callers sent and were answered, as JSON Lines in S3.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html>
//!
//! A request hands over what it has in memory anyway. What was handed over is written together a moment later, an object for each
//! variant and hour. Memory is bounded: while so much is to be written that there is no room, answers wait, so that callers slow
//! down to what the disk takes and no request is missed. What a killed process had not written yet is lost, and so is what the
//! bucket refuses; the latter counts in a metric and is told in the endpoint's log.

mod record;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use sagewright_cloud_core::api::Call;
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::logs::Event;
use sagewright_cloud_core::metrics::Metric;
use sagewright_cloud_core::objects::Objects;
use sagewright_cloud_core::work;
use sagewright_cloud_sagemaker_base::ports::{CapturePlan, EndpointKey};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::fleet::Logs;
use super::measure::NAMESPACE;
use super::pool::Incoming;
pub(super) use record::Captured;
use record::{Part, Place};

/// How long what was captured waits for more, on the machine's clock.
const WAIT: Duration = Duration::from_secs(1);
/// Bytes that are written without waiting for more.
const ENOUGH: usize = 8 << 20;
/// Most bytes that are in memory until they are written; who has more waits for room.
const MOST: usize = 64 << 20;
/// Room is counted in pieces of so many bytes.
const PIECE: usize = 1024;
/// How long an answer waits for room, on the machine's clock, before its request is given up: the disk has come to a standstill.
const PATIENCE: Duration = Duration::from_secs(30);
/// The metric of requests that were to be captured and are lost, beside those of the variant's invocations.
const LOST: &str = "DataCaptureLostRequests";

/// Which requests of a variant are captured, and how.
pub(super) struct Sampler {
    plan: Arc<CapturePlan>,
    turn: AtomicU64,
}

impl Sampler {
    pub fn new(plan: CapturePlan) -> Self {
        Self { plan: Arc::new(plan), turn: AtomicU64::new(0) }
    }

    /// Whether the next request is captured: exact shares, evenly mixed, without chance.
    pub fn takes(&self) -> bool {
        let share = u64::from(self.plan.percentage.min(100));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % 100;
        (turn * share) % 100 + share >= 100
    }

    /// What is kept of a request and its answer.
    pub fn captured(&self, endpoint: &EndpointKey, variant: &str, call: &Call, answer: &Incoming) -> Captured {
        let plan = &self.plan;
        let given = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let input = || Part { content_type: call.text("ContentType").map(str::to_owned), data: call.payload.clone() };
        Captured {
            plan: Arc::clone(plan),
            place: Place { endpoint: endpoint.clone(), variant: variant.to_owned() },
            at: Timestamp::UNIX_EPOCH,
            input: plan.input.then(input),
            output: plan.output.then(|| Part { content_type: given, data: answer.body.clone() }),
            attributes: call.text("CustomAttributes").map(str::to_owned),
            inference: call.text("InferenceId").map(str::to_owned),
        }
    }
}

/// Writes what is captured of all endpoints.
pub(super) struct Capture {
    objects: Arc<dyn Objects>,
    env: Env,
    wall: SharedWall,
    work: PathBuf,
    room: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    /// One writer at a time, so that who asks for a flush waits for what is being written as well.
    writing: tokio::sync::Mutex<()>,
}

/// A captured request, and its share of the room until it is written.
type Held = (Captured, OwnedSemaphorePermit);

#[derive(Default)]
struct Waiting {
    records: Vec<Held>,
    bytes: usize,
    /// A task will write them.
    called: bool,
    /// Requests that found no room since the last write.
    lost: BTreeMap<Place, usize>,
}

impl Capture {
    pub fn new(env: &Env, work: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            objects: Arc::clone(&env.objects),
            env: env.clone(),
            wall: Arc::clone(&env.wall),
            work,
            room: Arc::new(Semaphore::new(MOST / PIECE)),
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was captured of a request that was answered now; complete when there is room for it.
    pub async fn take(self: &Arc<Self>, captured: Captured) {
        let captured = Captured { at: self.env.sim.now().timestamp(), ..captured };
        let bytes = captured.bytes();
        let pieces = u32::try_from(bytes.min(MOST) / PIECE).unwrap_or(u32::MAX);
        let permit = match Arc::clone(&self.room).try_acquire_many_owned(pieces) {
            Ok(permit) => Some(permit),
            Err(_) => tokio::select! {
                biased;
                permit = Arc::clone(&self.room).acquire_many_owned(pieces) => permit.ok(),
                () = self.wall.sleep(PATIENCE) => None,
            },
        };
        let mut waiting = self.waiting();
        let before = waiting.bytes;
        match permit {
            Some(permit) => {
                waiting.bytes += bytes;
                waiting.records.push((captured, permit));
            }
            None => *waiting.lost.entry(captured.place).or_default() += 1,
        }
        let full = before < ENOUGH && waiting.bytes >= ENOUGH;
        if full || !std::mem::replace(&mut waiting.called, true) {
            drop(waiting);
            let capture = Arc::clone(self);
            tokio::spawn(async move {
                if !full {
                    capture.wall.sleep(WAIT).await;
                }
                capture.flush().await;
            });
        }
    }

    /// Writes all that waits, after what is being written.
    pub async fn flush(self: &Arc<Self>) {
        let _one = self.writing.lock().await;
        let Waiting { records, lost, .. } = std::mem::take(&mut *self.waiting());
        if records.is_empty() && lost.is_empty() {
            return;
        }
        let capture = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || {
            capture.write(records);
            for (place, count) in lost {
                capture.lost(&place, count, "they could not be written as fast as they came");
            }
        });
        if let Err(error) = written.await {
            tracing::error!(%error, "captured data was lost");
        }
    }

    fn write(&self, records: Vec<Held>) {
        let mut files: BTreeMap<(Place, String), Vec<Held>> = BTreeMap::new();
        for held in records {
            files.entry((held.0.place.clone(), held.0.hour())).or_default().push(held);
        }
        for ((place, _), records) in files {
            let count = records.len();
            if let Err(error) = self.put(&place.endpoint.account, records) {
                self.lost(&place, count, &error);
            }
        }
    }

    /// Writes the requests of a variant and hour; each gives its room free as soon as it is in the file.
    fn put(&self, account: &str, records: Vec<Held>) -> Result<(), String> {
        let Some((first, _)) = records.first() else { return Ok(()) };
        let (bucket, key) = (first.plan.bucket.clone(), first.key());
        let file = work::new(&self.work);
        let written = self.file(&file, records).map_err(|error| error.to_string());
        let put = written
            .and_then(|()| self.objects.put_file(account, &bucket, &key, &file).map_err(|error| error.to_string()));
        // The store may have taken it.
        let _ = fs::remove_file(&file);
        put.map(drop)
    }

    fn file(&self, path: &Path, records: Vec<Held>) -> io::Result<()> {
        fs::create_dir_all(&self.work)?;
        let mut file = BufWriter::new(File::create(path)?);
        for (record, _room) in records {
            serde_json::to_writer(&mut file, &record.line())?;
            file.write_all(b"\n")?;
        }
        file.flush()
    }

    /// Tells where people look that requests are missing in what was captured. The call blocks.
    fn lost(&self, place: &Place, count: usize, why: &str) {
        let Place { endpoint: EndpointKey { account, region, name }, variant } = place;
        tracing::warn!(endpoint = name, variant, count, why, "captured data was lost");
        let now = self.env.sim.now();
        let metric = Metric::new(account, region, NAMESPACE, LOST);
        let metric = metric.with("EndpointName", name).with("VariantName", variant);
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        self.env.metrics.series(metric, "Count").add(now, count as f64);
        let message = format!("Data capture: {count} requests are not in S3: {why}");
        let at = now.as_millisecond();
        let event = Event { timestamp: at, ingested: at, message };
        let (group, stream) = (Logs::Endpoint.group(name), format!("{variant}/data-capture"));
        if let Err(error) = self.env.logs.append(account, region, &group, &stream, &[event]) {
            tracing::warn!(%error, endpoint = name, "the endpoint's log could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_requests_is_taken_exactly() {
        for share in [0, 1, 20, 33, 50, 99, 100, 150] {
            let plan = CapturePlan {
                percentage: share,
                bucket: "b".to_owned(),
                prefix: String::new(),
                input: true,
                output: true,
                csv: vec![],
                json: vec![],
            };
            let sampler = Sampler::new(plan);
            let taken = (0..200).filter(|_| sampler.takes()).count();
            assert_eq!(taken, 2 * share.min(100) as usize, "{share} %");
        }
    }
}
