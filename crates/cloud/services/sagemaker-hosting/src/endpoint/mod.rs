//! Endpoints: requests, and the state machine that brings the host to what they ask for.

mod capture;
mod change;
pub(crate) mod create;
pub(crate) mod delete;
mod earlier;
pub(crate) mod machine;
mod plan;
mod policy;
mod rollout;
mod serving;
mod state;
mod step;
#[cfg(test)]
mod tests;
pub(crate) mod timer;
pub(crate) mod update;
pub(crate) mod weights;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::machine::tell;
use sagewright_cloud_sagemaker_base::resource::{Kind, arn, key, required};

const KIND: Kind = Kind::ENDPOINT;

/// Tells the endpoint that a call names what the call asks for.
async fn request(sm: &SageMaker, call: &Call, event: step::Event) -> Result<Record, ApiError> {
    let name = required(call, "EndpointName")?;
    let told = tell(&machine::Endpoints(sm.clone()), &key(call, KIND, name), &event).await?;
    told.ok_or_else(|| KIND.missing(&arn(call, KIND, name)))
}
