//! How certain a metric is: its standard deviation over five samples of four in five records.

use super::{Measure, Record, Scores};

/// "Standard deviation for metrics are provided only when at least 200 samples are available." (developer guide)
const ENOUGH: u64 = 200;
const SAMPLES: usize = 5;

/// A measure of all records, and of samples of them.
#[derive(Default)]
pub(super) struct Samples<M> {
    pub all: M,
    pub count: u64,
    samples: [M; SAMPLES],
    seed: u64,
}

impl<M: Measure> Samples<M> {
    pub fn push(&mut self, record: &Record) {
        self.count += 1;
        self.all.push(record);
        for at in 0..SAMPLES {
            // The same data makes the same samples.
            if !self.next().is_multiple_of(5) {
                self.samples[at].push(record);
            }
        }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The metrics, and their standard deviations where there are enough records.
    #[allow(clippy::cast_precision_loss)] // five
    pub fn scores(&self) -> (Scores, Scores) {
        let all = self.all.scores();
        if self.count < ENOUGH {
            return (all, Vec::new());
        }
        let samples: Vec<Scores> = self.samples.iter().map(Measure::scores).collect();
        let deviation = |at: usize| {
            let values: Vec<f64> = samples.iter().filter_map(|scores| Some(scores.get(at)?.1)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
        };
        let deviations = all.iter().enumerate().map(|(at, (name, _))| (name.clone(), deviation(at))).collect();
        (all, deviations)
    }
}
