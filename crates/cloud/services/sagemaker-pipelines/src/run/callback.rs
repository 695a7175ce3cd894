//! Which attempt a callback's token is of: a record each, so that an answer finds its execution without a search.

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{CommitError, Key, Record, StoreError, Write};
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::json;

use super::names;
use super::patience::Patience;
use crate::execution::state::{Attempt, State, Stopping};

/// Kind of the records.
const KIND: &str = "pipeline-callback";

fn key(account: &str, region: &str, token: &str) -> Key {
    Key::new(account, region, KIND, token)
}

/// Keeps whose a token is, before anybody gets to know it.
pub(super) async fn keep(sm: &SageMaker, execution: &Key, attempt: Attempt, token: &str) {
    let now = sm.now();
    let record = Record {
        key: key(&execution.account, &execution.region, token),
        arn: String::new(),
        status: String::new(),
        created: now,
        modified: now,
        body: json!({ "execution": execution.name, "step": attempt.step, "attempt": attempt.number }),
    };
    let mut patience = Patience::new();
    loop {
        match sm.env().store.commit(vec![Write::Insert(record.clone())]).await {
            // Or an earlier process kept it.
            Ok(()) | Err(CommitError::Conflict(_)) => return,
            Err(CommitError::Store(error)) => {
                if !patience.again(sm, &execution.name, &error.into()).await {
                    return;
                }
            }
        }
    }
}

/// The execution and the attempt that a token is of.
///
/// # Errors
/// The store failed.
pub(crate) async fn find(
    sm: &SageMaker,
    account: &str,
    region: &str,
    token: &str,
) -> Result<Option<(Key, Attempt)>, ApiError> {
    let found = sm.env().store.record(&key(account, region, token)).await?;
    Ok(found.and_then(|found| {
        let number = |member: &str| found.body[member].as_u64();
        let execution = Key::new(account, region, Kind::PIPELINE_EXECUTION.as_str(), found.body["execution"].as_str()?);
        let step = usize::try_from(number("step")?).ok()?;
        Some((execution, Attempt { step, number: u32::try_from(number("attempt")?).ok()? }))
    }))
}

/// The writes that forget all tokens of an execution.
///
/// # Errors
/// The store failed.
pub(crate) async fn forget(sm: &SageMaker, execution: &Key, state: &State) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    for (step, (node, progress)) in state.nodes.iter().zip(&state.steps).enumerate() {
        if node.stopping != Stopping::Asks {
            continue;
        }
        for number in 1..=progress.attempt {
            let token = names::callback(&state.seed, Attempt { step, number });
            let key = key(&execution.account, &execution.region, &token);
            if sm.env().store.shared(&key).await?.is_some() {
                writes.push(Write::Delete { key, version: None });
            }
        }
    }
    Ok(writes)
}
