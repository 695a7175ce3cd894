//! Pages of listings: `PaginationToken`, which is empty on the last one.

use serde_json::Value;

use crate::invalid;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::token;

/// Keys or values of tags on a page.
pub(crate) const TEXTS: usize = 100;

/// The text that the page before ended at; `None` for the first page.
pub(crate) fn after(call: &Call) -> Result<Option<String>, ApiError> {
    let Some(given) = call.text("PaginationToken").filter(|given| !given.is_empty()) else { return Ok(None) };
    let place = token::open(call, given).ok_or_else(|| {
        invalid(
            "Invalid PaginationToken: it was not returned by an earlier request with the same filters. Start again without it.",
        )
    })?;
    Ok(Some(place.1))
}

/// The token of the page behind a text.
pub(crate) fn token(call: &Call, last: Option<&str>) -> String {
    last.map(|last| token::seal(call, &Value::Null, last)).unwrap_or_default()
}

/// Takes what is too much for a page off its end, and gives the token of the next.
pub(crate) fn cut(call: &Call, texts: &mut Vec<String>, size: usize) -> String {
    let more = texts.len() > size;
    texts.truncate(size);
    token(call, texts.last().filter(|_| more).map(String::as_str))
}
