//! What an endpoint serves: the configuration with its models resolved, so that deleting either changes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{capture, serving};
use crate::scaling::Typed;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::containers;
use sagewright_cloud_sagemaker_base::containers::direct;
use sagewright_cloud_sagemaker_base::resource::{Kind, seconds};
use sagewright_cloud_sagemaker_base::{ContainerPlan, FleetPlan, SageMaker, VariantPlan};

/// SageMaker's time for a container to answer its first ping, where the configuration names none.
const STARTUP_SECONDS: u64 = 240;

/// One configuration, ready to serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Deployment {
    /// Name of the endpoint configuration.
    pub config: String,
    pub variants: Vec<Variant>,
    /// `DataCaptureConfig` of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Box<Value>>,
    /// `AsyncInferenceConfig` of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asynchronous: Option<Box<Value>>,
    /// `DeploymentConfig` of the request.
    pub policy: Option<Value>,
    /// When the request came, milliseconds since 1970.
    pub started: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Variant {
    pub name: String,
    pub weight: f64,
    /// Instances; `None` for a serverless variant.
    pub instances: Option<u32>,
    pub instance_type: Option<String>,
    pub serverless: Option<Value>,
    pub routing: Option<Value>,
    pub startup_seconds: u64,
    #[serde(default)]
    pub role_arn: Option<String>,
    #[serde(default)]
    pub isolated: bool,
    #[serde(default)]
    pub direct: bool,
    pub containers: Vec<ContainerPlan>,
}

impl Deployment {
    /// Resolves a configuration. It and its models must be there.
    pub(super) async fn of(sm: &SageMaker, call: &Call, config: &str) -> Result<Self, ApiError> {
        let record = sm.find(call, Kind::ENDPOINT_CONFIG, config).await?;
        let name = record.body["EndpointConfigName"].as_str().unwrap_or(config).to_owned();
        let list = record.body["ProductionVariants"].as_array().map_or(&[][..], Vec::as_slice);
        let mut variants = Vec::with_capacity(list.len());
        for v in list {
            variants.push(variant(sm, call, v).await?);
        }
        let member = |name: &str| Some(record.body[name].clone()).filter(|config| !config.is_null()).map(Box::new);
        let (capture, asynchronous) = (member("DataCaptureConfig"), member("AsyncInferenceConfig"));
        Ok(Self { config: name, variants, capture, asynchronous, policy: None, started: call.now.as_millisecond() })
    }

    /// What the host has to serve, with a part of the traffic. `instances` are fewer than all while they are replaced one by
    /// one.
    pub(super) fn fleet(&self, id: u64, share: f64, instances: Option<u32>) -> FleetPlan {
        let captured = self.capture.as_deref().and_then(capture::plan);
        let plan = |v: &Variant| VariantPlan {
            name: v.name.clone(),
            weight: v.weight,
            // A serverless variant is one server: it scales inside.
            copies: instances.or(v.instances).unwrap_or(1),
            startup_timeout: Duration::from_secs(v.startup_seconds),
            role_arn: v.role_arn.clone(),
            isolated: v.isolated,
            direct: v.direct,
            capture: captured.clone(),
            serving: serving::plan(self.asynchronous.as_deref(), v.serverless.as_ref(), v.routing.as_ref()),
            containers: v.containers.clone(),
        };
        FleetPlan { id, config: self.config.clone(), share, variants: self.variants.iter().map(plan).collect() }
    }

    /// `ProductionVariants` of an endpoint that serves this since a time.
    pub(super) fn summaries(&self, since: i64, shown: &Shown) -> Value {
        self.variants.iter().map(|v| v.summary(Some(since), shown)).collect()
    }

    /// `PendingDeploymentSummary` of an endpoint that is being brought to this.
    pub(super) fn pending(&self, shown: &Shown) -> Value {
        let variants: Vec<_> = self.variants.iter().map(|v| v.summary(None, shown)).collect();
        json!({ "EndpointConfigName": self.config, "ProductionVariants": variants, "StartTime": seconds(self.started) })
    }

    /// The variants and their instance types.
    pub(super) fn types(&self) -> Vec<Typed<'_>> {
        self.variants.iter().map(|v| (v.name.as_str(), v.instance_type.as_deref())).collect()
    }

    /// Whether `next` is the same but for weights.
    pub(super) fn same_servers(&self, next: &Self) -> bool {
        let unweighted =
            |d: &Self| -> Vec<Variant> { d.variants.iter().map(|v| Variant { weight: 0.0, ..v.clone() }).collect() };
        let configs = |d: &Self| (d.config.clone(), d.capture.clone(), d.asynchronous.clone());
        configs(self) == configs(next) && unweighted(self) == unweighted(next)
    }

    pub(super) fn variant(&mut self, name: &str) -> Option<&mut Variant> {
        self.variants.iter_mut().find(|v| v.name == name)
    }
}

/// How far the servers of a deployment are, as descriptions show it.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The part of the instances that is in use; `None`: nothing was yet.
    pub used: Option<f64>,
    pub status: Option<Status>,
}

/// `VariantStatus`
#[derive(Debug)]
pub(super) struct Status {
    pub name: &'static str,
    /// `{n}` stands for the instances that it is about.
    pub message: String,
    /// Those, as a part of all.
    pub about: f64,
    /// Milliseconds since 1970.
    pub since: i64,
}

impl Shown {
    /// All of it is in use.
    pub const ALL: Self = Self { used: Some(1.0), status: None };
}

impl Status {
    fn of(&self, all: u32) -> Value {
        let mut status = json!({ "Status": self.name, "StartTime": seconds(self.since) });
        if !self.message.is_empty() {
            status["StatusMessage"] = json!(self.message.replace("{n}", &instances(all, self.about).to_string()));
        }
        status
    }
}

/// A part of so many instances, in whole ones.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it is from 0 to `all`
fn instances(all: u32, part: f64) -> u32 {
    // A part that was made of a number of instances is that number, however it is rounded.
    (f64::from(all) * part - 1e-6).ceil().clamp(0.0, f64::from(all)) as u32
}

impl Variant {
    /// As part of what serves since a time, or of what comes.
    fn summary(&self, since: Option<i64>, shown: &Shown) -> Value {
        let mut out = Map::new();
        out.insert("VariantName".to_owned(), json!(self.name));
        let mut put = |member: &str, value: Value| {
            if !value.is_null() {
                out.insert(member.to_owned(), value);
            }
        };
        let all = self.instances.unwrap_or(0);
        put("DesiredWeight", json!(self.weight));
        if let Some(since) = since {
            let images: Vec<_> = self.containers.iter().map(|c| image(&c.image, since)).collect();
            put("DeployedImages", Value::Array(images));
        } else {
            put("InstanceType", json!(self.instance_type));
        }
        if let Some(used) = shown.used {
            put("CurrentWeight", json!(self.weight));
            put("CurrentInstanceCount", json!(instances(all, used)));
            put("CurrentServerlessConfig", json!(self.serverless));
        }
        if let Some(status) = &shown.status {
            put("VariantStatus", json!([status.of(all)]));
        }
        put("DesiredInstanceCount", json!(all));
        put("DesiredServerlessConfig", json!(self.serverless));
        put("RoutingConfig", json!(self.routing));
        Value::Object(out)
    }
}

/// Images are known by their names here, so the resolved image is the specified one and not a digest.
fn image(image: &str, now: i64) -> Value {
    json!({ "SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": seconds(now) })
}

async fn variant(sm: &SageMaker, call: &Call, v: &Value) -> Result<Variant, ApiError> {
    let text = |member: &str| v[member].as_str().map(str::to_owned);
    let some = |member: &str| Some(v[member].clone()).filter(|v| !v.is_null());
    let model = sm.find(call, Kind::MODEL, v["ModelName"].as_str().unwrap_or_default()).await?;
    let count = v["InitialInstanceCount"].as_u64();
    let instance_type = text("InstanceType");
    sm.check_instances(instance_type.as_deref().unwrap_or_default(), "endpoint usage", count.unwrap_or(1))?;
    Ok(Variant {
        name: text("VariantName").unwrap_or_default(),
        weight: v["InitialVariantWeight"].as_f64().unwrap_or(1.0),
        instances: count.and_then(|n| u32::try_from(n).ok()),
        instance_type,
        serverless: some("ServerlessConfig"),
        routing: some("RoutingConfig"),
        startup_seconds: v["ContainerStartupHealthCheckTimeoutInSeconds"].as_u64().unwrap_or(STARTUP_SECONDS),
        role_arn: model.body["ExecutionRoleArn"].as_str().map(str::to_owned),
        isolated: model.body["EnableNetworkIsolation"] == true,
        direct: model.body.as_object().is_some_and(direct),
        containers: containers::of_model(&model)?,
    })
}
