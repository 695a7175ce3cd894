//! Every step of a training job heeds a stop and the time limit at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod runner_support;
mod training_support;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use runner_support::{Machine, MemoryObjects};
use sagewright_cloud::env::Env;
use sagewright_cloud::objects::{ObjectError, ObjectInfo, Objects};
use sagewright_cloud::sagemaker::ports::TrainingEnd;
use serde_json::json;
use tokio::sync::mpsc;
use training_support::{channel, machine, merge, request, start_in};

/// A door that is shut until a test opens it.
#[derive(Default)]
struct Door(Mutex<bool>, Condvar);

impl Door {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// An S3 in which some objects never come to an end, and some writes wait.
struct Slow {
    inner: Arc<MemoryObjects>,
    /// Read for the key `endless`.
    endless: PathBuf,
    /// Writes below `ckpt/` wait here.
    door: Door,
    /// Tells which write waits.
    waits: mpsc::UnboundedSender<String>,
}

impl Objects for Slow {
    fn head(&self, account: &str, bucket: &str, key: &str) -> Result<ObjectInfo, ObjectError> {
        self.inner.head(account, bucket, key)
    }

    fn open(&self, account: &str, bucket: &str, key: &str) -> Result<(ObjectInfo, File), ObjectError> {
        let (info, file) = self.inner.open(account, bucket, key)?;
        Ok((info, if key.contains("endless") { File::open(&self.endless).unwrap() } else { file }))
    }

    fn list(&self, account: &str, bucket: &str, prefix: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        self.inner.list(account, bucket, prefix)
    }

    fn put_file(&self, account: &str, bucket: &str, key: &str, source: &Path) -> Result<ObjectInfo, ObjectError> {
        self.inner.put_file(account, bucket, key, source)
    }

    /// Checkpoints wait at the door, however much they are not wanted; a model is sent for as long as it is wanted.
    fn put_file_unless(
        &self,
        cancelled: &AtomicBool,
        account: &str,
        bucket: &str,
        key: &str,
        source: &Path,
    ) -> Result<Option<ObjectInfo>, ObjectError> {
        let _ = self.waits.send(key.to_owned());
        if key.starts_with("ckpt/") {
            self.door.pass();
        } else if key.starts_with("endless/") {
            while !cancelled.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            return Ok(None);
        }
        self.inner.put_file(account, bucket, key, source).map(Some)
    }
}

fn slow(machine: &Machine) -> (Env, Arc<Slow>, mpsc::UnboundedReceiver<String>) {
    let endless = machine.path("endless");
    assert!(std::process::Command::new("mkfifo").arg(&endless).status().unwrap().success());
    let (waits, waiting) = mpsc::unbounded_channel();
    let slow = Arc::new(Slow { inner: machine.objects.clone(), endless, door: Door::default(), waits });
    (Env { objects: slow.clone(), ..machine.env() }, slow, waiting)
}

/// Feeds the pipe for as long as somebody reads; tells when that has begun.
fn feed(pipe: PathBuf, piece: Vec<u8>) -> std::sync::mpsc::Receiver<()> {
    let (tell, begun) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut pipe = File::create(pipe).unwrap();
        let _ = tell.send(());
        while pipe.write_all(&piece).is_ok() {
            std::thread::yield_now();
        }
    });
    begun
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_without_end_heeds_a_stop_and_the_time_limit() {
    for (compression, piece) in [("None", vec![b'x'; 1024 * 1024]), ("Gzip", gzip(b"x"))] {
        for limit in [false, true] {
            let mut machine = machine();
            let image = machine.shell("never", "echo ran");
            let (env, slow, _) = slow(&machine);
            machine.objects.put("in", "data/endless.gz", "");
            let begun = feed(slow.endless.clone(), piece.clone());
            let input = merge(channel("train", "s3://in/data/"), json!({"CompressionType": compression}));
            let job = start_in(env, merge(request(&image), json!({"InputDataConfig": [input]})));
            tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
            if limit {
                machine.clock.sleeping(Duration::from_secs(3600)).await;
                machine.clock.advance(Duration::from_secs(3600));
            } else {
                job.stop.send_replace(true);
            }
            let (end, _) = job.end().await;
            assert_eq!(end, TrainingEnd::Stopped { artifacts: None, max_runtime: limit }, "{compression}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_of_a_checkpoint_holds_up_neither_a_stop_nor_the_time_limit() {
    for limit in [false, true] {
        let mut machine = machine();
        let image = machine.shell(
            "keeper",
            r#"
            echo one > "$SAGEMAKER_BASE_DIR/checkpoints/epoch-1"
            trap 'echo two > "$SAGEMAKER_BASE_DIR/checkpoints/epoch-2"; echo caught=1; exit 0' TERM
            echo ready=1; while :; do sleep 0.05; done
            "#,
        );
        let (env, slow, mut waiting) = slow(&machine);
        let more = json!({
            "CheckpointConfig": {"S3Uri": "s3://out/ckpt"},
            "AlgorithmSpecification": {
                "TrainingImage": image, "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "ready", "Regex": "ready=([0-9]+)"}, {"Name": "caught", "Regex": "caught=([0-9]+)"}],
            },
        });
        let mut job = start_in(env, merge(request(&image), more));
        job.metric("ready").await;
        machine.clock.sleeping(Duration::from_secs(10)).await;
        machine.clock.advance(Duration::from_secs(10));
        assert_eq!(waiting.recv().await.unwrap(), "ckpt/epoch-1");
        if limit {
            machine.clock.advance(Duration::from_secs(3600));
        } else {
            job.stop.send_replace(true);
        }
        // The program hears of it while the upload still waits.
        job.metric("caught").await;
        slow.door.open();
        let (end, _) = job.end().await;
        assert!(matches!(end, TrainingEnd::Stopped { max_runtime, .. } if max_runtime == limit), "{end:?}");
        let kept: Vec<_> = machine.objects.keys("out").into_iter().filter(|key| key.starts_with("ckpt/")).collect();
        assert_eq!(kept, ["ckpt/epoch-1", "ckpt/epoch-2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upload_of_a_model_heeds_a_stop_and_the_time_limit() {
    for limit in [false, true] {
        let mut machine = machine();
        let image = machine.shell("quick", "echo m > \"$SAGEMAKER_BASE_DIR/model/m\"");
        let (env, _, mut waiting) = slow(&machine);
        let output = json!({"OutputDataConfig": {"S3OutputPath": "s3://out/endless"}});
        let job = start_in(env, merge(request(&image), output));
        assert_eq!(waiting.recv().await.unwrap(), "endless/job/output/model.tar.gz");
        if limit {
            machine.clock.advance(Duration::from_secs(3600));
        } else {
            job.stop.send_replace(true);
        }
        let (end, _) = job.end().await;
        assert_eq!(end, TrainingEnd::Stopped { artifacts: None, max_runtime: limit });
        assert_eq!(machine.objects.keys("out"), Vec::<String>::new());
    }
}
