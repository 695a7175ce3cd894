//! Definitions of pipelines, version 2020-12-01: from the JSON text to steps that know what they need.

mod arguments;
pub mod cache;
mod graph;
mod read;
pub mod retry;

use serde_json::Value;

use crate::kinds::StepKind;
use crate::parameter::{Parameter, Type};
use retry::Retry;

/// The only version there is.
pub const VERSION: &str = "2020-12-01";

/// A pipeline's definition.
#[derive(Debug)]
pub struct Definition {
    /// Parameters.
    pub parameters: Vec<Parameter>,
    /// `PipelineExperimentConfig`, where given.
    pub experiment: Option<Value>,
    /// All steps in the order of the text, those in branches included.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug)]
pub struct Step {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: &'static StepKind,
    /// Display name.
    pub display: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Arguments, with expressions. Of a Condition step, the conditions alone.
    pub arguments: Value,
    /// The function or queue that it calls, which may be an expression.
    pub target: Option<Value>,
    /// Names and types of what a function or an answer gives.
    pub outputs: Vec<(String, Type)>,
    /// Files that later steps read from.
    pub files: Vec<PropertyFile>,
    /// An earlier success counts for so many milliseconds; for ever where there is no time. `None`: it does not.
    pub cache: Option<Option<i64>>,
    /// Retry policies.
    pub retries: Vec<Retry>,
    /// Names after `DependsOn`.
    pub depends_on: Vec<String>,
    /// The Condition step that it is in a branch of.
    pub branch: Option<Branch>,
    /// The steps that have to succeed first, by their places.
    pub needs: Vec<usize>,
}

/// A branch of a Condition step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Branch {
    /// Place of the Condition step.
    pub of: usize,
    /// The outcome with which it is taken.
    pub when: bool,
}

/// A file that a Processing step leaves, and that later steps read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyFile {
    /// Name.
    pub name: String,
    /// The output of the job that it is in.
    pub output: String,
    /// Its path in the output.
    pub path: String,
}

impl Definition {
    /// Reads and checks a definition.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence or more.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut definition = read::definition(text)?;
        graph::connect(&mut definition)?;
        arguments::check(&definition)?;
        Ok(definition)
    }

    /// The place of a step.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }
}

#[cfg(test)]
mod tests;
