//! `UpdateModelCard`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{CommitError, Write};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{fields, locate, required, user};
use serde_json::{Value, json};

use super::{VERSION, content, key_within, latest, version};

/// A changed content is a new version; a changed status is that of the latest one.
pub(crate) async fn update(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (key, arn) = locate(call, Kind::MODEL_CARD, required(call, "ModelCardName")?)?;
    let (content, status) = (call.text("Content"), call.text("ModelCardStatus"));
    if let Some(content) = content {
        content::check("Content", content)?;
    }
    let (store, now) = (&sm.env().store, call.now.as_millisecond());
    let _turn = sm.turn(&arn).await;
    loop {
        let mut found = store.get(&key).await?.ok_or_else(|| Kind::MODEL_CARD.missing(&arn))?;
        let card = &mut found.record;
        let differs = |member: &str, given: Option<&str>| given.is_some_and(|given| card.body[member] != given);
        let (new_content, new_status) = (differs("Content", content), differs("ModelCardStatus", status));
        if new_content && new_status {
            return Err(ApiError::validation(
                "You cannot update both model card content and model card status in a single call. Make two calls.",
            ));
        }
        let next = latest(card) + i64::from(new_content);
        card.modified = now;
        let stored = fields(card)?;
        stored.insert("LastModifiedBy".to_owned(), user(call));
        stored.insert("ModelCardVersion".to_owned(), json!(next));
        for (member, value) in [("Content", content), ("ModelCardStatus", status)] {
            if let Some(value) = value {
                stored.insert(member.to_owned(), json!(value));
            }
        }
        let shown = version(card, now);
        let mut batch = sm.news(Kind::MODEL_CARD, card, "");
        if new_content {
            batch.push(Write::Insert(shown));
        } else if let Some(mut kept) = store.get(&key_within(card, VERSION, &next.to_string())).await? {
            kept.record.modified = now;
            kept.record.body["ModelCardStatus"] = shown.body["ModelCardStatus"].clone();
            kept.record.body["LastModifiedBy"] = shown.body["LastModifiedBy"].clone();
            batch.push(Write::Replace(kept));
        }
        batch.insert(0, Write::Replace(found));
        match store.commit(batch).await {
            Ok(()) => break,
            Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    sm.committed(None);
    Ok(json!({ "ModelCardArn": arn }))
}
