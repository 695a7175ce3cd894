//! Model quality: predictions held against what turned out to be true.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html>

mod classification;
mod regression;
mod rules;
mod sample;

use serde_json::{Map, Value, json};

use super::data::{self, Extra, Format, Row, Span};
use super::environment::Environment;
use super::metrics::Metrics;
use super::{NO_DATA, Output};
use crate::contract::Container;
use classification::{Binary, Multiclass};
use regression::Regression;
use rules::Problem;
use sample::Samples;

/// Metrics that are numbers, by name.
type Scores = Vec<(String, f64)>;

/// What metrics are computed from, record by record.
trait Measure: Default {
    fn push(&mut self, record: &Record);
    fn scores(&self) -> Scores;
    /// Refuses what cannot be what it is said to be.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
    /// What is no number: matrices and curves.
    fn more(&self) -> Map<String, Value> {
        Map::new()
    }
}

/// One prediction with what was true.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    truth: String,
    predicted: String,
    probability: Option<f64>,
}

/// Runs the analysis; gives the exit message.
pub(super) fn run(container: &Container, environment: &Environment) -> Result<String, String> {
    let problem = Problem::read(environment.required("problem_type")?)?;
    let constraints = environment.document(container, "baseline_constraints")?;
    let reader = Reader::of(environment, problem)?;
    let format = Format::read(environment.required("dataset_format")?)?;
    let source = container.resolve(environment.required("dataset_source")?);
    let span = Span::of(environment);
    let measure = match problem {
        Problem::Regression => measure::<Regression>,
        Problem::Binary => measure::<Binary>,
        Problem::Multiclass => measure::<Multiclass>,
    };
    let (scores, deviations, more, count) = measure(container, &reader, &source, &format, &span)?;
    crate::log::info(&format!("read {count} predictions with what was true"));
    if count == 0 {
        return Err(NO_DATA.to_owned());
    }
    let output = Output::of(container, environment)?;
    output.write("statistics.json", &statistics(problem, environment, &scores, &deviations, more, count))?;
    output.write("constraints.json", &problem.suggest(&scores))?;
    if environment.publishes() {
        let mut metrics = Metrics::of(environment);
        scores.iter().for_each(|(name, value)| metrics.value(name, *value));
        metrics.write(container)?;
    }
    let violations = constraints.map(|text| problem.violations(&text, &scores, &deviations)).transpose()?;
    output.end(violations)
}

type Measured = (Scores, Scores, Map<String, Value>, u64);

fn measure<M: Measure>(
    container: &Container,
    reader: &Reader,
    source: &std::path::Path,
    format: &Format,
    span: &Span,
) -> Result<Measured, String> {
    let mut samples = Samples::<M>::default();
    data::rows(container, source, format, span, |row, extra| {
        samples.push(&reader.record(&row, extra)?);
        samples.all.check()
    })?;
    let (scores, deviations) = samples.scores();
    Ok((scores, deviations, samples.all.more(), samples.count))
}

fn statistics(
    problem: Problem,
    environment: &Environment,
    scores: &Scores,
    deviations: &Scores,
    more: Map<String, Value>,
    count: u64,
) -> Value {
    let mut metrics = more;
    for (name, value) in scores {
        let deviation = deviations.iter().find(|(of, _)| of == name).map(|(_, deviation)| *deviation);
        // JSON has no NaN.
        let deviation = deviation.filter(|value| value.is_finite()).map_or(json!("NaN"), |value| json!(value));
        let value = if value.is_finite() { json!(value) } else { json!("NaN") };
        metrics.insert(name.clone(), json!({ "value": value, "standard_deviation": deviation }));
    }
    let mut dataset = json!({ "item_count": count });
    for name in ["start_time", "end_time"] {
        if let Some(time) = environment.text(name) {
            dataset[name] = json!(time);
        }
    }
    dataset["evaluation_time"] = json!(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
    json!({ "version": 0.0, "dataset": dataset, problem.metrics(): metrics })
}

/// Where a row has what is needed.
struct Reader {
    problem: Problem,
    truth: Option<String>,
    inference: Option<String>,
    probability: Option<String>,
    threshold: f64,
}

impl Reader {
    fn of(environment: &Environment, problem: Problem) -> Result<Self, String> {
        let text = |name: &str| environment.text(name).map(str::to_owned);
        let reader = Self {
            problem,
            truth: text("ground_truth_attribute"),
            inference: text("inference_attribute"),
            probability: text("probability_attribute"),
            threshold: match environment.text("probability_threshold_attribute") {
                None => 0.5,
                Some(text) => {
                    text.parse().map_err(|_| format!("probability_threshold_attribute '{text}' is no number"))?
                }
            },
        };
        match (&reader.inference, &reader.probability) {
            (None, None) => Err("one of inference_attribute and probability_attribute has to be given".to_owned()),
            (None, Some(_)) if problem != Problem::Binary => Err(format!(
                "inference_attribute has to be given for {}: a probability alone tells a class in binary classification only",
                problem.name()
            )),
            _ => Ok(reader),
        }
    }

    fn record(&self, row: &Row, extra: &Extra) -> Result<Record, String> {
        let truth = match (&extra.truth, &self.truth) {
            (Some(truth), _) => truth.clone(),
            (None, Some(name)) => cell(row, name)?,
            (None, None) => {
                return Err("the variable ground_truth_attribute is missing in the Environment of the job".to_owned());
            }
        };
        let probability = match &self.probability {
            None => None,
            Some(name) => {
                let text = cell(row, name)?;
                Some(text.parse().map_err(|_| format!("the probability '{text}' is no number"))?)
            }
        };
        let predicted = match (&self.inference, probability) {
            (Some(name), _) => cell(row, name)?,
            (None, probability) => u8::from(probability.is_some_and(|p| p > self.threshold)).to_string(),
        };
        if self.problem == Problem::Regression {
            return Ok(Record { truth, predicted, probability }).and_then(Record::numeric);
        }
        Ok(Record { truth: label(&truth), predicted: label(&predicted), probability })
    }
}

impl Record {
    fn numeric(self) -> Result<Self, String> {
        for text in [&self.truth, &self.predicted] {
            if !text.parse::<f64>().is_ok_and(f64::is_finite) {
                return Err(format!("'{text}' is not a number; the values of a regression have to be numbers"));
            }
        }
        Ok(self)
    }
}

/// The cell that an attribute names: a column's name, its number, or a path as `$.prediction`.
fn cell(row: &Row, attribute: &str) -> Result<String, String> {
    let name = attribute.strip_prefix("$.").unwrap_or(attribute);
    let found = row.iter().find(|(column, _)| column == name);
    let found = found.or_else(|| name.parse::<usize>().ok().and_then(|at| row.get(at)));
    let (column, cell) = found.ok_or_else(|| {
        let known: Vec<_> = row.iter().map(|(column, _)| column.as_str()).collect();
        format!("there is no column {attribute} in a row; its columns are {}", known.join(", "))
    })?;
    cell.clone().ok_or_else(|| format!("a row has no value of {column}"))
}

/// A class as its matrix names it: `1.0` and `1` are the same one, and so is `true`.
fn label(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "true" => return "1".to_owned(),
        "false" => return "0".to_owned(),
        _ => {}
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
