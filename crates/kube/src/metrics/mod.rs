//! Metrics, under the names of ACK's runtime and of controller-runtime, and a few of our own.

mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sagewright_port::cloud::CloudError;

pub(crate) use text::CONTENT_TYPE;
use text::Text;

/// Bounds of the time that a look takes, in seconds, as controller-runtime has them.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Bounds of the age of events, in seconds.
const AGES: [f64; 9] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0];

/// Counts what the operator does.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
    dropped_events: AtomicU64,
}

#[derive(Debug, Default)]
struct Counts {
    calls: BTreeMap<(String, String), u64>,
    failed_calls: BTreeMap<(String, String, String), u64>,
    looks: BTreeMap<(&'static str, &'static str), u64>,
    times: BTreeMap<&'static str, Times<{ BOUNDS.len() }>>,
    writes: BTreeMap<(&'static str, &'static str), u64>,
    gauges: BTreeMap<&'static str, Gauges>,
    leads: Option<bool>,
    /// Of the queue of events, where there is one: whether it can be read, what became of its messages, and how old they were.
    queue: Option<bool>,
    messages: BTreeMap<&'static str, u64>,
    ages: Times<{ AGES.len() }>,
}

/// A distribution of times.
#[derive(Debug)]
struct Times<const N: usize> {
    within: [u64; N],
    count: u64,
    sum: f64,
}

impl<const N: usize> Default for Times<N> {
    fn default() -> Self {
        Self { within: [0; N], count: 0, sum: 0.0 }
    }
}

impl<const N: usize> Times<N> {
    fn add(&mut self, bounds: &[f64; N], took: Duration) {
        let seconds = took.as_secs_f64();
        self.count += 1;
        self.sum += seconds;
        for (within, bound) in self.within.iter_mut().zip(bounds) {
            *within += u64::from(seconds <= *bound);
        }
    }
}

/// How it stands with the objects of a kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gauges {
    pub(crate) objects: u64,
    pub(crate) settled: u64,
    pub(crate) due: u64,
    pub(crate) running: u64,
    pub(crate) at_once: u64,
}

/// A gauge: its name, the label that names the kind, what it means, and its value.
type Gauge = (&'static str, &'static str, &'static str, fn(&Gauges) -> u64);

/// ACK's word for what an operation does.
fn op_type(operation: &str) -> &'static str {
    let is = |verbs: &[&str]| verbs.iter().any(|verb| operation.starts_with(verb));
    if is(&["Create", "Start", "Register", "Put"]) {
        "CREATE"
    } else if is(&["Describe", "Get"]) {
        "READ_ONE"
    } else if is(&["List", "Search"]) {
        "READ_MANY"
    } else if is(&["Update", "AddTags"]) {
        "UPDATE"
    } else if is(&["Delete", "Stop", "Deregister"]) {
        "DELETE"
    } else {
        "OTHER"
    }
}

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call to AWS has ended.
    pub(crate) fn called(&self, service: &str, operation: &str, failure: Option<&CloudError>) {
        let mut counts = self.counts();
        *counts.calls.entry((service.to_owned(), operation.to_owned())).or_default() += 1;
        if let Some(failure) = failure {
            let status = failure.status.map_or_else(|| "0".to_owned(), |status| status.to_string());
            *counts.failed_calls.entry((service.to_owned(), operation.to_owned(), status)).or_default() += 1;
        }
    }

    /// A look at an object of a kind has ended.
    pub(crate) fn looked(&self, kind: &'static str, result: &'static str, took: Duration) {
        let mut counts = self.counts();
        *counts.looks.entry((kind, result)).or_default() += 1;
        counts.times.entry(kind).or_default().add(&BOUNDS, took);
    }

    /// Whether the queue of events can be read.
    pub(crate) fn queue_is_readable(&self, readable: bool) {
        self.counts().queue = Some(readable);
    }

    /// What became of a message of the queue.
    pub(crate) fn took_message(&self, result: &'static str) {
        *self.counts().messages.entry(result).or_default() += 1;
    }

    /// How old a message of the queue was when it was read.
    pub(crate) fn message_aged(&self, age: Duration) {
        self.counts().ages.add(&AGES, age);
    }

    /// Something was written to the API server.
    pub(crate) fn wrote(&self, kind: &'static str, what: &'static str) {
        *self.counts().writes.entry((kind, what)).or_default() += 1;
    }

    pub(crate) fn dropped_event(&self) {
        self.dropped_events.fetch_add(1, Ordering::Relaxed);
    }

    /// How it stands with the objects of a kind.
    pub(crate) fn set(&self, kind: &'static str, gauges: Gauges) {
        self.counts().gauges.insert(kind, gauges);
    }

    /// Whether this process leads, where leaders are elected.
    pub(crate) fn leads(&self, leads: bool) {
        self.counts().leads = Some(leads);
    }

    /// All of it, in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let counts = self.counts();
        let mut text = Text::default();
        text.family("ack_outbound_api_requests_total", "counter", "Calls to AWS.");
        for ((service, operation), count) in &counts.calls {
            let labels = [("service", service.as_str()), ("op_type", op_type(operation)), ("op_id", operation)];
            text.sample("ack_outbound_api_requests_total", &labels, *count);
        }
        text.family(
            "ack_outbound_api_requests_error_total",
            "counter",
            "Calls to AWS that failed, by HTTP status; 0 for none.",
        );
        for ((service, operation, status), count) in &counts.failed_calls {
            let labels = [("service", service.as_str()), ("op_id", operation), ("status_code", status)];
            text.sample("ack_outbound_api_requests_error_total", &labels, *count);
        }
        text.family("controller_runtime_reconcile_total", "counter", "Looks at objects, by how they ended.");
        for ((kind, result), count) in &counts.looks {
            text.sample("controller_runtime_reconcile_total", &[("controller", kind), ("result", result)], *count);
        }
        text.family("controller_runtime_reconcile_errors_total", "counter", "Looks at objects that failed.");
        for ((kind, result), count) in counts.looks.iter().filter(|((_, result), _)| *result == "error") {
            debug_assert_eq!(*result, "error");
            text.sample("controller_runtime_reconcile_errors_total", &[("controller", kind)], *count);
        }
        text.family("controller_runtime_reconcile_time_seconds", "histogram", "How long looks take.");
        for (kind, times) in &counts.times {
            text.histogram(
                "controller_runtime_reconcile_time_seconds",
                Some(("controller", kind)),
                &BOUNDS,
                &times.within,
                times.count,
                times.sum,
            );
        }
        let gauges: [Gauge; 5] = [
            ("sagewright_objects", "kind", "Objects that are known.", |g| g.objects),
            (
                "sagewright_objects_settled",
                "kind",
                "Objects that are as declared, and cost nothing until something changes.",
                |g| g.settled,
            ),
            ("workqueue_depth", "name", "Objects that are due.", |g| g.due),
            ("controller_runtime_active_workers", "controller", "Looks that are under way.", |g| g.running),
            (
                "controller_runtime_max_concurrent_reconciles",
                "controller",
                "Looks that may be under way at the same time.",
                |g| g.at_once,
            ),
        ];
        for (name, label, help, of) in gauges {
            text.family(name, "gauge", help);
            for (kind, gauges) in &counts.gauges {
                text.sample(name, &[(label, kind)], of(gauges));
            }
        }
        text.family("sagewright_apiserver_writes_total", "counter", "Writes to the Kubernetes API server.");
        for ((kind, what), count) in &counts.writes {
            text.sample("sagewright_apiserver_writes_total", &[("kind", kind), ("write", what)], *count);
        }
        text.family(
            "sagewright_events_dropped_total",
            "counter",
            "Kubernetes events that were not written because too many waited.",
        );
        text.sample("sagewright_events_dropped_total", &[], self.dropped_events.load(Ordering::Relaxed));
        if let Some(readable) = counts.queue {
            text.family(
                "sagewright_event_queue_readable",
                "gauge",
                "1 while the queue of SageMaker's events can be read.",
            );
            text.sample("sagewright_event_queue_readable", &[], u64::from(readable));
            let name = "sagewright_event_queue_messages_total";
            text.family(name, "counter", "Messages of that queue, by what became of them.");
            for (result, count) in &counts.messages {
                text.sample(name, &[("result", result)], *count);
            }
            let (name, ages) = ("sagewright_event_queue_message_age_seconds", &counts.ages);
            text.family(name, "histogram", "How long messages were in that queue.");
            text.histogram(name, None, &AGES, &ages.within, ages.count, ages.sum);
        }
        if let Some(leads) = counts.leads {
            text.family("leader_election_master_status", "gauge", "1 while this process leads.");
            text.sample("leader_election_master_status", &[("name", "sagewright")], u64::from(leads));
        }
        text.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_under_acks_names() {
        let metrics = Metrics::default();
        metrics.called("sagemaker", "DescribeModel", None);
        metrics.called("sagemaker", "DescribeModel", None);
        metrics.looked("Model", "error", Duration::from_millis(30));
        let text = metrics.text();
        for line in [
            "ack_outbound_api_requests_total{service=\"sagemaker\",op_type=\"READ_ONE\",op_id=\"DescribeModel\"} 2",
            "controller_runtime_reconcile_errors_total{controller=\"Model\"} 1",
            "controller_runtime_reconcile_time_seconds_bucket{controller=\"Model\",le=\"0.025\"} 0",
            "controller_runtime_reconcile_time_seconds_bucket{controller=\"Model\",le=\"0.05\"} 1",
            "controller_runtime_reconcile_time_seconds_bucket{controller=\"Model\",le=\"+Inf\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(!text.contains("leader_election") && !text.contains("event_queue"));
    }

    #[test]
    fn messages_of_the_queue_are_counted_by_what_became_of_them() {
        let metrics = Metrics::default();
        metrics.queue_is_readable(true);
        metrics.took_message("look");
        metrics.took_message("look");
        metrics.message_aged(Duration::from_secs(2));
        let text = metrics.text();
        for line in [
            "sagewright_event_queue_readable 1",
            "sagewright_event_queue_messages_total{result=\"look\"} 2",
            "sagewright_event_queue_message_age_seconds_bucket{le=\"1\"} 0",
            "sagewright_event_queue_message_age_seconds_bucket{le=\"2.5\"} 1",
            "sagewright_event_queue_message_age_seconds_count 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
