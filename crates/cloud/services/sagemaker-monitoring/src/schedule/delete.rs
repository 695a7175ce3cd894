//! `DeleteMonitoringSchedule`: with it go the records of its executions. Their jobs and reports stay.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use sagewright_cloud_sagemaker_base::state::DELETED;
use serde_json::{Value, json};

use super::KIND;
use crate::execution;

pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, KIND, required(call, "MonitoringScheduleName")?)?;
    // Tags are written under the same lock, so that none is left behind for a later resource of the same name.
    let _guard = sm.exclusive().await;
    loop {
        let Some(found) = sm.env().store.get(&key).await? else { return Err(KIND.missing(&arn)) };
        let executions = execution::of_schedule(sm, &key, usize::MAX).await?;
        if let Some(running) = executions.iter().find(|execution| !execution::ended(&execution.status)) {
            return Err(ApiError::validation(format!(
                "The monitoring schedule {arn} cannot be deleted: its execution that was scheduled at {} is in status {}. Stop \
                 its processing job, or wait until it has ended.",
                execution::scheduled(running),
                running.status
            )));
        }
        let mut batch = vec![Write::Delete { key: key.clone(), version: Some(found.version) }];
        batch.extend(executions.into_iter().map(|execution| Write::Delete { key: execution.key, version: None }));
        batch.extend(sm.news(KIND, &found.record, DELETED));
        match sm.env().store.commit(batch).await {
            Ok(()) => {
                sm.committed(false);
                return Ok(json!({}));
            }
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}
