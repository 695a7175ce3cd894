//! `Delete…` of a recorded kind.

use sagewright_cloud_core::api::{ApiError, Call};
use serde_json::Value;

use super::{answer, describe, life, located};
use crate::SageMaker;
use crate::kind::Kind;

/// Deletes a resource, at once or by way of its status of being deleted.
///
/// # Errors
/// There is no such resource, or its status takes no deletion.
pub async fn delete(sm: &SageMaker, call: &Call, kind: Kind) -> Result<Value, ApiError> {
    let (key, arn) = located(sm, call, kind).await?;
    let way = kind.0.status.map_or("", |life| life.deleted);
    let changed = sm
        .change(kind, &key, |record| {
            life::takes(kind, record, |life| life.deletable, "deleted")?;
            if !way.is_empty() {
                way.clone_into(&mut record.status);
            }
            Ok(record.clone())
        })
        .await?;
    let record = changed.ok_or_else(|| kind.missing(&arn))?;
    if way.is_empty() {
        sm.remove(kind, &key, &arn).await?;
    }
    Ok(answer(call, kind, &describe::shown(kind, record)))
}
