//! `DeletePipeline`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, CommitError, Filter, Query, Record, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::Kind;
use sagewright_cloud_sagemaker_base::state::DELETED;
use serde_json::{Value, json};

use super::version;

/// A pipeline goes with its versions and executions, none of which may be running.
pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = version::named(call)?;
    let store = &sm.env().store;
    // Tags are written under the same lock, so that none is left behind for a later pipeline of the same name.
    let _guard = sm.exclusive().await;
    loop {
        let found = store.get(&key).await?.ok_or_else(|| Kind::PIPELINE.missing(&arn))?;
        let mut batch = Batch::new();
        for kind in [Kind::PIPELINE_EXECUTION.as_str(), version::KIND] {
            let query = Query {
                filters: vec![Filter::NameStarts(format!("{}/", key.name))],
                ..Query::all(&key.account, &key.region, kind)
            };
            let records = store.find(query).await?.into_iter().map(|hit| hit.record);
            for record in records {
                refuse_running(&record)?;
                batch.push(Write::Delete { key: record.key, version: None });
            }
        }
        // Each start of an execution changes the pipeline, so that none comes in between.
        batch.insert(0, Write::Delete { key: key.clone(), version: Some(found.version) });
        batch.extend(sm.news(Kind::PIPELINE, &found.record, DELETED));
        match store.commit(batch).await {
            Ok(()) => {
                sm.committed(false);
                return Ok(json!({ "PipelineArn": found.record.arn }));
            }
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

fn refuse_running(record: &Record) -> Result<(), ApiError> {
    if !matches!(&*record.status, "Executing" | "Stopping") {
        return Ok(());
    }
    Err(ApiError::new(
        "ConflictException",
        400,
        format!("The pipeline has a running execution, {}. Stop it with StopPipelineExecution first.", record.arn),
    ))
}
