//! What is kept of values: their number, sum, bounds and distribution.

use super::Spread;

/// Statistics of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// How many.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least one.
    pub minimum: f64,
    /// The greatest one.
    pub maximum: f64,
    /// Their distribution.
    pub spread: Spread,
}

impl Default for Stats {
    fn default() -> Self {
        Self { count: 0.0, sum: 0.0, minimum: f64::INFINITY, maximum: f64::NEG_INFINITY, spread: Spread::empty() }
    }
}

impl Stats {
    /// Of one value.
    #[must_use]
    pub fn of(value: f64) -> Self {
        let mut out = Self::default();
        out.add(value, 1.0);
        out
    }

    /// Of values of which only sums are known. As in CloudWatch, their distribution is known where they are all the same.
    #[must_use]
    pub fn set(count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        let mut spread = Spread::empty();
        if minimum == maximum {
            spread.add(minimum, count);
        } else {
            spread = Spread::unknown();
        }
        Self { count, sum, minimum, maximum, spread }
    }

    /// Adds a value that came so often.
    pub fn add(&mut self, value: f64, count: f64) {
        self.count += count;
        self.sum += value * count;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        self.spread.add(value, count);
    }

    /// Adds other values.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.spread.merge(&other.spread);
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count <= 0.0
    }

    /// The mean.
    #[must_use]
    pub fn average(&self) -> f64 {
        self.sum / self.count
    }

    /// A percentile between 0 and 100; `None` where the distribution is not known.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        self.spread.percentile(percent).map(|value| value.max(self.minimum).min(self.maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_without_values_have_percentiles_only_where_they_tell_the_values() {
        assert_eq!(Stats::set(4.0, 20.0, 5.0, 5.0).percentile(90.0), Some(5.0));
        let mut stats = Stats::set(4.0, 20.0, 1.0, 9.0);
        assert_eq!(stats.percentile(90.0), None);
        stats.merge(&Stats::of(30.0));
        assert_eq!((stats.count, stats.sum, stats.minimum, stats.maximum), (5.0, 50.0, 1.0, 30.0));
        assert!((stats.average() - 10.0).abs() < 1e-9);
    }
}
