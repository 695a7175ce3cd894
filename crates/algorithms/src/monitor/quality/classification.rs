//! Metrics of classifications, from how often each class was predicted for each.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Measure, Record, Scores};

/// Steps of probability that curves are made of.
const STEPS: usize = 1000;
/// Most pairs of classes.
const MOST_PAIRS: usize = 10_000;

/// How often a class was predicted where another one was true.
#[derive(Debug, Default, Clone)]
struct Matrix(BTreeMap<(String, String), f64>);

impl Matrix {
    fn check(&self) -> Result<(), String> {
        if self.0.len() <= MOST_PAIRS {
            return Ok(());
        }
        Err(format!(
            "there are more than {MOST_PAIRS} pairs of true and predicted classes, so that this is no classification"
        ))
    }

    fn push(&mut self, record: &Record) {
        *self.0.entry((record.truth.clone(), record.predicted.clone())).or_default() += 1.0;
    }

    fn sum(&self, fits: impl Fn(&str, &str) -> bool) -> f64 {
        self.0
            .iter()
            .filter(|((truth, predicted), _)| fits(truth, predicted))
            .map(|(_, count)| count)
            .fold(0.0, |sum, count| sum + count)
    }

    fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = self.0.keys().flat_map(|(truth, predicted)| [&**truth, &**predicted]).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    fn accuracy(&self) -> f64 {
        ratio(self.sum(|truth, predicted| truth == predicted), self.sum(|_, _| true))
    }

    fn recall(&self, of: &str) -> f64 {
        ratio(self.sum(|truth, predicted| truth == of && predicted == of), self.sum(|truth, _| truth == of))
    }

    fn precision(&self, of: &str) -> f64 {
        ratio(self.sum(|truth, predicted| truth == of && predicted == of), self.sum(|_, predicted| predicted == of))
    }

    /// The matrix of a classifier that always says what is true most often.
    fn constant(&self) -> Self {
        let labels = self.labels();
        let often = |label: &str| self.sum(|truth, _| truth == label);
        let best = labels.iter().copied().max_by(|a, b| often(a).total_cmp(&often(b))).unwrap_or_default().to_owned();
        let truths = labels.iter().map(|label| (((*label).to_owned(), best.clone()), often(label)));
        Self(truths.filter(|(_, count)| *count > 0.0).collect())
    }

    fn json(&self) -> Value {
        let labels = self.labels();
        let row = |of: &str| -> Map<String, Value> {
            let count = |label: &str| self.sum(|truth, predicted| truth == of && predicted == label);
            labels.iter().map(|label| ((*label).to_owned(), json!(count(label)))).collect()
        };
        labels.iter().map(|label| ((*label).to_owned(), Value::Object(row(label)))).collect::<Map<_, _>>().into()
    }
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

fn f_score(beta: f64, precision: f64, recall: f64) -> f64 {
    let squared = beta * beta;
    ratio((1.0 + squared) * precision * recall, squared * precision + recall)
}

const BETAS: [(&str, f64); 3] = [("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0)];

/// Adds the scores of the best constant classifier.
fn with_constant(mut scores: Scores, constant: Scores) -> Scores {
    scores.extend(constant.into_iter().map(|(name, value)| (format!("{name}_best_constant_classifier"), value)));
    scores
}

/// Binary classification. The class `1` is positive; of other names the last one is.
#[derive(Debug, Default)]
pub(super) struct Binary {
    matrix: Matrix,
    /// Records by true class and step of probability.
    steps: BTreeMap<String, Vec<f64>>,
}

impl Binary {
    fn positive(&self) -> String {
        // A lone `0` is the negative class.
        let labels = self.matrix.labels();
        labels.last().filter(|label| **label != "0").map_or_else(|| "1".to_owned(), |label| (*label).to_owned())
    }

    fn rates(matrix: &Matrix, positive: &str) -> Scores {
        let (recall, precision) = (matrix.recall(positive), matrix.precision(positive));
        let mut scores = vec![
            ("recall".to_owned(), recall),
            ("precision".to_owned(), precision),
            ("accuracy".to_owned(), matrix.accuracy()),
        ];
        scores.extend(BETAS.map(|(name, beta)| (name.to_owned(), f_score(beta, precision, recall))));
        scores
    }

    /// The points of the curves, from the highest probability on: true and false positives until there.
    fn points(&self) -> (Vec<(f64, f64)>, f64, f64) {
        let positive = self.positive();
        let empty = vec![0.0; STEPS + 1];
        let of = |is: bool| -> Vec<f64> {
            let classes = self.steps.iter().filter(|(label, _)| (**label == positive) == is);
            classes.fold(empty.clone(), |all, (_, steps)| all.iter().zip(steps).map(|(a, b)| a + b).collect())
        };
        let (hits, misses) = (of(true), of(false));
        let (mut points, mut tp, mut fp) = (vec![(0.0, 0.0)], 0.0, 0.0);
        for (hit, miss) in hits.iter().zip(&misses).rev() {
            if hit + miss > 0.0 {
                tp += hit;
                fp += miss;
                points.push((tp, fp));
            }
        }
        (points, tp, fp)
    }

    fn auc(&self) -> f64 {
        let (points, tp, fp) = self.points();
        let area: f64 = points.windows(2).map(|pair| (pair[1].1 - pair[0].1) * (pair[0].0 + pair[1].0) / 2.0).sum();
        ratio(area, tp * fp)
    }
}

impl Measure for Binary {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // from 0 to STEPS
    fn push(&mut self, record: &Record) {
        self.matrix.push(record);
        let predicted = || if record.predicted == "0" { 0.0 } else { 1.0 };
        let probability = record.probability.unwrap_or_else(predicted).clamp(0.0, 1.0);
        let steps = self.steps.entry(record.truth.clone()).or_insert_with(|| vec![0.0; STEPS + 1]);
        if let Some(step) = steps.get_mut((probability * STEPS as f64) as usize) {
            *step += 1.0;
        }
    }

    fn scores(&self) -> Scores {
        let positive = self.positive();
        let mut scores =
            with_constant(Self::rates(&self.matrix, &positive), Self::rates(&self.matrix.constant(), &positive));
        let recall = self.matrix.recall(&positive);
        let negatives = self.matrix.sum(|truth, _| truth != positive);
        let false_positive =
            ratio(self.matrix.sum(|truth, predicted| truth != positive && predicted == positive), negatives);
        let specific = if negatives == 0.0 { 0.0 } else { 1.0 - false_positive };
        scores.extend(
            [
                ("true_positive_rate", recall),
                ("true_negative_rate", specific),
                ("false_positive_rate", false_positive),
                ("false_negative_rate", 1.0 - recall),
                ("auc", self.auc()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        scores
    }

    fn check(&self) -> Result<(), String> {
        self.matrix.check()
    }

    fn more(&self) -> Map<String, Value> {
        let (points, tp, fp) = self.points();
        let curve = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).collect::<Vec<_>>();
        let precision = |(hits, misses): &(f64, f64)| if hits + misses == 0.0 { 1.0 } else { hits / (hits + misses) };
        let recalls = curve(&|point| ratio(point.0, tp));
        Map::from_iter([
            ("confusion_matrix".to_owned(), self.matrix.json()),
            (
                "receiver_operating_characteristic_curve".to_owned(),
                json!({ "false_positive_rates": curve(&|point| ratio(point.1, fp)), "true_positive_rates": recalls }),
            ),
            ("precision_recall_curve".to_owned(), json!({ "precisions": curve(&precision), "recalls": recalls })),
        ])
    }
}

/// Classification with any number of classes: each counts by how often it is true.
#[derive(Debug, Default)]
pub(super) struct Multiclass(Matrix);

impl Multiclass {
    fn rates(matrix: &Matrix) -> Scores {
        let all = matrix.sum(|_, _| true);
        let weighted = |score: &dyn Fn(&str) -> f64| {
            let of = |label: &&str| ratio(matrix.sum(|truth, _| truth == *label), all) * score(label);
            matrix.labels().iter().map(of).sum::<f64>()
        };
        let mut scores = vec![
            ("accuracy".to_owned(), matrix.accuracy()),
            ("weighted_recall".to_owned(), weighted(&|label| matrix.recall(label))),
            ("weighted_precision".to_owned(), weighted(&|label| matrix.precision(label))),
        ];
        for (name, beta) in BETAS {
            let score = weighted(&|label| f_score(beta, matrix.precision(label), matrix.recall(label)));
            scores.push((format!("weighted_{name}"), score));
        }
        scores
    }
}

impl Measure for Multiclass {
    fn push(&mut self, record: &Record) {
        self.0.push(record);
    }

    fn scores(&self) -> Scores {
        with_constant(Self::rates(&self.0), Self::rates(&self.0.constant()))
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }

    fn more(&self) -> Map<String, Value> {
        Map::from_iter([("confusion_matrix".to_owned(), self.0.json())])
    }
}
