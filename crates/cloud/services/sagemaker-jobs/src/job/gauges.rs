//! What the hosts of a job take of this machine, as CloudWatch has it: dimension `Host`, `JOB/algo-1`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sagewright_cloud_core::env::Env;
use sagewright_cloud_core::metrics::{Metric, Series};
use sagewright_cloud_core::runner::{Meter, Usage};
use sagewright_cloud_sagemaker_base::JobTask;

/// When a host is measured first; then each time after as long a while as it has run, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);

/// The hosts of a job.
pub struct Gauges {
    env: Env,
    folder: PathBuf,
    hosts: Vec<Host>,
}

struct Host {
    meter: Meter,
    cpu: Series,
    memory: Series,
    disk: Series,
    last: Usage,
    at: Instant,
}

impl Gauges {
    /// Of hosts with what measures them, where there is something. Their files are below `folder`.
    pub fn new<'h>(
        env: &Env,
        task: &JobTask,
        namespace: &str,
        folder: PathBuf,
        hosts: impl Iterator<Item = (&'h str, Option<Meter>)>,
    ) -> Self {
        let host = |(name, meter): (&str, Option<Meter>)| {
            let series = |metric: &str| {
                let metric = Metric::new(&task.account, &task.region, namespace, metric);
                env.metrics.series(metric.with("Host", &format!("{}/{name}", task.name)), "Percent")
            };
            Some(Host {
                meter: meter?,
                cpu: series("CPUUtilization"),
                memory: series("MemoryUtilization"),
                disk: series("DiskUtilization"),
                last: Usage::default(),
                at: Instant::now(),
            })
        };
        let hosts = hosts.filter_map(host).collect();
        Self { env: env.clone(), folder, hosts }
    }

    /// Measures for ever.
    pub async fn run(mut self) -> Infallible {
        if self.hosts.is_empty() {
            std::future::pending::<()>().await;
        }
        let mut pause = FIRST;
        loop {
            self.env.wall.sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
            let measured = tokio::task::spawn_blocking(move || {
                self.measure();
                self
            });
            match measured.await {
                Ok(gauges) => self = gauges,
                Err(_) => return std::future::pending().await,
            }
        }
    }

    fn measure(&mut self) {
        let now = self.env.sim.now();
        let disk = rustix::fs::statvfs(&self.folder).ok();
        let disk = disk.map(|disk| full(disk.f_blocks, disk.f_bfree));
        for host in &mut self.hosts {
            let Some(usage) = (host.meter)() else { continue };
            let (passed, took) = (host.at.elapsed(), usage.cpu.saturating_sub(host.last.cpu));
            (host.last, host.at) = (usage, Instant::now());
            if !passed.is_zero() {
                host.cpu.add(now, busy(took, passed));
            }
            if usage.machine > 0 {
                host.memory.add(now, share(usage.memory, usage.machine));
            }
            if let Some(disk) = disk {
                host.disk.add(now, disk);
            }
        }
    }
}

/// Computing time in percent of the time that passed: 200 for two processors.
fn busy(took: Duration, passed: Duration) -> f64 {
    100.0 * took.as_secs_f64() / passed.as_secs_f64()
}

/// How much of a disk is taken, in percent.
fn full(blocks: u64, free: u64) -> f64 {
    share(blocks.saturating_sub(free), blocks)
}

/// In percent.
#[allow(clippy::cast_precision_loss)] // of no matter in a share
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_in_percent() {
        let seconds = Duration::from_secs;
        let told = [busy(seconds(3), seconds(2)), full(8, 2), full(0, 0), share(1, 4)];
        for (told, expected) in told.into_iter().zip([150.0, 75.0, 0.0, 25.0]) {
            assert!((told - expected).abs() < 1e-9, "{told} is not {expected}");
        }
    }
}
