//! `DeleteMonitoringSchedule`. The history of its executions stays, and so do their jobs and reports.

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
        if let Some(running) = execution::running(sm, &found.record).await? {
            return Err(ApiError::validation(format!(
                "The monitoring schedule {arn} cannot be deleted: its execution that was scheduled at {} is in status {}. {}",
                execution::scheduled(&running),
                running.status,
                match execution::job(&running) {
                    Some(job) => format!("Stop its processing job {job}, or wait until it has ended."),
                    None => "Wait until it has ended.".to_owned(),
                }
            )));
        }
        let mut batch = vec![Write::Delete { key: key.clone(), version: Some(found.version) }];
        batch.extend(sm.news(KIND, &found.record, DELETED));
        match sm.env().store.commit(batch).await {
            Ok(()) => {
                sm.committed(None);
                return Ok(json!({}));
            }
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}
