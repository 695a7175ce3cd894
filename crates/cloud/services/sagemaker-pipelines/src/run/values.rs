//! What expressions refer to, looked up when a step begins: properties of steps that succeeded, files in S3.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sagewright_cloud_core::clock::SimTime;
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::calls::Principal;
use serde_json::{Map, Value, json};

use super::invoke;
use crate::definition::{Definition, Step};
use crate::document;
use crate::execution::machine::Facts;
use crate::execution::state::{Done, State};
use crate::expression::path::{self, Segment};
use crate::expression::{Known, Open, open, text};
use crate::kinds::{Resource, Runs};

/// The largest JSON document that is read from S3.
const LARGEST: u64 = 10 * 1024 * 1024;

/// Steps, property files and documents that one step may refer to.
const MOST_LOOKUPS: usize = 1000;

/// Bytes of all documents that one step may refer to.
const LARGEST_TOGETHER: u64 = 32 * 1024 * 1024;

/// Looks up values for one execution.
pub(crate) struct Values<'a> {
    sm: &'a SageMaker,
    who: &'a Principal,
    definition: &'a Definition,
    state: &'a State,
    /// Bytes that documents may still have.
    left: AtomicU64,
}

/// What is known of an execution from its start.
pub(crate) fn known(record: &Record, facts: &Facts, now: SimTime) -> Known {
    let id = record.arn.rsplit('/').next().unwrap_or_default();
    let variables = json!({
        "StartDateTime": SimTime::from_millisecond(record.created).timestamp().to_string(),
        "CurrentDateTime": now.timestamp().to_string(),
        "PipelineName": facts.pipeline,
        "PipelineArn": facts.pipeline_arn,
        "PipelineExecutionId": id,
        "PipelineExecutionArn": record.arn,
    });
    let variables = if let Value::Object(map) = variables { map } else { Map::new() };
    Known { parameters: facts.parameters.clone(), variables, ..Known::default() }
}

impl<'a> Values<'a> {
    pub(crate) const fn new(
        sm: &'a SageMaker,
        who: &'a Principal,
        definition: &'a Definition,
        state: &'a State,
    ) -> Self {
        Self { sm, who, definition, state, left: AtomicU64::new(LARGEST_TOGETHER) }
    }

    /// Evaluates expressions in `of`, and looks up what that takes: all at once that is known to be needed.
    pub(crate) async fn evaluate<T: Send>(
        &self,
        known: &mut Known,
        of: &Value,
        evaluate: impl Fn(&Known) -> Result<T, Open> + Send + Sync,
    ) -> Result<T, String> {
        let mut lookups = 0;
        loop {
            let first = match evaluate(known) {
                Ok(value) => return Ok(value),
                Err(Open::Fault(why)) => return Err(why),
                Err(first) => first,
            };
            let mut wanted = vec![first];
            open(of, known, &mut wanted);
            for one in wanted {
                lookups += 1;
                if lookups > MOST_LOOKUPS {
                    return Err(format!("it takes more than {MOST_LOOKUPS} steps, property files and documents"));
                }
                self.look_up(known, one).await?;
            }
        }
    }

    async fn look_up(&self, known: &mut Known, wanted: Open) -> Result<(), String> {
        match wanted {
            Open::Fault(why) => return Err(why),
            Open::Step(name) if !known.steps.contains_key(&name) => {
                let properties = self.properties(&name).await?;
                known.steps.insert(name, properties);
            }
            Open::File(step, name) if !known.files.contains_key(&(step.clone(), name.clone())) => {
                let content = self.file(&step, &name).await?;
                known.files.insert((step, name), content);
            }
            Open::Object(uri) if !known.objects.contains_key(&uri) => {
                let content = self.object(&uri).await?;
                known.objects.insert(uri, content);
            }
            Open::Step(_) | Open::File(..) | Open::Object(_) => {}
        }
        Ok(())
    }

    fn step(&self, name: &str) -> Result<(&Step, &Done), String> {
        let at = self.definition.find(name).ok_or_else(|| format!("there is no step {name}"))?;
        let found = self.definition.steps.get(at).zip(self.state.steps.get(at));
        found.map(|(step, progress)| (step, &progress.result)).ok_or_else(|| format!("step {name} has not run"))
    }

    async fn properties(&self, name: &str) -> Result<Value, String> {
        let (step, done) = self.step(name)?;
        match step.kind.runs {
            Runs::Resource(resource) => {
                let id = done.resource.as_deref().ok_or_else(|| format!("step {name} has created nothing"))?;
                self.described(step, resource, id).await
            }
            Runs::Condition => Ok(json!({ "Outcome": done.outcome })),
            Runs::Lambda | Runs::Callback => Ok(json!({ "OutputParameters": done.outputs })),
            Runs::Fail => Err(format!("step {name} has no properties")),
        }
    }

    /// All properties of a step's resource.
    pub(crate) async fn described(&self, step: &Step, resource: &Resource, id: &str) -> Result<Value, String> {
        let mut all = Map::new();
        for operation in step.kind.properties {
            let input = match operation.starts_with("Describe") {
                true => json!({ resource.described_by: id }),
                // The best first, as `TrainingJobSummaries[0]` is meant.
                false => {
                    let order = if minimizes(&all) { "Ascending" } else { "Descending" };
                    json!({
                        resource.described_by: id, "SortBy": "FinalObjectiveMetricValue", "SortOrder": order, "MaxResults": 50,
                    })
                }
            };
            let told = invoke(self.sm, self.who, operation, input).await;
            let told = told.map_err(|error| format!("sagemaker:{operation} of {id} fails: {}", error.message))?;
            if let Value::Object(members) = told {
                all.extend(members);
            }
        }
        Ok(Value::Object(all))
    }

    /// The content of a property file.
    async fn file(&self, name: &str, file: &str) -> Result<Value, String> {
        let (step, _) = self.step(name)?;
        let file = step.files.iter().find(|known| known.name == file);
        let file = file.ok_or_else(|| format!("step {name} has no such property file"))?;
        let job = self.properties(name).await?;
        let at = ["ProcessingOutputConfig", "Outputs"].map(|member| Segment::Member(member.to_owned()));
        let at: Vec<Segment> = at
            .into_iter()
            .chain([
                Segment::Key(file.output.clone()),
                Segment::Member("S3Output".into()),
                Segment::Member("S3Uri".into()),
            ])
            .collect();
        let folder = path::follow(&job, &at).map(text);
        let folder = folder.ok_or_else(|| format!("the job of step {name} has no output {}", file.output))?;
        self.object(&format!("{}/{}", folder.trim_end_matches('/'), file.path.trim_start_matches('/'))).await
    }

    /// A JSON document in S3.
    async fn object(&self, uri: &str) -> Result<Value, String> {
        let (bucket, key) = parse_s3_uri(uri).ok_or_else(|| format!("'{uri}' is not an S3 URI"))?;
        let (objects, account) = (Arc::clone(&self.sm.env().objects), self.who.account.clone());
        let content = document::read(objects, account, bucket.to_owned(), key.to_owned(), LARGEST).await?;
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(size));
        taken.map_err(|_| {
            format!("the documents that the step reads have more than {LARGEST_TOGETHER} bytes together")
        })?;
        let parsed = tokio::task::spawn_blocking(move || serde_json::from_slice(&content)).await;
        let parsed = parsed.map_err(|error| error.to_string())?;
        parsed.map_err(|error| format!("{uri} is not valid JSON: {error}"))
    }
}

/// Whether the best training job of a tuning job is the one with the least metric. With several definitions each has the
/// objective, and all have the same.
fn minimizes(described: &Map<String, Value>) -> bool {
    let goal = |at: Option<&Value>, path: &str| at.and_then(|at| at.pointer(path)) == Some(&json!("Minimize"));
    goal(described.get("HyperParameterTuningJobConfig"), "/HyperParameterTuningJobObjective/Type")
        || goal(described.get("TrainingJobDefinitions"), "/0/TuningObjective/Type")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_of_a_tuning_job_is_in_its_configuration_or_in_its_definitions() {
        let told = |value: Value| minimizes(value.as_object().unwrap());
        let config =
            |goal: &str| json!({"HyperParameterTuningJobConfig": {"HyperParameterTuningJobObjective": {"Type": goal}}});
        let several = |goal: &str| json!({"HyperParameterTuningJobConfig": {}, "TrainingJobDefinitions": [{"TuningObjective": {"Type": goal}}]});
        for of in [config, several] as [fn(&str) -> Value; 2] {
            assert_eq!((told(of("Minimize")), told(of("Maximize"))), (true, false));
        }
    }
}
