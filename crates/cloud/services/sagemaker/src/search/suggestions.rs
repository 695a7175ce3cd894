//! `GetSearchSuggestions`: names of properties to search by.

use std::collections::BTreeSet;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::property;
use super::resources::{Found, find};

/// Suggestions in an answer.
const MOST: usize = 100;

pub(crate) async fn suggest(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (row, shape) = find(call, required(call, "Resource")?)?;
    let hint = call.input["SuggestionQuery"]["PropertyNameQuery"]["PropertyNameHint"].as_str().unwrap_or_default();
    let hint = hint.to_ascii_lowercase();
    let found = Found::read(sm, call, row, shape).await?;
    let mut all: BTreeSet<String> = property::all(call.service, shape).into_iter().collect();
    // Every resource is looked at, however many there are.
    let own = tokio::task::spawn_blocking(move || {
        found.resources().flat_map(|(_, resource)| property::own(&resource)).collect::<BTreeSet<_>>()
    });
    all.extend(own.await.map_err(|error| ApiError::internal(error.to_string()))?);
    let fits = |name: &String| name.to_ascii_lowercase().contains(&hint);
    let names: Vec<Value> =
        all.into_iter().filter(fits).take(MOST).map(|name| json!({ "PropertyName": name })).collect();
    Ok(json!({ "PropertyNameSuggestions": names }))
}
