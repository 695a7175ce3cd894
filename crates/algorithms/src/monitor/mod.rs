//! Model Monitor's containers: the analyser of data quality and model quality, and the program that merges ground truth.
//!
//! Plays the images `sagemaker-model-monitor-analyzer` and `sagemaker-model-monitor-groundtruth-merger`: what they read and write,
//! and the variables that tell them so.

mod column;
mod constraints;
mod data;
mod environment;
mod hosts;
mod merge;
mod metrics;
mod quality;
mod sketch;
mod statistics;
mod violations;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::contract::{Container, write_atomically};
use constraints::Constraints;
use data::{Format, Span};
use environment::Environment;
use metrics::Metrics;
use statistics::Table;

/// What the service takes for a job without data (aws/sagemaker-python-sdk#2634).
const NO_DATA: &str = "Job inputs had no data";

/// Runs the analyser or the merger, and returns its exit code.
pub(crate) fn run(base: &Path, image: &str) -> i32 {
    let container = Container::new(base);
    let environment = Environment::of_process();
    match hosts::works(&container) {
        Ok(true) => {}
        Ok(false) => {
            crate::log::info("the first instance has all data and does the work; this one has nothing to do");
            return 0;
        }
        Err(why) => return end(&container, Err(why)),
    }
    let done = match image {
        "analyzer" => analyse(&container, &environment),
        "merger" => merge::run(&container, &environment),
        other => Err(format!("there is no image '{other}'; the images are analyzer and merger")),
    };
    end(&container, done)
}

/// Leaves the exit message; gives the exit code.
fn end(container: &Container, done: Result<String, String>) -> i32 {
    let (message, code) = match done {
        Ok(message) => (message, 0),
        Err(why) => {
            crate::log::error(&why);
            (why, 255)
        }
    };
    if let Err(error) = write_atomically(&container.output("message"), message.as_bytes()) {
        crate::log::error(&format!("cannot write the exit message: {error}"));
    }
    code
}

/// Analyses the data set; gives the exit message.
fn analyse(container: &Container, environment: &Environment) -> Result<String, String> {
    environment.refuse_scripts()?;
    if environment.text("analysis_type") == Some("MODEL_QUALITY") {
        return quality::run(container, environment);
    }
    data_quality(container, environment)
}

fn data_quality(container: &Container, environment: &Environment) -> Result<String, String> {
    let format = Format::read(environment.required("dataset_format")?)?;
    let mut table = Table::default();
    let source = container.resolve(environment.required("dataset_source")?);
    data::rows(container, &source, &format, &Span::of(environment), |row, _| table.push(row))?;
    crate::log::info(&format!("read {} rows with {} columns", table.rows, table.columns.len()));
    if table.rows == 0 {
        return Err(NO_DATA.to_owned());
    }
    let constraints = match environment.document(container, "baseline_constraints")? {
        Some(text) => Some(Constraints::read(&text)?),
        None => None,
    };
    let before = baseline_statistics(container, environment)?;
    let compared = constraints.as_ref().map(|constraints| {
        violations::align(&mut table, constraints);
        violations::compare(&table, constraints, before.as_ref())
    });
    let output = Output::of(container, environment)?;
    output.write("statistics.json", &table.json())?;
    output.write("constraints.json", &constraints::suggest(&table, environment.text("categorical_drift_method")))?;
    if environment.publishes() {
        let distances = compared.as_ref().map(|compared| &compared.distances);
        metrics::of_table(&Metrics::of(environment), &table, constraints.as_ref(), distances).write(container)?;
    }
    output.end(compared.map(|compared| compared.violations))
}

fn baseline_statistics(container: &Container, environment: &Environment) -> Result<Option<Value>, String> {
    let Some(text) = environment.document(container, "baseline_statistics")? else { return Ok(None) };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| format!("statistics.json of the baseline is not valid JSON: {error}"))
}

/// Where reports go.
struct Output(std::path::PathBuf);

impl Output {
    fn of(container: &Container, environment: &Environment) -> Result<Self, String> {
        Ok(Self(container.resolve(environment.required("output_path")?)))
    }

    fn write(&self, name: &str, document: &Value) -> Result<(), String> {
        let text = serde_json::to_string_pretty(document).map_err(|error| format!("cannot write {name}: {error}"))?;
        fs::create_dir_all(&self.0)
            .and_then(|()| write_atomically(&self.0.join(name), text.as_bytes()))
            .map_err(|error| format!("cannot write {name}: {error}"))
    }

    /// Writes the violations, where the data set was compared; gives the exit message.
    fn end(&self, violations: Option<Vec<Value>>) -> Result<String, String> {
        let Some(violations) = violations else {
            return Ok("Completed: Job completed successfully with no violations.".to_owned());
        };
        self.write("constraint_violations.json", &json!({ "violations": violations }))?;
        for violation in &violations {
            crate::log::warning(&violation.to_string());
        }
        Ok(match violations.len() {
            0 => "Completed: Job completed successfully with no violations.".to_owned(),
            count => format!("CompletedWithViolations: Job completed successfully with {count} violations."),
        })
    }
}

#[cfg(test)]
mod tests;
