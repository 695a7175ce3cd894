//! How values are distributed: each value for itself while there are few, and in logarithmic bins where there are many.

/// Values or bins of a distribution.
const MOST: usize = 160;
/// Each step of coarseness squares the ratio of neighbouring bins: 1.02, 1.04, 1.08, … Their middles are half as far
/// from the values in them.
const RATIO: f64 = 1.02;
/// The ratio is beyond all numbers by then.
const COARSEST: u8 = 20;

/// A distribution of values that are not negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// 0 where each value stands for itself.
    coarse: u8,
    /// There were values that are not in it: negative ones, or sums alone.
    partial: bool,
    /// Values and how often they came, sorted by value.
    bins: Vec<(f64, f64)>,
}

impl Spread {
    /// Of no values.
    #[must_use]
    pub const fn empty() -> Self {
        Self { coarse: 0, partial: false, bins: Vec::new() }
    }

    /// Nothing is known of it.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { coarse: 0, partial: true, bins: Vec::new() }
    }

    /// Whether all values are in it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.partial
    }

    /// Adds a value that came so often.
    pub fn add(&mut self, value: f64, count: f64) {
        if self.partial {
            return;
        }
        if value < 0.0 {
            *self = Self::unknown();
            return;
        }
        self.insert(middle(value, self.coarse), count);
        self.shorten();
    }

    /// Adds another distribution.
    pub fn merge(&mut self, other: &Self) {
        if self.partial || other.partial {
            *self = Self::unknown();
            return;
        }
        if other.coarse > self.coarse {
            self.coarsen(other.coarse);
        }
        for (value, count) in &other.bins {
            self.insert(middle(*value, self.coarse), *count);
        }
        self.shorten();
    }

    fn insert(&mut self, value: f64, count: f64) {
        match self.bins.binary_search_by(|(known, _)| known.total_cmp(&value)) {
            Ok(at) => self.bins[at].1 += count,
            Err(at) => self.bins.insert(at, (value, count)),
        }
    }

    fn shorten(&mut self) {
        while self.bins.len() > MOST && self.coarse < COARSEST {
            self.coarsen(self.coarse + 1);
        }
    }

    fn coarsen(&mut self, coarse: u8) {
        self.coarse = coarse;
        for (value, count) in std::mem::take(&mut self.bins) {
            self.insert(middle(value, coarse), count);
        }
    }

    /// The least value that is not below `percent` of all; `None` where they are not known.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        if self.partial {
            return None;
        }
        let wanted = self.bins.iter().map(|(_, count)| count).sum::<f64>() * percent / 100.0;
        let mut passed = 0.0;
        let found = self.bins.iter().find(|(_, count)| {
            passed += count;
            // Counts are sums of fractions at times.
            passed >= wanted * (1.0 - 1e-12)
        });
        found.or(self.bins.last()).map(|(value, _)| *value)
    }

    /// As bytes, to be kept.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.bins.len() * 16);
        out.extend([self.coarse, u8::from(self.partial)]);
        for (value, count) in &self.bins {
            out.extend(value.to_le_bytes());
            out.extend(count.to_le_bytes());
        }
        out
    }

    /// What [`Spread::encode`] made; unknown where it is something else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let Some(([coarse, partial], bins)) = bytes.split_first_chunk() else { return Self::unknown() };
        let (bins, rest) = bins.as_chunks::<8>();
        let (pairs, odd) = bins.as_chunks::<2>();
        if *partial != 0 || !rest.is_empty() || !odd.is_empty() {
            return Self::unknown();
        }
        let bins = pairs.iter().map(|[value, count]| (f64::from_le_bytes(*value), f64::from_le_bytes(*count)));
        Self { coarse: (*coarse).min(COARSEST), partial: false, bins: bins.collect() }
    }
}

/// The middle of the bin that a value is in.
fn middle(value: f64, coarse: u8) -> f64 {
    if coarse == 0 || value <= 0.0 || !value.is_finite() {
        return value;
    }
    let ratio = RATIO.ln() * f64::from(1_u32 << (coarse - 1));
    let upper = (value.ln() / ratio).ceil() * ratio;
    // 2 r^i / (r + 1)
    let middle = (upper + std::f64::consts::LN_2 - (ratio.exp() + 1.0).ln()).exp();
    if middle.is_normal() { middle } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut spread = Spread::empty();
        values.into_iter().for_each(|value| spread.add(value, 1.0));
        spread
    }

    #[test]
    fn few_values_give_exact_percentiles() {
        let spread = of((1..=100).map(f64::from));
        for (percent, value) in [(0.0, 1.0), (50.0, 50.0), (90.0, 90.0), (99.9, 100.0), (100.0, 100.0)] {
            assert_eq!(spread.percentile(percent), Some(value), "p{percent}");
        }
        assert_eq!(Spread::decode(&spread.encode()), spread);
        assert_eq!(Spread::empty().percentile(50.0), None);
    }

    #[test]
    fn many_values_are_told_to_a_few_percent_in_bounded_memory() {
        for (most, off) in [(5_000.0, 0.011), (100_000.0, 0.021), (10_000_000.0, 0.041)] {
            let values: Vec<f64> =
                (0..10_000).map(|n| 1000.0 * f64::powf(most / 1000.0, f64::from(n) / 9999.0)).collect();
            let spread = of(values.iter().copied());
            assert!(spread.bins.len() <= MOST);
            for (percent, at) in [(1.0, 99), (50.0, 4999), (99.0, 9899)] {
                let told = spread.percentile(percent).unwrap();
                assert!((told / values[at] - 1.0).abs() < off, "p{percent} of {most}: {told} and {}", values[at]);
            }
            assert_eq!(Spread::decode(&spread.encode()), spread);
        }
    }

    #[test]
    fn parts_in_any_order_give_the_same_as_the_whole() {
        let values: Vec<f64> = (0..3000).map(|n| f64::from(n * 7919 % 3000) + 0.5).collect();
        let whole = of(values.iter().copied());
        let mut parts = Spread::empty();
        values.chunks(50).rev().for_each(|part| parts.merge(&of(part.iter().copied())));
        assert_eq!(parts, whole);
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let mut spread = of([1.0, 2.0]);
        spread.add(-1.0, 1.0);
        assert_eq!(spread.percentile(50.0), None);
        let mut spread = of([1.0]);
        spread.merge(&Spread::unknown());
        assert!(!spread.is_whole());
        for bytes in [&b""[..], b"\0", b"\0\0123", b"\0\x01", &[0; 10]] {
            assert!(!Spread::decode(bytes).is_whole(), "{bytes:?}");
        }
    }
}
