//! `GetTagValues`

use serde_json::{Value, json};

use crate::owner::scopes;
use crate::{Tagging, page};
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::TagPage;

pub(crate) async fn get(tagging: &Tagging, call: &Call) -> Result<Value, ApiError> {
    let query = TagPage { scopes: scopes(call, &[]), after: page::after(call)?, limit: page::TEXTS + 1 };
    let key = call.text("Key").map(str::to_owned);
    let mut values = tagging.store.tag_texts(query, key).await?;
    let token = page::cut(call, &mut values, page::TEXTS);
    Ok(json!({"PaginationToken": token, "TagValues": values}))
}
