//! Versions of a pipeline: a record each, whose definition never changes.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Filter, Key, Order, Record, Write};
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, arn, fields, key, locate, required, seconds};
use sagewright_cloud_sagemaker_base::{SageMaker, refuse};
use serde_json::{Map, Value, json};

use super::alias;
use crate::execution::machine::Facts;
use crate::page;

/// Kind of the records.
pub(crate) const KIND: &str = "pipeline-version";

/// Members that a caller may set.
const SET: [&str; 2] = ["PipelineVersionDisplayName", "PipelineVersionDescription"];

/// Numbers are written so that their order is that of the texts.
fn name(pipeline: &str, number: u64) -> String {
    format!("{pipeline}/{number:012}")
}

/// The number of a version.
pub(crate) fn number(record: &Record) -> u64 {
    record.key.name.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// The key of a version of the pipeline with a key.
pub(crate) fn key_of(pipeline: &Key, number: u64) -> Key {
    Key::new(&pipeline.account, &pipeline.region, KIND, &name(&pipeline.name, number))
}

/// The write that adds a version.
pub(crate) fn insert(pipeline: &Key, number: u64, definition: &str, now: i64) -> Write {
    Write::Insert(Record {
        key: key_of(pipeline, number),
        arn: String::new(),
        status: String::new(),
        created: now,
        modified: now,
        body: json!({ "PipelineDefinition": definition }),
    })
}

/// The number of a pipeline's latest version.
pub(crate) fn latest(pipeline: &Record) -> u64 {
    pipeline.body[HIDDEN]["version"].as_u64().unwrap_or(1)
}

/// A version that a request names, the latest where it names none.
pub(crate) async fn find(sm: &SageMaker, pipeline: &Record, given: Option<u64>) -> Result<Record, ApiError> {
    let number = given.unwrap_or_else(|| latest(pipeline));
    let found = sm.env().store.record(&key_of(&pipeline.key, number)).await?;
    found.ok_or_else(|| ApiError::not_found(format!("Pipeline '{}' has no version {number}.", pipeline.arn)))
}

/// The key of the pipeline of an execution.
pub(crate) fn pipeline(execution: &Key) -> Key {
    let name = execution.name.rsplit_once('/').map_or("", |(pipeline, _)| pipeline);
    Key::new(&execution.account, &execution.region, Kind::PIPELINE.as_str(), name)
}

/// The definition of an execution.
pub(crate) async fn definition(sm: &SageMaker, execution: &Key, facts: &Facts) -> Result<String, ApiError> {
    let version = sm.env().store.shared(&key_of(&pipeline(execution), facts.version)).await?;
    let text = version.as_ref().and_then(|version| version.record.body["PipelineDefinition"].as_str());
    text.map(str::to_owned).ok_or_else(|| {
        ApiError::not_found(format!("Version {} of pipeline '{}' does not exist.", facts.version, facts.pipeline_arn))
    })
}

/// `ListPipelineVersions`
pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::PIPELINE, required(call, "PipelineName")?)?;
    let pipeline = sm.env().store.record(&key).await?.ok_or_else(|| Kind::PIPELINE.missing(&arn))?;
    let own = vec![Filter::NameStarts(format!("{}/", key.name))];
    let (versions, next) = page::records(sm, call, KIND, own, Order::Name).await?;
    let summaries = versions.iter().map(|version| summary(&pipeline, version)).collect();
    Ok(page::output("PipelineVersionSummaries", summaries, next))
}

fn summary(pipeline: &Record, version: &Record) -> Value {
    let number = number(version);
    let mut out = json!({
        "PipelineArn": pipeline.arn, "PipelineVersionId": number, "CreationTime": seconds(version.created),
    });
    let last = &pipeline.body[HIDDEN]["last"][number.to_string()];
    let more = SET
        .into_iter()
        .map(|member| (member, &version.body[member]))
        .chain([("LastExecutionPipelineExecutionArn", last)]);
    if let Value::Object(map) = &mut out {
        map.extend(more.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value.clone())));
        map.extend(alias::shown(pipeline, number));
    }
    out
}

/// What a description of a pipeline shows of a version.
pub(crate) fn shown(version: &Record) -> Map<String, Value> {
    let members = SET.into_iter().chain(["PipelineDefinition"]);
    members.filter_map(|member| Some((member.to_owned(), version.body.get(member)?.clone()))).collect()
}

/// `UpdatePipelineVersion`
pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let given = required(call, "PipelineArn")?;
    if !given.starts_with("arn:") {
        return Err(refuse::instead(&format!("The PipelineArn '{given}'"), "Give the ARN of the pipeline"));
    }
    let (pipeline, arn) = locate(call, Kind::PIPELINE, given)?;
    let number = call.input.get("PipelineVersionId").and_then(Value::as_u64).unwrap_or_default();
    let operations = call.input.get("PipelineVersionAliasOperations");
    let list = |member: &str| alias::given(operations.and_then(|operations| operations.get(member)));
    let (add, remove) = (list("Add"), list("Remove"));
    loop {
        let store = &sm.env().store;
        let mut found = store.get(&pipeline).await?.ok_or_else(|| Kind::PIPELINE.missing(&arn))?;
        let missing = || ApiError::not_found(format!("Pipeline '{arn}' has no version {number}."));
        let mut version = store.get(&key_of(&pipeline, number)).await?.ok_or_else(missing)?;
        alias::change(&mut found.record, number, &add, &remove)?;
        let stored = fields(&mut version.record)?;
        let given = SET.into_iter().filter_map(|member| Some((member, call.input.get(member)?)));
        stored
            .extend(given.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value.clone())));
        let arn = found.record.arn.clone();
        match store.commit(vec![Write::Replace(found), Write::Replace(version)]).await {
            Ok(()) => return Ok(json!({ "PipelineArn": arn, "PipelineVersionId": number })),
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Key and ARN of a pipeline that a request names by its name alone.
pub(crate) fn named(call: &Call) -> Result<(Key, String), ApiError> {
    let name = required(call, "PipelineName")?;
    Ok((key(call, Kind::PIPELINE, name), arn(call, Kind::PIPELINE, name)))
}
