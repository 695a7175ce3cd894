//! `DeletePipeline`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Filter, Found, Key, Query, Record, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::Kind;
use sagewright_cloud_sagemaker_base::state::DELETED;
use serde_json::{Value, json};

use super::version;
use crate::execution::machine::Executions;
use crate::run::callback;

/// Records that are read at a time: a definition has up to 1 MB, and so may the state of an execution.
const TOGETHER: usize = 20;

/// A pipeline goes with its versions and executions, none of which may be running.
pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = version::named(call)?;
    let store = &sm.env().store;
    // Tags are written under the same lock, so that none is left behind for a later pipeline of the same name.
    let _guard = sm.exclusive().await;
    loop {
        let found = store.get(&key).await?.ok_or_else(|| Kind::PIPELINE.missing(&arn))?;
        // Each start of an execution changes the pipeline, so that none comes in between.
        let mut batch = vec![Write::Delete { key: key.clone(), version: Some(found.version) }];
        for status in ["Executing", "Stopping"] {
            if let [running, ..] = &*page(sm, &key, Kind::PIPELINE_EXECUTION.as_str(), Some(status), None).await? {
                return Err(is_running(&running.record));
            }
        }
        for kind in [Kind::PIPELINE_EXECUTION.as_str(), version::KIND] {
            let mut after = None;
            loop {
                let found = page(sm, &key, kind, None, after).await?;
                let Some(last) = found.last() else { break };
                after = Some((last.position.clone(), last.tie.clone()));
                for Found { record, .. } in found {
                    if kind == Kind::PIPELINE_EXECUTION.as_str() {
                        batch.extend(callback::forget(sm, &record.key, &machine::state::<Executions>(&record)).await?);
                    }
                    batch.push(Write::Delete { key: record.key, version: None });
                }
            }
        }
        batch.extend(sm.news(Kind::PIPELINE, &found.record, DELETED));
        match store.commit(batch).await {
            Ok(()) => {
                sm.committed(None);
                return Ok(json!({ "PipelineArn": found.record.arn }));
            }
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

async fn page(
    sm: &SageMaker,
    pipeline: &Key,
    kind: &str,
    status: Option<&str>,
    after: Option<(Value, String)>,
) -> Result<Vec<Found>, ApiError> {
    let mut filters = vec![Filter::NameStarts(format!("{}/", pipeline.name))];
    filters.extend(status.map(|status| Filter::Status(status.to_owned())));
    let limit = if status.is_some() { 1 } else { TOGETHER };
    let query = Query { filters, after, limit, ..Query::all(&pipeline.account, &pipeline.region, kind) };
    Ok(sm.env().store.find(query).await?)
}

fn is_running(execution: &Record) -> ApiError {
    ApiError::new(
        "ConflictException",
        400,
        format!("The pipeline has a running execution, {}. Stop it with StopPipelineExecution first.", execution.arn),
    )
}
