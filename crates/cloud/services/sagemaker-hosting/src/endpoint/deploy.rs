//! The tasks behind an endpoint: bring the host to what the record wants, then say so in the record.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::plan::{Deployment, Deployments};
use super::{KIND, deployments};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::store::{Key, Record};
use sagewright_cloud_sagemaker_base::resource::cut;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, epoch, fields, next_epoch};
use sagewright_cloud_sagemaker_base::state::ResumeError;
use sagewright_cloud_sagemaker_base::{EndpointKey, SageMaker};

/// Deploys what the record says comes next. The record's status keeps everything else away meanwhile.
pub(super) fn launch(sm: &SageMaker, key: Key, epoch: u64) {
    let sm = sm.clone();
    tokio::spawn(async move { run(&sm, &key, epoch, false).await });
}

/// Stops serving and removes the record, which is in status `Deleting`.
pub(super) fn remove(sm: &SageMaker, key: Key) {
    let sm = sm.clone();
    tokio::spawn(async move {
        let found = persist(&sm, &key, |sm| Box::pin(async { Ok(sm.env().store.record(&key).await?) })).await;
        let Some(record) = found else { return };
        let host = Arc::clone(&sm.execution().host);
        let endpoint = endpoint(&record);
        if let Err(error) = tokio::spawn(async move { host.remove(&endpoint).await }).await {
            tracing::error!(endpoint = record.arn, %error, "an endpoint's servers could not be stopped cleanly");
        }
        persist(&sm, &key, |sm| {
            Box::pin(async {
                match sm.remove(KIND, &key, &record.arn).await {
                    // Gone already is as good.
                    Err(error) if error.code == "ValidationException" => Ok(()),
                    other => other,
                }
            })
        })
        .await;
        sm.emit(KIND, &record.arn, "Deleted");
    });
}

/// Takes up the endpoints of the last process, none of which is served now.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    let kind = KIND.as_str();
    for record in sm.env().store.with_status(kind, "Deleting").await? {
        remove(sm, record.key);
    }
    // All are found before the first is begun: one that settles at once must not be found again.
    let mut found = Vec::new();
    for status in ["Creating", "Updating", "SystemUpdating", "InService", "OutOfService"] {
        found.push((status, sm.env().store.with_status(kind, status).await?));
    }
    for (status, records) in found {
        for record in records {
            let begun = sm
                .change(KIND, &record.key, |record| {
                    if record.status == "OutOfService" {
                        fields(record)?.swap_remove("FailureReason");
                    }
                    if matches!(status, "InService" | "OutOfService") {
                        // What AWS calls maintenance: "cannot be updated or deleted or re-scaled until it has completed".
                        record.status = "SystemUpdating".to_owned();
                    }
                    next_epoch(record)
                })
                .await;
            // On a full disk the cloud starts all the same, so that room can be made through it.
            let epoch = match begun {
                Ok(Some(epoch)) => epoch,
                Ok(None) => continue,
                Err(error) => {
                    let error = error.message;
                    tracing::warn!(endpoint = record.arn, error, "the restart of an endpoint could not be recorded");
                    epoch(&record)
                }
            };
            let sm = sm.clone();
            tokio::spawn(async move { run(&sm, &record.key, epoch, true).await });
        }
    }
    Ok(())
}

async fn run(sm: &SageMaker, key: &Key, mine: u64, after_restart: bool) {
    let found = persist(sm, key, |sm| Box::pin(async { Ok(sm.env().store.record(key).await?) })).await;
    let Some(record) = found.filter(|record| epoch(record) == mine) else { return };
    let Deployments { current, next, weights_only, down, .. } = match deployments(&record) {
        Ok(found) => found,
        Err(error) => {
            persist(sm, key, |sm| Box::pin(fail(sm, key, mine, &error.message))).await;
            return;
        }
    };
    // What serves while the next one starts: after a restart nothing does, so the last one that worked comes first.
    let mut serving = current.is_some() && !down;
    if after_restart && let Some(current) = &current {
        let served = deploy(sm, &record, current).await;
        serving = served.is_ok();
        if next.is_none() {
            persist(sm, key, |sm| Box::pin(restored(sm, key, mine, served.as_ref().err()))).await;
            return;
        }
    }
    let Some(next) = next else { return };
    let outcome = if weights_only && serving {
        let weights: Vec<_> = next.variants.iter().map(|v| (v.name.clone(), v.weight)).collect();
        sm.execution().host.set_weights(&endpoint(&record), &weights);
        Ok(())
    } else {
        deploy(sm, &record, &next).await
    };
    persist(sm, key, |sm| Box::pin(settle(sm, key, mine, &next, outcome.as_ref().err(), serving))).await;
}

async fn deploy(sm: &SageMaker, record: &Record, deployment: &Deployment) -> Result<(), String> {
    let host = Arc::clone(&sm.execution().host);
    let (endpoint, arn, plans) = (endpoint(record), record.arn.clone(), deployment.plans());
    // In a task of its own, so that a panic fails the deployment and not its record.
    match tokio::spawn(async move { host.deploy(endpoint, arn, plans).await }).await {
        Ok(outcome) => outcome,
        Err(error) => Err(format!(
            "Request to service failed. If failure persists after retry, contact customer support. ({error})"
        )),
    }
}

/// Records the outcome of a creation or update. After a failed update the endpoint serves what it did before.
async fn settle(
    sm: &SageMaker,
    key: &Key,
    mine: u64,
    next: &Deployment,
    failure: Option<&String>,
    serving: bool,
) -> Result<(), ApiError> {
    let now = sm.now();
    change(sm, key, mine, |record| {
        let before = deployments(record)?.current;
        record.modified = now;
        record.status = match (failure, &before) {
            (None, _) => "InService",
            (Some(_), None) => "Failed",
            (Some(_), Some(_)) if serving => "InService",
            (Some(_), Some(_)) => "OutOfService",
        }
        .to_owned();
        let stored = fields(record)?;
        stored.swap_remove("PendingDeploymentSummary");
        let current = match failure {
            Some(reason) => {
                stored.insert("FailureReason".to_owned(), json!(cut(reason)));
                before
            }
            None => {
                stored.insert("EndpointConfigName".to_owned(), json!(next.config));
                stored.insert("ProductionVariants".to_owned(), next.summaries(now));
                match &next.policy {
                    Some(policy) => stored.insert("LastDeploymentConfig".to_owned(), policy.clone()),
                    None => stored.swap_remove("LastDeploymentConfig"),
                };
                Some(next.clone())
            }
        };
        let down = failure.is_some() && !serving;
        stored.insert(HIDDEN.to_owned(), json!(Deployments { current, down, epoch: mine, ..Deployments::default() }));
        Ok(())
    })
    .await
}

/// Records what became of an endpoint that served before a restart.
async fn restored(sm: &SageMaker, key: &Key, mine: u64, failure: Option<&String>) -> Result<(), ApiError> {
    let now = sm.now();
    change(sm, key, mine, |record| {
        record.status = if failure.is_some() { "OutOfService" } else { "InService" }.to_owned();
        let stored = fields(record)?;
        if let Some(hidden) = stored.get_mut(HIDDEN) {
            hidden["down"] = json!(failure.is_some());
        }
        if let Some(reason) = failure {
            stored.insert("FailureReason".to_owned(), json!(cut(reason)));
            record.modified = now;
        }
        Ok(())
    })
    .await
}

async fn fail(sm: &SageMaker, key: &Key, mine: u64, reason: &str) -> Result<(), ApiError> {
    let now = sm.now();
    change(sm, key, mine, |record| {
        record.status = "Failed".to_owned();
        record.modified = now;
        fields(record)?.insert("FailureReason".to_owned(), json!(cut(reason)));
        Ok(())
    })
    .await
}

/// Changes the record unless a later deployment has it.
async fn change(
    sm: &SageMaker,
    key: &Key,
    mine: u64,
    mut change: impl FnMut(&mut Record) -> Result<(), ApiError> + Send,
) -> Result<(), ApiError> {
    let changed = sm.change(KIND, key, |record| {
        if epoch(record) == mine {
            return change(record);
        }
        let endpoint = &record.arn;
        tracing::warn!(endpoint, epoch = mine, "an earlier deployment ended late; its end is not recorded");
        Ok(())
    });
    changed.await.map(|_| ())
}

/// Does a piece of record-keeping until it works: an endpoint that stays in progress would mislead for ever.
async fn persist<'a, T>(
    sm: &'a SageMaker,
    key: &Key,
    work: impl Fn(&'a SageMaker) -> BoxFuture<'a, Result<T, ApiError>>,
) -> T {
    let mut pause = Duration::from_secs(1);
    loop {
        match work(sm).await {
            Ok(out) => return out,
            Err(error) => {
                tracing::error!(
                    endpoint = key.name,
                    error = error.message,
                    "an endpoint could not be recorded; trying again"
                );
                sm.env().wall.sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(60));
            }
        }
    }
}

fn endpoint(record: &Record) -> EndpointKey {
    EndpointKey {
        account: record.key.account.clone(),
        region: record.key.region.clone(),
        name: record.body["EndpointName"].as_str().unwrap_or(&record.key.name).to_owned(),
    }
}
