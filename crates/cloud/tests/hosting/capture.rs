//! Captured data while the bucket takes nothing: answers wait, memory is bounded, and what is lost is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use sagewright_cloud::api::Handler;
use sagewright_cloud::env::Env;
use sagewright_cloud::hosting::{Hosting, HostingConfig};
use sagewright_cloud::runner::NoEnvironment;
use sagewright_cloud::sagemaker::ports::{CapturePlan, Host, VariantPlan};
use serde_json::{Value, json};

use crate::runner_support::{Machine, soon};
use crate::support::{GROUP, SERVER, WatchedObjects, call, deploy, key, named};

/// What a bucket takes nothing before.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        drop(self.opened.wait_while(self.is_open.lock().unwrap(), |open| !*open).unwrap());
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
/// Of each request: 64 MiB have room for 13 of them.
const BODY: usize = 5_000_000;
const ROOM: usize = 13;
/// One file at a time is on its way to the bucket, and what is in it takes no room any more: at most twice the room is
/// answered before a request waits.
const ASKED: usize = 2 * ROOM + 4;

struct Stage {
    machine: Machine,
    bucket: Arc<Gate>,
    hosting: Arc<Hosting>,
    answered: Arc<AtomicUsize>,
}

async fn stage() -> Stage {
    let mut machine = Machine::new();
    let image = machine.python("server", SERVER);
    machine.objects.make_bucket("captured");
    let bucket = Arc::new(Gate::default());
    let before = Arc::clone(&bucket);
    let objects = WatchedObjects {
        inner: machine.objects.clone(),
        before: Box::new(move || before.wait()),
        after: Box::new(|| ()),
    };
    let env = Env { objects: Arc::new(objects), ..machine.env() };
    let hosting = Arc::new(Hosting::new(env, Arc::new(NoEnvironment), HostingConfig::default()));
    let capture = CapturePlan {
        percentage: 100,
        bucket: "captured".into(),
        prefix: String::new(),
        input: true,
        output: false,
        csv: vec![],
        json: vec![],
    };
    deploy(&hosting, vec![VariantPlan { capture: Some(capture), ..named(&image, "a", 1.0) }]).await.unwrap();
    Stage { machine, bucket, hosting, answered: Arc::default() }
}

/// A test that fails would wait for a write for ever.
impl Drop for Stage {
    fn drop(&mut self) {
        self.bucket.open();
    }
}

impl Stage {
    /// Sends requests one after the other.
    fn ask(&self, count: usize) -> tokio::task::JoinHandle<()> {
        let (hosting, answered) = (Arc::clone(&self.hosting), Arc::clone(&self.answered));
        tokio::spawn(async move {
            for _ in 0..count {
                let call = call("InvokeEndpoint", json!({"EndpointName": "e"}), vec![b'x'; BODY]);
                hosting.call(call).await.unwrap();
                answered.fetch_add(1, Ordering::SeqCst);
            }
        })
    }

    /// What is in the bucket in the end.
    async fn captured(&self) -> usize {
        soon("the end of the endpoint", self.hosting.remove(&key())).await;
        let objects = &self.machine.objects;
        let lines = |key: &String| {
            let text = String::from_utf8(objects.get("captured", key).unwrap()).unwrap();
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            lines.len()
        };
        objects.keys("captured").iter().map(lines).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_wait_for_the_bucket_and_nothing_is_lost() {
    let stage = stage().await;
    let asking = stage.ask(ASKED);
    soon("a request that waits for room", stage.machine.clock.sleeping(PATIENCE)).await;
    let answered = stage.answered.load(Ordering::SeqCst);
    assert!((ROOM..=2 * ROOM).contains(&answered), "{answered}");
    stage.bucket.open();
    soon("all answers", asking).await.unwrap();
    assert_eq!(stage.captured().await, ASKED);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_find_no_room_are_answered_in_the_end_and_their_loss_is_told() {
    let stage = stage().await;
    let mut asking = stage.ask(ASKED);
    let all = async {
        loop {
            tokio::select! {
                done = &mut asking => break done.unwrap(),
                () = stage.machine.clock.sleeping(PATIENCE) => stage.machine.clock.advance(PATIENCE),
            }
        }
    };
    soon("all answers", all).await;
    stage.bucket.open();
    let captured = stage.captured().await;
    let told = |line: &String| {
        let count = line.strip_prefix("Data capture: ").and_then(|rest| {
            rest.strip_suffix(" requests are not in S3: they could not be written as fast as they came")
        });
        count.unwrap_or_else(|| panic!("{line}")).parse::<usize>().unwrap()
    };
    let lost: usize = stage.machine.lines(GROUP, "a/data-capture").iter().map(told).sum();
    assert!(lost > 0, "{captured} of {ASKED} are in the bucket");
    assert_eq!(captured + lost, ASKED);
}
