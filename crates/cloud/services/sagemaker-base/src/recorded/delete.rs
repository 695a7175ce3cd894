//! `Delete…` of a recorded kind.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
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
    let takes = |record: &Record| life::takes(kind, record, |life| life.deletable, "deleted");
    let record = if way.is_empty() {
        sm.remove_if(kind, &key, &arn, takes).await?
    } else {
        let changed = sm.change(kind, &key, |record| {
            takes(record)?;
            way.clone_into(&mut record.status);
            Ok(record.clone())
        });
        changed.await?.ok_or_else(|| kind.missing(&arn))?
    };
    Ok(answer(call, kind, describe::shown(kind, record)))
}
