//! `GetTagKeys`

use serde_json::{Value, json};

use crate::owner::scopes;
use crate::{Tagging, page};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::TagPage;

pub(crate) async fn get(tagging: &Tagging, call: &Call) -> Result<Value, ApiError> {
    let query = TagPage { scopes: scopes(call, &[]), after: page::after(call)?, limit: page::TEXTS + 1 };
    let mut keys = tagging.store.tag_texts(query, None).await?;
    let token = page::cut(call, &mut keys, page::TEXTS);
    Ok(json!({"PaginationToken": token, "TagKeys": keys}))
}
