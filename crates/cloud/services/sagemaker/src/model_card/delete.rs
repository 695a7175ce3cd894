//! `DeleteModelCard`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use sagewright_cloud_sagemaker_base::state::DELETED;
use serde_json::{Value, json};

use super::timer;

/// The card is gone at once; its versions and export jobs, which nobody can ask for without it, go one after another.
pub(crate) async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::MODEL_CARD, required(call, "ModelCardName")?)?;
    let store = &sm.env().store;
    // Tags are written under the same lock, so that none is left behind for a later card of the same name.
    let _guard = sm.exclusive().await;
    loop {
        let found = store.get(&key).await?.ok_or_else(|| Kind::MODEL_CARD.missing(&arn))?;
        let mut batch = sm.news(Kind::MODEL_CARD, &found.record, DELETED);
        batch.push(timer(&found.record, "purge", None, call.now.as_millisecond()));
        batch.push(Write::Delete { key: key.clone(), version: Some(found.version) });
        match store.commit(batch).await {
            Ok(()) => break,
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    sm.committed(Some(call.now.as_millisecond()));
    Ok(json!({}))
}
