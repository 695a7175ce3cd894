//! Metrics of classifications, from how often each class was predicted for each.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Measure, Record, Scores};

/// Steps of probability that curves are made of.
const STEPS: usize = 1000;
/// Most classes: a confusion matrix has all pairs of them.
const MOST_CLASSES: usize = 300;

/// How often a class was predicted where another one was true.
#[derive(Debug, Default, Clone)]
struct Matrix {
    counts: BTreeMap<(String, String), f64>,
    /// Records by class, where it was true and where it was predicted.
    classes: BTreeMap<String, Counts>,
    all: f64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    /// Where it was true.
    truth: f64,
    /// Where it was predicted.
    predicted: f64,
    /// Both.
    both: f64,
}

impl Matrix {
    fn check(&self, most: usize, what: &str) -> Result<(), String> {
        if self.classes.len() <= most {
            return Ok(());
        }
        let names: Vec<&str> = self.classes.keys().take(5).map(String::as_str).collect();
        Err(format!("there are more than {most} classes, among them {}, so that this is no {what}", names.join(", ")))
    }

    fn push(&mut self, record: &Record) {
        self.add(&record.truth, &record.predicted, 1.0);
    }

    fn add(&mut self, truth: &str, predicted: &str, count: f64) {
        *self.counts.entry((truth.to_owned(), predicted.to_owned())).or_default() += count;
        self.all += count;
        self.class(truth).truth += count;
        self.class(predicted).predicted += count;
        if truth == predicted {
            self.class(truth).both += count;
        }
    }

    fn class(&mut self, name: &str) -> &mut Counts {
        self.classes.entry(name.to_owned()).or_default()
    }

    fn of(&self, class: &str) -> Counts {
        self.classes.get(class).copied().unwrap_or_default()
    }

    fn accuracy(&self) -> f64 {
        ratio(self.classes.values().map(|counts| counts.both).fold(0.0, |sum, both| sum + both), self.all)
    }

    /// The matrix of a classifier that always says what is true most often.
    fn constant(&self) -> Self {
        let best = self.classes.iter().max_by(|(_, a), (_, b)| a.truth.total_cmp(&b.truth));
        let Some((best, _)) = best else { return Self::default() };
        let mut constant = Self::default();
        for (class, counts) in self.classes.iter().filter(|(_, counts)| counts.truth > 0.0) {
            constant.add(class, best, counts.truth);
        }
        constant
    }

    fn json(&self) -> Value {
        let zeros: Map<String, Value> = self.classes.keys().map(|class| (class.clone(), json!(0.0))).collect();
        let mut rows: Map<String, Value> =
            self.classes.keys().map(|class| (class.clone(), Value::Object(zeros.clone()))).collect();
        for ((truth, predicted), count) in &self.counts {
            rows[truth][predicted] = json!(count);
        }
        Value::Object(rows)
    }
}

impl Counts {
    fn recall(self) -> f64 {
        ratio(self.both, self.truth)
    }

    fn precision(self) -> f64 {
        ratio(self.both, self.predicted)
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
        let last = self.matrix.classes.keys().next_back();
        last.filter(|class| *class != "0").map_or_else(|| "1".to_owned(), String::clone)
    }

    fn rates(matrix: &Matrix, positive: &str) -> Scores {
        let (recall, precision) = (matrix.of(positive).recall(), matrix.of(positive).precision());
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
        let of = self.matrix.of(&positive);
        let (recall, negatives) = (of.recall(), self.matrix.all - of.truth);
        let false_positive = ratio(of.predicted - of.both, negatives);
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
        self.matrix.check(2, "binary classification; use MulticlassClassification")
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
        let weighted = |score: &dyn Fn(Counts) -> f64| {
            let of = |counts: &Counts| ratio(counts.truth, matrix.all) * score(*counts);
            matrix.classes.values().map(of).sum::<f64>()
        };
        let mut scores = vec![
            ("accuracy".to_owned(), matrix.accuracy()),
            ("weighted_recall".to_owned(), weighted(&Counts::recall)),
            ("weighted_precision".to_owned(), weighted(&Counts::precision)),
        ];
        for (name, beta) in BETAS {
            let score = weighted(&|counts| f_score(beta, counts.precision(), counts.recall()));
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
        self.0.check(MOST_CLASSES, "classification")
    }

    fn more(&self) -> Map<String, Value> {
        Map::from_iter([("confusion_matrix".to_owned(), self.0.json())])
    }
}
