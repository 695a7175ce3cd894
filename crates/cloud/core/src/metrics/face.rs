//! The metrics of the whole cloud: what is counted in memory, and the store behind it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::series::{Inner, Series};
use super::{Bucket, Datum, Metric, MetricStore, Search, Span};
use crate::clock::SimClock;
use crate::records::StoreError;

/// How long what is counted in memory waits to be written, on the machine's clock: a killed process loses so much of it.
pub const FLUSH: Duration = Duration::from_secs(5);
/// How often what is too old is removed, in AWS's time.
const SWEEP: i64 = 3_600_000;

/// Is told of metrics that have new data. With a time they were counted since then, in milliseconds since 1970; without one,
/// they came now. It has to be quick.
pub type Watcher = Box<dyn Fn(&Metric, Option<i64>) + Send + Sync>;

/// All metrics; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Shared>);

struct Shared {
    store: Arc<dyn MetricStore>,
    series: Mutex<Vec<Arc<Inner>>>,
    /// Held over a write of what was counted, so that a reader who came meanwhile sees it.
    flushing: Mutex<()>,
    watcher: OnceLock<Watcher>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics over a store.
    #[must_use]
    pub fn new(store: Arc<dyn MetricStore>) -> Self {
        Self(Arc::new(Shared { store, series: Mutex::default(), flushing: Mutex::default(), watcher: OnceLock::new() }))
    }

    /// Names who is told of new data, after they can be read. There is one; the first stays.
    pub fn watch(&self, watcher: Watcher) {
        let _ = self.0.watcher.set(watcher);
    }

    /// A metric that is measured often. What is counted is written within [`FLUSH`], and before anything is read.
    #[must_use]
    pub fn series(&self, metric: Metric, unit: &'static str) -> Series {
        let (series, inner) = Series::new(metric, unit);
        self.0.series.lock().unwrap_or_else(PoisonError::into_inner).push(inner);
        series
    }

    /// Adds all data, or none. They outlive the process once this returns.
    ///
    /// # Errors
    /// The store failed, or has as many metrics as it takes.
    pub async fn put(&self, data: Vec<Datum>) -> Result<(), StoreError> {
        self.blocking(move |shared| shared.put(&data, |store| store.put(&data))).await
    }

    /// As [`Metrics::put`], but for a put with the same key that was done: it adds nothing. For who may die between a put and the
    /// record of it.
    ///
    /// # Errors
    /// As [`Metrics::put`].
    pub async fn put_once(&self, key: String, data: Vec<Datum>) -> Result<(), StoreError> {
        self.blocking(move |shared| shared.put(&data, |store| store.put_once(&key, &data))).await
    }

    /// What is kept of a metric in a span of time, in its order; `make` gets it where it is read, to keep less of it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn read<T: Send + 'static>(
        &self,
        metric: Metric,
        span: Span,
        make: impl FnOnce(Vec<Bucket>) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.blocking(move |shared| {
            shared.flush()?;
            shared.store.read(&metric, span).map(make)
        })
        .await
    }

    /// As [`Metrics::read`], of several metrics; `make` gets the place of each.
    ///
    /// # Errors
    /// The store failed.
    pub async fn read_each<T: Send + 'static>(
        &self,
        wanted: Vec<(Metric, Span)>,
        make: impl Fn(usize, Vec<Bucket>) -> T + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        self.blocking(move |shared| {
            shared.flush()?;
            let read = |(n, (metric, span)): (usize, &(Metric, Span))| Ok(make(n, shared.store.read(metric, *span)?));
            wanted.iter().enumerate().map(read).collect()
        })
        .await
    }

    /// Metrics in the order of namespace, name and dimensions.
    ///
    /// # Errors
    /// The store failed.
    pub async fn search(&self, search: Search) -> Result<Vec<Metric>, StoreError> {
        self.blocking(move |shared| {
            shared.flush()?;
            shared.store.search(&search)
        })
        .await
    }

    /// Writes what was counted in memory.
    ///
    /// # Errors
    /// The store failed; it is counted on.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.blocking(Shared::flush).await
    }

    /// Writes what is counted, and removes what is too old, for ever.
    pub async fn run(self, clock: SimClock) {
        let mut swept = None;
        loop {
            if let Err(error) = self.flush().await {
                tracing::error!(%error, "what was measured waits in memory: it could not be written");
            }
            let now = clock.now().as_millisecond();
            if swept.is_none_or(|swept| now >= swept + SWEEP) {
                match self.blocking(move |shared| shared.store.forget(now)).await {
                    Ok(()) => swept = Some(now),
                    Err(error) => tracing::warn!(%error, "metrics that are too old are still there"),
                }
            }
            clock.wall().sleep(FLUSH).await;
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&shared)).await.map_err(|_| StoreError::Closed)?
    }
}

impl Shared {
    fn put(
        &self,
        data: &[Datum],
        put: impl FnOnce(&dyn MetricStore) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if data.is_empty() {
            return Ok(());
        }
        put(&*self.store)?;
        if let Some(watcher) = self.watcher.get() {
            data.iter().for_each(|datum| watcher(&datum.metric, None));
        }
        Ok(())
    }

    /// Tells of data that were counted.
    fn tell(&self, data: &[Datum]) {
        let Some(watcher) = self.watcher.get() else { return };
        let mut since: HashMap<&Metric, i64> = HashMap::new();
        for datum in data {
            since.entry(&datum.metric).and_modify(|at| *at = datum.at.min(*at)).or_insert(datum.at);
        }
        since.into_iter().for_each(|(metric, at)| watcher(metric, Some(at)));
    }

    fn flush(&self) -> Result<(), StoreError> {
        let _alone = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted: Vec<(Arc<Inner>, usize)> = Vec::new();
        let mut data: Vec<Datum> = Vec::new();
        self.series.lock().unwrap_or_else(PoisonError::into_inner).retain(|series| {
            // Looked at first: whoever counts last has counted by then.
            let idle = Inner::idle(series);
            let taken = series.take();
            if !taken.is_empty() {
                counted.push((Arc::clone(series), taken.len()));
                data.extend(taken);
            }
            !idle
        });
        if data.is_empty() {
            return Ok(());
        }
        let written = self.store.put(&data);
        if written.is_ok() {
            self.tell(&data);
        } else {
            let mut data = data.into_iter();
            for (series, many) in counted {
                data.by_ref().take(many).for_each(|datum| series.give_back(datum));
                let mut known = self.series.lock().unwrap_or_else(PoisonError::into_inner);
                if !known.iter().any(|known| Arc::ptr_eq(known, &series)) {
                    known.push(series);
                }
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimTime;
    use crate::metrics::Stats;

    /// Keeps what it is given, when its disk has room.
    #[derive(Debug, Default)]
    struct Disk {
        full: Mutex<bool>,
        kept: Mutex<Vec<Datum>>,
    }

    impl MetricStore for Disk {
        fn put(&self, data: &[Datum]) -> Result<(), StoreError> {
            if *self.full.lock().unwrap() {
                return Err(StoreError::Closed);
            }
            self.kept.lock().unwrap().extend_from_slice(data);
            Ok(())
        }

        fn put_once(&self, _: &str, data: &[Datum]) -> Result<(), StoreError> {
            self.put(data)
        }

        fn read(&self, _: &Metric, _: Span) -> Result<Vec<Bucket>, StoreError> {
            Ok(Vec::new())
        }

        fn search(&self, _: &Search) -> Result<Vec<Metric>, StoreError> {
            Ok(Vec::new())
        }

        fn forget(&self, _: i64) -> Result<(), StoreError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_counted_on_though_nobody_counts_any_more() {
        let disk = Arc::new(Disk::default());
        let metrics = Metrics::new(Arc::clone(&disk) as _);
        let series = metrics.series(Metric::new("1", "r", "n", "m"), "Count");
        let at = SimTime::from_millisecond;
        series.add(at(60_000), 1.0);
        *disk.full.lock().unwrap() = true;
        metrics.flush().await.unwrap_err();
        series.add(at(119_999), 2.0);
        series.add(at(120_000), 4.0);
        drop(series);
        metrics.flush().await.unwrap_err();
        assert_eq!(disk.kept.lock().unwrap().len(), 0);
        *disk.full.lock().unwrap() = false;
        metrics.flush().await.unwrap();
        metrics.flush().await.unwrap();
        let mut kept: Vec<_> = disk.kept.lock().unwrap().iter().map(|d| (d.at, d.stats.clone())).collect();
        kept.sort_by_key(|(at, _)| *at);
        let mut first = Stats::of(1.0);
        first.add(2.0, 1.0);
        assert_eq!(kept, [(60_000, first), (120_000, Stats::of(4.0))]);
        assert!(metrics.0.series.lock().unwrap().is_empty());
    }
}
