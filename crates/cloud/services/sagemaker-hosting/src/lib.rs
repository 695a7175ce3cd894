//! SageMaker's endpoints: deployments, model servers, the router before them, and the runtime API.

mod endpoint;
pub mod hosting;
pub mod scaling;

use sagewright_cloud_core::operations;
use sagewright_cloud_sagemaker_base::{Operation, SageMaker};

pub use endpoint::machine::resume;
pub use endpoint::timer::timers;

/// The operations of the runtime API, which [`hosting::Hosting`] answers.
pub const RUNTIME_OPERATIONS: &[&str] = &["InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream"];

/// The operations of this crate.
pub const OPERATIONS: &[(&str, Operation)] = operations! { SageMaker:
    "CreateEndpoint" => endpoint::create::create,
    "UpdateEndpoint" => endpoint::update::update,
    "UpdateEndpointWeightsAndCapacities" => endpoint::weights::update,
    "DeleteEndpoint" => endpoint::delete::delete,
};
