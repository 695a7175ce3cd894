//! What an execution runs: a job definition of its own kind, or one inside a schedule, in one form.

use std::collections::BTreeMap;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Key, StoreError};
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::{SageMaker, resource};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is monitored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Type {
    DataQuality,
    ModelQuality,
    ModelBias,
    ModelExplainability,
}

impl Type {
    /// The type of a name.
    pub fn of(name: &str) -> Option<Self> {
        serde_json::from_value(Value::String(name.to_owned())).ok()
    }

    /// As members of requests begin.
    pub fn name(self) -> &'static str {
        match self {
            Self::DataQuality => "DataQuality",
            Self::ModelQuality => "ModelQuality",
            Self::ModelBias => "ModelBias",
            Self::ModelExplainability => "ModelExplainability",
        }
    }

    /// How the names of its processing jobs begin.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::DataQuality => "data-quality-monitoring",
            Self::ModelQuality => "model-quality-monitoring",
            Self::ModelBias => "model-bias-monitoring",
            Self::ModelExplainability => "model-explainability-monitoring",
        }
    }

    /// The kind of its job definitions.
    ///
    /// # Errors
    /// No row has it.
    pub fn kind(self) -> Result<Kind, ApiError> {
        let noun = format!("{}JobDefinition", self.name());
        Kind::all()
            .find(|kind| kind.0.noun == noun)
            .ok_or_else(|| ApiError::internal(format!("no kind is called {noun}")))
    }
}

/// What an execution runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub monitoring: Type,
    /// Name of the job definition, where it has one.
    pub definition: Option<String>,
    /// `EndpointInput`
    pub endpoint: Value,
    /// S3 URI of the ground truth.
    pub truth: Option<String>,
    pub problem: Option<String>,
    pub image: String,
    pub entrypoint: Option<Value>,
    pub arguments: Option<Value>,
    pub environment: BTreeMap<String, String>,
    /// S3 URIs of the baseline.
    pub constraints: Option<String>,
    pub statistics: Option<String>,
    /// S3 URI of an analysis configuration.
    pub config: Option<String>,
    /// `S3Output` of the one output.
    pub output: Value,
    pub output_key: Option<String>,
    /// `ClusterConfig`
    pub cluster: Value,
    pub network: Option<Value>,
    pub role: String,
    pub max_runtime: Option<u64>,
}

/// A value that is there.
fn some(value: &Value) -> Option<Value> {
    Some(value.clone()).filter(|value| !value.is_null())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

impl Plan {
    /// That of a `MonitoringJobDefinition` inside a schedule.
    pub fn inline(definition: &Value, monitoring: Type) -> Self {
        let application = &definition["MonitoringAppSpecification"];
        let baseline = &definition["BaselineConfig"];
        Self {
            monitoring,
            definition: None,
            endpoint: definition["MonitoringInputs"][0]["EndpointInput"].clone(),
            truth: None,
            problem: None,
            environment: strings(&definition["Environment"]),
            ..Self::common(application, baseline, definition, "MonitoringOutputConfig", "MonitoringResources")
        }
    }

    /// That of a job definition of this type, as it is stored.
    pub fn stored(name: &str, monitoring: Type, definition: &Value) -> Self {
        let of = |part: &str| &definition[format!("{}{part}", monitoring.name())];
        let (application, input) = (of("AppSpecification"), of("JobInput"));
        let outputs = format!("{}JobOutputConfig", monitoring.name());
        Self {
            monitoring,
            definition: Some(name.to_owned()),
            endpoint: input["EndpointInput"].clone(),
            truth: text(&input["GroundTruthS3Input"]["S3Uri"]),
            problem: text(&application["ProblemType"]),
            environment: strings(&application["Environment"]),
            ..Self::common(application, of("BaselineConfig"), definition, &outputs, "JobResources")
        }
    }

    fn common(application: &Value, baseline: &Value, definition: &Value, outputs: &str, resources: &str) -> Self {
        Self {
            monitoring: Type::DataQuality,
            definition: None,
            endpoint: Value::Null,
            truth: None,
            problem: None,
            environment: BTreeMap::new(),
            image: text(&application["ImageUri"]).unwrap_or_default(),
            entrypoint: some(&application["ContainerEntrypoint"]),
            arguments: some(&application["ContainerArguments"]),
            constraints: text(&baseline["ConstraintsResource"]["S3Uri"]),
            statistics: text(&baseline["StatisticsResource"]["S3Uri"]),
            config: text(&application["ConfigUri"]),
            output: definition[outputs]["MonitoringOutputs"][0]["S3Output"].clone(),
            output_key: text(&definition[outputs]["KmsKeyId"]),
            cluster: definition[resources]["ClusterConfig"].clone(),
            network: some(&definition["NetworkConfig"]),
            role: text(&definition["RoleArn"]).unwrap_or_default(),
            max_runtime: definition["StoppingCondition"]["MaxRuntimeInSeconds"].as_u64(),
        }
    }

    /// The endpoint that is monitored.
    pub fn endpoint_name(&self) -> Option<&str> {
        self.endpoint["EndpointName"].as_str()
    }

    /// Names what a baselining job wrote, where the baseline names that job alone.
    async fn baseline(mut self, sm: &SageMaker, of: &Key, baseline: &Value) -> Result<Self, StoreError> {
        let Some(job) = baseline["BaseliningJobName"].as_str() else { return Ok(self) };
        let kind = Kind::PROCESSING_JOB.as_str();
        let key = Key::new(&of.account, &of.region, kind, &job.to_ascii_lowercase());
        let Some(record) = sm.env().store.record(&key).await? else { return Ok(self) };
        let Some(output) = record.body["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].as_str() else {
            return Ok(self);
        };
        let file = |name: &str| format!("{}/{name}", output.trim_end_matches('/'));
        self.constraints.get_or_insert_with(|| file("constraints.json"));
        if self.monitoring == Type::DataQuality {
            self.statistics.get_or_insert_with(|| file("statistics.json"));
        }
        Ok(self)
    }
}

/// The plan of a schedule's configuration. The inner error is that of a definition that is not there.
///
/// # Errors
/// The store failed.
pub(crate) async fn of_schedule(
    sm: &SageMaker,
    schedule: &Key,
    config: &Value,
) -> Result<Result<Plan, String>, StoreError> {
    let monitoring = config["MonitoringType"].as_str().and_then(Type::of).unwrap_or(Type::DataQuality);
    let inline = &config["MonitoringJobDefinition"];
    if !inline.is_null() {
        let plan = Plan::inline(inline, monitoring);
        return Ok(Ok(plan.baseline(sm, schedule, &inline["BaselineConfig"]).await?));
    }
    let name = config["MonitoringJobDefinitionName"].as_str().unwrap_or_default();
    let missing = || format!("Could not find requested job definition with name: {name}");
    let Ok(kind) = monitoring.kind() else { return Ok(Err(missing())) };
    let key = Key::new(&schedule.account, &schedule.region, kind.as_str(), &name.to_ascii_lowercase());
    let Some(record) = sm.env().store.record(&key).await? else { return Ok(Err(missing())) };
    let baseline = record.body[format!("{}BaselineConfig", monitoring.name())].clone();
    let name = record.body[kind.name_member()].as_str().unwrap_or(name).to_owned();
    let plan = Plan::stored(&name, monitoring, &Value::Object(resource::describe(kind, record)));
    Ok(Ok(plan.baseline(sm, schedule, &baseline).await?))
}
