//! CloudWatch's metrics, inside the process: what jobs, endpoints and callers put, and what is read of it.
//!
//! Data are kept as statistics of seconds, minutes, five minutes and hours ([`Resolution`]). Statistics can be put
//! together in any order, so that those who measure often count in memory first ([`Series`]).

mod face;
mod resolution;
mod series;
mod spread;
mod stats;

use std::fmt;

pub use face::{FLUSH, Metrics, Watcher};
pub use resolution::Resolution;
pub use series::Series;
pub use spread::Spread;
pub use stats::Stats;

use crate::records::StoreError;

/// What identifies a metric.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metric {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// For example `AWS/SageMaker`.
    pub namespace: String,
    /// For example `Invocations`.
    pub name: String,
    /// Names and values, sorted by name.
    dimensions: Vec<(String, String)>,
}

impl Metric {
    /// A metric without dimensions.
    #[must_use]
    pub fn new(account: &str, region: &str, namespace: &str, name: &str) -> Self {
        let [account, region, namespace, name] = [account, region, namespace, name].map(str::to_owned);
        Self { account, region, namespace, name, dimensions: Vec::new() }
    }

    /// The same metric with a dimension more, or with another value of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let found = self.dimensions.binary_search_by(|(known, _)| known.as_str().cmp(name));
        match found {
            Ok(at) => value.clone_into(&mut self.dimensions[at].1),
            Err(at) => self.dimensions.insert(at, (name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Names and values, sorted by name.
    #[must_use]
    pub fn dimensions(&self) -> &[(String, String)] {
        &self.dimensions
    }
}

/// Values of a metric at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// Of what.
    pub metric: Metric,
    /// One of CloudWatch's units: `Count`, `Percent`, `None`, …
    pub unit: String,
    /// Milliseconds since 1970, in AWS's time.
    pub at: i64,
    /// Kept for each second as well.
    pub fine: bool,
    /// The values.
    pub stats: Stats,
}

impl Datum {
    /// One value.
    #[must_use]
    pub fn new(metric: Metric, unit: &str, at: i64, value: f64) -> Self {
        Self { metric, unit: unit.to_owned(), at, fine: false, stats: Stats::of(value) }
    }
}

/// What is read of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// How fine.
    pub resolution: Resolution,
    /// From this second since 1970.
    pub from: i64,
    /// To before this one.
    pub to: i64,
    /// With the distribution of values, which percentiles need.
    pub spread: bool,
}

/// The statistics of a metric in one unit, from a second on.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Seconds since 1970.
    pub start: i64,
    /// Unit.
    pub unit: String,
    /// Statistics.
    pub stats: Stats,
}

/// A search among metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Of this namespace.
    pub namespace: Option<String>,
    /// Of this name.
    pub name: Option<String>,
    /// With data of this millisecond or later.
    pub since: i64,
    /// Start behind this metric.
    pub after: Option<Metric>,
    /// At most so many.
    pub limit: usize,
}

/// Keeps metrics. The calls block for as long as a short write or read takes.
pub trait MetricStore: fmt::Debug + Send + Sync + 'static {
    /// Adds all data, or none. They outlive the process from then on.
    ///
    /// # Errors
    /// The store failed, or has as many metrics as it takes.
    fn put(&self, data: &[Datum]) -> Result<(), StoreError>;

    /// As [`MetricStore::put`], but for a put with the same key that was done: it adds nothing. A key is kept as long as the
    /// oldest of data.
    ///
    /// # Errors
    /// As [`MetricStore::put`].
    fn put_once(&self, key: &str, data: &[Datum]) -> Result<(), StoreError>;

    /// What is kept of a metric in a span of time, in its order. It is bounded by what is kept ([`Resolution::kept`]).
    ///
    /// # Errors
    /// The store failed.
    fn read(&self, metric: &Metric, span: Span) -> Result<Vec<Bucket>, StoreError>;

    /// Metrics in the order of namespace, name and dimensions.
    ///
    /// # Errors
    /// The store failed.
    fn search(&self, search: &Search) -> Result<Vec<Metric>, StoreError>;

    /// Removes what is older than it is kept, by a time in milliseconds since 1970.
    ///
    /// # Errors
    /// The store failed.
    fn forget(&self, now: i64) -> Result<(), StoreError>;
}
