//! Reads the resources that a search looks at, some at a time, with what results show beyond a record's own members.

use std::collections::HashMap;
use std::sync::Arc;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Key, Query, Record, StoreError, Tags};
use sagewright_cloud_sagemaker_base::kind::Naming;
use sagewright_cloud_sagemaker_base::lineage::{TRIAL_PART, TRIAL_PART_IN};
use sagewright_cloud_sagemaker_base::recorded::describe::shown;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, pick, seconds};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker, features};
use sagewright_model::Shape;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::resources::Row;
use crate::model_card;

/// Records that are read together.
const TOGETHER: usize = 500;

/// Searches that look at all resources at the same time; others wait.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// Resources of a row in an account and region.
pub struct Finder {
    row: &'static Row,
    shape: &'static Shape,
    kind: Option<Kind>,
    /// An account and region.
    scope: Key,
    more: More,
}

/// What a search looks at besides records and their tags. What it does not look at is read for the results alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Needs {
    /// In which trials a component is, or which components a trial has.
    pub memberships: bool,
    /// The job that a component stands for.
    pub source: bool,
}

/// What records of other kinds add, by what they are about.
#[derive(Default)]
struct More {
    /// By trial or by component.
    memberships: HashMap<String, Vec<Value>>,
    /// Endpoints by model.
    endpoints: HashMap<String, Vec<Value>>,
    /// The latest transform jobs by model.
    transforms: HashMap<String, Value>,
    /// Pipelines by name.
    pipelines: HashMap<String, Record>,
}

/// Records, and what is shown with each of them.
#[derive(Default)]
struct Chunk {
    records: Vec<Record>,
    tags: Tags,
    /// By trial or by component.
    memberships: HashMap<String, Vec<Value>>,
    /// Jobs by ARN.
    jobs: HashMap<String, Value>,
    /// Descriptions and parameters of features by the names of their records.
    features: HashMap<String, Record>,
}

impl Finder {
    /// Reads what is shown with many resources.
    pub async fn new(
        sm: &SageMaker,
        call: &Call,
        row: &'static Row,
        shape: &'static Shape,
        needs: Needs,
    ) -> Result<Self, StoreError> {
        let list = async |kind: &str| sm.env().store.list(&call.caller.account, &call.region, kind).await;
        let mut more = More::default();
        match row.resource {
            "ExperimentTrial" | "ExperimentTrialComponent" if needs.memberships => {
                let of = if row.resource == "ExperimentTrial" { "TrialName" } else { "TrialComponentName" };
                for membership in list(TRIAL_PART).await? {
                    more.memberships.entry(lower(&membership.body[of])).or_default().push(membership.body);
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
        let kind = Kind::all().find(|kind| kind.0.noun == row.noun);
        let scope = Key::new(&call.caller.account, &call.region, kind.map_or(row.noun, Kind::as_str), "");
        Ok(Self { row, shape, kind, scope, more })
    }

    /// The property by which a resource is found without looking at others.
    pub fn name_property(&self) -> Option<String> {
        match self.kind?.0.naming {
            Naming::Members([member]) if self.row.resource == "Model" => Some(format!("Model.{member}")),
            Naming::Members([member]) => Some((*member).to_owned()),
            _ => None,
        }
    }

    fn key(&self, name: &str) -> Key {
        Key { name: name.to_owned(), ..self.scope.clone() }
    }

    /// Looks at all resources, or at those of one record's alone, on a thread for blocking work.
    pub async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        sm: &SageMaker,
        needs: Needs,
        only: Option<&str>,
        mut seen: T,
        look: impl Fn(&mut T, String, Value) + Clone + Send + 'static,
    ) -> Result<T, ApiError> {
        // It is never closed.
        let _turn = if only.is_none() { AT_ONCE.acquire().await.ok() } else { None };
        let Key { account, region, kind, .. } = &self.scope;
        let mut after = None;
        loop {
            let (records, next) = match only {
                Some(name) => (Vec::from_iter(sm.env().store.record(&self.key(name)).await?), None),
                None => {
                    let query = Query { after, limit: TOGETHER, ..Query::all(account, region, kind) };
                    let found = sm.env().store.find(query).await?;
                    let last = found.last().filter(|_| found.len() == TOGETHER);
                    let next = last.map(|last| (last.position.clone(), last.tie.clone()));
                    (found.into_iter().map(|found| found.record).collect(), next)
                }
            };
            let chunk = self.read(sm, records, needs, false).await?;
            let (finder, look) = (Arc::clone(self), look.clone());
            let looked = tokio::task::spawn_blocking(move || {
                finder.show(chunk).into_iter().for_each(|(name, resource)| look(&mut seen, name, resource));
                seen
            });
            seen = looked.await.map_err(|error| ApiError::internal(error.to_string()))?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(seen),
            }
        }
    }

    /// The resources of these names with all that is shown of them, in this order. Those that went meanwhile are left out.
    pub async fn resources(&self, sm: &SageMaker, names: &[String]) -> Result<Vec<Value>, StoreError> {
        let mut records: Vec<Record> = Vec::new();
        for name in names {
            let name = self.record_of(name);
            if records.iter().all(|record| record.key.name != name) {
                records.extend(sm.env().store.record(&self.key(name)).await?);
            }
        }
        let chunk = self.read(sm, records, Needs { memberships: true, source: true }, true).await?;
        let mut found: HashMap<String, Value> = self.show(chunk).into_iter().collect();
        Ok(names.iter().filter_map(|name| found.remove(name)).collect())
    }

    /// The name of the record that a resource is of.
    fn record_of<'a>(&self, name: &'a str) -> &'a str {
        match self.row.resource {
            "FeatureMetadata" => name.rsplit_once('/').map_or(name, |(group, _)| group),
            _ => name,
        }
    }

    /// Reads what is shown with records; memberships `each` by its record, where not all were read before.
    async fn read(&self, sm: &SageMaker, records: Vec<Record>, needs: Needs, each: bool) -> Result<Chunk, StoreError> {
        let store = &sm.env().store;
        let arns = records.iter().map(|record| record.arn.clone()).filter(|arn| !arn.is_empty()).collect();
        let mut chunk = Chunk { tags: store.tags(arns).await?, ..Chunk::default() };
        let experiments = ["ExperimentTrial", "ExperimentTrialComponent"].contains(&self.row.resource);
        for record in &records {
            let below = |kind: &str, prefix: String| {
                let Key { account, region, .. } = &self.scope;
                store.find(Query { filters: vec![Filter::NameStarts(prefix)], ..Query::all(account, region, kind) })
            };
            if self.row.resource == "FeatureMetadata" {
                let found = below(features::METADATA, features::prefix(record)).await?;
                chunk.features.extend(found.into_iter().map(|f| (f.record.key.name.clone(), f.record)));
            }
            if experiments && each {
                let kind = if self.row.resource == "ExperimentTrial" { TRIAL_PART } else { TRIAL_PART_IN };
                let found = below(kind, format!("{}/", record.key.name)).await?;
                let bodies = found.into_iter().map(|found| found.record.body).collect();
                chunk.memberships.insert(record.key.name.clone(), bodies);
            }
            if experiments
                && needs.source
                && let Some((arn, job)) = source(sm, &record.key, &record.body["Source"]).await?
            {
                chunk.jobs.insert(arn, job);
            }
        }
        Ok(Chunk { records, ..chunk })
    }

    /// Resources with the names by which they are told apart.
    fn show(&self, chunk: Chunk) -> Vec<(String, Value)> {
        let mut all = Vec::with_capacity(chunk.records.len());
        for record in &chunk.records {
            let name = record.key.name.clone();
            match (self.row.resource, self.kind) {
                ("FeatureMetadata", _) => all.extend(features_of(record, &chunk)),
                ("PipelineVersion", _) => all.extend(self.version(record).map(|version| (name, version))),
                (_, Some(kind)) => all.push((name, self.resource(kind, record, &chunk))),
                (_, None) => {}
            }
        }
        let known = |mut found: Map<String, Value>| {
            found.retain(|member, _| self.shape.members.contains_key(member.as_str()));
            Value::Object(found)
        };
        all.into_iter().map(|(name, found)| (name, known(found))).collect()
    }

    fn resource(&self, kind: Kind, record: &Record, chunk: &Chunk) -> Map<String, Value> {
        let name = &record.key.name;
        let mut found = shown(kind, record.clone());
        let tags = chunk.tags.get(&record.arn).into_iter().flatten();
        let tags: Value = tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        found.insert("Tags".to_owned(), tags);
        let memberships = || {
            let read = chunk.memberships.get(name).or_else(|| self.more.memberships.get(name));
            read.into_iter().flatten()
        };
        match self.row.resource {
            "Model" => {
                let mut out = Map::from_iter([("Model".to_owned(), Value::Object(found))]);
                out.insert("Endpoints".to_owned(), json!(self.more.endpoints.get(name).cloned().unwrap_or_default()));
                let transform = self.more.transforms.get(name).cloned();
                out.extend(transform.map(|job| ("LastBatchTransformJob".to_owned(), job)));
                return out;
            }
            "Pipeline" => {
                let ran = record.body[HIDDEN]["ran"].as_i64();
                found.extend(ran.map(|time| ("LastRunTime".to_owned(), seconds(time))));
            }
            "FeatureGroup" => {
                found.extend(features::offline_status(record).map(|status| ("OfflineStoreStatus".to_owned(), status)));
            }
            "ModelCard" => found.extend(model_card::content::facts(&record.body["Content"])),
            "ExperimentTrial" => {
                let summary = |part: &Value| json!({ "TrialComponentName": part["TrialComponentName"] });
                found.insert("TrialComponentSummaries".to_owned(), memberships().map(summary).collect());
            }
            "ExperimentTrialComponent" => {
                let parent =
                    |part: &Value| json!({ "TrialName": part["TrialName"], "ExperimentName": part["ExperimentName"] });
                found.insert("Parents".to_owned(), memberships().map(parent).collect());
                let job = found.get("Source").and_then(|source| source["SourceArn"].as_str());
                let job = job.and_then(|arn| chunk.jobs.get(arn)).cloned();
                found.extend(job.map(|job| ("SourceDetail".to_owned(), job)));
            }
            _ => {}
        }
        found
    }

    /// A version of a pipeline that is still there.
    fn version(&self, record: &Record) -> Option<Map<String, Value>> {
        let (pipeline, number) = record.key.name.rsplit_once('/')?;
        let pipeline = self.more.pipelines.get(pipeline)?;
        let number: u64 = number.parse().ok()?;
        let mut out = record.body.as_object().cloned().unwrap_or_default();
        out.insert("PipelineArn".to_owned(), json!(pipeline.arn));
        out.insert("PipelineVersionId".to_owned(), json!(number));
        out.insert("CreationTime".to_owned(), seconds(record.created));
        out.insert("LastModifiedTime".to_owned(), seconds(record.modified));
        Some(out)
    }
}

fn lower(name: &Value) -> String {
    name.as_str().unwrap_or_default().to_ascii_lowercase()
}

/// The job that a trial component stands for, while it is there.
async fn source(sm: &SageMaker, scope: &Key, source: &Value) -> Result<Option<(String, Value)>, StoreError> {
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
fn features_of(group: &Record, chunk: &Chunk) -> Vec<(String, Map<String, Value>)> {
    let definitions = group.body["FeatureDefinitions"].as_array().into_iter().flatten();
    let feature = |definition: &Value| {
        let name = definition["FeatureName"].as_str().unwrap_or_default();
        let metadata = chunk.features.get(&features::metadata_key(group, name).name);
        (format!("{}/{name}", group.key.name), features::feature(group, definition, metadata))
    };
    definitions.map(feature).collect()
}

impl More {
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
