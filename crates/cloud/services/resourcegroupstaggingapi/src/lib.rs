//! Resource Groups Tagging: which resources bear which tags, whatever service they are of.
//!
//! The store has the tags of all services. They are read from there, and changed through the service that owns the
//! resource, which knows what it lets be tagged.

mod owner;
mod page;
mod resources;
mod tag_keys;
mod tag_values;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use sagewright_cloud_core::api::{ApiError, Call, Handler, Operation, Output, answer};
use sagewright_cloud_core::operations;
use sagewright_cloud_core::records::SharedRecords;
use sagewright_model::Arn;

/// What Resource Groups Tagging answers here.
pub const OPERATIONS: &[(&str, Operation<Tagging>)] = operations! { Tagging:
    "GetResources" => resources::get::get,
    "GetTagKeys" => tag_keys::get::get,
    "GetTagValues" => tag_values::get::get,
    "TagResources" => resources::tag::tag,
    "UntagResources" => resources::untag::untag,
};

/// The Resource Groups Tagging of the embedded cloud.
#[derive(Clone)]
pub struct Tagging {
    store: SharedRecords,
    services: HashMap<&'static str, Arc<dyn Handler>>,
}

impl std::fmt::Debug for Tagging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tagging").field("services", &self.services.keys()).finish_non_exhaustive()
    }
}

impl Tagging {
    /// Tagging over a store and the services, by botocore's names, whose resources have tags in it.
    #[must_use]
    pub fn new(store: SharedRecords, services: HashMap<&'static str, Arc<dyn Handler>>) -> Self {
        Self { store, services }
    }
}

#[async_trait]
impl Handler for Tagging {
    async fn call(&self, call: Call) -> Result<Output, ApiError> {
        answer(OPERATIONS, self, &call).await
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", 400, message)
}

/// The texts of a list of the input.
fn texts<'c>(call: &'c Call, member: &str) -> Vec<&'c str> {
    let list = call.input.get(member).and_then(serde_json::Value::as_array);
    list.into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
}

/// The input's `ResourceARNList`, each ARN once.
///
/// # Errors
/// One of them is no ARN, in AWS's words.
fn arns(call: &Call) -> Result<Vec<(&str, Arn)>, ApiError> {
    let mut arns: Vec<(&str, Arn)> = Vec::new();
    for text in texts(call, "ResourceARNList") {
        let arn = text.parse().map_err(|_| invalid(format!("{text} is not a valid AmazonResourceName (ARN)")))?;
        if !arns.iter().any(|(known, _)| *known == text) {
            arns.push((text, arn));
        }
    }
    Ok(arns)
}
