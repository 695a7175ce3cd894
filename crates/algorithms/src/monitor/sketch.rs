//! A KLL sketch: the distribution of any number of values in little memory.
//!
//! Z. Karnin, K. Lang, E. Liberty: Optimal Quantile Approximation in Streams, 2016. Values stand in levels; one of level `h`
//! stands for 2^h values. A level that is full is sorted, and every other value of it moves up. Which half that is alternates
//! instead of being drawn, so that the same data makes the same sketch. Up to 2,048 values it is exact.

use serde_json::{Value, json};

/// The parameters of AWS's sketches.
const K: f64 = 2048.0;
const C: f64 = 0.64;

/// Values with how many each stands for, in order.
pub(super) type Weighted = Vec<(f64, f64)>;

/// A sketch of values.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    levels: Vec<Vec<f64>>,
    /// Which half of a full level moves up next.
    odd: bool,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { levels: vec![Vec::new()], odd: false }
    }
}

impl Sketch {
    /// Takes a value.
    pub fn push(&mut self, value: f64) {
        self.levels[0].push(value);
        let mut level = 0;
        while level < self.levels.len() && self.levels[level].len() >= self.capacity(level) {
            self.compact(level);
            level += 1;
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most 2,048
    fn capacity(&self, level: usize) -> usize {
        let below = i32::try_from(self.levels.len() - 1 - level).unwrap_or(i32::MAX);
        (K * C.powi(below)).ceil().max(2.0) as usize
    }

    fn compact(&mut self, level: usize) {
        let mut full = std::mem::take(&mut self.levels[level]);
        full.sort_by(f64::total_cmp);
        if full.len() % 2 == 1 {
            self.levels[level].extend(full.pop());
        }
        let first = usize::from(self.odd);
        self.odd = !self.odd;
        if level + 1 == self.levels.len() {
            self.levels.push(Vec::new());
        }
        self.levels[level + 1].extend(full.into_iter().skip(first).step_by(2));
    }

    /// All values with their weights, in order.
    pub fn weighted(&self) -> Weighted {
        weighted(&self.levels)
    }

    /// As `statistics.json` has it.
    pub fn json(&self) -> Value {
        json!({ "parameters": { "c": C, "k": K }, "data": self.levels })
    }
}

fn weighted(levels: &[Vec<f64>]) -> Weighted {
    let weigh = |(level, values): (usize, &Vec<f64>)| {
        let weight = 2f64.powi(i32::try_from(level).unwrap_or(i32::MAX));
        values.iter().map(|value| (*value, weight)).collect::<Vec<_>>()
    };
    let mut out: Weighted = levels.iter().enumerate().flat_map(weigh).collect();
    out.sort_by(|a, b| a.0.total_cmp(&b.0));
    out
}

/// The distribution that a `kll` of `statistics.json` tells: its sketch's, or else that of its buckets.
pub(super) fn read(kll: &Value) -> Weighted {
    let levels: Vec<Vec<f64>> = serde_json::from_value(kll["sketch"]["data"].clone()).unwrap_or_default();
    let told = weighted(&levels);
    if !told.is_empty() {
        return told;
    }
    let bucket = |bucket: &Value| Some((bucket["upper_bound"].as_f64()?, bucket["count"].as_f64()?));
    kll["buckets"].as_array().into_iter().flatten().filter_map(bucket).collect()
}

/// The largest difference of two cumulated distributions, from 0 to 1.
pub(super) fn distance(a: &Weighted, b: &Weighted) -> f64 {
    let total = |all: &Weighted| all.iter().map(|(_, weight)| weight).sum::<f64>();
    let (of_a, of_b) = (total(a), total(b));
    let (mut i, mut j, mut below_a, mut below_b, mut most) = (0, 0, 0.0, 0.0, 0.0f64);
    while i < a.len() || j < b.len() {
        let next = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.0.min(y.0),
            (Some(x), None) => x.0,
            (None, Some(y)) => y.0,
            (None, None) => break,
        };
        while let Some((_, weight)) = a.get(i).filter(|(value, _)| *value <= next) {
            below_a += weight;
            i += 1;
        }
        while let Some((_, weight)) = b.get(j).filter(|(value, _)| *value <= next) {
            below_b += weight;
            j += 1;
        }
        most = most.max((below_a / of_a - below_b / of_b).abs());
    }
    if most.is_nan() { 0.0 } else { most }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u32>) -> Sketch {
        let mut sketch = Sketch::default();
        values.into_iter().for_each(|value| sketch.push(f64::from(value)));
        sketch
    }

    #[test]
    fn few_values_are_kept_as_they_are() {
        let sketch = of([3, 1, 2]);
        assert_eq!(sketch.json()["data"], json!([[3.0, 1.0, 2.0]]));
        assert_eq!(sketch.weighted(), [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)]);
    }

    #[test]
    fn many_values_take_little_room_and_keep_their_number_and_ranks() {
        let count = 300_000;
        // A permutation, so that they come in no order.
        let sketch = of((0..count).map(|n| (n * 7919) % count));
        let weighted = sketch.weighted();
        assert!(weighted.len() < 8_000, "{}", weighted.len());
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        assert_eq!(total, f64::from(count));
        let exact: Weighted = (0..count).map(|n| (f64::from(n), 1.0)).collect();
        assert!(distance(&weighted, &exact) < 0.01, "{}", distance(&weighted, &exact));
        assert_eq!(read(&json!({ "sketch": sketch.json() })), weighted);
    }

    #[test]
    fn the_distance_is_the_largest_difference_of_the_cumulated_shares() {
        let values = |of: &[f64]| of.iter().map(|value| (*value, 1.0)).collect::<Weighted>();
        for (a, b, expected) in [
            (&[1.0, 2.0][..], &[1.0, 2.0][..], 0.0),
            (&[1.0, 2.0], &[3.0, 4.0], 1.0),
            (&[1.0, 2.0, 3.0, 4.0], &[2.0, 3.0, 4.0, 5.0], 0.25),
            (&[1.0], &[1.0, 1.0, 1.0, 9.0], 0.25),
            (&[], &[1.0], 0.0),
        ] {
            assert_eq!(distance(&values(a), &values(b)), expected, "{a:?} {b:?}");
        }
        let buckets = json!({ "buckets": [{ "lower_bound": 0.0, "upper_bound": 1.0, "count": 3.0 }] });
        assert_eq!(read(&buckets), [(1.0, 3.0)]);
    }
}
