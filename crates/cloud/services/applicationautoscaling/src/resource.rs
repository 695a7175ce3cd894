//! What a request is about: a dimension of a resource of SageMaker.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::scaling::{Scalable, ScalingError};

use crate::{unsupported, validation};

pub(crate) const NAMESPACE: &str = "sagemaker";
pub(crate) const INSTANCES: &str = "sagemaker:variant:DesiredInstanceCount";
pub(crate) const CONCURRENCY: &str = "sagemaker:variant:DesiredProvisionedConcurrency";
pub(crate) const COPIES: &str = "sagemaker:inference-component:DesiredCopyCount";

/// The dimensions: what their activities say is set, and how their resources begin.
const DIMENSIONS: [(&str, &str, &str); 3] = [
    (INSTANCES, "instance count", "endpoint/"),
    (CONCURRENCY, "provisioned concurrency", "endpoint/"),
    (COPIES, "copy count", "inference-component/"),
];

/// What a dimension counts, in the words of activities.
pub(crate) fn noun(dimension: &str) -> &'static str {
    DIMENSIONS.iter().find(|(known, ..)| *known == dimension).map_or("capacity", |(_, noun, _)| *noun)
}

/// The endpoint and the variant of `endpoint/E/variant/V`.
pub(crate) fn variant(resource: &str) -> Option<(&str, &str)> {
    let (endpoint, variant) = resource.strip_prefix("endpoint/")?.split_once("/variant/")?;
    let plain = |name: &str| !name.is_empty() && !name.contains('/');
    (plain(endpoint) && plain(variant)).then_some((endpoint, variant))
}

/// Refuses namespaces other than SageMaker's.
pub(crate) fn check_namespace(call: &Call) -> Result<(), ApiError> {
    match call.text("ServiceNamespace").unwrap_or_default() {
        NAMESPACE => Ok(()),
        other => Err(unsupported(&format!("The service namespace {other}"))),
    }
}

/// What a request names, in the caller's account and region.
pub(crate) fn named(call: &Call) -> Result<Scalable, ApiError> {
    check_namespace(call)?;
    let member = |name: &str| call.text(name).unwrap_or_default().to_owned();
    let (resource, dimension) = (member("ResourceId"), member("ScalableDimension"));
    let fits = DIMENSIONS.iter().any(|(known, _, start)| *known == dimension && resource.starts_with(start));
    if !fits || (dimension != COPIES && variant(&resource).is_none()) {
        return Err(validation("Unsupported service namespace, resource type or scalable dimension"));
    }
    Ok(Scalable { account: call.caller.account.clone(), region: call.region.clone(), resource, dimension })
}

/// What a sentence of AWS's tells of a target.
pub(crate) fn told(of: &Scalable) -> String {
    format!("service namespace: {NAMESPACE}, resource ID: {}, scalable dimension: {}", of.resource, of.dimension)
}

/// Why a request fails whose resource cannot be read.
pub(crate) fn unreadable(error: ScalingError) -> ApiError {
    match error {
        ScalingError::Store(error) => error.into(),
        other => validation(other.to_string()),
    }
}
