//! What can be searched for: a row for each resource, and what results show beyond a record's own members.

use std::collections::HashMap;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::lineage::TRIAL_PART;
use sagewright_cloud_sagemaker_base::recorded::describe::shown;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, pick, seconds};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker, refuse};
use sagewright_model::Shape;
use serde_json::{Map, Value, json};

/// Where a resource's records and results are.
pub struct Row {
    /// As requests name it.
    pub resource: &'static str,
    /// Kind of its records: the noun of a kind, or what the records' kind is called where they are none's of their own.
    pub noun: &'static str,
    /// Member of `SearchRecord` that holds it.
    pub member: &'static str,
    /// Its shape.
    pub shape: &'static str,
}

const fn row(resource: &'static str, noun: &'static str, member: &'static str, shape: &'static str) -> Row {
    Row { resource, noun, member, shape }
}

/// Resources whose results are in the service model, and whose kinds are here.
pub const ROWS: &[Row] = &[
    row("TrainingJob", "TrainingJob", "TrainingJob", "TrainingJob"),
    row("Experiment", "Experiment", "Experiment", "Experiment"),
    row("ExperimentTrial", "Trial", "Trial", "Trial"),
    row("ExperimentTrialComponent", "TrialComponent", "TrialComponent", "TrialComponent"),
    row("Endpoint", "Endpoint", "Endpoint", "Endpoint"),
    row("Model", "Model", "Model", "ModelDashboardModel"),
    row("ModelPackage", "ModelPackage", "ModelPackage", "ModelPackage"),
    row("ModelPackageGroup", "ModelPackageGroup", "ModelPackageGroup", "ModelPackageGroup"),
    row("Pipeline", "Pipeline", "Pipeline", "Pipeline"),
    row("PipelineExecution", "PipelineExecution", "PipelineExecution", "PipelineExecution"),
    row("PipelineVersion", "pipeline-version", "PipelineVersion", "PipelineVersion"),
    row("FeatureGroup", "FeatureGroup", "FeatureGroup", "FeatureGroup"),
    row("FeatureMetadata", "FeatureGroup", "FeatureMetadata", "FeatureMetadata"),
    row("Project", "Project", "Project", "Project"),
    row(
        "HyperParameterTuningJob",
        "HyperParameterTuningJob",
        "HyperParameterTuningJob",
        "HyperParameterTuningJobSearchEntity",
    ),
    row("ModelCard", "ModelCard", "ModelCard", "ModelCard"),
];

/// The row and shape of a resource.
pub fn find(call: &Call, resource: &str) -> Result<(&'static Row, &'static Shape), ApiError> {
    let Some(row) = ROWS.iter().find(|row| row.resource == resource) else {
        let all: Vec<_> = ROWS.iter().map(|row| row.resource).collect();
        return Err(refuse::instead(
            &format!("Search for {resource}"),
            &format!("Search for one of {}", all.join(", ")),
        ));
    };
    let shape = call.service.shape(row.shape);
    Ok((row, shape.ok_or_else(|| ApiError::internal(format!("the service model has no shape {}", row.shape)))?))
}

/// All that a search looks at.
pub struct Found {
    pub row: &'static Row,
    pub shape: &'static Shape,
    pub records: Vec<Record>,
    pub more: More,
}

/// What records of other kinds add, by what they are about.
#[derive(Default)]
pub struct More {
    tags: HashMap<String, Vec<(String, String)>>,
    /// Trials and experiments by component, or components by trial.
    parts: HashMap<String, Vec<Value>>,
    /// Jobs by ARN.
    jobs: HashMap<String, Value>,
    /// Endpoints by model.
    endpoints: HashMap<String, Vec<Value>>,
    /// The latest transform jobs by model.
    transforms: HashMap<String, Value>,
    /// ARNs and times of pipelines by name.
    pipelines: HashMap<String, Record>,
}

impl Found {
    /// Reads all records of a resource in the caller's account and region, and what is shown with them.
    pub async fn read(sm: &SageMaker, call: &Call, row: &'static Row, shape: &'static Shape) -> Result<Self, ApiError> {
        let list = async |kind: &str| sm.env().store.list(&call.caller.account, &call.region, kind).await;
        let kind = Kind::all().find(|kind| kind.0.noun == row.noun);
        let records = list(kind.map_or(row.noun, Kind::as_str)).await?;
        let arns = records.iter().map(|record| record.arn.clone()).filter(|arn| !arn.is_empty()).collect();
        let mut more = More { tags: sm.env().store.tags(arns).await?, ..More::default() };
        match row.resource {
            "ExperimentTrial" | "ExperimentTrialComponent" => {
                let of = if row.resource == "ExperimentTrial" { "TrialName" } else { "TrialComponentName" };
                for part in list(TRIAL_PART).await? {
                    more.parts.entry(lower(&part.body[of])).or_default().push(part.body);
                }
                for record in &records {
                    if let Some((arn, job)) = source(sm, &record.key, &record.body["Source"]).await? {
                        more.jobs.insert(arn, job);
                    }
                }
            }
            "Model" => more.models(
                list(Kind::ENDPOINT.as_str()).await?,
                list(Kind::ENDPOINT_CONFIG.as_str()).await?,
                list(Kind::TRANSFORM_JOB.as_str()).await?,
            ),
            "PipelineVersion" => {
                let pipelines = list(Kind::PIPELINE.as_str()).await?;
                more.pipelines = pipelines.into_iter().map(|record| (record.key.name.clone(), record)).collect();
            }
            _ => {}
        }
        Ok(Self { row, shape, records, more })
    }

    /// All resources with the names by which they are told apart.
    pub fn resources(self) -> impl Iterator<Item = (String, Value)> {
        let Self { row, shape, records, mut more } = self;
        let kind = Kind::all().find(|kind| kind.0.noun == row.noun);
        records.into_iter().flat_map(move |record| {
            let name = record.key.name.clone();
            let mut all = match (row.resource, kind) {
                ("FeatureMetadata", Some(kind)) => features(kind, record),
                ("PipelineVersion", _) => more.version(record).into_iter().map(|v| (name.clone(), v)).collect(),
                (resource, Some(kind)) => vec![(name, more.show(resource, kind, record))],
                (_, None) => Vec::new(),
            };
            for (_, found) in &mut all {
                found.retain(|member, _| shape.members.contains_key(member.as_str()));
            }
            all.into_iter().map(|(name, found)| (name, Value::Object(found))).collect::<Vec<_>>()
        })
    }
}

fn lower(name: &Value) -> String {
    name.as_str().unwrap_or_default().to_ascii_lowercase()
}

/// The job that a trial component stands for, while it is there.
async fn source(sm: &SageMaker, scope: &Key, source: &Value) -> Result<Option<(String, Value)>, ApiError> {
    let Some(arn) = source["SourceArn"].as_str() else { return Ok(None) };
    let resource = arn.splitn(6, ':').nth(5).and_then(|resource| resource.split_once('/'));
    let Some((kind, name)) = resource.and_then(|(kind, name)| {
        let jobs = [Kind::TRAINING_JOB, Kind::PROCESSING_JOB, Kind::TRANSFORM_JOB];
        Some((jobs.into_iter().find(|job| job.as_str() == kind)?, name))
    }) else {
        return Ok(None);
    };
    let key = Key::new(&scope.account, &scope.region, kind.as_str(), name);
    let job = sm.env().store.record(&key).await?;
    Ok(job.map(|job| (arn.to_owned(), json!({ "SourceArn": arn, kind.0.noun: shown(kind, job) }))))
}

/// The features of a group, as resources of their own.
fn features(kind: Kind, group: Record) -> Vec<(String, Map<String, Value>)> {
    let key = group.key.name.clone();
    let group = shown(kind, group);
    let definitions = group.get("FeatureDefinitions").and_then(Value::as_array).cloned().unwrap_or_default();
    let feature = |definition: Value| {
        let mut out = group.clone();
        out.extend(definition.as_object().cloned().unwrap_or_default());
        (format!("{key}/{}", definition["FeatureName"].as_str().unwrap_or_default()), out)
    };
    definitions.into_iter().map(feature).collect()
}

impl More {
    fn tags(&mut self, arn: &str) -> Value {
        let tags = self.tags.remove(arn).unwrap_or_default();
        tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    }

    fn show(&mut self, resource: &str, kind: Kind, record: Record) -> Map<String, Value> {
        let (arn, name) = (record.arn.clone(), record.key.name.clone());
        let ran = record.body[HIDDEN]["ran"].as_i64();
        let mut found = shown(kind, record);
        found.insert("Tags".to_owned(), self.tags(&arn));
        match resource {
            "Model" => {
                let mut out = Map::from_iter([("Model".to_owned(), Value::Object(found))]);
                out.insert("Endpoints".to_owned(), json!(self.endpoints.remove(&name).unwrap_or_default()));
                out.extend(self.transforms.remove(&name).map(|job| ("LastBatchTransformJob".to_owned(), job)));
                return out;
            }
            "Pipeline" => found.extend(ran.map(|time| ("LastRunTime".to_owned(), seconds(time)))),
            "ExperimentTrial" => {
                let parts = self.parts.remove(&name).unwrap_or_default();
                let summary = |part: &Value| json!({ "TrialComponentName": part["TrialComponentName"] });
                found.insert("TrialComponentSummaries".to_owned(), parts.iter().map(summary).collect());
            }
            "ExperimentTrialComponent" => {
                let parts = self.parts.remove(&name).unwrap_or_default();
                let parent =
                    |part: &Value| json!({ "TrialName": part["TrialName"], "ExperimentName": part["ExperimentName"] });
                found.insert("Parents".to_owned(), parts.iter().map(parent).collect());
                let job = found.get("Source").and_then(|source| source["SourceArn"].as_str());
                let job = job.and_then(|arn| self.jobs.remove(arn));
                found.extend(job.map(|job| ("SourceDetail".to_owned(), job)));
            }
            _ => {}
        }
        found
    }

    /// A version of a pipeline that is still there.
    fn version(&self, record: Record) -> Option<Map<String, Value>> {
        let (pipeline, number) = record.key.name.rsplit_once('/')?;
        let pipeline = self.pipelines.get(pipeline)?;
        let number: u64 = number.parse().ok()?;
        let mut out = record.body.as_object().cloned().unwrap_or_default();
        out.insert("PipelineArn".to_owned(), json!(pipeline.arn));
        out.insert("PipelineVersionId".to_owned(), json!(number));
        out.insert("CreationTime".to_owned(), seconds(record.created));
        out.insert("LastModifiedTime".to_owned(), seconds(record.modified));
        Some(out)
    }

    /// What endpoints and transform jobs use which models.
    fn models(&mut self, endpoints: Vec<Record>, configs: Vec<Record>, transforms: Vec<Record>) {
        let configs: HashMap<String, Record> = configs.into_iter().map(|c| (c.key.name.clone(), c)).collect();
        for endpoint in endpoints {
            let Some(config) = configs.get(&lower(&endpoint.body["EndpointConfigName"])) else { continue };
            let members = ["EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"];
            let summary = pick(shown(Kind::ENDPOINT, endpoint), &members);
            for variant in config.body["ProductionVariants"].as_array().into_iter().flatten() {
                let all = self.endpoints.entry(lower(&variant["ModelName"])).or_default();
                // Several variants of one endpoint may have the same model.
                if all.last() != Some(&summary) {
                    all.push(summary.clone());
                }
            }
        }
        let mut transforms = transforms;
        transforms.sort_by_key(|job| job.created);
        for job in transforms {
            let model = lower(&job.body["ModelName"]);
            self.transforms.insert(model, Value::Object(shown(Kind::TRANSFORM_JOB, job)));
        }
    }
}
