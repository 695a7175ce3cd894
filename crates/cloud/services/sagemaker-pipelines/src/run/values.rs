//! What expressions refer to, looked up when a step begins: properties of steps that succeeded, files in S3.

use std::io::Read as _;
use std::sync::Arc;

use sagewright_cloud_core::clock::SimTime;
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::calls::Principal;
use serde_json::{Map, Value, json};

use crate::definition::{Definition, Step};
use crate::execution::machine::Facts;
use crate::execution::state::{Done, State};
use crate::expression::path::{self, Segment};
use crate::expression::{Known, Open, text};
use crate::kinds::{Resource, Runs};

/// The largest JSON document that is read from S3.
const LARGEST: u64 = 10 * 1024 * 1024;

/// Looks up values for one execution.
pub(crate) struct Values<'a> {
    pub(crate) sm: &'a SageMaker,
    pub(crate) who: &'a Principal,
    pub(crate) definition: &'a Definition,
    pub(crate) state: &'a State,
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

impl Values<'_> {
    /// Evaluates, and looks up what that takes.
    pub(crate) async fn evaluate<T: Send>(
        &self,
        known: &mut Known,
        evaluate: impl Fn(&Known) -> Result<T, Open> + Send + Sync,
    ) -> Result<T, String> {
        loop {
            match evaluate(known) {
                Ok(value) => return Ok(value),
                Err(Open::Fault(why)) => return Err(why),
                Err(Open::Step(name)) => {
                    let properties = self.properties(&name).await?;
                    known.steps.insert(name, properties);
                }
                Err(Open::File(step, name)) => {
                    let content = self.file(&step, &name).await?;
                    known.files.insert((step, name), content);
                }
                Err(Open::Object(uri)) => {
                    let content = self.object(&uri).await?;
                    known.objects.insert(uri, content);
                }
            }
        }
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
                    let goal = "/HyperParameterTuningJobConfig/HyperParameterTuningJobObjective/Type";
                    let least = Value::Object(all.clone()).pointer(goal) == Some(&json!("Minimize"));
                    let order = if least { "Ascending" } else { "Descending" };
                    json!({
                        resource.described_by: id, "SortBy": "FinalObjectiveMetricValue", "SortOrder": order, "MaxResults": 50,
                    })
                }
            };
            let told = self.sm.invoke(self.who, operation, input).await;
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
        let (bucket, key) = parse_s3_uri(uri).ok_or_else(|| format!("'{uri}' is no S3 URI"))?;
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let (objects, account) = (Arc::clone(&self.sm.env().objects), self.who.account.clone());
        let read = move || {
            let (info, file) = objects.open(&account, &bucket, &key).map_err(|error| error.to_string())?;
            if info.size > LARGEST {
                return Err(format!("s3://{bucket}/{key} has {} bytes; at most {LARGEST} are read", info.size));
            }
            let mut content = Vec::new();
            file.take(LARGEST).read_to_end(&mut content).map_err(|error| error.to_string())?;
            serde_json::from_slice(&content).map_err(|error| format!("s3://{bucket}/{key} is not valid JSON: {error}"))
        };
        tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?
    }
}
