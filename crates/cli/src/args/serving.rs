//! The arguments of commands about endpoints that serve.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::duration;
use crate::rollout::Strategy;

/// How a model is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Asked {
    /// Content type of what is sent
    #[arg(long, value_name = "TYPE", default_value = "text/csv")]
    pub(crate) content_type: String,
    /// Content type wanted of the answer
    #[arg(long, value_name = "TYPE")]
    pub(crate) accept: Option<String>,
    /// Variant to invoke
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,
    /// Model to invoke, of an endpoint with many models: its archive's key below the model's ModelDataUrl
    #[arg(long, value_name = "KEY")]
    pub(crate) target_model: Option<String>,
}

/// `invoke`
#[derive(Debug, Clone, Args)]
pub(crate) struct Invoke {
    /// Endpoint
    pub(crate) endpoint: String,
    /// File to send, or - for standard input
    #[arg(long, value_name = "FILE|-", conflicts_with = "text")]
    pub(crate) body: Option<PathBuf>,
    /// Text to send
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Container to invoke, by its host name, where the model's inferenceExecutionConfig is Direct
    #[arg(long, value_name = "HOSTNAME")]
    pub(crate) container: Option<String>,
}

/// `load`
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// Endpoint
    pub(crate) endpoint: String,
    /// Requests a second. Each is sent at its planned time, whatever became of the ones before
    #[arg(long, value_name = "N", default_value = "10", value_parser = rate)]
    pub(crate) rate: f64,
    /// How long requests are sent, for example 90s or 30m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// File to send, folder whose files are sent in turn, or - for standard input
    #[arg(long, value_name = "FILE|DIR|-")]
    pub(crate) body: PathBuf,
    /// Send each line of the file as a request of its own, in turn
    #[arg(long)]
    pub(crate) lines: bool,
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Most requests that wait for an answer at a time; those that cannot be sent for it are counted as such
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) concurrency: u32,
    /// Exit with 1 where more than this share of the requests failed or could not be sent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) max_errors: Option<f64>,
    /// Exit with 1 where the 99th percentile of the latency is above this
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub(crate) max_p99: Option<f64>,
}

/// Requests a second.
fn rate(text: &str) -> Result<f64, String> {
    number(text, "a rate between 0 and 100000 requests a second", |rate| rate > 0.0 && rate <= 100_000.0)
}

fn percent(text: &str) -> Result<f64, String> {
    number(text.strip_suffix('%').unwrap_or(text), "a number of percent", |percent| (0.0..=100.0).contains(&percent))
}

fn milliseconds(text: &str) -> Result<f64, String> {
    number(text.strip_suffix("ms").unwrap_or(text), "a number of milliseconds", |ms| ms > 0.0 && ms.is_finite())
}

fn number(text: &str, wanted: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.parse().ok().filter(|number| fits(*number)).ok_or_else(|| format!("expected {wanted}"))
}

/// Of `get metrics`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Window {
    /// Of metrics: the time that is looked at, until now [default: 1h; of a job, from its start to its end]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) since: Option<Duration>,
    /// Of metrics: seconds of a period, whole minutes; -o wide and -o json show each
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = period)]
    pub(crate) period: i64,
}

/// A period of metrics, in seconds.
fn period(text: &str) -> Result<i64, String> {
    let fits = |period: &i64| *period > 0 && period % 60 == 0 && *period <= 86_400;
    text.parse().ok().filter(fits).ok_or_else(|| "expected a multiple of 60 seconds, at most 86400".to_owned())
}

/// How endpoints are updated.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rollout {
    /// Roll an endpoint's update out in steps: canary:10%@5m, linear:20%@5m, rolling:25%@1m or all-at-once, where its manifest has
    /// no deploymentConfig. A step is a share of the capacity or a number of instances; after @, what is waited between steps
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) strategy: Option<Strategy>,
    /// With --strategy: a CloudWatch alarm that rolls the update back; may be repeated
    #[arg(long = "alarm", value_name = "NAME", requires = "strategy")]
    pub(crate) alarms: Vec<String>,
}

/// `rollback`
#[derive(Debug, Clone, Args)]
pub(crate) struct Rollback {
    /// endpoint NAME, or Endpoint/NAME
    #[arg(required = true, num_args = 1..=2, value_name = "KIND NAME|KIND/NAME")]
    pub(crate) what: Vec<String>,
    /// Endpoint config to go back to [default: the one that was served before the present one]
    #[arg(long, value_name = "CONFIG")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) rollout: Rollout,
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask. Without a terminal, nothing is done without it
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Return when the call is accepted
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Give up waiting after this long; what was begun goes on
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

/// `traffic`
#[derive(Debug, Clone, Args)]
pub(crate) struct Traffic {
    /// Endpoint
    pub(crate) endpoint: String,
    /// Show it once; without a terminal, and for programs, it is always shown once
    #[arg(long)]
    pub(crate) once: bool,
    /// The time over which requests, errors and latency are taken, until now
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub(crate) since: Duration,
}

/// `report`
#[derive(Debug, Clone, Args)]
pub(crate) struct Report {
    /// endpoint NAME, or Endpoint/NAME
    #[arg(required = true, num_args = 1..=2, value_name = "KIND NAME|KIND/NAME")]
    pub(crate) what: Vec<String>,
    /// File to write: one page of HTML that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The time that is shown, until now
    #[arg(long, value_name = "DURATION", default_value = "3h", value_parser = duration)]
    pub(crate) since: Duration,
    /// Seconds of a period, whole minutes
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = period)]
    pub(crate) period: i64,
}
