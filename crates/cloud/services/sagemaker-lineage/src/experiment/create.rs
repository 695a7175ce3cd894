//! `CreateTrial`: its experiment must be there.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::recorded;
use sagewright_cloud_sagemaker_base::resource::required;
use sagewright_cloud_sagemaker_base::{Kind, SageMaker};
use serde_json::Value;

pub async fn trial(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Experiments are deleted under the same lock.
    let _guard = sm.exclusive().await;
    let experiment = sm.find(call, Kind::EXPERIMENT, required(call, "ExperimentName")?).await?;
    // Trials are looked for by the experiment's own spelling, whichever the request has.
    let mut call = call.clone();
    call.input["ExperimentName"] = experiment.body["ExperimentName"].clone();
    recorded::create::create(sm, &call, Kind::TRIAL).await
}
