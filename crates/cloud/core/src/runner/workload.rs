//! What is to be run: a value that knows of no process, container engine or cluster.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Where SageMaker's containers find their data.
pub const OPT_ML: &str = "/opt/ml";

/// One container to run.
#[derive(Debug, Clone)]
pub struct Workload {
    /// What it is run for; unique among all that run.
    pub labels: Labels,
    /// Image URI as the user gave it.
    pub image: String,
    /// Replaces the image's entrypoint, as Docker does.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments: `["train"]`, `["serve"]`, or the user's own.
    pub arguments: Vec<String>,
    /// Environment of the container contract, credentials included where it is to have any.
    pub environment: BTreeMap<String, String>,
    /// What it sees of this machine's files.
    pub mounts: Vec<Mount>,
    /// Whether it must listen for requests, and where.
    pub port: Port,
    /// Names that its programs can look up, where the runner allows it; all are of this machine.
    pub hosts: Vec<(String, Ipv4Addr)>,
    /// What it would have in AWS.
    pub resources: Resources,
    /// It is cut off, as `EnableNetworkIsolation` asks, as far as the runner can: see [`Capabilities`].
    pub isolated: bool,
}

impl Workload {
    /// Whether it runs a script of the user's, or a command line of theirs, where the image may also have an algorithm.
    #[must_use]
    pub fn runs_script(&self) -> bool {
        self.entrypoint.is_some() || names_script(&self.environment)
    }

    /// The mount that the container sees at this path.
    #[must_use]
    pub fn mount(&self, path: impl AsRef<Path>) -> Option<&Mount> {
        self.mounts.iter().find(|mount| mount.path == path.as_ref())
    }
}

/// Whether the environment of a container names a script of the user's, as AWS's toolkits read it: before the container
/// starts, or as they hand it on.
#[must_use]
pub fn names_script(environment: &BTreeMap<String, String>) -> bool {
    ["SAGEMAKER_PROGRAM", "SM_USER_ENTRY_POINT"]
        .iter()
        .any(|name| environment.get(*name).is_some_and(|v| !v.is_empty()))
}

/// What a workload is run for. By its labels a runner finds it again, also for the next process of the same cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels {
    /// Account id.
    pub account: String,
    /// ARN of the job or endpoint.
    pub arn: String,
    /// Which of its hosts or servers: `algo-1`, `AllTraffic/i-0123/0`.
    pub host: String,
    /// Which run of the job, or start of the server: higher for each.
    pub epoch: u64,
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} (run {})", self.arn, self.host, self.epoch)
    }
}

/// A file or folder of this machine in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Here.
    pub source: PathBuf,
    /// In the container.
    pub path: PathBuf,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

impl Mount {
    /// The folder that the container sees as `/opt/ml`.
    #[must_use]
    pub fn opt_ml(source: impl Into<PathBuf>) -> Self {
        Self { source: source.into(), path: OPT_ML.into(), read_only: false }
    }
}

/// The port of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// It takes no requests.
    None,
    /// Kept from other programs for it, where the system can do that. It must bind with `SO_REUSEADDR`, as servers do.
    Held,
    /// Free at its start; another program may take it first.
    Free,
}

/// Hints: what the instance would have in AWS, where it is known. No runner needs to give so much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resources {
    /// Virtual processors.
    pub cpus: Option<u32>,
    /// Bytes of memory.
    pub memory: Option<u64>,
}

impl Resources {
    /// By the rule of AWS's instance sizes: `large` has two virtual processors, `xlarge` four, `2xlarge` eight; the
    /// families `c`, `m` and `r` have 2, 4 and 8 GiB of memory for each.
    #[must_use]
    pub fn of_instance(instance_type: &str) -> Self {
        let mut parts = instance_type.trim_start_matches("ml.").split('.');
        let (family, size) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let cpus = match size {
            "medium" | "large" => Some(2),
            "xlarge" => Some(4),
            size => size.strip_suffix("xlarge").and_then(|n| n.parse::<u32>().ok()).and_then(|n| n.checked_mul(4)),
        };
        let (letter, generation) = family.split_at_checked(1).unwrap_or_default();
        let gib = match letter {
            "c" => Some(2),
            "m" => Some(4),
            "r" => Some(8),
            _ => None,
        };
        let gib = gib.filter(|_| generation.starts_with(|c: char| c.is_ascii_digit()));
        let memory = cpus.zip(gib).and_then(|(cpus, gib)| (u64::from(cpus) * gib).checked_mul(1 << 30));
        Self { cpus, memory }
    }
}

/// What a runner can do. What it cannot is told in `docs/security.md`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Programs find mounts at their paths; elsewhere only through `SAGEMAKER_BASE_DIR`.
    pub paths: bool,
    /// Programs of isolated workloads cannot read the cloud's own files, its environment, or other workloads.
    pub hides_cloud: bool,
    /// Isolated workloads have no network.
    pub network_isolation: bool,
    /// Workloads get no more than their resources.
    pub resource_limits: bool,
    /// Workloads outlive the cloud's process, and the next one takes them up. Otherwise what was left is ended.
    pub reattach: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_instances_follow_their_names() {
        for (name, cpus, gib) in [
            ("ml.m5.large", Some(2), Some(8)),
            ("ml.c5.9xlarge", Some(36), Some(72)),
            ("ml.r5.2xlarge", Some(8), Some(64)),
            ("ml.t3.medium", Some(2), None),
            ("ml.g4dn.xlarge", Some(4), None),
            ("ml.m5.4294967295xlarge", None, None),
            ("ml.é.large", Some(2), None),
            ("local", None, None),
            ("", None, None),
        ] {
            let memory = gib.map(|gib: u64| gib << 30);
            assert_eq!(Resources::of_instance(name), Resources { cpus, memory }, "{name}");
        }
    }
}
