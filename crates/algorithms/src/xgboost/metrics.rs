//! The metrics that the image computes itself, from raw predictions (margins): those that XGBoost
//! does not have, and `rmse`, `mae` and `mse`, which the image takes over as well.
//!
//! Definitions as in scikit-learn, which the image uses: classes are those that occur in the labels
//! or in the predictions, and a quotient with nothing below is 0.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::ffi::Prediction;

const OWN: [&str; 15] = [
    "accuracy",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "mse",
    "rmse",
    "mae",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
];

/// Whether the image computes the metric itself.
pub(crate) fn is_own(metric: &str) -> bool {
    OWN.contains(&metric)
}

/// Computes one of the image's metrics over margins.
///
/// # Errors
/// scikit-learn's message for a binary metric on more than two classes, and for a regression
/// metric on several values per row.
pub(crate) fn compute(metric: &str, labels: &[f32], margins: &Prediction) -> Result<f64, Failure> {
    match metric {
        "mse" | "rmse" | "mae" | "r2" => regression(metric, labels, margins),
        _ => classification(metric, labels, margins),
    }
}

fn regression(metric: &str, labels: &[f32], margins: &Prediction) -> Result<f64, Failure> {
    if margins.columns != 1 {
        return Err(Failure::Algorithm(format!(
            "XGB train call failed with exception:\n metric '{metric}' needs one prediction per row, but the objective \
             gives {}",
            margins.columns
        )));
    }
    let count = labels.len() as f64;
    let pairs = || labels.iter().zip(&margins.values).map(|(label, value)| (f64::from(*label), f64::from(*value)));
    let squares: f64 = pairs().map(|(label, value)| (label - value).powi(2)).sum();
    Ok(match metric {
        "mse" => squares / count,
        "rmse" => (squares / count).sqrt(),
        "mae" => pairs().map(|(label, value)| (label - value).abs()).sum::<f64>() / count,
        _ => {
            let mean = labels.iter().map(|label| f64::from(*label)).sum::<f64>() / count;
            let spread: f64 = pairs().map(|(label, _)| (label - mean).powi(2)).sum();
            match (spread == 0.0, squares == 0.0) {
                (false, _) => 1.0 - squares / spread,
                (true, true) => 1.0,
                (true, false) => 0.0,
            }
        }
    })
}

/// What happened with one class.
#[derive(Default, Clone, Copy)]
struct Tally {
    /// Rows that have this label.
    labelled: f64,
    /// Rows that were predicted as it.
    predicted: f64,
    /// Both.
    hit: f64,
}

impl Tally {
    fn precision(self) -> f64 {
        quotient(self.hit, self.predicted)
    }

    fn recall(self) -> f64 {
        quotient(self.hit, self.labelled)
    }

    fn f1(self) -> f64 {
        quotient(2.0 * self.hit, self.labelled + self.predicted)
    }
}

fn quotient(above: f64, below: f64) -> f64 {
    if below == 0.0 { 0.0 } else { above / below }
}

fn classification(metric: &str, labels: &[f32], margins: &Prediction) -> Result<f64, Failure> {
    // Keyed by the bits of non-negative whole numbers, which sort as the numbers do.
    let mut tallies: BTreeMap<u32, Tally> = BTreeMap::new();
    let mut hits = 0.0;
    for (label, row) in labels.iter().zip(margins.values.chunks_exact(margins.columns)) {
        let predicted = predicted_class(row);
        tallies.entry(label.to_bits()).or_default().labelled += 1.0;
        let tally = tallies.entry(predicted.to_bits()).or_default();
        tally.predicted += 1.0;
        if *label == predicted {
            tally.hit += 1.0;
            hits += 1.0;
        }
    }
    let count = labels.len() as f64;
    let mean =
        |score: fn(Tally) -> f64| quotient(tallies.values().map(|tally| score(*tally)).sum(), tallies.len() as f64);
    let binary = |score: fn(Tally) -> f64| {
        if tallies.len() > 2 {
            return Err(Failure::User(
                "Target is multiclass but average='binary'. Please choose another average setting, one of [None, \
                 'micro', 'macro', 'weighted']."
                    .to_owned(),
            ));
        }
        Ok(tallies.get(&1.0_f32.to_bits()).map_or(0.0, |tally| score(*tally)))
    };
    Ok(match metric {
        "balanced_accuracy" => {
            let present: Vec<f64> =
                tallies.values().filter(|tally| tally.labelled > 0.0).map(|tally| tally.recall()).collect();
            quotient(present.iter().sum(), present.len() as f64)
        }
        "f1" | "f1_macro" => mean(Tally::f1),
        "f1_binary" => binary(Tally::f1)?,
        "precision" => binary(Tally::precision)?,
        "precision_macro" => mean(Tally::precision),
        "recall" => binary(Tally::recall)?,
        "recall_macro" => mean(Tally::recall),
        // Over all classes together, each row counts once: precision, recall and accuracy agree.
        _ => quotient(hits, count),
    })
}

/// The class of a row of margins: the largest, or for a single log-odds whether it is above 0.
fn predicted_class(row: &[f32]) -> f32 {
    match row {
        [single] => f32::from(u8::from(*single > 0.0)),
        several => {
            let mut best = 0;
            for (index, value) in several.iter().enumerate() {
                if *value > several[best] {
                    best = index;
                }
            }
            best as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OWN, compute};
    use crate::xgboost::ffi::Prediction;

    /// Expected values are scikit-learn's.
    #[test]
    fn binary_metrics_agree_with_scikit_learn() {
        let labels = [1.0, 1.0, 1.0, 0.0, 0.0, 1.0];
        let margins = Prediction { values: vec![2.0, -1.0, 0.5, 0.5, -3.0, 1.0], columns: 1 };
        for (metric, expected) in [
            ("accuracy", 0.666_667),
            ("balanced_accuracy", 0.625),
            ("f1", 0.625),
            ("f1_binary", 0.75),
            ("precision", 0.75),
            ("recall", 0.75),
            ("precision_macro", 0.625),
            ("recall_micro", 0.666_667),
            ("mse", 2.416_667),
            ("rmse", 1.554_563),
            ("mae", 1.166_667),
            ("r2", -9.875),
        ] {
            let found = compute(metric, &labels, &margins).expect(metric);
            assert!((found - expected).abs() < 1e-5, "{metric}: {found}");
        }
    }

    #[test]
    fn multiclass_metrics_agree_with_scikit_learn() {
        let labels = [0.0, 1.0, 2.0, 2.0];
        let values = vec![3.0, 1.0, 0.0, 0.0, 0.5, 2.0, 0.0, 0.1, 0.2, 9.0, 1.0, 2.0];
        let margins = Prediction { values, columns: 3 };
        for (metric, expected) in [
            ("accuracy", 0.5),
            ("balanced_accuracy", 0.5),
            ("f1_macro", 0.388_889),
            ("precision_macro", 0.333_333),
            ("recall_macro", 0.5),
            ("precision_micro", 0.5),
        ] {
            let found = compute(metric, &labels, &margins).expect(metric);
            assert!((found - expected).abs() < 1e-5, "{metric}: {found}");
        }
        for metric in ["f1_binary", "precision", "recall"] {
            let text = compute(metric, &labels, &margins).expect_err(metric).to_string();
            assert!(text.contains("Target is multiclass but average='binary'"), "{text}");
        }
        assert!(compute("rmse", &labels, &margins).is_err());
    }

    #[test]
    fn every_own_metric_is_defined_for_two_classes() {
        let margins = Prediction { values: vec![1.0, -1.0], columns: 1 };
        for metric in OWN {
            let found = compute(metric, &[1.0, 0.0], &margins).expect(metric);
            assert!(found.is_finite(), "{metric}");
        }
    }
}
