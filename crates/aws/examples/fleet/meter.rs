//! What a phase needs: processor time, calls and memory of this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use sagewright_engine::{Call, Cloud, CloudError};
use serde_json::{Value, json};

use crate::Result;

/// A cloud that counts the calls by operation.
pub(crate) struct Counted {
    inner: Arc<dyn Cloud>,
    calls: Mutex<BTreeMap<String, u64>>,
}

impl Counted {
    pub(crate) fn new(inner: Arc<dyn Cloud>) -> Self {
        Self { inner, calls: Mutex::default() }
    }
}

#[async_trait::async_trait]
impl Cloud for Counted {
    async fn call(&self, call: Call) -> std::result::Result<Value, CloudError> {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(call.operation.clone()).or_default() += 1;
        self.inner.call(call).await
    }
}

/// Measures one phase after the other.
pub(crate) struct Meter {
    cloud: Arc<Counted>,
    objects: usize,
    cpu: Duration,
}

impl Meter {
    pub(crate) fn start(cloud: Arc<Counted>, objects: usize) -> Result<Self> {
        Ok(Self { cloud, objects, cpu: cpu()? })
    }

    /// Ends a phase: prints what it needed.
    pub(crate) fn lap(&mut self, phase: &str) -> Result<()> {
        let used = cpu()?.saturating_sub(self.cpu);
        let calls = std::mem::take(&mut *self.cloud.calls.lock().unwrap_or_else(PoisonError::into_inner));
        let line = json!({"phase": phase, "objects": self.objects, "cpuSeconds": used.as_secs_f64(),
            "calls": calls.values().sum::<u64>(), "byOperation": calls, "peakMegabytes": memory("VmHWM:"),
            "megabytes": memory("VmRSS:")});
        println!("{line}");
        self.cpu = cpu()?;
        Ok(())
    }
}

/// Processor time of this process.
fn cpu() -> Result<Duration> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Ok(Duration::new(time.tv_sec.try_into()?, time.tv_nsec.try_into()?))
}

/// Memory of this process, where the system tells it, in megabytes.
fn memory(what: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}
