//! Reads a request log.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use sagewright_cloud::server::record::{FORMAT, VERSION};
use serde::Deserialize;
use serde_json::Value;

use crate::exit::{Exit, Failure};

/// The longest line, in bytes, that is read.
const LONGEST: u64 = 64 * 1024 * 1024;

/// A request as it was recorded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recorded {
    /// Place among the requests of one start of the cloud.
    pub(super) n: u64,
    pub(super) time: Timestamp,
    #[serde(default)]
    pub(super) region: String,
    pub(super) service: Option<String>,
    pub(super) operation: Option<String>,
    /// Method and path of what was not understood.
    pub(super) request: Option<String>,
    pub(super) input: Option<Value>,
    #[serde(default)]
    pub(super) masked: Vec<String>,
    pub(super) body: Option<Content>,
    pub(super) status: u16,
    pub(super) code: Option<String>,
    pub(super) output: Option<Value>,
    pub(super) answer: Option<Content>,
    #[serde(default)]
    pub(super) cut_off: bool,
}

/// Content of an object.
#[derive(Debug, Deserialize)]
pub(super) struct Content {
    pub(super) bytes: u64,
    pub(super) sha256: Option<String>,
    pub(super) base64: Option<String>,
}

/// A whole log, in the order in which requests came in.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) requests: Vec<Recorded>,
    /// Lines that were not written to their end.
    pub(super) torn: usize,
    /// Requests that came too fast to be recorded.
    pub(super) left_out: u64,
    /// Why recording stopped, where the log says so.
    pub(super) stopped: Option<String>,
}

pub(super) fn read(path: &Path) -> anyhow::Result<Log> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut log = Log::default();
    let (mut starts, mut numbered) = (0_u32, Vec::new());
    loop {
        let mut line = Vec::new();
        let length = (&mut reader).take(LONGEST).read_until(b'\n', &mut line);
        if length.with_context(|| format!("cannot read {}", path.display()))? == 0 {
            break;
        }
        let value = serde_json::from_slice::<Value>(&line).unwrap_or_default();
        if starts == 0 || value.get("format").is_some() {
            begin(path, &value)?;
            starts += 1;
        } else if let Some(count) = value["leftOut"].as_u64() {
            log.left_out += count;
        } else if let Some(why) = value["stopped"].as_str() {
            log.stopped = Some(why.to_owned());
        } else if let Ok(request) = serde_json::from_value::<Recorded>(value) {
            numbered.push((starts, request));
        } else if !line.trim_ascii().is_empty() {
            log.torn += 1;
        }
    }
    if starts == 0 {
        begin(path, &Value::Null)?;
    }
    // Lines are written when requests end.
    numbered.sort_by_key(|(start, request)| (*start, request.n));
    log.requests = numbered.into_iter().map(|(_, request)| request).collect();
    Ok(log)
}

fn begin(path: &Path, header: &Value) -> Result<(), Failure> {
    let failed = |what: &str, help: &str| {
        Err(Failure::new(Exit::Failed, format!("{} {what}", path.display())).help(help.to_owned()))
    };
    match (header["format"].as_str(), header["version"].as_u64()) {
        (Some(FORMAT), Some(VERSION)) => Ok(()),
        (Some(FORMAT), _) => failed(
            &format!("is a request log of version {}, and version {VERSION} is read", header["version"]),
            "replay it with the version of sagewright that wrote it",
        ),
        _ => failed("is not a request log", "`sagewright local up --record FILE` writes one"),
    }
}
