//! `DeleteFeatureGroup`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, CommitError, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{locate, required};
use serde_json::{Value, json};

use super::settled;
use crate::due::STEP;
use crate::group::Group;
use crate::state::{State, key, timer};

const KIND: Kind = Kind::FEATURE_GROUP;

/// Begins to delete: from now on nothing is written to the group. What was written reaches S3 before the group is gone.
pub async fn delete(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (group_key, arn) = locate(call, KIND, required(call, "FeatureGroupName")?)?;
    let (store, now) = (&sm.env().store, call.now.as_millisecond());
    loop {
        let mut found = store.get(&group_key).await?.ok_or_else(|| KIND.missing(&arn))?;
        settled(&found.record, "deleted")?;
        let group = Group::read(&found.record);
        let _turn = sm.turn(&group.id).await;
        "Deleting".clone_into(&mut found.record.status);
        found.record.modified = now;
        let mut batch: Batch = sm.news(KIND, &found.record, "Deleting");
        batch.push(Write::Replace(found));
        if let Some(found) = store.get(&key(&group.key, &group.id)).await? {
            let state = State { closed: true, ..State::read(&found.record) };
            batch.push(state.replace(found, now));
        }
        batch.push(timer(&group.key, &group.id, "deleted", None, now + STEP));
        match store.commit(batch).await {
            Ok(()) => break,
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    sm.committed(Some(now + STEP));
    Ok(json!({}))
}
