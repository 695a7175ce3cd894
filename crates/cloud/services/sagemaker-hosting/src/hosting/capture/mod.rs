//! Captured data: what callers sent and were answered, as JSON Lines in S3.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html>
//!
//! A request hands over what it has in memory anyway, and waits for nothing. What was handed over is written together a moment
//! later, an object for each variant and hour. Like AWS's, capture is best effort: what comes faster than it can be written, and
//! what a killed process had not written yet, is lost.

mod record;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use sagewright_cloud_core::api::Call;
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::objects::{ObjectError, Objects, put_bytes};
use sagewright_cloud_sagemaker_base::ports::{CapturePlan, EndpointKey};

use super::pool::Incoming;
pub(super) use record::Captured;
use record::{Part, Place};

/// How long what was captured waits for more, on the machine's clock.
const WAIT: Duration = Duration::from_secs(1);
/// Bytes that are written without waiting for more.
const ENOUGH: usize = 8 << 20;
/// Most bytes that wait to be written; what comes beyond is lost.
const MOST: usize = 64 << 20;

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
    waiting: Mutex<Waiting>,
    /// One writer at a time, so that who asks for a flush waits for what is being written as well.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    records: Vec<Captured>,
    bytes: usize,
    /// A task will write them.
    called: bool,
    /// Records that were lost since the last write.
    lost: u64,
}

impl Capture {
    pub fn new(env: &Env, work: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            objects: Arc::clone(&env.objects),
            env: env.clone(),
            wall: Arc::clone(&env.wall),
            work,
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was captured of a request that was answered now.
    pub fn take(self: &Arc<Self>, captured: Captured) {
        let captured = Captured { at: self.env.sim.now().timestamp(), ..captured };
        let mut waiting = self.waiting();
        let bytes = captured.bytes();
        if waiting.bytes + bytes > MOST {
            waiting.lost += 1;
            return;
        }
        let full = waiting.bytes < ENOUGH && waiting.bytes + bytes >= ENOUGH;
        waiting.bytes += bytes;
        waiting.records.push(captured);
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
        if lost > 0 {
            tracing::warn!(lost, "requests came faster than they could be captured");
        }
        if records.is_empty() {
            return;
        }
        let capture = Arc::clone(self);
        if let Err(error) = tokio::task::spawn_blocking(move || capture.write(records)).await {
            tracing::error!(%error, "captured data was lost");
        }
    }

    fn write(&self, records: Vec<Captured>) {
        let mut files: BTreeMap<(Place, String), Vec<Captured>> = BTreeMap::new();
        for record in records {
            files.entry((record.place.clone(), record.hour())).or_default().push(record);
        }
        for ((place, _), records) in files {
            let (Some(key), Some(plan)) = (records.first().map(Captured::key), records.first().map(|r| &r.plan)) else {
                continue;
            };
            let Place { endpoint, variant } = &place;
            if let Err(error) = self.put(&endpoint.account, &plan.bucket, &key, &records) {
                let count = records.len();
                tracing::warn!(endpoint = endpoint.name, variant, count, %error, "captured data was lost");
            }
        }
    }

    fn put(&self, account: &str, bucket: &str, key: &str, records: &[Captured]) -> Result<(), ObjectError> {
        let mut text = Vec::new();
        for record in records {
            text.extend_from_slice(record.line().as_bytes());
            text.push(b'\n');
        }
        put_bytes(&*self.objects, &self.work, account, (bucket, key), &text).map(drop)
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
