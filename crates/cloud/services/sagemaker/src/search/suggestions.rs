//! `GetSearchSuggestions`: names of properties to search by.

use std::collections::BTreeSet;
use std::sync::Arc;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::resource::required;
use serde_json::{Value, json};

use super::finder::{Finder, Needs};
use super::property;
use super::resources::find;

/// Suggestions in an answer.
const MOST: usize = 100;

pub(crate) async fn suggest(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let (row, shape) = find(call, required(call, "Resource")?)?;
    let hint = call.input["SuggestionQuery"]["PropertyNameQuery"]["PropertyNameHint"].as_str().unwrap_or_default();
    let hint = hint.to_ascii_lowercase();
    let told = |name: &String| !row.unfilled.contains(&name.split('.').next().unwrap_or_default());
    let all: BTreeSet<String> = property::all(call.service, shape).into_iter().filter(told).collect();
    let finder = Arc::new(Finder::new(sm, call, row, shape, Needs::default()).await?);
    let look = |all: &mut BTreeSet<String>, _, resource: Value| all.extend(property::own(&resource));
    let all = finder.look(sm, Needs::default(), None, all, look).await?;
    let fits = |name: &String| name.to_ascii_lowercase().contains(&hint);
    let names: Vec<Value> =
        all.into_iter().filter(fits).take(MOST).map(|name| json!({ "PropertyName": name })).collect();
    Ok(json!({ "PropertyNameSuggestions": names }))
}
