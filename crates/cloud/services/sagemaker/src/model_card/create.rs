//! `CreateModelCard`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Write;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::inputs::tags;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, body, required, user};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{content, version};

pub(crate) async fn create(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let tags = tags(call)?;
    content::check("Content", required(call, "Content")?)?;
    let mut stored = body(call, &["Tags"]);
    stored.insert("ModelCardVersion".to_owned(), json!(1));
    stored.insert("CreatedBy".to_owned(), user(call));
    stored.insert("LastModifiedBy".to_owned(), user(call));
    stored.insert(HIDDEN.to_owned(), json!({ "id": Uuid::new_v4().simple().to_string() }));
    let card = SageMaker::record(call, Kind::MODEL_CARD, required(call, "ModelCardName")?, "", stored);
    let arn = card.arn.clone();
    let mut more = sm.news(Kind::MODEL_CARD, &card, "");
    more.push(Write::Insert(version(&card, card.created)));
    if !sm.env().store.insert(card, tags, more).await? {
        return Err(Kind::MODEL_CARD.taken(&arn));
    }
    sm.committed(None);
    Ok(json!({ "ModelCardArn": arn }))
}
