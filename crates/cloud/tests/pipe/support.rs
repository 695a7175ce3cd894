//! Channels that are streamed, and programs that read them.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sagewright_cloud::sagemaker::ports::TrainingEnd;
use serde_json::{Value, json};

use crate::runner_support::Machine;
use crate::training_support::{GROUP, channel, merge, request, start};

/// More than a pipe holds.
pub const LARGE: usize = 1_000_000;

/// Reads epochs of channels, each to its end, in the order of the arguments, into files of the model.
pub const READER: &str = r#"
import os, sys
base = os.environ["SAGEMAKER_BASE_DIR"]
def read(name):
    with open(f"{base}/input/data/{name}", "rb") as pipe:
        return pipe.read()
def keep(name, content):
    with open(f"{base}/model/{name}", "wb") as file:
        file.write(content)
"#;

pub fn piped(name: &str, uri: &str, more: Value) -> Value {
    merge(merge(channel(name, uri), json!({"InputMode": "Pipe"})), more)
}

pub fn with_source(mut channel: Value, more: Value) -> Value {
    let source = &mut channel["DataSource"]["S3DataSource"];
    *source = merge(source.take(), more);
    channel
}

pub fn inputs(channels: &[Value]) -> Value {
    json!({"InputDataConfig": channels})
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(content).unwrap();
    gz.finish().unwrap()
}

/// Bytes of which no two neighbouring parts are the same.
pub fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| ((n * 31) ^ (n >> 8)) as u8).collect()
}

/// Runs a program that reads pipes, and gives the files of its model.
pub async fn read(machine: &mut Machine, program: &str, more: Value) -> BTreeMap<String, Vec<u8>> {
    let image = machine.python("reader", &format!("{READER}{program}"));
    let (end, _) = start(machine, merge(request(&image), more)).end().await;
    assert!(matches!(end, TrainingEnd::Completed { .. }), "{end:?}, {:?}", machine.lines(GROUP, "job/algo-1"));
    clean(machine);
    machine.objects.archive("out", "models/job/output/model.tar.gz")
}

/// Neither files nor descriptors nor threads are left of a machine's jobs.
pub fn clean(machine: &Machine) {
    let left: Vec<_> = std::fs::read_dir(machine.path("work/training")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    #[cfg(target_os = "linux")]
    {
        let ours = |path: &std::path::Path| path.starts_with(machine.dir.path());
        let open =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        let open: Vec<_> = open.filter(|path| ours(path)).collect();
        assert!(open.is_empty(), "{open:?}");
    }
}

/// Whether a thread serves a channel of this name, which only one test may use.
#[cfg(target_os = "linux")]
pub fn is_served(channel: &str) -> bool {
    let names = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.into_iter().any(|name| name.trim_end() == format!("pipe-{channel}"))
}

#[cfg(not(target_os = "linux"))]
pub fn is_served(_: &str) -> bool {
    false
}
