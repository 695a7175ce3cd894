//! Metrics of a regression.

use super::{Measure, Record, Scores};

#[derive(Debug, Default)]
pub(super) struct Regression {
    count: f64,
    absolute: f64,
    squared: f64,
    mean: f64,
    /// Sum of the squared differences of the true values from their mean.
    spread: f64,
}

impl Measure for Regression {
    fn push(&mut self, record: &Record) {
        let (Ok(truth), Ok(predicted)) = (record.truth.parse::<f64>(), record.predicted.parse::<f64>()) else { return };
        let error = predicted - truth;
        self.count += 1.0;
        self.absolute += error.abs();
        self.squared += error * error;
        let before = truth - self.mean;
        self.mean += before / self.count;
        self.spread += before * (truth - self.mean);
    }

    fn scores(&self) -> Scores {
        let mse = self.squared / self.count;
        let r2 = if self.spread == 0.0 { 0.0 } else { 1.0 - self.squared / self.spread };
        [("mae", self.absolute / self.count), ("mse", mse), ("rmse", mse.sqrt()), ("r2", r2)]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec()
    }
}
