//! The task of a run, from the record of its job.

use std::time::Duration;

use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::machine;
use sagewright_cloud_sagemaker_base::resource::HIDDEN;
use sagewright_cloud_sagemaker_base::{JobTask, Kind, Run};
use serde_json::{Map, Value};

use super::Job;

/// The task of a run that is about to begin; `None` where the job is gone. A store that fails for a while is waited for.
pub async fn task<J: Job>(jobs: &J, key: &Key, run: &Run) -> Option<JobTask> {
    let env = jobs.sagemaker().env();
    let mut pause = Duration::from_secs(1);
    loop {
        match env.store.record(key).await {
            Ok(record) => {
                return record.map(|record| {
                    let spent = J::spent(&machine::state::<J>(&record));
                    JobTask { spent, ..of(J::KIND, &record, run) }
                });
            }
            Err(error) => {
                let job = &key.name;
                tracing::error!(job, %error, "the record of a job cannot be read; trying again");
            }
        }
        env.wall.sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}

/// The record's members that the create operation takes are the request with its defaults; what it found out besides is
/// hidden among them.
fn of(kind: Kind, record: &Record, run: &Run) -> JobTask {
    let input = sagewright_model::service("sagemaker").and_then(|s| s.input(&format!("Create{}", kind.0.noun)));
    let request: Map<String, Value> = record
        .body
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(member, _)| {
            member.as_str() == HIDDEN || input.is_some_and(|shape| shape.members.contains_key(member.as_str()))
        })
        .map(|(member, value)| (member.clone(), value.clone()))
        .collect();
    let name = request.get(kind.name_member()).and_then(Value::as_str).unwrap_or(&record.key.name).to_owned();
    JobTask {
        account: record.key.account.clone(),
        region: record.key.region.clone(),
        arn: record.arn.clone(),
        name,
        request: Value::Object(request),
        id: run.job.clone(),
        epoch: run.number,
        spent: Duration::ZERO,
        interrupted: None,
    }
}
