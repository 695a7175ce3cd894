//! `DeleteArtifact`, `DeleteAction`, `DeleteContext`: refused while associations lead from or to the entity.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Filter, Key, Query, Record, Write};
use sagewright_cloud_sagemaker_base::resource::{self, required};
use sagewright_cloud_sagemaker_base::state::DELETED;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::{Value, json};

use super::artifact_id;
use crate::{association, metrics};

pub async fn artifact(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let source = call.input.get("Source").filter(|source| !source.is_null());
    let arn = match (call.text("ArtifactArn"), source) {
        (Some(arn), None) => arn.to_owned(),
        (None, Some(source)) => call.arn(&format!("{}/{}", Kind::ARTIFACT.as_str(), artifact_id(source))),
        _ => return Err(ApiError::validation("Either ArtifactArn or Source must be specified, and not both.")),
    };
    named(sm, call, Kind::ARTIFACT, &arn).await
}

pub async fn action(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    named(sm, call, Kind::ACTION, required(call, "ActionName")?).await
}

pub async fn context(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    named(sm, call, Kind::CONTEXT, required(call, "ContextName")?).await
}

async fn named(sm: &SageMaker, call: &Call, kind: Kind, name: &str) -> Result<Value, ApiError> {
    let (key, arn) = resource::locate(call, kind, name)?;
    remove(sm, kind, &key, &arn, |_| None).await
}

/// What keeps an entity besides associations: records of a kind, why, and what to do about them.
pub struct Hold {
    pub kind: &'static str,
    pub filter: Filter,
    pub why: &'static str,
}

/// Removes an entity that nothing is associated with, and that has nothing of what `holds` says of it.
pub async fn remove(
    sm: &SageMaker,
    kind: Kind,
    key: &Key,
    arn: &str,
    holds: fn(&Record) -> Option<Hold>,
) -> Result<Value, ApiError> {
    // Whatever is associated with an entity, or put into one, is so under the same lock.
    let _guard = sm.exclusive().await;
    loop {
        let Some(found) = sm.env().store.get(key).await? else { return Err(kind.missing(arn)) };
        if let Some(Hold { kind, filter, why }) = holds(&found.record) {
            let query = Query { filters: vec![filter], limit: 1, ..Query::all(&key.account, &key.region, kind) };
            if !sm.env().store.find(query).await?.is_empty() {
                return Err(ApiError::validation(format!("{} cannot be deleted: {why}", found.record.arn)));
            }
        }
        if association::any(sm, key, &found.record.arn).await? {
            return Err(ApiError::validation(format!(
                "{} {} cannot be deleted while associations lead from or to it. Delete them with DeleteAssociation first.",
                kind.0.noun, found.record.arn
            )));
        }
        let mut batch = vec![Write::Delete { key: key.clone(), version: Some(found.version) }];
        batch.extend(metrics::removal(&found.record));
        batch.extend(sm.news(kind, &found.record, DELETED));
        match sm.env().store.commit(batch).await {
            Ok(()) => {
                sm.committed(None);
                return Ok(json!({ kind.arn_member(): found.record.arn }));
            }
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}
